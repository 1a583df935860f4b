//! Mercury against HyperKZG: time to open, time to verify, and proof size, at 2^16 … 2^22 coefficients of full size.
//!
//!     cargo run --release -p talea-circuits --example openings [SMALLEST LARGEST]
//!
//! Ours is Mercury; nova-snark has both. One run, one machine, the sizes interleaved; correctness is asserted first.

use std::time::Instant;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM, scalar_mul::BatchMulPreprocessing};
use ark_ff::PrimeField;
use halo2curves::{CurveAffine, bn256};
use nova_snark::{
    provider::{Bn256EngineKZG, hyperkzg, mercury as nova_mercury},
    traits::{Engine, TranscriptEngineTrait, commitment::CommitmentEngineTrait, evaluation::EvaluationEngineTrait},
};
use talea_circuits::{
    arithmetic::Native,
    opening::{self, PairingKey, mercury},
    transcript::{Transcript, bytes::Bytes, writer::Writer},
};
use talea_gpu::{Cpu, Device};

type E = Bn256EngineKZG;
type Scalar = <E as Engine>::Scalar;
type Key = hyperkzg::CommitmentKey<E>;

fn point(p: &G1Affine) -> bn256::G1Affine {
    let [x, y] = [p.x, p.y].map(|c| bn256::Fq::from_raw(c.into_bigint().0));
    bn256::G1Affine::from_xy(x, y).unwrap()
}

fn scalar(x: &Fr) -> Scalar {
    Scalar::from_raw(x.into_bigint().0)
}

fn random(n: usize, seed: u8) -> Vec<Fr> {
    let mut stream = blake3::Hasher::new().update(&[seed]).finalize_xof();
    let one = || {
        let mut wide = [0; 48];
        stream.fill(&mut wide);
        Fr::from_le_bytes_mod_order(&wide)
    };
    std::iter::repeat_with(one).take(n).collect()
}

/// Milliseconds of opening and verifying, and bytes of the proof.
struct Row(f64, f64, usize);

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn ours(powers: &[G1Affine], pairing: &PairingKey, f: &[Fr], at: &[Fr], value: Fr) -> Row {
    let commitment = G1Projective::msm_unchecked(powers, f).into_affine();
    let mut with_salt = f.to_vec();
    with_salt.push(Fr::from(5u64));
    let salted = (commitment + powers[f.len()] * Fr::from(5u64)).into_affine();
    let start = Instant::now();
    let mut tx = Writer::new(&[1; 32], &[]);
    opening::prover::mercury(&mut tx, &Cpu, powers, (with_salt, Fr::from(5u64)), at, &[]);
    let proof = tx.finish();
    let prove = ms(start);
    let start = Instant::now();
    let mut tx = Transcript::new(&Native, Bytes::new(&proof), &[1; 32], &[]);
    mercury::verify(&mut tx, vec![(Fr::from(1u64), salted)], at, &value, Vec::new()).unwrap().check(pairing).unwrap();
    Row(prove, ms(start), proof.len())
}

fn novas<EE: EvaluationEngineTrait<E>>(key: &Key, f: &[Scalar], at: &[Scalar], value: &Scalar, bytes: usize) -> Row {
    let commitment = <E as Engine>::CE::commit(key, f, &Scalar::zero());
    let (pk, vk) = EE::setup(key).unwrap();
    let start = Instant::now();
    let proof = EE::prove(key, &pk, &mut <E as Engine>::TE::new(b"t"), &commitment, f, at, value).unwrap();
    let prove = ms(start);
    let start = Instant::now();
    EE::verify(&vk, &mut <E as Engine>::TE::new(b"t"), &commitment, at, value, &proof).unwrap();
    Row(prove, ms(start), bytes)
}

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a number of variables")).collect();
    let (least, most) = (args.first().copied().unwrap_or(16), args.get(1).copied().unwrap_or(22));
    let tau = random(1, 9)[0];
    let exponents: Vec<Fr> =
        std::iter::successors(Some(Fr::from(1u64)), |t| Some(*t * tau)).take((1 << most) + 1).collect();
    let powers = BatchMulPreprocessing::new(G1Projective::generator(), exponents.len()).batch_mul(&exponents);
    let g2 = (G2Affine::generator() * tau).into_affine();
    let fq2 = |x: ark_bn254::Fq2| {
        let [c0, c1] = [x.c0, x.c1].map(|c| bn256::Fq::from_raw(c.into_bigint().0));
        bn256::Fq2::new(c0, c1)
    };
    let theirs = bn256::G2Affine { x: fq2(g2.x), y: fq2(g2.y) };
    println!("| coefficients | argument | open ms | verify ms | points | scalars |\n|---|---|---|---|---|---|");
    for vars in least..=most {
        let (f, at) = (random(1 << vars, 1), random(vars, 2));
        let mut folded = f.clone();
        at.iter().for_each(|r| Cpu.fold(&mut folded, r));
        let row = |name: &str, Row(open, verify, bytes): Row, points: usize, scalars: usize| {
            assert!(bytes == 0 || bytes == 64 * points + 32 * scalars);
            println!("| 2^{vars} | {name} | {open:.0} | {verify:.1} | {points} | {scalars} |");
        };
        row("Mercury, ours", ours(&powers, &PairingKey { tau: g2 }, &f, &at, folded[0]), 8, 6);
        let ck = powers[..1 << vars].iter().map(point).collect();
        let key = Key::new(ck, point(&powers[1]), theirs).unwrap();
        let (nova_f, value) = (f.iter().map(scalar).collect::<Vec<_>>(), scalar(&folded[0]));
        let reversed: Vec<Scalar> = at.iter().rev().map(scalar).collect();
        // sizes of nova's arguments are those of their structs: HyperKZG's com, w and v
        let hyper = novas::<hyperkzg::EvaluationEngine<E>>(&key, &nova_f, &reversed, &value, 0);
        row("HyperKZG, nova-snark", hyper, vars - 1 + 3, 3 * vars);
        let nova = novas::<nova_mercury::EvaluationEngine<E>>(&key, &nova_f, &reversed, &value, 0);
        row("Mercury, nova-snark", nova, 8, 7);
    }
}
