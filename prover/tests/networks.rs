//! The demo network and the second one, through the command itself, against the float reference's frozen shares.

mod common;

use std::{collections::BTreeMap, path::Path};

use common::{copy_dir, fixture, json_of, talea};
use serde_json::Value;
use talea_witness::{artefact::load, batch::Batch};

const NETWORKS: [&str; 2] = ["demo", "second"];
const ADAPTERS: [&str; 3] = ["contract-security", "port-logistics", "crop-disease"];

/// request id → (ordinal it asks about, shares by ordinal)
fn reference(name: &str) -> BTreeMap<String, (u64, BTreeMap<u64, f64>)> {
    let text = std::fs::read_to_string(fixture("../vectors").join(format!("shares-{name}.json"))).unwrap();
    let doc: Value = serde_json::from_str(&text).unwrap();
    let shares = |r: &Value| {
        r["shares"].as_object().unwrap().iter().map(|(k, v)| (k.parse().unwrap(), v.as_f64().unwrap())).collect()
    };
    doc.as_object().unwrap().iter().map(|(id, r)| (id.clone(), (r["about"].as_u64().unwrap(), shares(r)))).collect()
}

fn run(network: &Path, out: &Path, threads: &str) -> Batch {
    talea(&[
        "demo",
        "--no-wrap",
        "--threads",
        threads,
        "--network",
        network.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ])
    .expect_status(0);
    load::<Batch>(&out.join("batch.talea")).unwrap().0
}

fn lines(file: &Path) -> Vec<Value> {
    std::fs::read_to_string(file).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// hit@1 = 1.00, and every share of every request within 0.002 of the float reference.
fn agrees_with_reference(name: &str, batch: &Batch) {
    let reference = reference(name);
    assert_eq!(batch.requests.len(), reference.len());
    for q in &batch.requests {
        let (about, shares) = &reference[&q.id];
        let a = batch.adapter_of(q);
        let ordinals: Vec<u64> = a.clusters.iter().map(|c| u64::from(c.0)).collect();
        assert_eq!(ordinals, shares.keys().copied().collect::<Vec<_>>(), "clusters of {}", a.name);
        let power = u32::from(a.policy.power);
        let ours: Vec<f64> = q.ranks.iter().map(|r| u128::from(*r).pow(power) as f64 / q.total as f64).collect();
        let best = (0..ours.len()).max_by(|a, b| ours[*a].total_cmp(&ours[*b])).unwrap();
        assert_eq!(ordinals[best], *about, "{} credits the wrong cluster", q.id);
        for (ordinal, share) in ordinals.iter().zip(&ours) {
            assert!(
                (share - shares[ordinal]).abs() <= 0.002,
                "{} #{ordinal}: {share} against {}",
                q.id,
                shares[ordinal]
            );
        }
    }
}

/// Every kind of planted copy joins its original; every filler, and nothing else, is rejected.
fn verdicts_are_the_ground_truth(network: &Path, out: &Path) {
    for name in ADAPTERS {
        let file = out.join(format!("datanets/{name}.datanet"));
        let shown = json_of(&["datanet", "show", file.to_str().unwrap()]);
        let truth = lines(&network.join(format!("datanets/{name}.jsonl")));
        assert_eq!(truth.len(), shown["contributions"].as_array().unwrap().len());
        for (truth, c) in truth.iter().zip(shown["contributions"].as_array().unwrap()) {
            match truth["kind"].as_str().unwrap() {
                "original" => assert_eq!(c["verdict"], "representative", "{c}"),
                "filler" => assert_eq!(c["verdict"], "filler/keyword-list", "{c}"),
                kind => assert_eq!(c["cluster"], truth["copy_of"], "{kind}: {c}"),
            }
        }
        let kinds: std::collections::BTreeSet<_> = truth.iter().map(|t| t["kind"].as_str().unwrap()).collect();
        assert_eq!(
            kinds.into_iter().collect::<Vec<_>>(),
            ["cosmetic-copy", "exact-copy", "filler", "near-copy", "original", "reordered-copy"]
        );
    }
}

/// The integer delta is within 1e-3 of the golden traces' largest delta, in every module.
fn deltas_are_pefts(out: &Path) {
    for adapter in ADAPTERS {
        let shown = json_of(&["adapter", "show", out.join(format!("adapters/{adapter}.adapter")).to_str().unwrap()]);
        let measured = shown["quantisation"]["modules"].as_array().unwrap();
        assert_eq!(measured.len(), shown["modules"].as_array().unwrap().len());
        for m in measured {
            assert!(
                m["rows"].as_u64().unwrap() > 50 && m["error_of_trace"].as_f64().unwrap() <= 1e-3,
                "{adapter}: {m}"
            );
        }
    }
}

#[test]
fn networks_agree_with_the_float_reference() {
    for name in NETWORKS {
        let out = tempfile::tempdir().unwrap();
        let network = fixture(name);
        let batch = run(&network, out.path(), "2");
        agrees_with_reference(name, &batch);
        verdicts_are_the_ground_truth(&network, out.path());
        deltas_are_pefts(out.path());
        assert_eq!(batch.payouts().iter().map(|p| p.amount).sum::<u128>(), batch.fees());
    }
}

/// With every ground-truth field stripped, verdicts, weights and payouts stay the same.
#[test]
fn nothing_but_text_and_contributor_is_read() {
    for name in NETWORKS {
        let tmp = tempfile::tempdir().unwrap();
        let network = tmp.path().join("network");
        copy_dir(&fixture(name), &network);
        let keep = |file: &Path, fields: &[&str]| {
            let stripped = lines(file).into_iter().map(|mut v| {
                v.as_object_mut().unwrap().retain(|k, _| fields.contains(&k.as_str()));
                format!("{v}\n")
            });
            std::fs::write(file, stripped.collect::<String>()).unwrap();
        };
        for d in ADAPTERS {
            keep(&network.join(format!("datanets/{d}.jsonl")), &["text", "contributor"]);
        }
        keep(&network.join("requests.jsonl"), &["request_id", "adapter", "prompt_ids", "completion_ids"]);
        let stripped = run(&network, &tmp.path().join("a"), "2");
        agrees_with_reference(name, &stripped);
        let whole = run(&fixture(name), &tmp.path().join("b"), "2");
        assert_eq!((&stripped.requests, &stripped.slots), (&whole.requests, &whole.slots));
    }
}

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    let tmp = tempfile::tempdir().unwrap();
    let manifest = |threads: &str| {
        let out = tmp.path().join(threads);
        run(&fixture("demo"), &out, threads);
        std::fs::read_to_string(out.join("manifest.json")).unwrap()
    };
    assert_eq!(manifest("1"), manifest("2"));
}

#[test]
fn our_tracer_is_within_a_ten_thousandth_of_the_golden_activations() {
    for name in NETWORKS {
        let network = fixture(name);
        let requests = lines(&network.join("requests.jsonl"));
        let golden: Vec<_> = std::fs::read_dir(network.join("golden")).unwrap().map(|f| f.unwrap().path()).collect();
        let mut checked = 0;
        for adapter in ADAPTERS {
            let own = |stem: &str| {
                let its = |r: &Value| {
                    r["adapter"] == adapter && stem == format!("request-{}", r["request_id"].as_str().unwrap())
                };
                stem.starts_with(&format!("contribution-{adapter}-")) || requests.iter().any(its)
            };
            let mine: Vec<&str> = golden
                .iter()
                .filter(|f| own(f.file_stem().unwrap().to_str().unwrap()))
                .map(|f| f.to_str().unwrap())
                .collect();
            checked += mine.len();
            let (base, folder) = (network.join("base"), network.join("adapters").join(adapter));
            let args = [
                "trace",
                "check",
                "--base",
                base.to_str().unwrap(),
                "--adapter",
                folder.to_str().unwrap(),
                "--tolerance",
                "1e-4",
            ];
            talea(&[&args[..], &mine].concat()).expect_status(0);
        }
        assert_eq!(checked, golden.len());
    }
}
