//! `talea bench batch`: what it checks and says of itself.

use serde_json::Value;

use crate::{
    common::{json_of, talea},
    s,
};

/// A reference string of 2^`k` points for tests, in a folder that goes with it.
fn reference_string(k: &str) -> (tempfile::TempDir, String) {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("dev.srs");
    talea(&["srs", "dev", "--k", k, "--seed", "tests", "--out", s(&file)]).expect_status(0);
    let file = s(&file).to_string();
    (tmp, file)
}

/// Sizes that are no powers of two, and three slots, which leave one of four empty.
const ODD: [&str; 12] =
    ["--module", "6,3,5", "--modules", "2", "--slots", "3", "--requests", "4", "--tokens", "2", "--clusters", "5"];

fn bench(srs: &str, others: &[&str]) -> Value {
    json_of(&[&["bench", "batch", "--srs", srs], &ODD[..], others].concat())
}

fn names(sample: &Value) -> Vec<&str> {
    sample["stages"].as_array().unwrap().iter().map(|x| x["stage"].as_str().unwrap()).collect()
}

#[test]
fn a_batch_is_checked_before_it_is_timed() {
    let (_tmp, srs) = reference_string("14");
    let doc = bench(&srs, &["--repeat", "2"]);
    assert_eq!(doc["checked"], true);
    assert!(doc["changed_proofs_refused"].as_u64().unwrap() >= 32, "{}", doc["changed_proofs_refused"]);
    assert_eq!([&doc["slots"], &doc["rows"], &doc["requests"], &doc["seed"]], [3, 24, 4, 0]);
    let samples = doc["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2);
    let seconds: Vec<f64> = samples.iter().map(|sample| sample["seconds"].as_f64().unwrap()).collect();
    let best = if seconds[0] <= seconds[1] { &samples[0] } else { &samples[1] };
    for key in ["seconds", "cpu_seconds", "stages"] {
        assert_eq!(doc[key], best[key], "{key} of the fastest");
    }
    let stages = [
        "witness",
        "columns",
        "commitments",
        "lookups",
        "payout vector",
        "weights and payouts",
        "matrix products",
        "opening",
        "verify",
    ];
    for sample in samples {
        assert_eq!(names(sample), stages);
        let proving: f64 =
            sample["stages"].as_array().unwrap()[..8].iter().map(|x| x["seconds"].as_f64().unwrap()).sum();
        let seconds = sample["seconds"].as_f64().unwrap();
        assert!((seconds - proving).abs() < 0.01 * seconds, "{seconds} {proving}");
        assert!(sample["cpu_seconds"].is_null() || sample["cpu_seconds"].as_f64().unwrap() > 0.0);
    }
}

/// The same seed gives the same bytes, on any number of threads; another seed or another size others.
#[test]
fn a_seed_decides_the_proof() {
    let (_tmp, srs) = reference_string("14");
    let digest = |others: &[&str]| {
        let doc = bench(&srs, &[&["--no-check"], others].concat());
        assert_eq!((&doc["checked"], &doc["changed_proofs_refused"]), (&false.into(), &Value::Null));
        doc["proof_blake3"].as_str().unwrap().to_string()
    };
    let first = digest(&[]);
    assert_eq!(digest(&["--seed", "0", "--threads", "1"]), first);
    assert_ne!(digest(&["--seed", "18446744073709551615"]), first);
    let argument = |seed: &str| {
        let doc = json_of(&["bench", "argument", "--srs", &srs, "--shape", "4,2,5", "--seed", seed]);
        (doc["seed"].clone(), doc["proof_blake3"].clone())
    };
    assert_eq!(argument("7"), argument("7"));
    assert_ne!(argument("7").1, argument("8").1);
}

#[test]
fn sizes_without_room_are_refused_in_one_line() {
    let (_tmp, srs) = reference_string("4");
    let cases: [(&[&str], &str); 10] = [
        (&["--module", "64,4"], "--module: found [64, 4], expected IN,RANK,OUT"),
        (&["--module", "64,257,64"], "--module RANK: found 257, expected 1 to 256"),
        (&["--module", "64,0,64"], "--module RANK: found 0"),
        (&["--modules", "18446744073709551615"], "--modules: found 18446744073709551615, expected 1 to 65536"),
        (&["--module", "1,2,1", "--modules", "65536"], "coordinates: found 131072, expected at most 2^16"),
        (&["--slots", "1025"], "--slots: found 1025, expected 1 to 1024"),
        (&["--requests", "24"], "--requests: found 24, expected a power of two"),
        (&["--repeat", "0"], "--repeat: found 0, expected at least 1"),
        (&["--tokens", "131072", "--requests", "1024"], "log cells of a column: found 33, expected at most 28"),
        (&[], "--srs: powers: found 2^4, expected at least 2^"),
    ];
    for (given, says) in cases {
        let refused = talea(&[&["bench", "batch", "--srs", &srs], given].concat()).refusal();
        assert!(refused.contains(says), "{refused}\nshould say: {says}");
    }
}

#[test]
fn its_help_says_that_it_proves_once_more() {
    let text = talea(&["bench", "batch", "--help"]).expect_status(0).stdout();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("proven once more") && words.contains("--no-check"), "{text}");
}
