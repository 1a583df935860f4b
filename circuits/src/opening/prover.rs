//! The prover of [`super`]: claims to one point, and Mercury.

#![allow(clippy::indexing_slicing, reason = "a prover may panic: sizes are its own key's")]

use std::collections::{BTreeMap, BTreeSet};

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One, Zero, batch_inversion};
use ark_poly::{DenseUVPolynomial, Polynomial, univariate::DensePolynomial};
use talea_gpu::{Device, Ints, eq_halves, polynomial::quotient};

use crate::{
    arithmetic::Plain,
    columns::{About, Claims, Layout, Placed, ints::Witness},
    transcript::writer::Writer,
};

/// Of a device that committed to something else than it was given, or has lost it.
pub const NOT_OURS: &str = "the device does not hold the columns that it was given";

/// Discharges claims, and with them the evaluations of other polynomials that have these quotients.
///
/// # Panics
/// If `powers` are fewer than 2^N + 1, a claim is about a column that is not there, or the device holds other columns.
pub fn prove<D: Device>(
    tx: &mut Writer<impl Plain>, device: &D, powers: &[G1Affine], layout: &Layout, witness: &Witness,
    claims: Claims<Fr>, quotients: &[G1Affine],
) {
    let gamma = tx.challenge();
    let mut columns: Vec<Column<'_, D::Vector>> =
        layout.columns().iter().zip(witness.columns.iter()).map(|(place, ints)| Column::new(place, ints)).collect();
    let mut power = Fr::one();
    for claim in claims.0 {
        match claim.about {
            About::Column(id) => {
                columns[id.index()].claims.push(Weighted::new(
                    claim.point,
                    Some(claim.value),
                    power,
                    vec![(0, Fr::one())],
                ));
            }
            About::Slices(terms) => {
                let mut of: BTreeMap<usize, Vec<(usize, Fr)>> = BTreeMap::new();
                terms
                    .iter()
                    .for_each(|t| of.entry(t.column.index()).or_default().push((t.slice.unwrap_or(0), t.weight)));
                for (column, slices) in of {
                    columns[column].claims.push(Weighted::new(claim.point.clone(), None, power, slices));
                }
            }
        }
        power *= gamma;
    }
    let mut point = Vec::with_capacity(layout.chunk_vars());
    let mut cells = Cells::default();
    cells.salts(layout, witness);
    for bound in 0..layout.chunk_vars() {
        columns = cells.take(device, columns, bound);
        let rounds = device.map(columns.iter_mut().collect(), |c| c.round(device, bound));
        let [constant, leading] = rounds.iter().fold(cells.round(), |a, b| [a[0] + b[0], a[1] + b[1]]);
        tx.scalar(&constant);
        tx.scalar(&leading);
        let r = tx.challenge();
        cells.bind(&r);
        device.map(columns.iter_mut().collect(), |c| c.bind(device, bound, &r));
        point.push(r);
    }
    cells.take(device, columns, layout.chunk_vars());
    let mut values = vec![Fr::zero(); layout.chunks()];
    cells.0.iter().for_each(|((chunk, _), [f, _])| values[*chunk] = *f);
    // a proof is about what was committed to: that these are our columns the host sees for itself, at a point that nobody could foresee
    let ours = device.is_host() || witness.at(layout, &point) == values;
    assert!(ours, "{NOT_OURS}");
    values.iter().for_each(|value| tx.scalar(value));
    let factors: Vec<Fr> = values.iter().map(|_| tx.weight()).collect();
    let salt = witness.salt(layout, &factors);
    mercury(tx, device, powers, (witness.combine(device, layout, &factors), salt), &point, quotients);
}

/// A column and the claims about it, while its own variables are being bound.
struct Column<'w, V> {
    place: &'w Placed,
    ints: &'w Ints,
    /// None until the first variable is bound: a column is never widened whole.
    folded: Option<V>,
    claims: Vec<Weighted<V>>,
}

/// γ^j·Σ_h w_h·Σ_x f_h(x)·eq(P_j, x) over slices h of a column. While the point's variables are bound a round polynomial is eq
/// in its variable times a line, so half of f tells it (Gruen, eprint 2024/108, §3.2); then what is left is short.
struct Weighted<V> {
    point: Vec<Fr>,
    /// 1/P_j, zero where a coordinate is.
    inverses: Vec<Fr>,
    slices: Vec<(usize, Fr)>,
    /// The sum that is left, without its weight, where it is known.
    claim: Option<Fr>,
    /// γ^j and eq of the variables bound so far.
    weight: Fr,
    /// The line at 0 and 1.
    line: [Fr; 2],
    /// The weights of all slices, once the point's variables are bound.
    tail: Option<V>,
}

impl<V> Weighted<V> {
    fn new(point: Vec<Fr>, claim: Option<Fr>, weight: Fr, slices: Vec<(usize, Fr)>) -> Self {
        let mut inverses = point.clone();
        batch_inversion(&mut inverses);
        Self { point, inverses, slices, claim, weight, line: [Fr::zero(); 2], tail: None }
    }

    /// After `bound` variables the point may be used up, with `left` of the column's to come.
    fn turn(&mut self, device: &impl Device<Vector = V>, bound: usize, left: usize) {
        if bound == self.point.len() {
            let mut tail = vec![Fr::zero(); 1 << left];
            self.slices.iter().for_each(|(h, w)| tail[*h] += self.weight * w);
            self.tail = Some(device.vector(tail));
        }
    }
}

impl<'w, V> Column<'w, V> {
    fn new(place: &'w Placed, ints: &'w Ints) -> Self {
        Self { place, ints, folded: None, claims: Vec::new() }
    }

    /// The coefficients c_0 and c_2 of its part of a round.
    fn round(&mut self, device: &impl Device<Vector = V>, bound: usize) -> [Fr; 2] {
        let mut total = [Fr::zero(); 2];
        let (ints, folded) = (self.ints, &self.folded);
        for c in &mut self.claims {
            if bound == 0 {
                c.turn(device, 0, self.place.vars);
            }
            if let Some(tail) = &c.tail {
                let sums = match folded {
                    Some(folded) => device.product_round(&[[folded, tail]]),
                    None => device.product_round(&[[&device.vector(ints.fields()), tail]]),
                };
                total = [total[0] + sums[0], total[1] + sums[1]];
                continue;
            }
            let [low, high] = eq_halves(device, &c.point[bound + 1..]);
            let (eq, size) = ([low.as_slice(), &high], 1 << (c.point.len() - bound));
            let slice = |h: usize, parity| match folded {
                None => device.half_sum_ints(eq, ints, h * size..(h + 1) * size, parity),
                Some(folded) => device.half_sum(eq, folded, h * size..(h + 1) * size, parity),
            };
            let half = |parity| c.slices.iter().map(|(h, w)| *w * slice(*h, parity)).sum::<Fr>();
            let (one, inverse) = (c.point[bound], c.inverses[bound]);
            let (zero, at0) = (Fr::one() - one, half(0));
            let at1 = match c.claim {
                Some(claim) if !inverse.is_zero() => (claim - zero * at0) * inverse,
                _ => half(1),
            };
            c.line = [at0, at1];
            total[0] += c.weight * zero * at0;
            total[1] += c.weight * (one - zero) * (at1 - at0);
        }
        total
    }

    fn bind(&mut self, device: &impl Device<Vector = V>, bound: usize, r: &Fr) {
        for c in &mut self.claims {
            if let Some(tail) = &mut c.tail {
                device.fold(tail, r);
                continue;
            }
            let (one, [at0, at1]) = (c.point[bound], c.line);
            c.claim = Some(at0 + *r * (at1 - at0));
            c.weight *= one * r + (Fr::one() - one) * (Fr::one() - r);
            c.turn(device, bound + 1, self.place.vars - bound - 1);
        }
        match &mut self.folded {
            None => self.folded = Some(device.fold_ints(self.ints, r)),
            Some(folded) => device.fold(folded, r),
        }
    }
}

/// Columns all of whose variables are bound: by chunk and place in it, f and Σ_j γ^j·eq(P_j, ·). From here on a chunk is a short
/// vector of them; because columns are aligned, what stands beside a finished column is finished too, or empty.
#[derive(Default)]
struct Cells(BTreeMap<(usize, usize), [Fr; 2]>);

impl Cells {
    /// The salt of a chunk smaller than the largest is a value of the larger cube that no claim is about.
    fn salts(&mut self, layout: &Layout, witness: &Witness) {
        for (chunk, (salt, vars)) in witness.salts.iter().zip(layout.chunk_sizes()).enumerate() {
            if *vars < layout.chunk_vars() {
                self.0.insert((chunk, 1 << vars), [*salt, Fr::zero()]);
            }
        }
    }

    /// Takes columns that are finished; returns the others.
    fn take<'w, D: Device>(
        &mut self, device: &D, columns: Vec<Column<'w, D::Vector>>, bound: usize,
    ) -> Vec<Column<'w, D::Vector>> {
        let first = |v: &D::Vector| device.read(v, 0..1)[0];
        let (finished, others): (Vec<_>, Vec<_>) = columns.into_iter().partition(|c| c.place.vars == bound);
        for c in finished {
            let value = c.folded.as_ref().map_or_else(|| c.ints.field(0), first);
            // a column of one value has had no round that turned its claims
            let left = |c: &Weighted<D::Vector>| {
                c.tail.as_ref().map_or_else(|| c.weight * c.slices.iter().map(|s| s.1).sum::<Fr>(), first)
            };
            let weight = c.claims.iter().map(left).sum();
            self.0.insert((c.place.chunk, c.place.offset >> bound), [value, weight]);
        }
        others
    }

    /// Both cells of every pair that holds one.
    fn pairs(&self) -> impl Iterator<Item = ((usize, usize), [[Fr; 2]; 2])> {
        let homes: BTreeSet<(usize, usize)> = self.0.keys().map(|(chunk, at)| (*chunk, at >> 1)).collect();
        let cell = |chunk, at| self.0.get(&(chunk, at)).copied().unwrap_or([Fr::zero(); 2]);
        homes.into_iter().map(move |(c, at)| ((c, at), [cell(c, 2 * at), cell(c, 2 * at + 1)]))
    }

    fn round(&self) -> [Fr; 2] {
        let terms = |(_, [[f0, w0], [f1, w1]]): (_, [[Fr; 2]; 2])| [f0 * w0, (f1 - f0) * (w1 - w0)];
        self.pairs().map(terms).fold([Fr::zero(); 2], |a: [Fr; 2], b| [a[0] + b[0], a[1] + b[1]])
    }

    fn bind(&mut self, r: &Fr) {
        let line = |a: Fr, b: Fr| a + *r * (b - a);
        self.0 = self.pairs().map(|(at, [[f0, w0], [f1, w1]])| (at, [line(f0, f1), line(w0, w1)])).collect();
    }
}

/// Opens Σ F_i·X^i (i ≤ 2^N, the last one the salt, as the host knows it) at a point, lowest variable first.
///
/// # Panics
/// If the device has another salt.
pub fn mercury<D: Device>(
    tx: &mut Writer<impl Plain>, device: &D, powers: &[G1Affine], (f, salt): (D::Vector, Fr), point: &[Fr],
    quotients: &[G1Affine],
) {
    let low = point.len().div_ceil(2);
    let (b, (u, v)) = (1usize << low, point.split_at(low));
    let (pu, pv) = (device.eq(u), device.eq(v));
    let commit = |p: &[Fr]| device.msm(powers, p).into_affine();
    // 1. h: F with its lower variables bound; the salt is one more coefficient
    let h = device.row_sums(&f, &pu);
    // no value of a column shows the salt; this one does, and the proof binds it
    assert!(device.is_host() || h.last() == Some(&(pu[0] * salt)), "{NOT_OURS}");
    tx.point(&commit(&h));
    let alpha = tx.challenge();
    // 2. F = (X^b − α)·q + g
    let (q, g) = device.divide(&f, b, &alpha);
    let both = device.map(vec![Some(&g), None], |p| match p {
        Some(g) => commit(g),
        None => device.msm_vector(powers, &q).into_affine(),
    });
    both.iter().for_each(|point| tx.point(point));
    let gamma = tx.challenge();
    // 3. S from both symmetric products; D is g reversed
    let s = positive_half(&[(&g, &pu, Fr::one()), (&h, &pv, gamma)]);
    let d: Vec<Fr> = g.iter().rev().copied().collect();
    device.map(vec![&s, &d], |p| commit(p)).iter().for_each(|point| tx.point(point));
    let z = tx.challenge();
    let inverse = z.inverse().unwrap_or(Fr::zero());
    // 4. values
    let at = |p: &[Fr], x: &Fr| DensePolynomial::from_coefficients_slice(p).evaluate(x);
    [at(&g, &z), at(&g, &inverse), at(&h, &z), at(&h, &inverse), at(&h, &alpha), at(&s, &z)]
        .iter()
        .for_each(|value| tx.scalar(value));
    // 5. the three openings
    let [d1, d2, d3, d4] = [(); 4].map(|()| tx.weight());
    let factor = z.pow([b as u64]) - alpha;
    let mut numerator = f;
    device.add(&mut numerator, 0, &-factor, &q);
    for (p, weight) in [&g, &h, &s, &d].into_iter().zip([d1 - Fr::one(), d2, d3, d4]) {
        device.add(&mut numerator, 0, &weight, &device.vector(p.clone()));
    }
    let at_z = device.msm_vector(powers, &device.quotient(&numerator, &z)).into_affine();
    tx.point(&at_z);
    let mut small = vec![Fr::zero(); g.len().max(h.len()).max(s.len())];
    for (p, weight) in [&g, &h, &s].into_iter().zip([Fr::one(), d2, d3]) {
        add(&mut small, p, weight);
    }
    let own = device.map(vec![(&small, &inverse), (&h, &alpha)], |(p, x)| commit(&quotient(p, x)));
    own.iter().for_each(|point| tx.point(point));
    // 6. and 7. all quotients, weighted
    let weighted = own.iter().chain(quotients).map(|point| *point * tx.weight());
    let right = weighted.fold(at_z.into_group(), |sum, point| sum + point);
    tx.point(&right.into_affine());
    tx.weight();
}

/// `to += weight·p`
fn add(to: &mut [Fr], p: &[Fr], weight: Fr) {
    to.iter_mut().zip(p).for_each(|(t, p)| *t += weight * p);
}

/// S of Σ weight·(a(X)·b(1/X) + a(1/X)·b(X)) = constant + X·S(X) + S(1/X)/X: the coefficients of X, X², ….
fn positive_half(products: &[(&Vec<Fr>, &Vec<Fr>, Fr)]) -> Vec<Fr> {
    let longest = products.iter().map(|(a, b, _)| a.len().max(b.len())).max().unwrap_or(1);
    let mut s = vec![Fr::zero(); longest.max(2) - 1];
    for (a, b, weight) in products {
        // a(X)·b(1/X)·X^{|b|−1} is a product of polynomials; its middle is the constant
        let reversed: Vec<Fr> = b.iter().rev().copied().collect();
        let product = &DensePolynomial::from_coefficients_slice(a) * &DensePolynomial::from_coefficients_vec(reversed);
        let middle = b.len() - 1;
        let coefficient = |i: usize| product.coeffs.get(i).copied().unwrap_or(Fr::zero());
        for (k, s) in s.iter_mut().enumerate() {
            let below = middle.checked_sub(k + 1).map_or(Fr::zero(), coefficient);
            *s += *weight * (coefficient(middle + k + 1) + below);
        }
    }
    s
}
