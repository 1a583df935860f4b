//! The demonstration's batches on a chain in process and on anvil: deployment, settlement, claims, audit, and what goes wrong on the way.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use talea_contracts::{
    Address, SolCall as _, U256,
    abi::{Settlement, TestToken},
};
use talea_formats::{artefact::load, receipts::Receipts};

use super::{common, demo, s};
use common::{Run, anvil::Anvil, fixture};

/// The key of anvil's first account, which its documentation shows.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_talea"));
    command.args(args).env("TALEA_KEY", KEY).current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

pub fn talea(args: &[&str]) -> Run {
    Run(command(args).output().unwrap())
}

#[test]
fn the_demonstration_settles_and_an_auditor_agrees() {
    let said = &demo().said;
    assert!(said.contains("Settled on a chain in process"), "{said}");
    assert!(said.contains("AGREES") && !said.contains("DIFFERENT"), "{said}");
    let checked = |what: &str| {
        let line = said.lines().find(|l| l.contains(what)).unwrap();
        line.split('|').nth(2).unwrap().trim().parse::<u32>().unwrap()
    };
    assert_eq!(checked("proofs of settled batches, verified anew"), 2);
    assert_eq!(checked("published payouts, opened anew"), 2);
    assert!(checked("claims equal to what their slot had earned") > 90);
}

/// The demonstration's folder without its contracts, and anvil with the same contracts at the same addresses.
pub struct Stage {
    pub anvil: Anvil,
    tmp: tempfile::TempDir,
    pub settlement: String,
}

impl Stage {
    /// None where anvil is not installed.
    pub fn new(more: &[&str], epoch: &str) -> Option<Self> {
        let d = demo();
        let anvil = Anvil::start_with(31337, more)?;
        let tmp = tempfile::tempdir().unwrap();
        common::copy_dir(&d.out, tmp.path());
        std::fs::remove_file(tmp.path().join("deployment.json")).unwrap();
        let (network, url) = (fixture("demo"), anvil.url());
        let args = ["--json", "deploy", "--network", s(&network), "--out", s(tmp.path()), "--srs", s(&d.srs)];
        let rest = ["--keys", s(&d.keys), "--rpc", &url, "--epoch", epoch, "--delay", "0"];
        let said = talea(&[&args[..], &rest[..]].concat()).expect_status(0).stdout();
        let said: Value = serde_json::from_str(&said).unwrap();
        let settlement = said["deployment"]["settlement"].as_str().unwrap().to_string();
        assert_eq!(settlement.parse::<Address>().unwrap(), Address::from(d.wrapped.statement.contract));
        let stage = Self { anvil, tmp, settlement };
        stage.deposit(said["deployment"]["token"].as_str().unwrap());
        Some(stage)
    }

    pub fn out(&self) -> &Path {
        self.tmp.path()
    }

    /// What payers would do with their wallets.
    fn deposit(&self, token: &str) {
        let settlement: Address = self.settlement.parse().unwrap();
        let sender = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().unwrap();
        let much = U256::from(u128::MAX);
        self.anvil.send(token, &TestToken::mintCall { to: sender, amount: much }.abi_encode());
        self.anvil.send(token, &TestToken::approveCall { spender: settlement, value: much }.abi_encode());
        let (receipts, _) = load::<Receipts>(&self.out().join("receipts.talea")).unwrap();
        let mut payers: Vec<_> = receipts.receipts.iter().map(|r| r.receipt.payer).collect();
        payers.sort_unstable();
        payers.dedup();
        for payer in payers {
            let call = Settlement::depositCall { payer: payer.into(), amount: 10u128.pow(19) };
            self.anvil.send(&self.settlement, &call.abi_encode());
        }
    }

    pub fn settle(&self, url: &str, more: &[&str]) -> Command {
        command(&[&["settle", "--out", s(self.out()), "--rpc", url][..], more].concat())
    }

    pub fn audit(&self) -> Run {
        let file = self.out().join("deployment.json");
        talea(&["audit", "--rpc", &self.anvil.url(), "--deployment", s(&file)])
    }

    pub fn later(&self, seconds: u64) {
        self.anvil.call("evm_increaseTime", json!([seconds])).unwrap();
        self.anvil.call("evm_mine", json!([])).unwrap();
    }

    fn settled(&self) -> bool {
        let st = &demo().wrapped.statement;
        let call = Settlement::isSettledCall { node: st.node.into(), nonce: st.nonce };
        let data = format!("0x{}", common::anvil::hex(&call.abi_encode()));
        let said = self.anvil.call("eth_call", json!([{ "to": self.settlement, "data": data }, "latest"])).unwrap();
        said.as_str().unwrap().ends_with('1')
    }
}

#[test]
fn a_batch_is_settled_claimed_and_audited_on_anvil() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let (d, url) = (demo(), stage.anvil.url());
    let with_data = ["--with-data", "--srs", s(&d.srs)];
    let run = |more: &[&str]| Run(stage.settle(&url, more).output().unwrap());
    run(&with_data).expect_status(0);
    assert!(stage.settled());
    // the same command again sends nothing
    let count =
        || stage.anvil.call("eth_getTransactionCount", json!(["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "latest"]));
    let before = count();
    run(&with_data).expect_status(0);
    assert_eq!(count(), before);
    // without its memory it is the contract that refuses, in words
    let journal = stage.out().join("transactions.json");
    let kept = std::fs::read(&journal).unwrap();
    std::fs::remove_file(&journal).unwrap();
    let text = run(&with_data).refusal();
    assert!(text.contains("BatchAlreadySettled"), "{text}");
    std::fs::write(&journal, kept).unwrap();
    assert!(stage.audit().expect_status(0).stdout().contains("AGREES"));
    // nothing is claimed of an epoch that is not over
    let prove = || talea(&["--json", "claims", "prove", "--out", s(stage.out()), "--srs", s(&d.srs), "--rpc", &url]);
    assert!(prove().refusal().contains("a batch in an epoch that is over"));
    stage.later(3600);
    let claims: Value = serde_json::from_str(&prove().expect_status(0).stdout()).unwrap();
    let all = claims["open"].as_array().unwrap();
    assert!(all.len() > 20, "{claims}");
    let payee = all[0]["payee"].as_str().unwrap();
    let claim = |more: &[&str]| {
        let args = [&["--json", "claim", "--out", s(stage.out()), "--rpc", &url][..], more].concat();
        serde_json::from_str::<Value>(&talea(&args).expect_status(0).stdout()).unwrap()
    };
    let first = claim(&["--payee", payee, "--singly"]);
    let rest = claim(&[]);
    let paid = |v: &Value| v["paid"].as_str().unwrap().parse::<u128>().unwrap();
    let fees: u128 = d.wrapped.statement.slots.iter().map(|slot| slot.fees).sum();
    assert_eq!(paid(&first) + paid(&rest), fees);
    assert_eq!(paid(&claim(&[])), 0);
    let said = stage.audit().expect_status(0).stdout();
    assert!(said.contains("AGREES"), "{said}");
    // a verifier that accepts everything in the place of ours
    let file: Value = serde_json::from_slice(&std::fs::read(stage.out().join("deployment.json")).unwrap()).unwrap();
    stage.anvil.call("anvil_setCode", json!([file["verifiers"][0]["front"], "0x00"])).unwrap();
    let run = stage.audit().expect_status(1);
    assert!(run.stderr().contains("other code than this program's"), "{}", run.stderr());
}

/// Relays HTTP requests to a chain, and stops answering after so many: the other side then waits for ever.
fn proxy(to: String, answers: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (to, count, seen) = (to.clone(), count.clone(), seen.clone());
            std::thread::spawn(move || relay(stream, &to, answers, &count, &seen));
        }
    });
    (url, asked)
}

fn relay(mut stream: TcpStream, to: &str, answers: usize, count: &AtomicUsize, seen: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let number = count.fetch_add(1, Ordering::SeqCst);
        let mut up = TcpStream::connect(to.trim_start_matches("http://")).ok()?;
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
        write!(up, "{head}content-length: {length}\r\n\r\n").ok()?;
        up.write_all(&body).ok()?;
        let mut answer = Vec::new();
        up.read_to_end(&mut answer).ok()?;
        seen.store(number + 1, Ordering::SeqCst);
        if number >= answers {
            // asked and done, and nobody hears of it
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (_, body) = text.split_once("\r\n\r\n")?;
        let body = &body[body.find('{')?..=body.rfind('}')?];
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
    }
}

/// Killed after every question that it asks, a settling process settles once when it is run again.
#[test]
fn a_settling_process_may_be_killed_at_every_step() {
    let Some(stage) = Stage::new(&[], "3600") else { return };
    let with_data = ["--with-data", "--srs", s(&demo().srs)];
    let journal = stage.out().join("transactions.json");
    let kept = std::fs::read(&journal).unwrap();
    let mut killed = 0;
    for answers in 0..40 {
        let snapshot = stage.anvil.call("evm_snapshot", json!([])).unwrap();
        let (url, asked) = proxy(stage.anvil.url(), answers);
        let mut child = stage.settle(&url, &with_data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ended = loop {
            if asked.load(Ordering::SeqCst) > answers {
                break false;
            }
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        let _ = child.kill();
        let _ = child.wait();
        if !ended {
            killed += 1;
            let run = Run(stage.settle(&stage.anvil.url(), &with_data).output().unwrap());
            run.expect_status(0);
        }
        assert!(stage.settled(), "after {answers} answers");
        stage.audit().expect_status(0);
        stage.anvil.call("evm_revert", json!([snapshot])).unwrap();
        std::fs::write(&journal, &kept).unwrap();
        if ended {
            break;
        }
    }
    assert!(killed > 5, "{killed}");
}
