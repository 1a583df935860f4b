//! Proofs through the command line: made, verified, refused, stopped and resumed.

mod common;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use common::{copy_dir, fixture, json_of, talea};
use serde_json::Value;
use talea_formats::{
    artefact::{Artefact, load, save},
    proof::{BatchProof, Commitment},
};

fn s(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The second network, proven once: its folder and reference string.
fn proven() -> &'static (PathBuf, PathBuf) {
    static FOLDER: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let tmp = tempfile::tempdir().unwrap().keep();
        let (srs, out) = (tmp.join("dev.srs"), tmp.join("out"));
        talea(&["srs", "dev", "--k", "20", "--seed", "tests", "--out", s(&srs)]).expect_status(0);
        let network = fixture("second");
        talea(&["demo", "--no-wrap", "--network", s(&network), "--out", s(&out), "--srs", s(&srs)]).expect_status(0);
        (out, srs)
    })
}

/// A copy to lie in.
fn copy() -> tempfile::TempDir {
    let tmp = tempfile::tempdir().unwrap();
    copy_dir(&proven().0, tmp.path());
    tmp
}

fn verify<'a>(network: &'a Path, out: &'a Path) -> [&'a str; 8] {
    ["batch", "verify", "--network", s(network), "--out", s(out), "--srs", s(&proven().1)]
}

fn labels(doc: &Value, which: &str) -> Vec<String> {
    let all = doc["labels"][which].as_array().unwrap();
    all.iter().map(|l| l["output"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_proof_is_accepted_and_says_what_it_proves() {
    let (out, srs) = proven();
    let network = fixture("second");
    let doc = json_of(&verify(&network, out));
    assert_eq!(doc["accepted"], true);
    assert_eq!(labels(&doc, "proven"), ["adapter path U, D", "influence S, R, w", "payouts P, roles, dust"]);
    assert!(doc["srs"].as_str().unwrap().starts_with("INSECURE"));
    assert_eq!(
        labels(&doc, "declared"),
        ["Datanet verdicts, clusters", "influence index H", "which A, B, H; payout slots, payees"]
    );
    let text = talea(&verify(&network, out)).expect_status(0).stdout();
    assert!(text.contains("ACCEPTED") && text.contains("proven: adapter path, influence, payouts"), "{text}");
    // without outputs, and said so
    let tmp = copy();
    let prove = ["batch", "prove", "--network", s(&network), "--out", s(tmp.path()), "--srs", s(srs), "--no-deltas"];
    let text = talea(&prove).expect_status(0).stdout();
    assert!(text.contains("adapter path U (not D, not B)") && text.contains("not zero knowledge"), "{text}");
    let text = talea(&verify(&network, tmp.path())).expect_status(0).stdout();
    assert!(text.contains("adapter path U (not D, not B)"), "{text}");
}

/// Every way to say something else than what was proven.
#[test]
fn other_statements_are_refused() {
    let network = fixture("second");
    type Lie = fn(&mut BatchProof);
    let lies: [(&str, Lie); 12] = [
        ("another chain, contract or node", |p| p.statement.chain_id += 1),
        ("another chain, contract or node", |p| p.statement.contract[3] ^= 1),
        ("another chain, contract or node", |p| p.statement.node[3] ^= 1),
        ("Relation", |p| p.statement.nonce += 1),
        ("Relation", |p| p.statement.slots[0].fees += 1),
        ("payout slots other than those of", |p| p.statement.slots[0].base += 16),
        ("another policy than that of", |p| p.statement.slots[0].policy[0] ^= 1),
        ("commitments to", |p| p.statement.slots[0].adapter[0] ^= 1),
        ("payout slots other than the registry's", |p| p.statement.node_slot ^= 1),
        ("other receipts than the folder's", |p| p.statement.receipts[0] ^= 1),
        ("C_X", |p| p.statement.inputs[0] ^= 1),
        ("C_req", |p| p.statement.requests[0] ^= 1),
    ];
    for (why, lie) in lies {
        let tmp = copy();
        let file = tmp.path().join("proof.talea");
        let (mut p, _) = load::<BatchProof>(&file).unwrap();
        lie(&mut p);
        save(&file, &p).unwrap();
        let run = talea(&verify(&network, tmp.path())).expect_status(1);
        let said = run.stderr();
        assert!(said.starts_with("REJECTED"), "{said}");
        assert!(why == "Relation" || said.contains(why), "{why}: {said}");
    }
    // the proof itself: a byte here and there, bytes missing, bytes left over
    let changes: [fn(&mut Vec<u8>); 4] =
        [|p| p[40] ^= 1, |p| *p.last_mut().unwrap() ^= 1, |p| p.truncate(999), |p| p.push(0)];
    for change in changes {
        let tmp = copy();
        let file = tmp.path().join("proof.talea");
        let (mut p, _) = load::<BatchProof>(&file).unwrap();
        change(&mut p.proof);
        save(&file, &p).unwrap();
        talea(&verify(&network, tmp.path())).expect_status(1);
    }
    // a file that is none
    let tmp = copy();
    let file = tmp.path().join("proof.talea");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    talea(&verify(&network, tmp.path())).expect_status(2);
}

#[test]
fn registered_commitments_and_attestations_are_checked() {
    let (network, srs) = (fixture("second"), &proven().1);
    // another adapter's commitments in the registry
    let tmp = copy();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(tmp.path().join("adapters")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "commitment"));
    files.sort();
    let (mut one, _) = load::<Commitment>(&files[0]).unwrap();
    one.points.reverse();
    let other = load::<Commitment>(&files[1]).unwrap().0.points[0];
    one.points[0] = other;
    save(&files[0], &one).unwrap();
    let said = talea(&verify(&network, tmp.path())).expect_status(1).stderr();
    assert!(said.contains("other than those registered"), "{said}");
    // the attester's signature over another batch
    let tmp = copy();
    let file = tmp.path().join("proof.talea");
    let (first, _) = load::<BatchProof>(&file).unwrap();
    assert!(first.attestation.is_some());
    let seed = tmp.path().join("seed");
    std::fs::write(&seed, [5; 32]).unwrap();
    let prove = ["batch", "prove", "--network", s(&network), "--out", s(tmp.path()), "--srs", s(srs), "--nonce", "1"];
    talea(&[&prove[..], &["--seed", s(&seed)]].concat()).expect_status(0);
    talea(&verify(&network, tmp.path())).expect_status(0);
    let (mut second, _) = load::<BatchProof>(&file).unwrap();
    assert_ne!(first.statement.inputs, second.statement.inputs, "other salts");
    second.attestation = first.attestation.clone();
    save(&file, &second).unwrap();
    let said = talea(&verify(&network, tmp.path())).expect_status(1).stderr();
    assert!(said.contains("attestation: not the network attester's signature over this batch"), "{said}");
    // none at all: accepted, and declared
    second.attestation = None;
    save(&file, &second).unwrap();
    let doc = json_of(&verify(&network, tmp.path()));
    assert!(labels(&doc, "declared").contains(&"input activations X".to_string()));
    // another reference string
    let other = tmp.path().join("other.srs");
    talea(&["srs", "dev", "--k", "4", "--seed", "another", "--out", s(&other)]).expect_status(0);
    let said =
        talea(&["batch", "verify", "--network", s(&network), "--out", s(tmp.path()), "--srs", s(&other)]).refusal();
    assert!(said.contains("another reference string"), "{said}");
    let said = talea(&[&prove[..7], &[s(&other)]].concat()).refusal();
    assert!(said.contains("another reference string"), "{said}");
}

/// What a stopped proof goes on from, as its file has it.
#[derive(Clone, wincode::SchemaWrite, wincode::SchemaRead)]
struct Checkpoint {
    of: [u8; 32],
    seed: [u8; 32],
    chunks: Vec<[u8; 64]>,
    payouts: [u8; 64],
    proof: Vec<u8>,
}

impl Artefact for Checkpoint {
    const KIND: &'static str = "stopped";
    const VERSION: u32 = 1;
}

/// Killed after its commitments, resumed: the same bytes as of a run that was left alone.
#[test]
fn a_stopped_proof_goes_on_to_the_same_bytes() {
    let (network, srs) = (fixture("second"), &proven().1);
    let tmp = copy();
    let (file, checkpoint) = (tmp.path().join("proof.talea"), tmp.path().join("proof.checkpoint"));
    let seed = tmp.path().join("seed");
    std::fs::write(&seed, [6; 32]).unwrap();
    let prove = ["batch", "prove", "--network", s(&network), "--out", s(tmp.path()), "--srs", s(srs)];
    let seeded = [&prove[..], &["--seed", s(&seed)]].concat();
    talea(&seeded).expect_status(0);
    let whole = std::fs::read(&file).unwrap();
    assert!(!checkpoint.exists(), "nothing secret is left behind");
    // before the commitments, after them, and in the opening
    for stage in 0..3 {
        let early = stage == 0;
        std::fs::remove_file(&file).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_talea"))
            .args(&seeded)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // a checkpoint that holds most of a proof is larger than one that holds commitments
        let size = || std::fs::metadata(&checkpoint).map_or(0, |m| m.len());
        let enough = [0, 1, 20_000][stage];
        while !early && size() < enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!file.exists(), "no half file");
        match early {
            true => {
                let said = talea(&[&prove[..], &["--resume"]].concat()).refusal();
                assert!(said.contains("proof.checkpoint"), "{said}");
                talea(&seeded).expect_status(0);
            }
            false => {
                // as it was left, and, where there is most of it, as a device that failed may leave it
                let (left, _) = load::<Checkpoint>(&checkpoint).unwrap();
                let spoil: [fn(&mut Checkpoint); 5] = [
                    |_| {},
                    |c| c.chunks[0] = [1; 64],
                    |c| c.chunks.swap(0, 1),
                    |c| c.payouts = c.chunks[0],
                    |c| c.proof = vec![0xff; 40],
                ];
                for (i, spoil) in spoil.iter().enumerate().take(if stage == 1 { 1 } else { 5 }) {
                    let mut bad = left.clone();
                    spoil(&mut bad);
                    save(&checkpoint, &bad).unwrap();
                    let told = talea(&[&prove[..], &["--resume"]].concat()).expect_status(0).stderr();
                    assert_eq!(told.contains("; beginning anew"), i > 0, "{i}: {told}");
                    assert_eq!(std::fs::read(&file).unwrap(), whole);
                }
            }
        }
        assert_eq!(std::fs::read(&file).unwrap(), whole);
    }
    assert!(!checkpoint.exists());
}

/// Receipts of a folder attest nothing of a proof that its attester did not sign; hostile sizes are refused in one line.
#[test]
fn labels_come_from_signatures_over_the_proof() {
    let network = fixture("second");
    let tmp = copy();
    let file = tmp.path().join("proof.talea");
    let (mut p, _) = load::<BatchProof>(&file).unwrap();
    p.attestation = None;
    save(&file, &p).unwrap();
    let doc = json_of(&verify(&network, tmp.path()));
    assert!(tmp.path().join("receipts.talea").exists() && labels(&doc, "attested").is_empty());
    // without receipts nobody attests
    std::fs::remove_file(tmp.path().join("receipts.talea")).unwrap();
    let prove = ["batch", "prove", "--network", s(&network), "--out", s(tmp.path()), "--srs", s(&proven().1)];
    let run = talea(&prove).expect_status(0);
    assert!(run.stderr().contains("not attested"), "{}", run.stderr());
    assert!(labels(&json_of(&verify(&network, tmp.path())), "attested").is_empty());
    // sizes that no adapter has
    for clusters in [11, 63, u32::MAX] {
        let tmp = copy();
        let adapters = std::fs::read_dir(tmp.path().join("adapters")).unwrap().map(|e| e.unwrap().path());
        let file = adapters.into_iter().find(|f| f.extension().is_some_and(|e| e == "commitment")).unwrap();
        let (mut c, _) = load::<Commitment>(&file).unwrap();
        c.sizes.clusters = clusters;
        save(&file, &c).unwrap();
        let said = talea(&verify(&network, tmp.path())).refusal();
        assert!(said.contains("log clusters of an adapter"), "{said}");
    }
}
