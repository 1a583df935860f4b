//! The statement is final: its words and every digest in it, frozen in vectors/statement.json. `TALEA_FREEZE=1` writes them anew,
//! which is a change of meaning.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, PrimeField};
use serde_json::{Value, json};
use talea_circuits::{
    arithmetic::{Arithmetic as _, Native},
    opening::PairingKey,
    relations::{
        Columns, Key,
        adapter::{digest_adapter, digest_words},
        shape::{AdapterShape, Module, Shape},
        statement::{Field, HEAD, Kind, SLOT, SlotStatement, Statement, TAIL},
        values::Policy,
    },
    transcript::halves,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn word(x: &Fr) -> String {
    format!("0x{}", hex(&x.into_bigint().to_bytes_be()))
}

/// Multiples of the generator.
fn point(n: u64) -> G1Affine {
    (G1Projective::generator() * Fr::from(n)).into_affine()
}

fn frozen() -> Value {
    let policies = [(1, [0, 0, 0, 0, 10_000]), (2, [5000, 2000, 1500, 1000, 500]), (4, [10_000, 0, 0, 0, 0])].map(
        |(power, bps)| json!({ "power": power, "bps": bps, "digest": word(&Policy { power, bps }.words().digest(&Native)) }),
    );
    let slot = |n: u64| SlotStatement {
        adapter: Fr::from(n),
        policy: Fr::from(n + 1),
        base: Fr::from(n + 2),
        fees: Fr::from(n + 3),
    };
    let receipts: [u8; 32] = std::array::from_fn(|i| i as u8 + 1);
    let statement = Statement {
        chain: Fr::from(31_337u64),
        contract: Fr::from_be_bytes_mod_order(&[0xc0; 20]),
        node: Fr::from_be_bytes_mod_order(&[0x0e; 20]),
        nonce: Fr::from(7u64),
        slots: vec![slot(100), slot(200)],
        node_slot: Fr::from(63u64),
        receipts: halves(&receipts),
        inputs: Fr::from(301u64),
        requests: Fr::from(302u64),
        deltas: Fr::from(303u64),
        payouts: Native.words(&point(9)),
    };
    let words: Vec<String> = statement.words().iter().map(word).collect();
    let module = |input, d_in, d_out| Module { input, d_in, d_out };
    let adapter = AdapterShape { inputs: 2, modules: vec![module(0, 6, 5), module(1, 4, 6)], rank: 1, clusters: 2 };
    let shape =
        |deltas| Shape { adapters: vec![adapter.clone()], requests: 2, tokens: 2, clusters: 2, deltas, domain: 6 };
    let tau = (G2Affine::generator() * Fr::from(5u64)).into_affine();
    let key = |deltas| Key::new(shape(deltas), &PairingKey { tau }).unwrap();
    let points = |n: u64| (1..=n).map(point).collect::<Vec<_>>();
    let of_adapter = |n: u64| json!({ "points": n, "digest": word(&digest_adapter(&Native, &adapter, &points(n))) });
    let of_columns = |name: &str, which: Columns, n: u64| {
        let digest = key(true).digest_columns(&Native, which, &[Fr::from(100u64)], &points(n));
        json!({ "columns": name, "points": n, "digest": word(&digest) })
    };
    let columns = [
        of_columns("C_X", Columns::Inputs, 2),
        of_columns("C_req", Columns::Requests, 1),
        of_columns("C_D", Columns::Deltas, 0),
    ];
    let layout =
        |fields: &[Field]| fields.iter().map(|f| json!([f.name, format!("{:?}", f.kind)])).collect::<Vec<Value>>();
    let (x, y) = point(9).xy().unwrap();
    let whole = |c: ark_bn254::Fq| format!("0x{}", hex(&c.into_bigint().to_bytes_be()));
    json!({
        "layout": { "head": layout(&HEAD), "slot": layout(&SLOT), "tail": layout(&TAIL) },
        "payouts of the statement": [whole(x), whole(y)],
        "policies": policies,
        "adapters": [of_adapter(1), of_adapter(3)],
        "columns under the key with deltas, one slot with adapter 100": columns,
        "words 1, 2, 3 under \"talea 1 adapter\"": word(&digest_words(&Native, "talea 1 adapter", &[1u64, 2, 3].map(Fr::from))),
        "statement": words,
        "keys": { "tau 5, with deltas": hex(key(true).digest()), "tau 5, without": hex(key(false).digest()) },
    })
}

#[test]
fn words_and_digests_are_frozen() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/statement.json");
    let now = frozen();
    if std::env::var_os("TALEA_FREEZE").is_some() {
        std::fs::write(file, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let then: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(now, then);
    assert_eq!(then["statement"].as_array().unwrap().len(), 4 + 2 * 4 + 1 + 2 + 3 + 2);
}

/// Policies' digests, which the contract computes itself (verifier-contracts/test/PolicyDigest.t.sol).
#[test]
fn policies_are_frozen() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/policy.json");
    // each share alone, shares that differ, shares at the edge of 16 bits (no policy, but a digest)
    let alone = (0..5).map(|i| std::array::from_fn(|j| if i == j { 10_000 } else { 0 }));
    let shares =
        alone.chain([[5000, 2000, 1500, 1000, 500], [9996, 1, 1, 1, 1], [1, 2, 3, 4, 9990], [0; 5], [u16::MAX; 5]]);
    let policies: Vec<Value> = shares
        .flat_map(|bps| [1, 2, 4].map(|power| Policy { power, bps }))
        .map(|p| json!({ "power": p.power, "bps": p.bps, "digest": word(&p.words().digest(&Native)) }))
        .collect();
    let now = json!({ "count": policies.len(), "policies": policies });
    if std::env::var_os("TALEA_FREEZE").is_some() {
        std::fs::write(file, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let then: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(now, then);
    // those of the statement's vectors are among them
    let statement = frozen();
    for policy in statement["policies"].as_array().unwrap() {
        assert!(policies.contains(policy), "{policy}");
    }
}

/// The table that the contract's library is written from has the words in the order in which prover and circuit have them.
#[test]
fn words_follow_the_table() {
    let mut n = 0u64;
    let mut next = || {
        n += 1;
        Fr::from(n)
    };
    // numbers in the order of the struct's names below, not of its words
    let slot =
        |next: &mut dyn FnMut() -> Fr| SlotStatement { fees: next(), base: next(), policy: next(), adapter: next() };
    let s = Statement {
        payouts: [next(), next()],
        deltas: next(),
        requests: next(),
        inputs: next(),
        receipts: [next(), next()],
        node_slot: next(),
        slots: vec![slot(&mut next), slot(&mut next)],
        nonce: next(),
        node: next(),
        contract: next(),
        chain: next(),
    };
    let of_slot = |a: &SlotStatement<Fr>, name: &str| match name {
        "adapter" => vec![a.adapter],
        "policy" => vec![a.policy],
        "base" => vec![a.base],
        "fees" => vec![a.fees],
        other => panic!("{other}"),
    };
    let of = |name: &str| match name {
        "chain" => vec![s.chain],
        "contract" => vec![s.contract],
        "node" => vec![s.node],
        "nonce" => vec![s.nonce],
        "nodeSlot" => vec![s.node_slot],
        "receipts" => s.receipts.to_vec(),
        "inputs" => vec![s.inputs],
        "requests" => vec![s.requests],
        "deltas" => vec![s.deltas],
        "payouts" => s.payouts.to_vec(),
        other => panic!("{other}"),
    };
    let slots = s.slots.iter().flat_map(|a| SLOT.iter().flat_map(|f| of_slot(a, f.name)).collect::<Vec<_>>());
    let words: Vec<Fr> =
        HEAD.iter().flat_map(|f| of(f.name)).chain(slots).chain(TAIL.iter().flat_map(|f| of(f.name))).collect();
    assert_eq!(s.words(), words);
    assert!(TAIL.iter().any(|f| f.kind == Kind::Halves && f.name == "receipts"));
}
