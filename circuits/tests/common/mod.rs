//! An SRS with a known τ, and small matrices.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod batch;
pub mod recorder;

use std::sync::OnceLock;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, scalar_mul::BatchMulPreprocessing};
use talea_circuits::{
    columns::{ColumnId, Columns, Layout},
    matrix::{Key, Matrices, Shape, Sizes},
    opening::PairingKey,
};

/// log₂ of a chunk in these tests: the range table fills one.
pub const CHUNK: usize = 16;

/// τ of the tests: whoever knows it can forge, and some tests do.
pub fn tau() -> Fr {
    Fr::from(0x7a11_ea00_c0ff_ee11u64)
}

/// [τ^i]₁ for i ≤ 2^CHUNK, and [τ]₂.
pub fn srs() -> &'static (Vec<G1Affine>, PairingKey) {
    static SRS: OnceLock<(Vec<G1Affine>, PairingKey)> = OnceLock::new();
    SRS.get_or_init(|| (powers(CHUNK), PairingKey { tau: (G2Affine::generator() * tau()).into_affine() }))
}

/// [τ^i]₁ for i ≤ 2^k.
pub fn powers(k: usize) -> Vec<G1Affine> {
    let powers: Vec<Fr> =
        std::iter::successors(Some(Fr::from(1u64)), |t| Some(*t * tau())).take((1 << k) + 1).collect();
    BatchMulPreprocessing::new(G1Projective::generator(), powers.len()).batch_mul(&powers)
}

/// A layout of few columns.
pub fn layout<const N: usize>(chunk: usize, columns: [(&'static str, usize); N]) -> (Layout, [ColumnId; N]) {
    let mut all = Columns::default();
    let ids = columns.map(|(name, vars)| all.push(name, vars));
    (all.stack(chunk).unwrap(), ids)
}

/// A few numbers from a seed.
pub fn numbers(seed: u64) -> impl Iterator<Item = i16> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as i16
    })
}

pub fn key() -> Key {
    Key::new(Shape { tokens: 3, rank: 2, width: 4 }, Sizes { chunk: CHUNK, range: 16 }).unwrap()
}

pub fn matrices(key: &Key, seed: u64) -> Matrices<'_> {
    let mut n = numbers(seed);
    let x = n.by_ref().take(128).collect();
    Matrices::new(key, x, n.take(64).map(|a| a / 64).collect()).unwrap()
}
