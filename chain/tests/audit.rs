//! An auditor looks at the transactions that made the contracts: right code says nothing of what a constructor stored.

use ark_bn254::G2Affine;
use ark_ec::CurveGroup as _;
use talea_chain::{
    Chain as _, Transaction,
    audit::{Known, audit},
    deployment::{Deployment, GAS_CAP, Plan, Shape, Steps, deploy},
    embedded::Embedded,
    numbers,
};
use talea_contracts::{
    Address, B256, Bytes, SolConstructor as _, U256,
    abi::{AttributionRegistry as Registry, BatchVerifier, Settlement},
    compiled,
};

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
    let audited = audit(&chain, honest.settlement, 0, &Known::default()).unwrap();
    assert!(audited.differences.is_empty(), "{:?}", audited.differences);
    assert!(audited.insecure, "everybody knows this τ");
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

/// A verifier whose getters say one thing and whose calls do another: one of the places that hold a constant has another value.
#[test]
fn a_verifier_that_was_changed_in_one_place_is_found() {
    let of = compiled::generated().remove(0).verifies.unwrap();
    let chain = chain();
    let front = compiled::batch_verifier();
    let (generated, _) = chain_code(&chain, "generated", compiled::generated().remove(0).code.to_vec());
    let arguments = BatchVerifier::constructorCall {
        generated_: generated,
        slots_: U256::from(of.slots),
        proofLength_: U256::from(of.proof),
        gasCap_: U256::from(GAS_CAP),
    };
    let (honest, code) = chain_code(&chain, "front", [&front.code[..], &arguments.abi_encode()].concat());
    for (i, (begin, length)) in front.immutables.iter().enumerate() {
        let mut code = code.to_vec();
        code[begin + length - 1] ^= 1;
        let (at, kept) = chain_code(&chain, &format!("changed {i}"), forged(&code).to_vec());
        assert!(front.is(&kept), "all but constants is the same");
        let said = audited_with(&chain, &format!("registry {i}"), of.circuit, at, of.domain);
        assert!(said.iter().any(|what| what.contains("other code")), "place {i}: {said:?}");
    }
    // what is not changed knows its own address, and is accepted
    let said = audited_with(&chain, "registry", of.circuit, honest, of.domain);
    assert!(said.is_empty(), "{said:?}");
}

/// Makes a contract; its address and code.
fn chain_code(chain: &Embedded, what: &str, data: Vec<u8>) -> (Address, Bytes) {
    let made = chain.execute(&Transaction { what: what.into(), to: None, data: data.into() }).unwrap();
    let at = made.created.unwrap();
    (at, chain.code(at).unwrap())
}

/// What an audit says of a settlement with this verifier.
fn audited_with(chain: &Embedded, what: &str, circuit: B256, front: Address, domain: u8) -> Vec<String> {
    let setup = Registry::Setup {
        admin: SENDER,
        delay: Default::default(),
        domain,
        shapes: vec![circuit],
        verifiers: vec![front],
        attesters: vec![SENDER],
    };
    let data = [&compiled::registry().code[..], &Registry::constructorCall { s: setup }.abi_encode()].concat();
    let (registry, _) = chain_code(chain, what, data);
    let (token, _) = chain_code(chain, &format!("{what}: token"), compiled::test_token().code.to_vec());
    let (notice, start, length) = (1, 0, 1);
    let setup = Settlement::Setup { registry, token, notice, start, length, tau: numbers::words2(&tau()) };
    let data = [&compiled::settlement().code[..], &Settlement::constructorCall { s: setup }.abi_encode()].concat();
    let (settlement, _) = chain_code(chain, &format!("{what}: settlement"), data);
    found(chain, settlement)
}
