//! An auditor looks at the transactions that made the contracts: right code says nothing of what a constructor stored.

use ark_bn254::G2Affine;
use ark_ec::CurveGroup as _;
use talea_chain::{
    Chain as _, Transaction,
    audit::{Known, audit},
    deployment::{Deployment, Plan, Shape, Steps, deploy},
    embedded::Embedded,
    numbers,
};
use talea_contracts::{Address, Bytes, compiled};

const SENDER: Address = Address::repeat_byte(1);

/// [τ]₂ of the demonstration's reference string.
fn tau() -> G2Affine {
    talea_srs::Srs::dev(0, &[], "talea demo").unwrap().tau
}

/// A deployment under this program's verifier, which is of 2^8 slots.
fn deployed(chain: &Embedded, tau: &G2Affine, domain: u8, slots: usize) -> Deployment {
    let generated = compiled::generated().remove(0);
    let of = generated.verifies.clone().unwrap();
    let plan = Plan {
        token: None,
        delay: 1_000,
        notice: 1_000,
        epoch: 1_000,
        domain,
        tau: numbers::words2(tau),
        shapes: vec![Shape { digest: of.circuit.0, slots, length: of.proof, generated: &generated }],
        attesters: vec![SENDER],
    };
    deploy(&mut Steps::new(chain), &plan).unwrap()
}

fn found(chain: &Embedded, settlement: Address) -> Vec<String> {
    audit(chain, settlement, 0, &Known::default()).unwrap().differences
}

fn chain() -> Embedded {
    Embedded::new(31_337, SENDER, 1_790_000_000)
}

/// Creation code that stores 7 at place 5, emits a log, and leaves this code behind.
fn forged(code: &[u8]) -> Bytes {
    // PUSH1 7 PUSH1 5 SSTORE, PUSH1 0 PUSH1 0 LOG0, PUSH3 length PUSH1 26 PUSH1 0 CODECOPY, PUSH3 length PUSH1 0 RETURN
    let length = &u32::try_from(code.len()).unwrap().to_be_bytes()[1..];
    let begin: [&[u8]; 5] = [
        &[0x60, 7, 0x60, 5, 0x55, 0x60, 0, 0x60, 0, 0xa0, 0x62],
        length,
        &[0x60, 26, 0x60, 0, 0x39, 0x62],
        length,
        &[0x60, 0, 0xf3],
    ];
    let begin = begin.concat();
    assert_eq!(begin.len(), 26);
    [&begin[..], code].concat().into()
}

#[test]
fn another_constructor_is_found() {
    let (chain, of) = (chain(), compiled::generated().remove(0).verifies.unwrap());
    let honest = deployed(&chain, &tau(), of.domain, of.slots);
    assert!(found(&chain, honest.settlement).is_empty(), "{:?}", found(&chain, honest.settlement));
    // the same code and constants, with something in store
    let code = chain.code(honest.settlement).unwrap();
    let make = |what: &str, data: Bytes| {
        chain.execute(&Transaction { what: what.into(), to: None, data }).unwrap().created.unwrap()
    };
    let other = make("forged", forged(&code));
    assert_eq!(chain.code(other).unwrap(), code);
    let said = found(&chain, other);
    assert!(said.iter().any(|what| what.contains("made by another constructor")), "{said:?}");
}

/// A known verifier says nothing of a settlement that opens commitments under another τ, or over other slots.
#[test]
fn a_verifier_of_another_settlement_is_found() {
    let of = compiled::generated().remove(0).verifies.unwrap();
    let lies: [(&str, G2Affine, u8, usize); 4] = [
        // the verifier's own code has this point
        ("[τ]₂", -tau(), of.domain, of.slots),
        ("[τ]₂", (tau() + tau()).into_affine(), of.domain, of.slots),
        ("payout slots", tau(), of.domain - 1, of.slots),
        ("adapter slots", tau(), of.domain, of.slots + 1),
    ];
    for (why, tau, domain, slots) in lies {
        let chain = chain();
        let made = deployed(&chain, &tau, domain, slots);
        let said = found(&chain, made.settlement);
        assert!(matches!(&said[..], [one] if one.contains(why)), "{why}: {said:?}");
    }
}
