//! Blocks that are taken back.

use talea_chain::rpc::Patience;

use crate::net::{GWEI, Net, quick, until};

/// It is in a block that is not deep enough, and the block goes.
#[test]
fn a_block_that_goes_before_it_is_deep() {
    let Some(net) = Net::still(9001) else { return };
    let receipt = std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", Patience { depth: 3, ..quick() }));
        let hash = net.pooled();
        net.mine(1);
        assert_eq!(net.happened("one"), [0]);
        // long enough for the client to have seen the block
        std::thread::sleep(10 * quick().poll);
        assert!(!command.is_finished());
        net.reorganise(1, &[]);
        assert_eq!(net.happened("one"), [0; 0]);
        // anvil does not put it back into the pool: it is there because it was sent again
        assert_eq!(net.pooled(), hash);
        net.mine(3);
        command.join().unwrap().unwrap()
    });
    assert!(net.holds(&receipt));
    assert_eq!((net.happened("one"), net.pool().len()), (vec![0], 0));
}

/// It is done, and the chain thinks otherwise later.
#[test]
fn a_block_that_goes_after_it_was_done() {
    let Some(net) = Net::start(9002, &[]) else { return };
    let first = net.execute("one", quick()).unwrap();
    assert_eq!(net.execute("one", quick()).unwrap(), first);
    assert_eq!(net.happened("one"), [0]);
    let old = net.entry("one").unwrap();
    net.reorganise(1, &[]);
    assert_eq!(net.happened("one"), [0; 0]);
    let second = net.execute("one", quick()).unwrap();
    assert!(net.holds(&second) && first.hash == second.hash);
    assert_eq!(net.happened("one"), [0]);
    let new = net.entry("one").unwrap();
    assert_eq!(old.forms, new.forms, "nothing was signed");
    assert_ne!(old.done.unwrap().block_hash, new.done.unwrap().block_hash);
}

/// The same, and the chain has it in another block already.
#[test]
fn a_transaction_that_moves_to_another_block() {
    let Some(net) = Net::start(9003, &[]) else { return };
    net.execute("one", quick()).unwrap();
    net.mine(1);
    let raw = net.entry("one").unwrap().forms[0].bytes.clone();
    net.reorganise(2, &[raw]);
    assert_eq!(net.happened("one"), [0]);
    let receipt = net.execute("one", quick()).unwrap();
    assert!(net.holds(&receipt));
    assert_eq!(net.happened("one"), [0]);
}

/// What is done is sent again before anything new takes its nonce, though nobody asks for it.
#[test]
fn what_was_taken_back_comes_first() {
    let Some(net) = Net::start(9004, &[]) else { return };
    for what in ["one", "two"] {
        net.execute(what, quick()).unwrap();
    }
    net.reorganise(2, &[]);
    let all = || ["one", "two", "three", "four"].map(|what| net.happened(what));
    assert!(all().iter().all(Vec::is_empty));
    net.execute("three", quick()).unwrap();
    assert_eq!(all(), [vec![0], vec![1], vec![2], vec![]]);
    // one that is asked for is not all that comes before it
    net.reorganise(3, &[]);
    net.execute("two", quick()).unwrap();
    assert_eq!(all(), [vec![0], vec![1], vec![], vec![]]);
    net.execute("four", quick()).unwrap();
    assert_eq!(all(), [vec![0], vec![1], vec![2], vec![3]]);
}

/// The block of an earlier one goes while a later one is followed.
#[test]
fn what_is_taken_back_meanwhile_is_sent_again() {
    let Some(net) = Net::still(9005) else { return };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        net.pooled();
        net.mine(1);
        command.join().unwrap().unwrap();
        let command = s.spawn(|| net.execute("two", Patience { depth: 2, ..quick() }));
        net.pooled();
        net.mine(1);
        net.reorganise(2, &[]);
        until("both are back", || net.pool().len() == 2);
        net.mine(2);
        command.join().unwrap().unwrap();
    });
    assert_eq!((net.happened("one"), net.happened("two")), (vec![0], vec![1]));
}

/// The block goes, and the nonce goes to another.
#[test]
fn a_transaction_that_was_undone_for_good() {
    let Some(net) = Net::start(9006, &[]) else { return };
    net.execute("one", quick()).unwrap();
    let other = net.foreign("other", 0, 100 * GWEI);
    net.reorganise(1, &[other]);
    let receipt = net.execute("one", quick()).unwrap();
    assert!(net.holds(&receipt));
    assert_eq!((net.happened("one"), net.happened("other")), (vec![1], vec![0]));
}

/// The same, while another is asked for: that one says so, once.
#[test]
fn a_transaction_that_is_undone_while_another_waits() {
    let Some(net) = Net::still(9007) else { return };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        let hash = net.pooled();
        net.mine(1);
        command.join().unwrap().unwrap();
        net.reorganise(1, &[]);
        let command = s.spawn(|| net.execute("two", quick()));
        assert_eq!(net.pooled(), hash);
        net.drop_from_pool(hash);
        net.send(&net.foreign("other", 0, 500 * GWEI));
        net.mine(1);
        let error = command.join().unwrap().unwrap_err().to_string();
        assert_eq!(error, "one: it was done, and the chain took it back: run its command again");
        let net = &net;
        for (what, nonce) in [("two", 1), ("one", 2)] {
            let command = s.spawn(move || net.execute(what, quick()));
            net.pooled();
            net.mine(1);
            command.join().unwrap().unwrap();
            assert_eq!(net.happened(what), [nonce]);
        }
    });
}
