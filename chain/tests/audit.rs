//! An auditor looks at the transactions that made the contracts: right code says nothing of what a constructor stored.

use talea_chain::{
    Chain as _, Transaction,
    audit::audit,
    deployment::{Deployment, Plan, Shape, Steps, deploy},
    embedded::Embedded,
};
use talea_contracts::{Address, Bytes, U256, compiled};

/// The generator of G2 as precompile 8 reads it: a reference string with τ = 1.
const TAU: [&str; 4] = [
    "0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2",
    "0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed",
    "0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b",
    "0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
];

const SENDER: Address = Address::repeat_byte(1);

fn deployed(chain: &Embedded) -> Deployment {
    let generated = compiled::generated().remove(0);
    let plan = Plan {
        token: None,
        delay: 1_000,
        notice: 1_000,
        epoch: 1_000,
        domain: 8,
        tau: TAU.map(|word| word.parse::<U256>().unwrap()),
        shapes: vec![Shape { digest: [1; 32], slots: 3, length: 100, generated: &generated }],
        attesters: vec![SENDER],
    };
    deploy(&mut Steps::new(chain), &plan).unwrap()
}

/// What an audit finds about how contracts were made.
fn found(chain: &Embedded, settlement: Address) -> Vec<String> {
    let audited = audit(chain, settlement, 0, &[]).unwrap();
    audited.differences.into_iter().filter(|what| what.contains("made")).collect()
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
    let chain = Embedded::new(31_337, SENDER, 1_790_000_000);
    let honest = deployed(&chain);
    assert!(found(&chain, honest.settlement).is_empty(), "{:?}", found(&chain, honest.settlement));
    // the same code and constants, with something in store
    let code = chain.code(honest.settlement).unwrap();
    let make = |what: &str, data: Bytes| {
        chain.execute(&Transaction { what: what.into(), to: None, data }).unwrap().created.unwrap()
    };
    let other = make("forged", forged(&code));
    assert_eq!(chain.code(other).unwrap(), code);
    let said = found(&chain, other);
    assert!(matches!(&said[..], [one] if one.contains("made by another constructor")), "{said:?}");
}
