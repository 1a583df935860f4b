//! Fees that are too low.

use std::time::Duration;

use talea_chain::{Chain as _, Error, Transaction, rpc::Patience};

use crate::net::{GWEI, Net, quick, short, transaction, until};

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
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
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
    let poor = |wei: &str| net.ask("anvil_setBalance", serde_json::json!([net.key.address(), wei]));
    poor("0x1");
    let error = client.execute(&transaction("one")).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && !error.to_string().contains('\n'), "{error}");
    net.fund(&net.key);
    client.execute(&transaction("one")).unwrap();
    assert_eq!(net.happened("one"), [0]);
}
