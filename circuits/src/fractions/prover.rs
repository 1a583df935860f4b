//! The prover of [`super`]: the tree above the leaves, and its layers.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use talea_gpu::{Device, eq_halves};

use super::Children;
use crate::{arithmetic::Plain, transcript::writer::Writer};

/// Where the leaves come from. Nodes that are not stored are 0/1, and come after those that are.
pub trait Leaves<D: Device> {
    /// L: the leaves are 2^L.
    fn vars(&self) -> usize;
    /// Nodes of a level that may be other than 0/1, filled up to whole groups of four.
    fn stored(&self, level: usize) -> usize;
    /// Both columns of a level.
    fn level(&self, level: usize) -> [D::Vector; 2];
    /// The first round of the leaves' sumcheck ([`Device::fraction_round`]), λ·q1 added to p1.
    fn first_round(&self, eq: [&[Fr]; 2], lambda: &Fr) -> [Fr; 2];
    /// The leaves with that variable bound.
    fn bound(&self, r: &Fr, lambda: &Fr) -> [D::Vector; 2];
}

/// Proves the sum of fractions; returns the root's children and the point that the leaves end at.
///
/// Leaves and their parents are computed again where they are needed; only the layers above are stored. At the peak the tree
/// holds 48 bytes per leaf that is used.
pub fn prove<D: Device>(tx: &mut Writer<impl Plain>, device: &D, leaves: &impl Leaves<D>) -> (Children<Fr>, Vec<Fr>) {
    let vars = leaves.vars();
    // levels 1 … L−2, or all of a tree too small for that
    let mut layers = vec![leaves.level(vars.saturating_sub(2).max(1))];
    for level in (1..vars.saturating_sub(2)).rev() {
        let [p, q] = layers.last().expect("one to begin with");
        let [mut p, mut q] = device.fraction_layer(p, q);
        device.extend(&mut p, [Fr::zero(); 2], leaves.stored(level));
        device.extend(&mut q, [Fr::one(); 2], leaves.stored(level));
        layers.push([p, q]);
    }
    // the root's two fractions; from there one variable more per layer
    let [p, q] = layers.pop().expect("one to begin with").map(|v| device.read(&v, 0..2));
    let root = Children([p[0], p[1]], [q[0], q[1]]);
    let mut node = send_children(tx, [p[0], p[1], q[0], q[1]], Vec::new());
    for level in 2..vars {
        let [p, q] = layers.pop().unwrap_or_else(|| leaves.level(level));
        let lambda = tx.challenge();
        let (values, end) = Rounds::new(&node, lambda).columns(tx, device, p, q);
        node = send_children(tx, values, end);
    }
    if vars > 1 {
        let lambda = tx.challenge();
        let (values, end) = Rounds::new(&node, lambda).leaves(tx, device, leaves);
        node = send_children(tx, values, end);
    }
    (root, node.point)
}

/// Leaves that are stored, for trees that are small.
pub struct Stored<'d, D> {
    device: &'d D,
    leaves: [Vec<Fr>; 2],
}

impl<'d, D: Device> Stored<'d, D> {
    /// A power of two of them, at least two.
    pub fn new(device: &'d D, p: Vec<Fr>, q: Vec<Fr>) -> Self {
        Self { device, leaves: [p, q] }
    }

    /// Numerator and denominator at a point.
    pub fn at(&self, point: &[Fr]) -> (Fr, Fr) {
        let eq = self.device.eq(point);
        let value = |column: &Vec<Fr>| column.iter().zip(&eq).map(|(v, e)| *v * e).sum();
        (value(&self.leaves[0]), value(&self.leaves[1]))
    }

    fn mixed(&self, lambda: &Fr) -> [D::Vector; 2] {
        let [mut p, q] = self.level(self.leaves[0].len().ilog2() as usize);
        self.device.mix(&mut p, &q, lambda);
        [p, q]
    }
}

impl<D: Device> Leaves<D> for Stored<'_, D> {
    fn vars(&self) -> usize {
        self.leaves[0].len().ilog2() as usize
    }
    fn stored(&self, level: usize) -> usize {
        1 << level
    }
    fn level(&self, level: usize) -> [D::Vector; 2] {
        let leaves = self.leaves.each_ref().map(|column| self.device.vector(column.clone()));
        (level..self.leaves[0].len().ilog2() as usize).fold(leaves, |[p, q], _| self.device.fraction_layer(&p, &q))
    }
    fn first_round(&self, eq: [&[Fr]; 2], lambda: &Fr) -> [Fr; 2] {
        let [p, q] = self.mixed(lambda);
        self.device.fraction_round(eq, &p, &q)
    }
    fn bound(&self, r: &Fr, lambda: &Fr) -> [D::Vector; 2] {
        self.mixed(lambda).map(|mut column| {
            self.device.fold_children(&mut column, r);
            column
        })
    }
}

/// A layer's columns at a point.
struct Node {
    point: Vec<Fr>,
    p: Fr,
    q: Fr,
}

/// Sends both children at a point and moves to the layer below, by the child bit's challenge.
fn send_children(tx: &mut Writer<impl Plain>, [p0, p1, q0, q1]: [Fr; 4], mut point: Vec<Fr>) -> Node {
    [p0, p1, q0, q1].iter().for_each(|v| tx.scalar(v));
    let child = tx.challenge();
    point.insert(0, child);
    Node { point, p: p0 + child * (p1 - p0), q: q0 + child * (q1 - q0) }
}

/// One layer's sumcheck: Σ_x eq(x, point)·(p0·q1 + p1·q0 + λ·q0·q1), with p1 + λ·q1 for p1 so that two products do.
///
/// Nodes that are not stored have p0 = 0, q = 1 and p1 = λ in every round: they add λ·eq at 0 and nothing to the leading
/// coefficient.
struct Rounds<'n> {
    point: &'n [Fr],
    lambda: Fr,
    claim: Fr,
    /// Challenges, the lowest variable's first.
    end: Vec<Fr>,
}

impl<'n> Rounds<'n> {
    fn new(node: &'n Node, lambda: Fr) -> Self {
        Self { point: &node.point, lambda, claim: node.p + lambda * node.q, end: Vec::new() }
    }

    /// Sends a round, `stored` places of which were summed, and binds its variable.
    fn send(
        &mut self, tx: &mut Writer<impl Plain>, [at0, leading]: [Fr; 2], [low, high]: [&[Fr]; 2], stored: usize,
    ) -> Fr {
        let (whole, part) = (stored / low.len(), stored % low.len());
        let summed = high[..whole].iter().sum::<Fr>()
            + high.get(whole).map_or(Fr::zero(), |h| *h * low[..part].iter().sum::<Fr>());
        let t0 = at0 + self.lambda * (Fr::one() - summed);
        tx.scalar(&t0);
        tx.scalar(&leading);
        let one = self.point[self.end.len()];
        let inverse = one.inverse().unwrap_or(Fr::zero()); // no challenge is zero
        let t1 = (self.claim - (Fr::one() - one) * t0) * inverse;
        let x = tx.challenge();
        self.claim = (leading * x + (t1 - t0 - leading)) * x + t0;
        self.end.push(x);
        x
    }

    /// The eq-table of the variables after the one that is next.
    fn rest(&self, device: &impl Device) -> [Vec<Fr>; 2] {
        eq_halves(device, &self.point[self.end.len() + 1..])
    }

    /// All rounds over stored columns; returns the children and the point.
    fn columns<D: Device>(
        self, tx: &mut Writer<impl Plain>, device: &D, mut p: D::Vector, q: D::Vector,
    ) -> ([Fr; 4], Vec<Fr>) {
        device.mix(&mut p, &q, &self.lambda);
        self.finish(tx, device, p, q)
    }

    /// All rounds over the leaves.
    fn leaves<D: Device>(
        mut self, tx: &mut Writer<impl Plain>, device: &D, leaves: &impl Leaves<D>,
    ) -> ([Fr; 4], Vec<Fr>) {
        let eq = self.rest(device);
        let eq = [eq[0].as_slice(), &eq[1]];
        let sums = leaves.first_round(eq, &self.lambda);
        let x = self.send(tx, sums, eq, leaves.stored(self.point.len() + 1) / 4);
        let [p, q] = leaves.bound(&x, &self.lambda);
        self.finish(tx, device, p, q)
    }

    /// The rounds that are left, p1 mixed.
    fn finish<D: Device>(
        mut self, tx: &mut Writer<impl Plain>, device: &D, mut p: D::Vector, mut q: D::Vector,
    ) -> ([Fr; 4], Vec<Fr>) {
        while self.end.len() < self.point.len() {
            // whole groups of four, each two places with both children
            let stored = device.len(&p).next_multiple_of(4);
            device.extend(&mut p, [Fr::zero(), self.lambda], stored);
            device.extend(&mut q, [Fr::one(); 2], stored);
            let eq = self.rest(device);
            let eq = [eq[0].as_slice(), &eq[1]];
            let sums = device.fraction_round(eq, &p, &q);
            let x = self.send(tx, sums, eq, stored / 4);
            device.fold_children(&mut p, &x);
            device.fold_children(&mut q, &x);
        }
        let [p, q] = [p, q].map(|v| device.read(&v, 0..2));
        ([p[0], p[1] - self.lambda * q[1], q[0], q[1]], self.end)
    }
}
