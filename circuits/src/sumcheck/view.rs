//! Columns as a sumcheck sees them: integers until the first variable is bound, and repeated where they do not depend on a
//! variable.

use ark_bn254::Fr;
use talea_gpu::{Device, Ints};

/// A column of 2^m values as one over more variables: place x holds value ⌊x/2^skip⌋ mod 2^m.
pub struct View<'w> {
    data: Data<'w>,
    skip: usize,
}

enum Data<'w> {
    Ints(&'w Ints),
    Fields(Vec<Fr>),
}

impl<'w> View<'w> {
    /// A column that does not depend on the lowest `skip` variables.
    pub fn ints(ints: &'w Ints, skip: usize) -> Self {
        Self { data: Data::Ints(ints), skip }
    }

    /// The same of field elements, a power of two of them.
    pub fn fields(fields: Vec<Fr>, skip: usize) -> Self {
        Self { data: Data::Fields(fields), skip }
    }

    fn len(&self) -> usize {
        match &self.data {
            Data::Ints(v) => v.len(),
            Data::Fields(v) => v.len(),
        }
    }

    /// The value at a place.
    pub fn at(&self, place: usize) -> Fr {
        let i = (place >> self.skip) & (self.len() - 1);
        match &self.data {
            Data::Ints(v) => v.field(i),
            Data::Fields(v) => v[i],
        }
    }

    /// Binds the lowest variable.
    pub fn bind(&mut self, device: &impl Device, r: &Fr) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.len() > 1 {
            match &mut self.data {
                Data::Ints(v) => self.data = Data::Fields(device.fold_ints(v, r)),
                Data::Fields(v) => device.fold(v, r),
            }
        }
    }
}
