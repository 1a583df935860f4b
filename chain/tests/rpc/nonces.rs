//! Nonces that go elsewhere, or seem to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use alloy::primitives::Bytes;
use serde_json::{Value, json};
use talea_chain::{Chain as _, Error, rpc::Patience};

use crate::{
    net::{GWEI, Net, quick, short, transaction, until},
    relay::{Way, relay},
};

/// Another client of the same key has something in the pool.
#[test]
fn what_others_sent_comes_first() {
    let Some(net) = Net::still(9201) else { return };
    let other = net.send(&net.foreign("other", 0, 8 * GWEI));
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        std::thread::sleep(20 * quick().poll);
        assert_eq!((net.pool(), net.entry("one")), (vec![other], None), "nothing is signed while it waits");
        net.mine(1);
        assert_ne!(net.pooled(), other);
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert_eq!((net.happened("other"), net.happened("one")), (vec![0], vec![1]));
}

/// The same, and it stays there.
#[test]
fn what_others_sent_is_not_waited_for_for_ever() {
    let Some(net) = Net::still(9202) else { return };
    net.send(&net.foreign("other", 0, 8 * GWEI));
    let error = net.execute("one", short()).unwrap_err().to_string();
    assert!(error.contains("1 transactions of this account that are not ours wait"), "{error}");
    assert_eq!(net.entry("one"), None);
}

/// The nonce goes to another transaction after all.
#[test]
fn a_nonce_that_went_to_another() {
    let Some(net) = Net::still(9203) else { return };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        net.drop_from_pool(net.pooled());
        let other = net.send(&net.foreign("other", 0, 500 * GWEI));
        net.mine(1);
        assert_eq!(net.happened("other"), [0]);
        until("it is signed anew", || net.entry("one").is_some_and(|e| e.nonce == 1));
        assert_ne!(net.pooled(), other);
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert_eq!(net.happened("one"), [1]);
}

/// The other's block is one that a deeper chain may still take back: nothing is signed before.
#[test]
fn a_nonce_that_went_to_another_in_a_new_block() {
    let Some(net) = Net::still(9204) else { return };
    let patience = Patience { depth: 3, ..quick() };
    net.execute("one", Patience { depth: 3, ..short() }).unwrap_err();
    let own = net.pooled();
    net.drop_from_pool(own);
    net.send(&net.foreign("other", 0, 500 * GWEI));
    net.mine(2);
    let error = net.execute("one", Patience { depth: 3, ..short() }).unwrap_err().to_string();
    assert!(error.contains("nonce 0 is spent in no block that is 3 deep"), "{error}");
    // and it is taken back
    net.reorganise(2, &[]);
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", patience));
        assert_eq!(net.pooled(), own);
        net.mine(3);
        command.join().unwrap().unwrap();
    });
    assert_eq!((net.happened("one"), net.happened("other")), (vec![0], vec![]));
}

/// The other's block is taken back after it was seen once: to give up is for ever, and a block has to show it twice.
#[test]
fn a_nonce_that_went_to_another_and_came_back() {
    let Some(net) = Net::still(9209) else { return };
    let patience = Patience { resend: 5 * quick().resend, ..quick() };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", patience));
        let own = net.pooled();
        net.drop_from_pool(own);
        net.send(&net.foreign("other", 0, 500 * GWEI));
        net.mine(1);
        std::thread::sleep(20 * quick().poll);
        net.reorganise(1, &[]);
        assert_eq!(net.pooled(), own);
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert_eq!((net.happened("one"), net.happened("other")), (vec![0], vec![]));
}

/// Nodes forget what is in their pool.
#[test]
fn a_pool_that_forgets() {
    let Some(net) = Net::still(9205) else { return };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        let hash = net.pooled();
        net.drop_from_pool(hash);
        assert_eq!(net.pooled(), hash);
        net.drop_from_pool(hash);
        assert_eq!(net.pooled(), hash);
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    assert_eq!(net.happened("one"), [0]);
}

/// The count is known long before the receipt: a client that signs again on that ground makes it happen twice.
#[test]
fn receipts_that_come_late() {
    let Some(net) = Net::start(9206, &[]) else { return };
    let (late, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (hidden, questions) = (late.clone(), asked.clone());
    let url = relay(&net.anvil.url(), move |method, _| {
        if method == "eth_getTransactionReceipt" {
            questions.fetch_add(1, SeqCst);
            if hidden.load(SeqCst) {
                return Way::Say(Value::Null);
            }
        }
        Way::Pass
    });
    // it never comes
    let error = net.client_at(&url, Patience { end: 6 * quick().resend, ..quick() }).execute(&transaction("one"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("it is in block 1, of which the node has no receipt yet"), "{error}");
    assert_eq!(net.happened("one"), [0]);
    // it comes at last
    std::thread::scope(|s| {
        let command = s.spawn(|| net.client_at(&url, quick()).execute(&transaction("one")));
        std::thread::sleep(4 * quick().resend);
        assert!(!command.is_finished() && asked.load(SeqCst) > 10);
        late.store(false, SeqCst);
        command.join().unwrap().unwrap();
    });
    assert_eq!(net.happened("one"), [0]);
}

/// A node that knows the states of recent blocks only cannot say who had an old nonce; what it cannot say is not guessed.
#[test]
fn a_nonce_that_was_spent_long_ago() {
    let Some(net) = Net::start(9207, &["--no-mining", "--prune-history", "4"]) else { return };
    net.execute("one", short()).unwrap_err();
    net.drop_from_pool(net.pooled());
    net.send(&net.foreign("other", 0, 500 * GWEI));
    for _ in 0..12 {
        net.mine(1);
    }
    let error = net.execute("one", Patience { end: 4 * quick().resend, ..quick() }).unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("nonce 0 is spent") && error.contains("recent blocks only"), "{error}");
    assert_eq!((net.happened("one"), net.happened("other")), (vec![], vec![0]));
    assert_eq!(net.entry("one").unwrap().nonce, 0);
}

/// A form with higher fees that the node refuses, and passes on all the same: its receipt is this transaction's.
#[test]
fn a_refused_form_that_happens() {
    let Some(net) = Net::still(9208) else { return };
    let sent = Arc::new(AtomicUsize::new(0));
    let url = relay(&net.anvil.url(), move |method, _| {
        if method == "eth_sendRawTransaction" && sent.fetch_add(1, SeqCst) > 0 {
            return Way::PassAndRefuse("this node has had enough");
        }
        Way::Pass
    });
    let patience = Patience { raise: quick().resend, ..quick() };
    let receipt = std::thread::scope(|s| {
        let command = s.spawn(|| net.client_at(&url, patience).execute(&transaction("one")));
        let first = net.pooled();
        until("a form is refused", || net.entry("one").is_some_and(|e| e.forms.iter().any(|f| f.refused)));
        until("and in the pool all the same", || net.pool() != [first]);
        net.mine(1);
        command.join().unwrap().unwrap()
    });
    let entry = net.entry("one").unwrap();
    let of = entry.hashes().position(|hash| hash == receipt.hash).unwrap();
    assert!(entry.forms[of].refused && entry.forms[0].bytes == *entry.current().unwrap());
    assert_eq!(net.happened("one"), [0]);
    assert_eq!(net.ask("txpool_status", json!([]))["pending"], "0x0");
}

/// The same of the first form: the command ends, and the next one finds it in its block.
#[test]
fn a_first_form_that_is_refused_and_happens() {
    let Some(net) = Net::still(9210) else { return };
    let url = relay(&net.anvil.url(), |method, _| match method {
        "eth_sendRawTransaction" => Way::PassAndRefuse("this node has had enough"),
        _ => Way::Pass,
    });
    let error = net.client_at(&url, quick()).execute(&transaction("one")).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }) && error.to_string().contains("had enough"), "{error}");
    let hash = net.pooled();
    net.mine(1);
    assert_eq!(net.client_at(&url, quick()).execute(&transaction("one")).unwrap().hash, hash);
    assert_eq!(net.happened("one"), [0]);
}

/// A node that keeps what it is sent, says that the nonce is spent, and shows a transaction that the account never signed: it wants
/// another one signed, so that both can happen.
#[test]
fn a_node_that_invents_another_transaction() {
    let Some(net) = Net::start(9211, &[]) else { return };
    let kept = Arc::new(Mutex::new(Vec::<Bytes>::new()));
    let (pocket, from) = (kept.clone(), net.key.address());
    let url = relay(&net.anvil.url(), move |method, params| match method {
        "eth_sendRawTransaction" => {
            let raw: Bytes = params[0].as_str().unwrap().parse().unwrap();
            pocket.lock().unwrap().push(raw.clone());
            Way::Say(json!(alloy::primitives::keccak256(raw)))
        }
        // every nonce is spent as soon as it is signed with
        "eth_getTransactionCount" => {
            let mut sent = pocket.lock().unwrap().clone();
            sent.dedup();
            Way::Say(json!(format!("0x{:x}", sent.len())))
        }
        "eth_getBlockByNumber" if params[1] == true => {
            let another =
                |nonce| json!({ "hash": format!("0x{nonce:064x}"), "from": from, "nonce": format!("0x{nonce:x}") });
            Way::Say(json!({ "transactions": (0..5).map(another).collect::<Vec<_>>() }))
        }
        _ => Way::Pass,
    });
    let error = net.client_at(&url, Patience { end: 4 * quick().resend, ..quick() }).execute(&transaction("one"));
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }) && error.to_string().contains("does not show"), "{error}");
    for raw in kept.lock().unwrap().iter() {
        let _ = net.anvil.call("eth_sendRawTransaction", json!([raw]));
    }
    // what waits in the pool gets into this block at the latest
    net.mine(1);
    assert_eq!((net.happened("one"), net.entry("one").unwrap().forms.len()), (vec![0], 1));
}

/// Sixty-four questions, each of them answered late, are not asked to their end.
#[test]
fn a_search_that_takes_too_long() {
    let Some(net) = Net::still(9212) else { return };
    net.execute("one", short()).unwrap_err();
    net.drop_from_pool(net.pooled());
    let asked = Arc::new(AtomicUsize::new(0));
    let questions = asked.clone();
    let mut newest = net.ask("eth_getBlockByNumber", json!(["latest", false]));
    newest["number"] = json!("0x7fffffffffffffff");
    let url = relay(&net.anvil.url(), move |method, params| match method {
        "eth_getTransactionCount" => {
            if !matches!(params[1].as_str(), Some("latest" | "pending")) {
                questions.fetch_add(1, SeqCst);
                std::thread::sleep(quick().resend);
            }
            Way::Say(json!("0x1"))
        }
        "eth_getBlockByNumber" => Way::Say(newest.clone()),
        _ => Way::Pass,
    });
    let error = net.client_at(&url, short()).execute(&transaction("one")).unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }) && error.to_string().contains("too slow"), "{error}");
    assert!((1..10).contains(&asked.load(SeqCst)), "{}", asked.load(SeqCst));
}
