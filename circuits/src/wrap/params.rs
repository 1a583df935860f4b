//! The reference string as halo2 has it, with commitments made by this crate's own sums of multiples.

use std::{
    io,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use ark_bn254::{Fr as ArkFr, G1Affine as ArkPoint, G2Affine as ArkPoint2};
use ark_ec::CurveGroup;
use ark_ff::FftField;
use halo2_base::halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, Fr, G1, G1Affine, G2Affine},
        ff::PrimeField,
    },
    poly::{
        Coeff, LagrangeCoeff, Polynomial, ProverQuery,
        commitment::{self, Blind, CommitmentScheme, ParamsProver, Prover},
        kzg::{
            commitment::{ParamsKZG, ParamsVerifierKZG},
            msm::MSMKZG,
            multiopen::ProverSHPLONK,
        },
    },
    transcript::{EncodedChallenge, TranscriptWrite},
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use talea_gpu::{Cpu, Device, Multiples};

use super::convert;

/// halo2's parameters, and the same points of G1 as arkworks has them.
#[derive(Debug, Clone)]
pub struct Params {
    kzg: ParamsKZG<Bn256>,
    powers: Arc<Vec<ArkPoint>>,
    /// In the order of halo2's root of unity.
    lagrange: Arc<Vec<ArkPoint>>,
    /// What commitments are made on; the CPU where there is none.
    device: Option<Arc<dyn Multiples>>,
    /// halo2 commits on many threads, and a GPU's memory is for one sum at a time. Nothing that is done in turn gives work to other threads of
    /// the pool: one that waits for them takes up other work, and with that the turn that it waits for.
    turn: Arc<Mutex<()>>,
}

impl Params {
    /// `powers` are [τ^i]₁ for i < 2^k at least, `lagrange` the Lagrange points of 2^k in the order of arkworks' root of unity.
    /// halo2's root is another generator of the same group, so its points are the same in another order.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn new(k: u32, powers: &[ArkPoint], lagrange: &[ArkPoint], tau: &ArkPoint2) -> Self {
        let n = 1usize << k;
        assert!(powers.len() >= n && lagrange.len() == n, "points of a reference string of 2^{k}");
        let step = root_step(k);
        Self::of(k, powers[..n].to_vec(), (0..n).map(|i| lagrange[i * step % n]).collect(), tau)
    }

    /// What a verifier needs of the reference string: no powers but the first.
    pub fn for_verifying(k: u32, tau: &ArkPoint2) -> Self {
        Self::of(k, vec![convert::ark_point(&G1Affine::generator())], Vec::new(), tau)
    }

    fn of(k: u32, powers: Vec<ArkPoint>, lagrange: Vec<ArkPoint>, tau: &ArkPoint2) -> Self {
        let points = |all: &[ArkPoint]| all.par_iter().map(convert::point).collect();
        // the library makes parameters of parts only from others
        let any = ParamsKZG::<Bn256>::setup(1, StdRng::from_seed([0; 32]));
        let kzg =
            any.from_parts(k, points(&powers), Some(points(&lagrange)), G2Affine::generator(), convert::point2(tau));
        Self { kzg, powers: powers.into(), lagrange: lagrange.into(), device: None, turn: Arc::default() }
    }

    /// The same with commitments made on a device, where the points then stay.
    pub fn on(self, device: Arc<dyn Multiples>) -> Self {
        device.keep_points(&self.powers);
        device.keep_points(&self.lagrange);
        Self { device: Some(device), ..self }
    }

    /// The same with commitments made on the CPU.
    pub fn on_cpu(self) -> Self {
        Self { device: None, ..self }
    }

    /// Σ values·points, which are at least as many.
    fn sum(&self, points: &[ArkPoint], values: &[Fr]) -> G1 {
        assert!(values.len() <= points.len(), "a polynomial of more coefficients than the reference string has points");
        let scalars: Vec<ArkFr> = values.par_iter().map(convert::ark_scalar).collect();
        let on_device = self.device.as_ref().and_then(|device| {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            device.sum(points, &scalars)
        });
        convert::point(&on_device.unwrap_or_else(|| Cpu.msm(points, &scalars)).into_affine()).into()
    }
}

impl Deref for Params {
    type Target = ParamsKZG<Bn256>;

    fn deref(&self) -> &Self::Target {
        &self.kzg
    }
}

/// What halo2 may ask of a scheme and nobody asks here: parameters of its own making.
const ELSEWHERE: &str = "parameters are made of a reference string";

impl<'p> commitment::Params<'p, G1Affine> for Params {
    type MSM = MSMKZG<Bn256>;

    fn k(&self) -> u32 {
        self.kzg.k()
    }

    fn n(&self) -> u64 {
        self.kzg.n()
    }

    fn downsize(&mut self, _k: u32) {
        unreachable!("{ELSEWHERE}");
    }

    fn empty_msm(&'p self) -> Self::MSM {
        self.kzg.empty_msm()
    }

    fn commit_lagrange(&self, poly: &Polynomial<Fr, LagrangeCoeff>, _: Blind<Fr>) -> G1 {
        self.sum(&self.lagrange, poly)
    }

    fn write<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.kzg.write(writer)
    }

    fn read<R: io::Read>(_reader: &mut R) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, ELSEWHERE))
    }
}

impl<'p> ParamsProver<'p, G1Affine> for Params {
    type ParamsVerifier = ParamsVerifierKZG<Bn256>;

    fn new(_k: u32) -> Self {
        unreachable!("{ELSEWHERE}");
    }

    fn commit(&self, poly: &Polynomial<Fr, Coeff>, _: Blind<Fr>) -> G1 {
        self.sum(&self.powers, poly)
    }

    fn get_g(&self) -> &[G1Affine] {
        self.kzg.get_g()
    }

    fn verifier_params(&'p self) -> &'p Self::ParamsVerifier {
        self.kzg.verifier_params()
    }
}

/// KZG with [`Params`].
#[derive(Debug)]
pub(super) struct Scheme;

impl CommitmentScheme for Scheme {
    type Scalar = Fr;
    type Curve = G1Affine;
    type ParamsProver = Params;
    type ParamsVerifier = ParamsVerifierKZG<Bn256>;

    fn new_params(_k: u32) -> Params {
        unreachable!("{ELSEWHERE}");
    }

    fn read_params<R: io::Read>(reader: &mut R) -> io::Result<Params> {
        commitment::Params::read(reader)
    }
}

/// halo2's SHPLONK, as it is.
#[derive(Debug)]
pub(super) struct Shplonk<'p>(&'p Params);

impl<'p> Prover<'p, Scheme> for Shplonk<'p> {
    const QUERY_INSTANCE: bool = <ProverSHPLONK<'p, Bn256> as Prover<'p, _>>::QUERY_INSTANCE;

    fn new(params: &'p Params) -> Self {
        Self(params)
    }

    fn create_proof<'com, E, T, R, I>(&self, rng: R, transcript: &mut T, queries: I) -> io::Result<()>
    where
        E: EncodedChallenge<G1Affine>,
        T: TranscriptWrite<G1Affine, E>,
        I: IntoIterator<Item = ProverQuery<'com, G1Affine>> + Clone,
        R: RngCore,
    {
        ProverSHPLONK::new(&self.0.kzg).create_proof(rng, transcript, queries)
    }
}

/// j of ω' = ω^j, ω' halo2's root of order 2^k and ω arkworks': bit by bit, as both have order 2^k (Pohlig and Hellman, 1978).
fn root_step(k: u32) -> usize {
    let root = (0..Fr::S - k).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
    let target = convert::ark_scalar(&root);
    let omega = ArkFr::get_root_of_unity(1 << k).expect("2^28 at most");
    let mut step = 0u64;
    for bit in 0..k {
        // both to the 2^(k − 1 − bit): the lower bits of j decide
        let lift = 1u64 << (k - 1 - bit);
        let ours = omega.pow_u64(step * lift);
        if target.pow_u64(lift) != ours {
            step |= 1 << bit;
        }
    }
    step as usize
}

/// Powers by small exponents.
trait Power {
    fn pow_u64(&self, e: u64) -> Self;
}

impl Power for ArkFr {
    fn pow_u64(&self, e: u64) -> Self {
        use ark_ff::Field as _;
        self.pow([e])
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Projective, G2Projective};
    use ark_ec::{PrimeGroup, ScalarMul};
    use ark_ff::Field as _;
    use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
    use halo2_base::halo2_proofs::poly::EvaluationDomain as Domain;

    use super::*;

    /// halo2's commitments in both bases, of values of all sizes.
    #[test]
    fn commitments_are_halo2s() {
        let (k, tau) = (7, -ArkFr::from(5u64).inverse().unwrap());
        let powers: Vec<ArkFr> =
            std::iter::successors(Some(ArkFr::from(1u64)), |p| Some(*p * tau)).take(1 << k).collect();
        let lagrange = Radix2EvaluationDomain::<ArkFr>::new(1 << k).unwrap().evaluate_all_lagrange_coefficients(tau);
        let points = |all: &[ArkFr]| G1Projective::generator().batch_mul(all);
        let tau = (G2Projective::generator() * tau).into_affine();
        let params = Params::new(k, &points(&powers), &points(&lagrange), &tau);
        let domain = Domain::<Fr>::new(1, k);
        let values: Vec<Fr> =
            (0..1u64 << k).map(|i| if i % 3 == 0 { Fr::from(i) } else { -Fr::from(i * i).square() }).collect();
        let (mut coefficients, mut evaluations) = (domain.empty_coeff(), domain.empty_lagrange());
        coefficients.copy_from_slice(&values);
        evaluations.copy_from_slice(&values);
        assert_eq!(params.commit(&coefficients, Blind::default()), params.kzg.commit(&coefficients, Blind::default()));
        let ours = commitment::Params::commit_lagrange(&params, &evaluations, Blind::default());
        assert_eq!(ours, commitment::Params::commit_lagrange(&params.kzg, &evaluations, Blind::default()));
    }
}
