//! The wrap end to end: the demonstration's proof wrapped, verified natively, and by the contracts in an EVM; and settled (`settle.rs`).
//!
//! One wrap of the demonstration serves all tests of this file, because it takes a minute.

#[path = "../common/mod.rs"]
mod common;
mod device;
mod lies;
mod places;
mod settle;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use common::{fixture, talea};
use talea_contracts::{
    Address, SolCall as _, SolConstructor as _, SolError as _, U256,
    abi::{self, BatchVerifier},
    compiled, convert,
    evm::{Evm, Failed, GAS},
};
use talea_formats::{
    artefact::{load, save},
    proof::WrappedProof,
};

struct Demo {
    _tmp: tempfile::TempDir,
    out: PathBuf,
    keys: PathBuf,
    srs: PathBuf,
    wrapped: WrappedProof,
    /// What it printed.
    said: String,
}

fn demo() -> &'static Demo {
    static MADE: OnceLock<Demo> = OnceLock::new();
    MADE.get_or_init(|| {
        let tmp = tempfile::tempdir().unwrap();
        let [out, keys, srs] = ["demo", "keys", "srs"].map(|name| tmp.path().join(name));
        let said = talea(&["demo", "--network", s(&fixture("demo")), "--out", s(&out)]).expect_status(0).stdout();
        assert!(said.contains("EVM in process: ACCEPTED by the contract"), "{said}");
        assert!(said.contains("INSECURE, for development"), "{said}");
        talea(&["srs", "dev", "--k", "20", "--lagrange", "19", "--seed", "talea demo", "--out", s(&srs)])
            .expect_status(0);
        let (wrapped, _) = load::<WrappedProof>(&out.join("wrapped.talea")).unwrap();
        Demo { _tmp: tmp, out, keys, srs, wrapped, said }
    })
}

fn s(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Both contracts, deployed.
struct Chain {
    evm: Evm,
    generated: Address,
    front: Address,
    caller: Address,
}

fn chain(wrapped: &WrappedProof) -> Chain {
    let mut evm = Evm::new(wrapped.statement.chain_id);
    let code = compiled::generated().into_iter().find(|c| c.file.contains("DemoFast")).unwrap();
    let (generated, _) = evm.deploy(Address::ZERO, &code.code, &[]).unwrap();
    let arguments = BatchVerifier::constructorCall {
        generated_: generated,
        slots_: U256::from(wrapped.statement.slots.len()),
        proofLength_: U256::from(wrapped.proof.len()),
        gasCap_: U256::from(800_000),
    };
    let front = compiled::batch_verifier();
    let (front, _) = evm.deploy(Address::ZERO, &front.code, &arguments.abi_encode()).unwrap();
    Chain { evm, generated, front, caller: Address::from(wrapped.statement.contract) }
}

impl Chain {
    fn verify(&mut self, said: abi::Statement, p: abi::BatchProof) -> Result<u64, Failed> {
        let call = BatchVerifier::verifyCall { s: said, p };
        let done = self.evm.call(self.caller, self.front, call.abi_encode(), GAS)?;
        Ok(done.gas)
    }
}

fn honest() -> (abi::Statement, abi::BatchProof) {
    let wrapped = &demo().wrapped;
    (convert::statement(&wrapped.statement).unwrap(), convert::proof(wrapped).unwrap())
}

fn reverted<E: talea_contracts::SolError>(said: &Result<u64, Failed>) -> bool {
    matches!(said, Err(Failed::Reverted(data)) if data.starts_with(&E::SELECTOR))
}

/// r.
fn modulus() -> U256 {
    "21888242871839275222246405745257275088548364400416034343698204186575808495617".parse().unwrap()
}

#[test]
fn the_contract_accepts_what_is_proven_and_nothing_else() {
    let mut chain = chain(&demo().wrapped);
    let (said, p) = honest();
    let gas = chain.verify(said.clone(), p.clone()).unwrap();
    println!("{gas} gas");
    assert!(gas < 650_000, "{gas}");
    // what is said
    type Lie = fn(&mut abi::Statement);
    let lies: [Lie; 12] = [
        |s| s.node = Address::ZERO,
        |s| s.nonce += 1,
        |s| s.slots[0].adapter += U256::from(1),
        |s| s.slots[1].policy += U256::from(1),
        |s| s.slots[2].base += 1,
        |s| s.slots[0].fees += 1,
        |s| s.slots.swap(0, 1),
        |s| s.nodeSlot += 1,
        |s| s.receipts.0[31] ^= 1,
        |s| s.inputs += U256::from(1),
        |s| s.requests += U256::from(1),
        |s| s.deltas += U256::from(1),
    ];
    for (i, lie) in lies.iter().enumerate() {
        let mut other = said.clone();
        lie(&mut other);
        let refused = chain.verify(other, p.clone());
        assert!(reverted::<BatchVerifier::ProofRejected>(&refused), "lie {i}: {refused:?}");
    }
    // another point of the curve: the negative
    let prime: U256 = "21888242871839275222246405745257275088696311157297823662689037894645226208583".parse().unwrap();
    let mut other = said.clone();
    other.payouts[1] = prime - other.payouts[1];
    assert!(reverted::<BatchVerifier::ProofRejected>(&chain.verify(other, p.clone())));
    for point in [[U256::ZERO; 2], [said.payouts[0] + prime, said.payouts[1]], [said.payouts[0], U256::from(1)]] {
        let mut other = said.clone();
        other.payouts = point;
        assert!(reverted::<BatchVerifier::PayoutsNotOnCurve>(&chain.verify(other, p.clone())), "{point:?}");
    }
    // another caller is another contract; another chain another chain
    chain.caller = Address::repeat_byte(1);
    assert!(reverted::<BatchVerifier::ProofRejected>(&chain.verify(said.clone(), p.clone())));
    let mut elsewhere = demo().wrapped.clone();
    elsewhere.statement.chain_id += 1;
    assert!(reverted::<BatchVerifier::ProofRejected>(&self::chain(&elsewhere).verify(said.clone(), p.clone())));
    // a slot more or less
    let mut chain = self::chain(&demo().wrapped);
    let mut other = said.clone();
    other.slots.pop();
    assert!(reverted::<BatchVerifier::SlotCount>(&chain.verify(other, p.clone())));
    let mut other = said;
    other.slots.push(other.slots[0].clone());
    assert!(reverted::<BatchVerifier::SlotCount>(&chain.verify(other, p)));
}

/// Every kind of bytes of the proof and every instance, changed; each instance shifted by r.
#[test]
fn changed_calldata_is_refused() {
    let mut chain = chain(&demo().wrapped);
    let (said, p) = honest();
    for i in 0..12 {
        let mut bad = p.clone();
        bad.accumulator[i] ^= U256::from(1);
        assert!(reverted::<BatchVerifier::ProofRejected>(&chain.verify(said.clone(), bad)), "limb {i}");
        let mut bad = p.clone();
        bad.accumulator[i] += modulus();
        assert!(reverted::<BatchVerifier::LimbOutOfRange>(&chain.verify(said.clone(), bad)), "limb {i} + r");
    }
    let mut bad = p.clone();
    bad.digest += U256::from(1);
    assert!(reverted::<BatchVerifier::ProofRejected>(&chain.verify(said.clone(), bad)), "digest");
    let mut bad = p.clone();
    bad.digest += modulus();
    assert!(reverted::<BatchVerifier::DigestOutOfRange>(&chain.verify(said.clone(), bad)), "digest + r");
    type Shift = fn(&mut abi::Statement);
    let shifts: [Shift; 5] = [
        |s| s.inputs += modulus(),
        |s| s.requests += modulus(),
        |s| s.deltas += modulus(),
        |s| s.slots[0].adapter += modulus(),
        |s| s.slots[2].policy += modulus(),
    ];
    for shift in shifts {
        let mut other = said.clone();
        shift(&mut other);
        assert!(reverted::<BatchVerifier::WordOutOfRange>(&chain.verify(other, p.clone())), "a word + r");
    }
    // every word of the proof, points and scalars alike
    let words = p.proof.len() / 32;
    for word in 0..words {
        let mut bytes = p.proof.to_vec();
        bytes[32 * word + 31] ^= 1;
        let mut bad = p.clone();
        bad.proof = bytes.into();
        let refused = chain.verify(said.clone(), bad);
        assert!(reverted::<BatchVerifier::ProofRejected>(&refused), "word {word}: {refused:?}");
    }
    for bytes in [&p.proof[..p.proof.len() - 1], &[&p.proof[..], &[0]].concat(), &[]] {
        let mut bad = p.clone();
        bad.proof = bytes.to_vec().into();
        assert!(reverted::<BatchVerifier::ProofLength>(&chain.verify(said.clone(), bad)));
    }
    // an identity for a commitment, and for the accumulator
    let mut bytes = p.proof.to_vec();
    bytes[..64].fill(0);
    let mut bad = p.clone();
    bad.proof = bytes.into();
    assert!(reverted::<BatchVerifier::ProofRejected>(&chain.verify(said.clone(), bad)));
    let mut bad = p.clone();
    bad.accumulator = [U256::ZERO; 12];
    assert!(reverted::<BatchVerifier::ProofRejected>(&chain.verify(said.clone(), bad)));
    // too little gas is told apart from a refusal
    let call = BatchVerifier::verifyCall { s: said, p };
    let poor = chain.evm.call(chain.caller, chain.front, call.abi_encode(), 600_000);
    assert!(
        matches!(&poor, Err(Failed::Reverted(d)) if d.starts_with(&BatchVerifier::NotEnoughGas::SELECTOR)),
        "{poor:?}"
    );
    assert_ne!(chain.generated, chain.front);
}

/// The generated contract alone takes an instance plus r for the same: that is why one stands before it.
#[test]
fn the_generated_contract_alone_is_not_strict() {
    let mut chain = chain(&demo().wrapped);
    let (said, p) = honest();
    let call = BatchVerifier::instancesCall { s: said, p: p.clone() };
    let words = chain.evm.call(chain.caller, chain.front, call.abi_encode(), GAS).unwrap().output;
    let input = [&words[..], &p.proof[..]].concat();
    assert!(chain.evm.call(chain.caller, chain.generated, input.clone(), GAS).is_ok());
    for i in 0..15 {
        let mut shifted = input.clone();
        let word = U256::from_be_slice(&shifted[32 * i..32 * i + 32]) + modulus();
        shifted[32 * i..32 * i + 32].copy_from_slice(&word.to_be_bytes::<32>());
        assert!(chain.evm.call(chain.caller, chain.generated, shifted, GAS).is_ok(), "instance {i} + r");
    }
}

fn verify(wrapped: &Path) -> common::Run {
    let d = demo();
    talea(&[
        "wrap",
        "verify",
        "--network",
        s(&fixture("demo")),
        "--out",
        s(wrapped),
        "--srs",
        s(&d.srs),
        "--keys",
        s(&d.keys),
        "--evm",
    ])
}

/// A copy of the folder without what a verifier of the wrap does not need.
fn copy() -> tempfile::TempDir {
    let tmp = tempfile::tempdir().unwrap();
    common::copy_dir(&demo().out, tmp.path());
    std::fs::remove_file(tmp.path().join("proof.talea")).unwrap();
    tmp
}

#[test]
fn the_command_verifies_and_refuses() {
    let said = verify(&demo().out).expect_status(0).stdout();
    assert!(said.starts_with("ACCEPTED") && said.contains("EVM in process: ACCEPTED"), "{said}");
    assert!(said.contains("whose contract is compiled into this program"), "{said}");
    type Lie = fn(&mut WrappedProof);
    let lies: [(&str, Lie); 11] = [
        ("another chain, contract or node", |p| p.statement.chain_id += 1),
        ("the circuit's proof is not one of this statement", |p| {
            p.statement.nonce += 1;
            p.digest = [0; 32];
        }),
        ("digest: of another statement", |p| p.statement.slots[0].fees += 1),
        ("commitments to", |p| p.statement.slots[0].adapter[0] ^= 1),
        ("accumulator: found scalar", |p| p.accumulator[2] = [0xff; 32]),
        ("the accumulator is not two points", |p| p.accumulator[0][0] ^= 1),
        ("12", |p| p.accumulator.truncate(11)),
        ("the circuit's proof is not one of this statement", |p| p.proof[100] ^= 1),
        ("the circuit's proof is not one of this statement", |p| p.proof.push(0)),
        ("circuit: found", |p| p.circuit[0] ^= 1),
        // a proof for another shape
        ("circuit: found", |p| p.statement.sizes.tokens += 1),
    ];
    for (why, lie) in lies {
        let tmp = copy();
        let file = tmp.path().join("wrapped.talea");
        let (mut p, _) = load::<WrappedProof>(&file).unwrap();
        lie(&mut p);
        save(&file, &p).unwrap();
        let run = verify(tmp.path()).expect_status(1);
        let text = run.stderr();
        assert!(text.starts_with("REJECTED"), "{text}");
        assert!(text.contains(why) || text.contains("digest: of another"), "{why}: {text}");
    }
    let tmp = copy();
    let file = tmp.path().join("wrapped.talea");
    let (mut p, _) = load::<WrappedProof>(&file).unwrap();
    p.layout = "quick".into();
    save(&file, &p).unwrap();
    assert!(verify(tmp.path()).expect_status(1).stderr().contains("fast or cheap"));
}

/// A file of a verifying key, as the command writes it.
#[derive(wincode::SchemaWrite, wincode::SchemaRead)]
struct Verifying {
    circuit: [u8; 32],
    key: Vec<u8>,
}

impl talea_formats::artefact::Artefact for Verifying {
    const KIND: &'static str = "wrapvk";
    const VERSION: u32 = 1;
}

fn check_with(out: &Path, keys: &Path) -> common::Run {
    let d = demo();
    talea(&["wrap", "verify", "--network", s(&fixture("demo")), "--out", s(out), "--srs", s(&d.srs), "--keys", s(keys)])
}

/// Two wraps of one proof differ, and both verify; keys are read, not made again; damaged and foreign ones are refused by digest.
#[test]
fn wraps_are_blinded_and_keys_are_known_by_digest() {
    let d = demo();
    let tmp = tempfile::tempdir().unwrap();
    common::copy_dir(&d.out, tmp.path());
    let prove = |keys: &Path| {
        talea(&[
            "wrap",
            "prove",
            "--network",
            s(&fixture("demo")),
            "--out",
            s(tmp.path()),
            "--srs",
            s(&d.srs),
            "--keys",
            s(keys),
        ])
    };
    let said = prove(&d.keys).expect_status(0).stdout();
    assert!(said.contains("read in"), "{said}");
    let (second, _) = load::<WrappedProof>(&tmp.path().join("wrapped.talea")).unwrap();
    assert_ne!(second.proof, d.wrapped.proof, "blinding");
    assert_eq!((&second.accumulator, &second.digest), (&d.wrapped.accumulator, &d.wrapped.digest));
    verify(tmp.path()).expect_status(0);
    // keys of another circuit under this one's name
    let keys = tempfile::tempdir().unwrap();
    let named = |ending: &str| {
        let all = std::fs::read_dir(&d.keys).unwrap().map(|e| e.unwrap().path());
        all.into_iter().find(|p| p.extension().is_some_and(|e| e == ending)).unwrap()
    };
    let file = keys.path().join(named("verifying").file_name().unwrap());
    std::fs::copy(named("verifying"), &file).unwrap();
    let (mut foreign, _) = load::<Verifying>(&file).unwrap();
    foreign.circuit[0] ^= 1;
    save(&file, &foreign).unwrap();
    let text = check_with(tmp.path(), keys.path()).refusal();
    assert!(text.contains("circuit: found"), "{text}");
    // a key of another circuit that says it is this one's: two commitments change places
    let honest = load::<Verifying>(&named("verifying")).unwrap().0;
    let plant = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut planted = Verifying { circuit: honest.circuit, key: honest.key.clone() };
        change(&mut planted.key);
        save(&file, &planted).unwrap();
        check_with(tmp.path(), keys.path())
    };
    const HEAD: usize = 1 + 4 + 1 + 4;
    let swapped = |key: &mut Vec<u8>| (0..64).for_each(|i| key.swap(HEAD + i, HEAD + 64 + i));
    let text = plant(&swapped).refusal();
    assert!(text.contains("one that may be another circuit's"), "{text}");
    for (why, change) in [
        ("another number of rows", &(|key: &mut Vec<u8>| key[1] = 28) as &dyn Fn(&mut Vec<u8>)),
        ("a verifying key", &|key: &mut Vec<u8>| key[6] -= 1),
        ("another length", &|key: &mut Vec<u8>| key.push(0)),
        ("a verifying key", &|key: &mut Vec<u8>| key.truncate(3)),
    ] {
        let text = plant(change).refusal();
        assert!(text.contains(why), "{why}: {text}");
    }
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let text = check_with(tmp.path(), keys.path()).refusal();
    assert!(text.contains("digest: found bytes that do not hash to it"), "{text}");
    std::fs::remove_file(&file).unwrap();
    assert!(check_with(tmp.path(), keys.path()).refusal().contains(".verifying"), "a missing key is a line");
}

/// A reference string without the points that the circuit needs is refused by name.
#[test]
fn other_reference_strings_are_refused() {
    let d = demo();
    let tmp = tempfile::tempdir().unwrap();
    let small = tmp.path().join("srs");
    talea(&["srs", "dev", "--k", "20", "--seed", "talea demo", "--out", s(&small)]).expect_status(0);
    let args = |srs: &Path| talea(&["wrap", "keys", "--out", s(&d.out), "--srs", s(srs), "--keys", s(tmp.path())]);
    let text = args(&small).refusal();
    assert!(text.contains("lagrange: found bases of 2^[], expected one of 2^19"), "{text}");
}

/// The same bytes on another implementation of the EVM.
#[test]
fn anvil_agrees() {
    use common::anvil::{Anvil, hex};
    use serde_json::json;
    let wrapped = &demo().wrapped;
    let Some(anvil) = Anvil::start(wrapped.statement.chain_id) else { return };
    let code = compiled::generated().into_iter().find(|c| c.file.contains("DemoFast")).unwrap();
    let generated: Address = anvil.deploy(&code.code).parse().unwrap();
    let arguments = BatchVerifier::constructorCall {
        generated_: generated,
        slots_: U256::from(wrapped.statement.slots.len()),
        proofLength_: U256::from(wrapped.proof.len()),
        gasCap_: U256::from(800_000),
    };
    let front = anvil.deploy(&[&compiled::batch_verifier().code[..], &arguments.abi_encode()].concat());
    let caller = Address::from(wrapped.statement.contract).to_string();
    let ask = |said: abi::Statement, p: abi::BatchProof| {
        let data = format!("0x{}", hex(&BatchVerifier::verifyCall { s: said, p }.abi_encode()));
        anvil.call("eth_call", json!([{ "from": caller, "to": front, "data": data, "gas": "0xe4e1c0" }, "latest"]))
    };
    let (said, p) = honest();
    let digest = ask(said.clone(), p.clone()).unwrap();
    assert_eq!(digest.as_str().unwrap().trim_start_matches("0x"), format!("{:064x}", p.digest));
    let mut other = said.clone();
    other.nonce += 1;
    let rejected = hex(&BatchVerifier::ProofRejected::SELECTOR);
    assert!(ask(other, p.clone()).unwrap_err().contains(&rejected));
    for at in [0, 33, p.proof.len() / 2, p.proof.len() - 1] {
        let mut bytes = p.proof.to_vec();
        bytes[at] ^= 1;
        let mut bad = p.clone();
        bad.proof = bytes.into();
        assert!(ask(said.clone(), bad).unwrap_err().contains(&rejected), "byte {at}");
    }
}
