//! The contract builds the words of a statement as they are frozen in vectors/statement.json, where Rust and circuit have them from.

use alloy_primitives::{Address, U256, keccak256};
use serde_json::Value;
use talea_contracts::{
    SolCall as _, SolConstructor as _,
    abi::{BatchProof, BatchVerifier, SlotStatement, Statement},
    compiled,
    evm::{Evm, GAS},
};

/// r.
fn modulus() -> U256 {
    "21888242871839275222246405745257275088548364400416034343698204186575808495617".parse().unwrap()
}

fn frozen() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/statement.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn number(v: &Value) -> U256 {
    v.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_contract_has_the_frozen_words() {
    let all = frozen();
    let words: Vec<U256> = all["statement"].as_array().unwrap().iter().map(number).collect();
    let slot = |n: u64| SlotStatement {
        adapter: U256::from(n),
        policy: U256::from(n + 1),
        base: n as u32 + 2,
        fees: u128::from(n) + 3,
    };
    let point = &all["payouts of the statement"];
    let statement = Statement {
        node: Address::repeat_byte(0x0e),
        nonce: 7,
        slots: vec![slot(100), slot(200)],
        nodeSlot: 63,
        receipts: std::array::from_fn::<u8, 32, _>(|i| i as u8 + 1).into(),
        inputs: U256::from(301),
        requests: U256::from(302),
        deltas: U256::from(303),
        payouts: [number(&point[0]), number(&point[1])],
    };
    let digest = U256::from(0xd16e57u64);
    let proof = BatchProof { accumulator: [U256::from(5); 12], digest, proof: Default::default() };
    let mut evm = Evm::new(31_337);
    // a contract of one byte stands for the generated one, which `instances` does not call
    let stop = [0x60, 1, 0x60, 12, 0x60, 0, 0x39, 0x60, 1, 0x60, 0, 0xf3, 0];
    let (generated, _) = evm.deploy(Address::ZERO, &stop, &[]).unwrap();
    let arguments = BatchVerifier::constructorCall {
        generated_: generated,
        slots_: U256::from(2),
        proofLength_: U256::ZERO,
        gasCap_: U256::ZERO,
    };
    let (front, _) = evm.deploy(Address::ZERO, &compiled::batch_verifier().code, &arguments.abi_encode()).unwrap();
    let call = BatchVerifier::instancesCall { s: statement, p: proof };
    let out = evm.call(Address::repeat_byte(0xc0), front, call.abi_encode(), GAS).unwrap().output;
    let found = BatchVerifier::instancesCall::abi_decode_returns(&out).unwrap();
    let bytes: Vec<u8> = words.iter().chain([&digest]).flat_map(|w| w.to_be_bytes::<32>()).collect();
    let alpha = U256::from_be_bytes(keccak256(&bytes).0) % modulus();
    let v = words.iter().rev().fold(U256::ZERO, |v, w| v.mul_mod(alpha, modulus()).add_mod(*w, modulus()));
    assert_eq!(found[..12], [U256::from(5); 12]);
    assert_eq!(found[12..], [digest, alpha, v]);
}

/// What is embedded fits on a chain, and names the compiler and the sources it is from.
#[test]
fn embedded_code_fits() {
    for c in compiled::generated().into_iter().chain([compiled::batch_verifier()]) {
        assert!((1..=compiled::MOST_CODE).contains(&c.size) && c.code.len() > c.size, "{}: {}", c.file, c.size);
        assert_eq!((c.sources.len(), c.solc.as_str()), (64, "0.8.37"), "{}", c.file);
    }
}
