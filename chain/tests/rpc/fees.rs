//! Fees that are too low.

use std::time::Duration;

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::Decodable2718 as _,
};
use serde_json::json;
use talea_chain::{Chain as _, Error, Transaction, rpc::Patience};

use crate::{
    net::{GWEI, Net, quick, short, transaction, until},
    relay::{Way, relay},
};

fn forms(net: &Net) -> usize {
    net.entry("one").map_or(0, |e| e.forms.len())
}

/// The node has it, and then the chain asks for more than it offers.
#[test]
fn fees_that_a_chain_outgrows() {
    let Some(net) = Net::still(9101) else { return };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        net.pooled();
        net.base_fee(100);
        net.mine(1);
        assert_eq!(net.happened("one"), [0; 0]);
        until("it is raised", || forms(&net) > 1 && net.pool().len() == 1);
        net.mine(1);
        let receipt = command.join().unwrap().unwrap();
        assert!(net.holds(&receipt));
    });
    assert_eq!((net.happened("one"), net.pool().len()), (vec![0], 0));
}

/// The first form is refused at once: what an earlier command signed is too cheap now. One command raises so far, the next goes on.
#[test]
fn fees_that_are_refused_at_once() {
    let Some(net) = Net::still(9102) else { return };
    let error = net.execute("one", short()).unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }) && error.to_string().contains("nonce 0 is in no block"), "{error}");
    net.drop_from_pool(net.pooled());
    // of the next block, so that no block yet says what is asked for
    net.base_fee(50);
    assert_eq!(forms(&net), 1);
    let error = net.execute("one", Patience { end: Duration::from_secs(2), ..quick() }).unwrap_err().to_string();
    assert!(error.contains("the node wants higher fees"), "{error}");
    assert_eq!((forms(&net), net.pool().len()), (10, 0));
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        net.pooled();
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert_eq!(net.happened("one"), [0]);
}

/// A chain whose fees grow ten thousand times is followed further than a chain that says nothing.
#[test]
fn fees_grow_as_far_as_the_chain_asks() {
    let Some(net) = Net::still(9103) else { return };
    net.execute("one", short()).unwrap_err();
    net.drop_from_pool(net.pooled());
    net.base_fee(100_000);
    net.mine(1);
    net.base_fee(100_000);
    let patience = Patience { most: 1_000_000 * GWEI, ..quick() };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", patience));
        net.pooled();
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert!(forms(&net) > 9);
    assert_eq!(net.happened("one"), [0]);
}

/// It waits for long: it is raised under its nonce, up to a bound, and whichever form a block has is it.
#[test]
fn patience_that_ends() {
    let Some(net) = Net::still(9104) else { return };
    let ms = Duration::from_millis;
    let patience = Patience { raise: ms(100), resend: ms(50), end: ms(3_000), ..quick() };
    let error = net.execute("one", patience).unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }), "{error}");
    let entry = net.entry("one").unwrap();
    assert_eq!(entry.forms.len(), 9);
    assert_eq!(entry.hashes().last(), Some(net.pooled()));
    net.mine(1);
    let receipt = net.execute("one", quick()).unwrap();
    assert_eq!(receipt.hash, entry.hashes().last().unwrap());
    assert_eq!(net.happened("one"), [0]);
}

/// Its nonce is in the pool already, with higher fees: the node wants more of a replacement.
#[test]
fn a_replacement_that_is_underpriced() {
    let Some(net) = Net::still(9105) else { return };
    net.execute("one", short()).unwrap_err();
    net.drop_from_pool(net.pooled());
    let other = net.send(&net.foreign("other", 0, 8 * GWEI));
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        until("the other is replaced", || net.pool().iter().all(|hash| *hash != other));
        assert_eq!(net.entry("one").unwrap().hashes().last(), Some(net.pooled()));
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert!(forms(&net) > 1);
    assert_eq!((net.happened("one"), net.happened("other")), (vec![0], vec![]));
}

/// A fifth more gas than is needed is more than a block has: less is asked for then.
#[test]
fn gas_that_a_block_does_not_have() {
    let address = "0x00000000000000000000000000000000000000ee".parse().unwrap();
    let Some(net) = Net::start(9106, &["--gas-limit", "60000"]) else { return };
    // 21,000 and 16 for each byte
    let heavy = Transaction { what: "heavy".into(), to: Some(address), data: vec![1; 2_200].into() };
    let receipt = net.client(quick()).execute(&heavy).unwrap();
    assert!(net.holds(&receipt) && receipt.gas * 6 / 5 > 60_000, "{receipt:?}");
}

/// What stands in the way is said in one line, and it goes on when that is gone.
#[test]
fn an_account_without_money() {
    let Some(net) = Net::start(9107, &[]) else { return };
    let client = net.client(quick());
    let poor = |wei: &str| net.ask("anvil_setBalance", json!([net.key.address(), wei]));
    poor("0x1");
    let error = client.execute(&transaction("one")).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && !error.to_string().contains('\n'), "{error}");
    net.fund(&net.key);
    client.execute(&transaction("one")).unwrap();
    assert_eq!(net.happened("one"), [0]);
}

/// What its forms offer, all told and above the chain's own fee.
fn offers(net: &Net) -> Vec<(u128, u128)> {
    let forms = net.entry("one").map_or_else(Vec::new, |e| e.forms);
    let read = |bytes: &[u8]| TxEnvelope::decode_2718(&mut &bytes[..]).unwrap();
    let read = forms.iter().map(|form| read(&form.bytes));
    read.map(|t| (t.max_fee_per_gas(), t.max_priority_fee_per_gas().unwrap())).collect()
}

/// A node asks for all that the account has, or for more than can be counted: nothing is signed.
#[test]
fn fees_that_nobody_pays() {
    let Some(net) = Net::start(9108, &[]) else { return };
    let (one, much, max) = (format!("0x{GWEI:x}"), format!("0x{:x}", 499 * GWEI), format!("0x{:x}", u128::MAX));
    let long = format!("0x1{}", "0".repeat(64));
    for (base, reward, asked) in [
        (&one, &much, "asks for 501 gwei"),
        (&much, &one, "asks for 999 gwei"),
        (&one, &max, "asks for 340282366920938463463374607431.768211455 gwei"),
        (&max, &one, "asks for 340282366920938463463374607431.768211455 gwei"),
        (&max, &max, "asks for 340282366920938463463374607431.768211455 gwei"),
        // these are no numbers of fees
        (&one, &long, "the chain's node: "),
        (&long, &one, "the chain's node: "),
    ] {
        let history = json!({
            "oldestBlock": "0x0", "gasUsedRatio": [0.5, 0.5], "baseFeePerGas": [base, base, base], "reward": [[reward], [reward]],
        });
        let url = relay(&net.anvil.url(), move |method, _| match method {
            "eth_feeHistory" => Way::Say(history.clone()),
            _ => Way::Pass,
        });
        let error = net.client_at(&url, quick()).execute(&transaction("one")).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(asked) && !said.contains('\n'), "{said}");
        if asked.contains("gwei") {
            assert!(matches!(error, Error::Refused { .. }), "{said}");
            assert!(said.contains("one: ") && said.contains("500 are offered at most (--max-fee)"), "{said}");
        }
        assert_eq!(net.entry("one"), None);
    }
    net.execute("one", quick()).unwrap();
    assert_eq!(net.happened("one"), [0]);
}

/// A node that says for ever that it wants more gets no more than the bound, however many commands there are.
#[test]
fn raises_end_at_the_bound() {
    let Some(net) = Net::still(9109) else { return };
    let url = relay(&net.anvil.url(), move |method, _| match method {
        "eth_sendRawTransaction" => Way::PassAndRefuse("transaction underpriced"),
        _ => Way::Pass,
    });
    let command = |most: u128| {
        let patience = Patience { most, end: 5 * quick().resend, ..quick() };
        let error = net.client_at(&url, patience).execute(&transaction("one")).unwrap_err();
        assert!(matches!(error, Error::Waiting { .. }), "{error}");
        (error.to_string(), offers(&net))
    };
    let mut before = Vec::new();
    for _ in 0..3 {
        let (said, all) = command(5 * GWEI);
        assert!(all.iter().all(|(fee, tip)| *fee <= 5 * GWEI && tip <= fee), "{all:?}");
        assert!(all.len() > 1 && all.last().unwrap().0 > 4 * GWEI && all.starts_with(&before), "{all:?}");
        assert!(said.contains("the node wants higher fees; the chain asks for"), "{said}");
        assert!(said.contains("5 are offered at most (--max-fee)"), "{said}");
        before = all;
    }
    // less than was offered before is no reason to sign anything
    assert_eq!(command(1).1, before);
    // and more goes on from there
    let (_, all) = command(20 * GWEI);
    assert!(all.starts_with(&before) && all.len() > before.len(), "{all:?}");
    assert!(all.iter().all(|offer| offer.0 <= 20 * GWEI), "{all:?}");
    net.mine(1);
    assert_eq!(net.happened("one"), [0]);
}
