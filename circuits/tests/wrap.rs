//! The wrap's circuit says what the native verifier says, constraint by constraint.
//!
//! `TALEA_MOCK=1` runs MockProver, too, on every kind of tampered proof (about ten minutes).

mod common;

use std::{cell::RefCell, collections::BTreeMap, sync::OnceLock};

use ark_bn254::{Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger as _, Field as _, PrimeField as _};
use common::{
    batch::{Case, a_case, shape},
    recorder::{Field, Recorder},
    srs,
};
use halo2_base::{
    gates::circuit::{CircuitBuilderStage, builder::BaseCircuitBuilder},
    halo2_proofs::{dev::MockProver, halo2curves::bn256},
};
use num_bigint::BigUint;
use talea_circuits::{
    Check, Rejection,
    arithmetic::{Arithmetic as _, Native},
    relations::{Key, statement::Statement},
    transcript::{Transcript, bytes::Bytes},
    wrap::{
        circuit::{INSTANCES, Witness, lay},
        convert,
        keys::{Circuit, Plan},
        proof::public,
        satisfied::broken,
    },
};

const K: usize = 20;

struct Proven {
    case: Case,
    statement: Statement<Fr>,
    proof: Vec<u8>,
}

fn proven() -> &'static Proven {
    static MADE: OnceLock<Proven> = OnceLock::new();
    MADE.get_or_init(|| {
        let case = a_case();
        let (statement, proof) = case.prove(case.columns());
        Proven { case, statement, proof }
    })
}

/// A circuit with its instances as its own cells have them.
struct Laid {
    builder: BaseCircuitBuilder<bn256::Fr>,
    instances: Vec<bn256::Fr>,
}

fn laid(key: &Key, statement: &Statement<Fr>, proof: &[u8]) -> Laid {
    let [_, alpha, _] = public(&statement.words());
    laid_at(key, statement, proof, alpha)
}

fn laid_at(key: &Key, statement: &Statement<Fr>, proof: &[u8], alpha: Fr) -> Laid {
    let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock)
        .use_k(K)
        .use_lookup_bits(K - 1)
        .use_instance_columns(1);
    lay(&mut builder, key, Witness { statement: statement.clone(), proof: Bytes::new(proof), alpha }).unwrap();
    let instances = builder.assigned_instances[0].iter().map(|cell| *cell.value()).collect();
    Laid { builder, instances }
}

impl Laid {
    fn holds(&mut self) -> bool {
        broken(&mut self.builder) == [0; 4]
    }

    /// What MockProver says of these instances.
    fn mocked(&mut self, instances: &[bn256::Fr]) -> bool {
        self.builder.calculate_params(Some(20));
        MockProver::run(K as u32, &self.builder, vec![instances.to_vec()]).unwrap().verify().is_ok()
    }

    /// The accumulator's points, if they are any.
    fn points(&self) -> Vec<Option<G1Affine>> {
        let limbs: Vec<BigUint> =
            self.instances.iter().take(12).map(|x| convert::ark_scalar(x).into_bigint().into()).collect();
        let coordinate =
            |i: usize| limbs[3 * i..3 * i + 3].iter().rev().fold(BigUint::default(), |sum, limb| (sum << 88) + limb);
        [0, 2].map(|i| Bytes::new(&[le(&coordinate(i)), le(&coordinate(i + 1))].concat()).point("").ok()).to_vec()
    }

    /// Does the accumulator's pairing hold?
    fn pairing(&self) -> bool {
        use ark_bn254::{Bn254, G2Affine};
        use ark_ec::pairing::Pairing;
        let [Some(left), Some(right)] = self.points()[..] else { return false };
        Bn254::multi_pairing([left, -right], [G2Affine::generator(), srs().1.tau]) == Default::default()
    }
}

fn le(n: &BigUint) -> Vec<u8> {
    let mut bytes = n.to_bytes_le();
    bytes.resize(32, 0);
    bytes
}

fn fields(p: &Proven) -> Vec<Field> {
    let log = RefCell::new(Vec::new());
    let tx = Transcript::new(&Native, Recorder::new(&p.proof, &log), p.case.key.digest(), &p.statement.words());
    p.case.key.reduce(&p.statement, tx).unwrap().check(&srs().1).unwrap();
    log.into_inner()
}

#[test]
fn the_circuit_computes_what_the_verifier_does() {
    let p = proven();
    let mut honest = laid(&p.case.key, &p.statement, &p.proof);
    assert!(honest.holds());
    assert_eq!(honest.instances.len(), INSTANCES);
    assert!(honest.pairing(), "its accumulator is the proof's");
    let ends: Vec<Fr> = honest.instances[12..].iter().map(convert::ark_scalar).collect();
    assert_eq!(ends, public(&p.statement.words()), "digest, alpha, fingerprint");
    let instances = honest.instances.clone();
    assert!(honest.mocked(&instances));
    for i in [0, 5, 11, 12, 13, 14] {
        let mut other = instances.clone();
        other[i] += bn256::Fr::one();
        assert!(!honest.mocked(&other), "instance {i}");
    }
}

/// The first and the last of every kind of field, changed: where the native verifier refuses before the pairing, no witness
/// satisfies the circuit; where it is the pairing that fails, it is the accumulator's.
#[test]
fn tampered_proofs_satisfy_no_circuit_or_fail_its_pairing() {
    let p = proven();
    let mut kinds: BTreeMap<&str, Vec<Field>> = BTreeMap::new();
    fields(p).into_iter().for_each(|f| kinds.entry(f.name).or_default().push(f));
    assert_eq!(kinds.len(), 40, "{:?}", kinds.keys());
    let mock = std::env::var_os("TALEA_MOCK").is_some();
    let (mut unsatisfied, mut unpaired) = (0, 0);
    for (name, all) in kinds {
        for f in [all.first().unwrap(), all.last().unwrap()] {
            let bad = f.changed(&p.proof);
            let said = p.case.key.verify(&srs().1, &p.statement, &bad).unwrap_err();
            let mut circuit = laid(&p.case.key, &p.statement, &bad);
            let holds = circuit.holds();
            assert_eq!(holds, said == Rejection::Check(Check::Pairing), "{name}: {said}");
            assert!(!holds || !circuit.pairing(), "{name}: a false accumulator");
            if holds {
                unpaired += 1
            } else {
                unsatisfied += 1
            }
            if mock {
                let instances = circuit.instances.clone();
                assert_eq!(circuit.mocked(&instances), holds, "{name}: MockProver");
            }
        }
    }
    println!("{unsatisfied} unsatisfied, {unpaired} with a false accumulator");
}

/// Every word of the statement, changed, and the fingerprint with it: the circuit holds for no such pair of statement and proof.
#[test]
fn other_statements_satisfy_no_circuit() {
    let p = proven();
    let count = p.statement.words().len();
    for i in 0..count {
        let mut at = 0;
        let other = p.statement.map(|x| {
            at += 1;
            if at - 1 == i { *x + Fr::from(1u64) } else { *x }
        });
        assert!(!laid(&p.case.key, &other, &p.proof).holds(), "word {i}");
    }
    assert_eq!(count, 4 + 2 * 4 + 8);
    // the map goes through the words in their order
    let mut n = 0u64;
    let numbered = p.statement.map(|_| {
        n += 1;
        Fr::from(n)
    });
    assert_eq!(numbered.words(), (1..=count as u64).map(Fr::from).collect::<Vec<_>>());
}

/// α is whatever the contract makes it: the fingerprint follows, and is no other.
#[test]
fn the_fingerprint_is_that_of_the_words_at_alpha() {
    let p = proven();
    let alpha = Fr::from(0xa1fau64);
    let circuit = laid_at(&p.case.key, &p.statement, &p.proof, alpha);
    let words = p.statement.words();
    let expected = words.iter().rev().fold(Fr::from(0u64), |v, word| v * alpha + word);
    assert_eq!(convert::ark_scalar(&circuit.instances[14]), expected);
    assert_eq!(convert::ark_scalar(&circuit.instances[13]), alpha);
    // keccak-256 of the words and their digest, big-endian, reduced
    use sha3::Digest as _;
    let [digest, alpha, _] = public(&words);
    let bytes: Vec<u8> = words.iter().chain([&digest]).flat_map(|x| x.into_bigint().to_bytes_be()).collect();
    let hash = BigUint::from_bytes_be(&sha3::Keccak256::digest(&bytes));
    assert_eq!(BigUint::from(alpha.into_bigint()), hash % BigUint::from(Fr::MODULUS));
}

/// Poseidon in the circuit is Poseidon.
#[test]
fn permutations_agree() {
    use halo2_base::gates::GateChip;
    use talea_circuits::{transcript::poseidon::WIDTH, wrap::poseidon};
    let mut builder =
        BaseCircuitBuilder::<bn256::Fr>::from_stage(CircuitBuilderStage::Mock).use_k(13).use_lookup_bits(8);
    let gate = GateChip::new();
    let mut numbers = common::numbers(9).map(|n| Fr::from(i64::from(n)));
    for round in 0..5u64 {
        let state: [Fr; WIDTH] = match round {
            0 => [Fr::from(0u64); WIDTH],
            1 => [-Fr::from(1u64); WIDTH],
            _ => std::array::from_fn(|_| numbers.next().unwrap().pow([round])),
        };
        let ctx = builder.main(0);
        let cells = state.map(|x| ctx.load_witness(convert::scalar(&x)));
        let before = ctx.advice.len();
        let out = poseidon::permute(ctx, &gate, cells);
        assert_eq!(ctx.advice.len() - before, 2_580, "cells of a permutation");
        assert_eq!(out.map(|x| convert::ark_scalar(x.value())), Native.permute(state));
    }
    assert_eq!(broken(&mut builder), [0; 4]);
}

/// The circuit does not depend on its witness, and its digest on everything else.
#[test]
fn a_circuit_is_its_key_and_layout() {
    let key = |change: &dyn Fn(&mut talea_circuits::relations::shape::Shape)| {
        let mut s = shape(true);
        change(&mut s);
        Key::new(s, &srs().1).unwrap()
    };
    let own = key(&|_| {});
    let circuit = Circuit::new(&own, Plan::Fast).unwrap();
    let again = Circuit::new(&own, Plan::Fast).unwrap();
    assert_eq!((circuit.digest, circuit.sizes.cells), (again.digest, again.sizes.cells));
    let p = proven();
    let cells = {
        let k = circuit.sizes.params.k;
        let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock)
            .use_k(k)
            .use_lookup_bits(k - 1)
            .use_instance_columns(1);
        let witness = Witness { statement: p.statement.clone(), proof: Bytes::new(&p.proof), alpha: Fr::from(1u64) };
        lay(&mut builder, &p.case.key, witness).unwrap()
    };
    assert_eq!(cells, circuit.sizes.cells, "an honest witness is laid like any other");
    let others = [
        Circuit::new(&own, Plan::Cheap).unwrap(),
        Circuit::new(&key(&|s| s.deltas = false), Plan::Fast).unwrap(),
        Circuit::new(&key(&|s| s.domain += 1), Plan::Fast).unwrap(),
        Circuit::new(&key(&|s| s.tokens += 1), Plan::Fast).unwrap(),
    ];
    let digests: std::collections::BTreeSet<[u8; 32]> = others.iter().map(|c| c.digest).collect();
    assert!(digests.len() == others.len() && !digests.contains(&circuit.digest));
    assert_eq!(others[0].sizes.params.num_advice_per_phase, [1], "cheap is one column of advice");
}

/// The libraries that a circuit's digest names are those that are built.
#[test]
fn digests_name_the_libraries() {
    use talea_circuits::wrap::fingerprint::LIBRARIES;
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    for library in LIBRARIES.split(", ") {
        let (name, version) = library.split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")), "{library}");
    }
}

/// A batch of more chunks than anybody wraps is refused before it is laid.
#[test]
fn circuits_have_a_largest_size() {
    let mut s = shape(false);
    s.adapters = vec![s.adapters[1].clone(); 257];
    let key = Key::new(s, &srs().1).unwrap();
    let said = Circuit::new(&key, Plan::Fast).unwrap_err().to_string();
    assert!(said.ends_with("expected at most 256"), "{said}");
}

/// The Lagrange points of arkworks' and snarkjs's root of unity, in the order of halo2's: what halo2 itself makes of the powers.
#[test]
fn reference_strings_are_halo2s() {
    use ark_ec::{CurveGroup as _, PrimeGroup as _};
    use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
    use halo2_base::halo2_proofs::{
        halo2curves::bn256::Bn256,
        poly::{commitment::ParamsProver as _, kzg::commitment::ParamsKZG},
    };
    use talea_circuits::wrap::Params;
    for k in [2u32, 5, 8] {
        let n = 1usize << k;
        let point = |x: Fr| (ark_bn254::G1Projective::generator() * x).into_affine();
        let powers: Vec<G1Affine> = (0..n).map(|i| point(common::tau().pow([i as u64]))).collect();
        let domain = Radix2EvaluationDomain::<Fr>::new(n).unwrap();
        let basis: Vec<G1Affine> =
            domain.evaluate_all_lagrange_coefficients(common::tau()).into_iter().map(point).collect();
        let ours = Params::new(k, &powers, &basis, &srs().1.tau);
        let own = ours.from_parts(k, ours.get_g().to_vec(), None, ours.g2(), ours.s_g2());
        let bytes = |params: &ParamsKZG<Bn256>| {
            let mut out = Vec::new();
            params.write_custom(&mut out, halo2_base::halo2_proofs::SerdeFormat::RawBytes).unwrap();
            out
        };
        assert_eq!(bytes(&ours), bytes(&own), "2^{k}");
    }
}
