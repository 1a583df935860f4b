//! Columns as a sumcheck sees them: integers until the first variable is bound, and repeated where they do not depend on a
//! variable.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, One};
use rayon::prelude::*;
use talea_gpu::{Cpu, Device, Ints};

/// Values that are not worth a thread.
const TASK: usize = 1 << 10;

/// A column of 2^m values as one over more variables: place x holds value ⌊x/2^skip⌋ mod 2^m.
pub struct View<'w> {
    data: Data<'w>,
    skip: usize,
}

enum Data<'w> {
    /// Σ factor·column.
    Ints(Vec<(Fr, &'w Ints)>),
    Fields(Vec<Fr>),
}

impl<'w> View<'w> {
    /// Columns that do not depend on the lowest `skip` variables, summed with factors.
    pub fn ints(columns: Vec<(Fr, &'w Ints)>, skip: usize) -> Self {
        match columns.is_empty() {
            true => Self::fields(vec![Fr::ZERO], skip),
            false => Self { data: Data::Ints(columns), skip },
        }
    }

    /// The same of field elements, a power of two of them.
    pub fn fields(fields: Vec<Fr>, skip: usize) -> Self {
        Self { data: Data::Fields(fields), skip }
    }

    fn len(&self) -> usize {
        match &self.data {
            Data::Ints(columns) => columns[0].1.len(),
            Data::Fields(v) => v.len(),
        }
    }

    /// The value at a place.
    pub fn at(&self, place: usize) -> Fr {
        let i = (place >> self.skip) & (self.len() - 1);
        match &self.data {
            Data::Ints(columns) => {
                let term = |(f, v): &(Fr, &Ints)| if f.is_one() { v.field(i) } else { *f * v.field(i) };
                columns.iter().map(term).sum()
            }
            Data::Fields(v) => v[i],
        }
    }

    /// Binds the lowest variable.
    pub fn bind(&mut self, r: &Fr) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.len() > 1 {
            match &mut self.data {
                Data::Ints(columns) => {
                    let (factor, column) = columns[0];
                    let mut folded = Cpu.fold_ints(column, r);
                    if !factor.is_one() {
                        folded.par_iter_mut().with_min_len(TASK).for_each(|to| *to *= factor);
                    }
                    for (factor, column) in &columns[1..] {
                        let own = Cpu.fold_ints(column, r);
                        folded.par_iter_mut().zip(own).with_min_len(TASK).for_each(|(to, v)| *to += *factor * v);
                    }
                    self.data = Data::Fields(folded);
                }
                Data::Fields(v) => Cpu.fold(v, r),
            }
        }
    }
}
