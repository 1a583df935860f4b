//! `talea explain` tells what the batch holds, about every kind of request, contribution and payee.

mod common;

use std::path::Path;

use common::{fixture, json_of, talea};

struct Demo(tempfile::TempDir);

impl Demo {
    fn new() -> Self {
        let out = tempfile::tempdir().unwrap();
        talea(&["demo", "--no-proof", "--out", out.path().to_str().unwrap()]).expect_status(0);
        Self(out)
    }

    fn out(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn tell(&self, flag: &str, what: &str) -> String {
        let args = ["explain", flag, what, "--out", self.out(), "--network", "fixtures/demo"];
        talea(&args).expect_status(0).stdout()
    }
}

fn says(text: &str, all: &[&str]) {
    for s in all {
        assert!(text.contains(s), "lacks “{s}”:\n{text}");
    }
}

#[test]
fn requests_contributions_and_payees_are_explained() {
    let demo = Demo::new();
    let request = demo.tell("--request", "f6c92");
    says(
        &request,
        &[
            "Receipt (attested): payer payer-0 and node node-0 signed 15 prompt tokens (0 of them cached), 40 completion tokens, fee 26,250,000,000,000,000, nonce 1",
        ],
    );
    says(
        &request,
        &[
            "13,125,000,000,000,000",
            "κ = ",
            "p = 2",
            "contract-security#13 by contract-security-c3",
            "share 83.",
            "Rounding:",
            "contract-security#32 by contract-security-copier is in the same cluster and adds nothing",
        ],
    );
    says(
        &demo.tell("--contribution", "contract-security#13"),
        &["representative", "request f6c92cc223170adde3cb319e8ce162a4"],
    );
    says(
        &demo.tell("--contribution", "crop-disease#33"),
        &["copy/near", "word 3-shingles with #19", "cluster of crop-disease#19", "earns 0"],
    );
    says(&demo.tell("--contribution", "crop-disease#32"), &["copy/exact", "same normalised text as #24"]);
    says(&demo.tell("--contribution", "port-logistics#37"), &["filler/keyword-list", "90 of 90 words", "earns 0"]);
    says(&demo.tell("--payee", "sink"), &["as sink of", "rounding"]);
    says(&demo.tell("--payee", "node-0"), &["as node of crop-disease"]);

    // every payee's total is what the batch pays it, and together they are the fees
    let batch = json_of(&["batch", "show", &format!("{}/batch.talea", demo.out())]);
    let mut total = 0u128;
    let mut payees: Vec<&str> =
        batch["payouts"].as_array().unwrap().iter().map(|p| p["payee"].as_str().unwrap()).collect();
    payees.dedup();
    for payee in payees {
        let told = json_of(&["explain", "--payee", payee, "--out", demo.out()]);
        total += told["total"].as_str().unwrap().parse::<u128>().unwrap();
    }
    assert_eq!(total.to_string(), batch["total_fees"].as_str().unwrap());
}

#[test]
fn unknown_names_are_refused() {
    let demo = Demo::new();
    for (flag, what) in [
        ("--request", "zz"),
        ("--request", ""),
        ("--contribution", "crop-disease"),
        ("--contribution", "crop-disease#38"),
        ("--payee", "nobody"),
    ] {
        let err = talea(&["explain", flag, what, "--out", demo.out()]).refusal();
        assert!(err.starts_with(&format!("talea: {flag}: name: found {what}")), "{err}");
    }
    let nowhere = fixture("nowhere");
    talea(&["explain", "--payee", "x", "--out", Path::new(&nowhere).to_str().unwrap()]).refusal();
}
