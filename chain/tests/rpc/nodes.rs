//! Nodes that end, are silent, are several.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use alloy::signers::local::PrivateKeySigner;
use serde_json::json;
use talea_chain::{Chain as _, Error, Transaction, journal::Journal, rpc::Rpc};

use crate::{
    anvil::Anvil,
    net::{Net, quick, short, transaction},
    relay::{Way, relay},
};

/// One journal, two chains, two accounts: each finds its own, and none writes over another's.
#[test]
fn two_chains_and_two_accounts_in_one_journal() {
    let (Some(first), Some(second)) = (Net::start(9301, &[]), Net::start(9302, &[])) else { return };
    let other = PrivateKeySigner::random();
    second.fund(&first.key);
    first.fund(&other);
    let open = |net: &Net, key: &PrivateKeySigner| {
        Rpc::open(&net.anvil.url()).unwrap().with_account(key.clone(), &first.journal(), quick()).unwrap()
    };
    // all open at once, as the commands of one process may have them
    let clients = [open(&first, &first.key), open(&second, &first.key), open(&first, &other)];
    let name = |client: &Rpc, what: &str| format!("{what} of {} on {}", client.sender().unwrap(), client.id());
    for round in ["one", "two"] {
        for client in &clients {
            client.execute(&transaction(&name(client, round))).unwrap();
        }
    }
    // the same name on another chain is another transaction
    for client in &clients[..2] {
        client.execute(&transaction("shared")).unwrap();
    }
    let error = clients[2].execute(&transaction("shared")).unwrap_err().to_string();
    assert!(error.contains("which sent it") && !error.contains('\n'), "{error}");
    for _ in 0..2 {
        for (client, net) in clients.iter().zip([&first, &second, &first]) {
            assert_eq!(net.happened(&name(client, "one")), [0]);
            assert_eq!(net.happened(&name(client, "two")), [1]);
        }
        assert_eq!((first.happened("shared"), second.happened("shared")), (vec![2], vec![2]));
        // later commands change nothing
        for (net, key) in [(&first, &first.key), (&second, &first.key), (&first, &other)] {
            let client = open(net, key);
            client.execute(&transaction(&name(&client, "one"))).unwrap();
        }
    }
    let journal = Journal::open(&first.journal()).unwrap();
    let count = |chain, key: &PrivateKeySigner| journal.of(chain, key.address()).unwrap().len();
    assert_eq!([count(9301, &first.key), count(9302, &first.key), count(9301, &other)], [3, 3, 2]);
}

/// The node ends with one transaction done and another in its pool; it comes back with the blocks alone.
#[test]
fn a_node_that_ends_and_comes_back() {
    let Some(mut net) = Net::still(9303) else { return };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("one", quick()));
        net.pooled();
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    net.execute("two", short()).unwrap_err();
    let (hash, state) = (net.pooled(), net.ask("anvil_dumpState", json!([])));
    let down = net.client(quick());
    net.anvil = Anvil::start_with(9303, &["--no-mining"]).unwrap();
    for error in [down.execute(&transaction("two")).unwrap_err(), down.wait_after(0).unwrap_err()] {
        let said = error.to_string();
        assert!(matches!(error, Error::Unreachable(_)) && said.contains("error sending request"), "{said}");
        assert!(!said.contains('\n') && !said.contains("127.0.0.1"), "{said}");
    }
    net.ask("anvil_loadState", json!([state]));
    assert_eq!((net.happened("one"), net.pool()), (vec![0], vec![]));
    std::thread::scope(|s| {
        let command = s.spawn(|| net.execute("two", quick()));
        assert_eq!(net.pooled(), hash);
        net.mine(1);
        command.join().unwrap().unwrap();
    });
    net.execute("one", quick()).unwrap();
    assert_eq!((net.happened("one"), net.happened("two")), (vec![0], vec![1]));
}

/// A URL may hold a key: neither a node that is not there nor one that says no makes it seen.
#[test]
fn urls_are_not_shown() {
    let Some(net) = Net::start(9304, &[]) else { return };
    let nobody = "http://127.0.0.1:1/v2/0123456789abcdef?key=fedcba9876543210".to_string();
    // anvil serves no such path
    for url in [nobody, format!("{}/0123456789abcdef", net.anvil.url())] {
        let error = Rpc::open(&url).err().unwrap().to_string();
        for part in ["0123456789", "fedcba98", "127.0.0.1", "\n"] {
            assert!(!error.contains(part), "{error}");
        }
    }
}

/// A node that takes a question and never answers.
#[test]
fn a_node_that_is_silent() {
    let Some(net) = Net::start(9305, &[]) else { return };
    let silent = Arc::new(AtomicBool::new(false));
    let rule = silent.clone();
    let url = relay(&net.anvil.url(), move |method, _| match method {
        "eth_sendRawTransaction" if rule.load(SeqCst) => Way::Silence,
        _ => Way::Pass,
    });
    let mut patience = quick();
    patience.answer = Duration::from_millis(500);
    let client = net.client_at(&url, patience);
    silent.store(true, SeqCst);
    let start = Instant::now();
    let error = client.execute(&transaction("one")).unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)) && error.to_string().contains("within 500ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
    // it was written down before
    let signed = net.entry("one").unwrap().forms;
    silent.store(false, SeqCst);
    client.execute(&transaction("one")).unwrap();
    assert_eq!((net.happened("one"), net.entry("one").unwrap().forms), (vec![0], signed));
}

/// Time passes where there are blocks, and is not waited for for ever where there are none.
#[test]
fn time_is_waited_for() {
    let Some(net) = Net::still(9306) else { return };
    let client = net.client(short());
    let now = client.head().unwrap().time;
    client.wait_after(now - 1).unwrap();
    let start = Instant::now();
    let error = client.wait_after(now).unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }) && start.elapsed() < Duration::from_secs(5), "{error}");
    let error = error.to_string();
    assert!(error.contains(&format!("the newest block is of {now}, and one after {now} was waited for")), "{error}");
    std::thread::scope(|s| {
        let wait = s.spawn(|| net.client(quick()).wait_after(now + 50));
        net.ask("evm_setNextBlockTimestamp", json!([now + 50]));
        net.mine(1);
        std::thread::sleep(10 * quick().poll);
        assert!(!wait.is_finished());
        net.ask("evm_setNextBlockTimestamp", json!([now + 51]));
        net.mine(1);
        wait.join().unwrap().unwrap();
    });
}

/// A contract that says no in its block, and not before: it is said, and the name is free again.
#[test]
fn a_refusal_in_a_block() {
    let Some(net) = Net::still(9307) else { return };
    // reverts after block 2: push 2, NUMBER, GT, ISZERO, push 13, JUMPI, push 0, push 0, REVERT, JUMPDEST, STOP
    let code = "0x6002431115600d5760006000fd5b00";
    let at = "0x00000000000000000000000000000000000000aa";
    net.ask("anvil_setCode", json!([at, code]));
    let late = Transaction { what: "late".into(), to: Some(at.parse().unwrap()), data: Default::default() };
    std::thread::scope(|s| {
        let command = s.spawn(|| net.client(quick()).execute(&late));
        let hash = net.pooled();
        net.drop_from_pool(hash);
        net.mine(3);
        assert_eq!(net.pooled(), hash);
        net.mine(1);
        let error = command.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Reverted { .. }), "{error}");
    });
    let journal = Journal::open(&net.journal()).unwrap();
    assert_eq!(journal.of(9307, net.key.address()).unwrap(), []);
}

/// A node that names a block that no chain has would be asked for logs for ever.
#[test]
fn a_head_that_no_chain_has() {
    let Some(net) = Net::start(9308, &[]) else { return };
    let mut newest = net.ask("eth_getBlockByNumber", json!(["latest", false]));
    let from = 1_000_000_000_000_u64;
    for (head, refused) in [(from + 1_000, false), (from + 1_000_000_001, true), (1 << 63, true), (u64::MAX, true)] {
        newest["number"] = json!(format!("0x{head:x}"));
        let newest = newest.clone();
        let url = relay(&net.anvil.url(), move |method, _| match method {
            "eth_getBlockByNumber" => Way::Say(newest.clone()),
            "eth_getLogs" => Way::Say(json!([])),
            _ => Way::Pass,
        });
        let client = Rpc::open(&url).unwrap();
        match client.logs(&[], from) {
            Ok(found) => assert!(!refused && found.is_empty(), "{head}"),
            Err(e) => {
                let said = e.to_string();
                assert!(refused && matches!(e, Error::Unreachable(_)) && !said.contains('\n'), "{said}");
                assert!(
                    said.contains(&format!("its newest block is {head}, more than 10^9 after block {from}")),
                    "{said}"
                );
            }
        }
    }
}

/// Numbers at the end of what can be counted are numbers: the last block has logs, and a transaction there is not deep.
#[test]
fn numbers_that_cannot_grow() {
    let Some(net) = Net::start(9309, &[]) else { return };
    let mut newest = net.ask("eth_getBlockByNumber", json!(["latest", false]));
    newest["number"] = json!(format!("0x{:x}", u64::MAX));
    let url = relay(&net.anvil.url(), move |method, params| match method {
        "eth_getBlockByNumber" if params[0] == "latest" => Way::Say(newest.clone()),
        "eth_getLogs" => Way::Say(json!([])),
        _ => Way::Pass,
    });
    let client = net.client_at(&url, quick());
    assert_eq!(client.logs(&[], u64::MAX).unwrap(), []);
    client.execute(&transaction("one")).unwrap();
    assert_eq!(net.happened("one"), [0]);
}
