//! The same batch elsewhere, later, or in another order; numbers that no type holds; the demonstration on a chain that is not its own.

use serde_json::{Value, json};
use talea_contracts::{
    SolCall as _, SolError, U256,
    abi::{AttributionRegistry as Registry, Settlement},
};
use talea_formats::{artefact::load, receipts::Receipts};

use super::{
    common::{Run, anvil::Anvil, anvil::hex, fixture},
    demo,
    lies::{claim_of, claims, honest},
    modulus, s,
    settle::{Stage, talea},
};

/// What a chain says to a call.
fn ask(anvil: &Anvil, to: &str, data: &[u8]) -> Result<Value, String> {
    anvil.call("eth_call", json!([{ "to": to, "data": format!("0x{}", hex(data)), "gas": "0xe4e1c0" }, "latest"]))
}

fn is<E: SolError>(said: Result<Value, String>) {
    let said = said.expect_err(E::SIGNATURE);
    assert!(said.contains(&hex(&E::SELECTOR)), "{said}, expected {}", E::SIGNATURE);
}

fn json_of(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What the proof itself says of chain and contract is asked in main.rs; here the attester's signature comes first.
#[test]
fn another_chain_another_contract_and_a_stale_policy_are_refused() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let (anvil, call) = (&stage.anvil, honest(&stage).abi_encode());
    assert!(ask(anvil, &stage.settlement, &call).is_ok());
    // the same code with the same constants, at another address
    let journal = json_of(&stage.out().join("transactions.json"));
    let entries = journal["transactions"].as_array().unwrap();
    let made = entries.iter().find(|e| e["what"] == "deploy Settlement").unwrap();
    let made = anvil.call("eth_getTransactionByHash", json!([made["done"]["hash"]])).unwrap();
    let input: Vec<u8> = made["input"].as_str().unwrap().parse::<talea_contracts::Bytes>().unwrap().to_vec();
    let other = anvil.deploy(&input);
    assert_ne!(other.to_lowercase(), stage.settlement.to_lowercase());
    is::<Settlement::WrongSigner>(ask(anvil, &other, &call));
    // a chain that parted from this one
    anvil.call("anvil_setChainId", json!([31_338])).unwrap();
    is::<Settlement::WrongSigner>(ask(anvil, &stage.settlement, &call));
    anvil.call("anvil_setChainId", json!([31_337])).unwrap();
    assert!(ask(anvil, &stage.settlement, &call).is_ok());
    // an adapter's owner takes another policy, and there is no delay
    let deployment = json_of(&stage.out().join("deployment.json"));
    let (registry, id) = (deployment["registry"].as_str().unwrap(), deployment["adapters"][0]["id"].as_str().unwrap());
    let id = id.parse().unwrap();
    let said = ask(anvil, registry, &Registry::adaptersCall { id }.abi_encode()).unwrap();
    let said: talea_contracts::Bytes = said.as_str().unwrap().parse().unwrap();
    let owner = Registry::adaptersCall::abi_decode_returns(&said).unwrap().owner.to_string();
    anvil.call("anvil_impersonateAccount", json!([owner])).unwrap();
    anvil.call("anvil_setBalance", json!([owner, "0xde0b6b3a7640000"])).unwrap();
    let p = Registry::Policy { power: 1, bps: [10_000, 0, 0, 0, 0] };
    anvil.send_from(&owner, registry, &Registry::proposePolicyCall { id, p }.abi_encode());
    assert!(ask(anvil, &stage.settlement, &call).is_ok(), "proposed is not applied");
    anvil.send_from(&owner, registry, &Registry::applyPolicyCall { id }.abi_encode());
    is::<Registry::UnknownLine>(ask(anvil, &stage.settlement, &call));
}

/// Numbers that are wider than their type, and would be others if they were cut.
#[test]
fn numbers_beyond_their_type_are_refused() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let file = claims(&stage, true, &[]);
    let call = claim_of(&file, 0).abi_encode();
    assert!(ask(&stage.anvil, &stage.settlement, &call).is_ok());
    let word = |i: usize| U256::from_be_slice(&call[4 + 32 * i..36 + 32 * i]);
    for (i, more) in [(5, U256::from(1) << 128), (5, modulus()), (4, U256::from(1) << 32), (1, U256::from(1) << 32)] {
        let mut wide = call.clone();
        wide[4 + 32 * i..36 + 32 * i].copy_from_slice(&(word(i) + more).to_be_bytes::<32>());
        let said = ask(&stage.anvil, &stage.settlement, &wide).expect_err("refused");
        assert!(said.contains("revert"), "word {i}: {said}");
    }
    // coordinates of points plus the order of their field
    for i in [2, 6] {
        let p: U256 = "21888242871839275222246405745257275088696311157297823662689037894645226208583".parse().unwrap();
        let mut wide = call.clone();
        wide[4 + 32 * i..36 + 32 * i].copy_from_slice(&(word(i) + p).to_be_bytes::<32>());
        is::<Settlement::NotOnCurve>(ask(&stage.anvil, &stage.settlement, &wide));
    }
}

/// The demonstration settles its second node's batch first; here it comes last, and everything that can be claimed is the same.
#[test]
fn the_order_of_batches_does_not_matter() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let second = stage.out().join("second");
    std::fs::copy(stage.out().join("deployment.json"), second.join("deployment.json")).unwrap();
    let (receipts, _) = load::<Receipts>(&second.join("receipts.talea")).unwrap();
    assert_ne!(receipts.receipts[0].receipt.node, demo().wrapped.statement.node);
    let mine = claims(&stage, true, &[]);
    let (srs, url) = (s(&demo().srs), stage.anvil.url());
    let args = ["settle", "--out", s(&second), "--rpc", &url, "--with-data", "--srs", srs];
    talea(&args).expect_status(0);
    stage.later(3600);
    let both = ["--json", "claims", "prove", "--out", s(stage.out()), "--srs", srs, "--rpc", &url];
    let both: Value = serde_json::from_str(&talea(&both).expect_status(0).stdout()).unwrap();
    let there = json_of(&demo().out.join("claims.json"));
    assert_eq!(both["claims"]["value"], there["value"]);
    assert_eq!(both["claims"]["claims"], there["claims"]);
    assert_ne!(both["claims"]["value"], mine["value"]);
    stage.audit().expect_status(0);
}

/// `talea demo --rpc` on a chain that has blocks of its own. By hand, for it makes two wraps and waits for epochs:
/// `cargo test -p talea-prover --test wrap -- --ignored`.
#[test]
#[ignore = "four minutes"]
fn the_demonstration_runs_on_another_chain() {
    let d = demo();
    let Some(anvil) = Anvil::start_with(31337, &["--block-time", "1"]) else { return };
    let (tmp, network) = (tempfile::tempdir().unwrap(), fixture("demo"));
    let args = ["demo", "--network", s(&network), "--out", s(tmp.path()), "--keys", s(&d.keys), "--rpc", &anvil.url()];
    let said: Run = talea(&args);
    let said = said.expect_status(0).stdout();
    assert!(said.contains("Settled on the chain of --rpc"), "{said}");
    assert!(said.contains("AGREES") && !said.contains("DIFFERENT"), "{said}");
    assert_eq!(json_of(&tmp.path().join("claims.json"))["claims"], json_of(&d.out.join("claims.json"))["claims"]);
}
