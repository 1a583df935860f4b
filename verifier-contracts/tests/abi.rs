//! The bindings say what the compiler says: every function, event and error, with its types, names of an event's fields and which of
//! them are topics.

use std::collections::BTreeSet;

use alloy_json_abi::JsonAbi;
use talea_contracts::{
    abi,
    compiled::{self, Compiled},
};

/// Functions and events of a contract, and its errors.
fn listed(abi: &JsonAbi) -> (BTreeSet<String>, BTreeSet<String>) {
    let functions = abi.functions().map(|f| format!("{} {:?}", f.signature_with_outputs(), f.state_mutability));
    let events = abi.events().map(|e| e.full_signature());
    (functions.chain(events).collect(), abi.errors().map(|e| e.signature()).collect())
}

fn held(bound: &JsonAbi, code: &Compiled) {
    let solc: JsonAbi = serde_json::from_value(code.abi.clone()).unwrap();
    let ((bound, bound_errors), (there, errors)) = (listed(bound), listed(&solc));
    assert!(!bound.is_empty(), "{}", code.contract);
    let wrong: Vec<_> = bound.difference(&there).collect();
    assert!(wrong.is_empty(), "{}: bound, but not in the contract: {wrong:#?}", code.contract);
    // errors are decoded for people, so all of them must be known
    let wrong: Vec<_> = bound_errors.symmetric_difference(&errors).collect();
    assert!(wrong.is_empty(), "{}: errors of one and not of the other: {wrong:#?}", code.contract);
}

#[test]
fn bindings_are_what_the_compiler_lists() {
    held(&abi::Settlement::abi::contract(), &compiled::settlement());
    held(&abi::AttributionRegistry::abi::contract(), &compiled::registry());
    held(&abi::BatchVerifier::abi::contract(), &compiled::batch_verifier());
    held(&abi::TestToken::abi::contract(), &compiled::test_token());
}
