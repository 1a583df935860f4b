//! `talea srs`, and the bench that takes a reference string.

use crate::{
    common::{fixture, json_of, talea},
    s,
};

/// Reference strings through the command line: marked where insecure, refused with status 1 where broken; the argument's
/// bench proves and verifies with one.
#[test]
fn reference_strings_are_made_imported_checked_and_used() {
    let tmp = tempfile::tempdir().unwrap();
    let (dev, real) = (tmp.path().join("dev.srs"), tmp.path().join("real.srs"));
    let made = json_of(&["srs", "dev", "--k", "16", "--seed", "tests", "--out", s(&dev)]);
    assert_eq!((&made["insecure"], &made["k"]), (&true.into(), &16.into()));
    let text = talea(&["srs", "check", s(&dev)]).expect_status(0).stdout();
    assert!(text.contains("INSECURE, for development: anybody can forge with the seed \"tests\""), "{text}");
    let ptau = fixture("../srs/tests/data/power6-prepared.ptau");
    let imported = json_of(&["srs", "import", s(&ptau), "--k", "5", "--lagrange", "3,5", "--out", s(&real)]);
    assert_eq!((&imported["insecure"], &imported["lagrange"]), (&serde_json::Value::Null, &serde_json::json!([3, 5])));
    talea(&["srs", "check", s(&real)]).expect_status(0);
    talea(&["srs", "check", s(&real), "--ptau", s(&ptau)]).expect_status(0);
    // a file that claims to be of the ceremony, with a τ of its maker's
    let forged = tmp.path().join("forged.srs");
    let ours = talea_srs::Srs::dev(5, &[3, 5], "mine").unwrap();
    let origin = talea_srs::Srs::open(&real).unwrap().0.origin;
    talea_srs::Srs { origin, ..ours }.save(&forged).unwrap();
    let claims = talea(&["srs", "check", s(&forged)]).expect_status(0).stdout();
    assert!(claims.contains("declared: from a ceremony"), "{claims}");
    let run = talea(&["srs", "check", s(&forged), "--ptau", s(&ptau)]).expect_status(1);
    assert!(run.stderr().contains("points or an origin of another string"), "{}", run.stderr());
    let refused = talea(&["srs", "import", s(&ptau), "--k", "7", "--out", s(&tmp.path().join("no"))]).refusal();
    assert!(refused.contains("power: found 2^6, expected at least the 2^7 asked for"), "{refused}");
    assert!(!tmp.path().join("no").exists());

    let bench = json_of(&["bench", "argument", "--srs", s(&dev), "--shape", "4,2,5"]);
    let stages: Vec<&str> = bench["stages"].as_array().unwrap().iter().map(|x| x["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["witness", "commitments", "matrix product", "lookups", "opening", "verify"]);
    assert!(bench["srs"].as_str().unwrap().starts_with("INSECURE"));
    let refused = talea(&["bench", "argument", "--srs", s(&real)]).refusal();
    assert!(refused.contains("expected chunks of at most the reference string's 2^5"), "{refused}");
    let refused = talea(&["bench", "argument", "--srs", s(&dev), "--shape", "40,1,1"]).refusal();
    assert!(refused.contains("T + R + W at most 30"), "{refused}");

    let whole = std::fs::read(&real).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    std::fs::write(&real, bytes).unwrap();
    let run = talea(&["srs", "check", s(&real)]).expect_status(1);
    assert!(run.stderr().contains("REJECTED") && run.stderr().contains("digest"), "{}", run.stderr());
    talea(&["srs", "check", s(&tmp.path().join("none"))]).expect_status(2);
}
