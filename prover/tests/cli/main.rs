//! The commands one by one: what `demo` does in one go can be done in steps.

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod gpu;
mod reference_strings;
mod refusals;

use std::path::Path;

use common::{copy_dir, fixture, json_of, talea};

fn s(p: &Path) -> &str {
    p.to_str().unwrap()
}

/// Builds the demo's artefacts with the single commands; `traces` is where to find captured traces, if anywhere.
fn step_by_step(network: &Path, out: &Path, traces: Option<&Path>) {
    let base = network.join("base");
    for adapter in ["contract-security", "port-logistics", "crop-disease"] {
        let datanet = out.join(format!("datanets/{adapter}.datanet"));
        talea(&["datanet", "build", s(&network.join(format!("datanets/{adapter}.jsonl"))), "--out", s(&datanet)])
            .expect_status(0);
        let folder = network.join("adapters").join(adapter);
        let golden: Vec<_> = std::fs::read_dir(network.join("golden")).unwrap().map(|f| f.unwrap().path()).collect();
        let golden = golden
            .iter()
            .find(|f| f.file_name().unwrap().to_str().unwrap().starts_with(&format!("contribution-{adapter}-")))
            .unwrap();
        let mut args = vec![
            "adapter",
            "register",
            "--base",
            s(&base),
            "--adapter",
            s(&folder),
            "--datanet",
            s(&datanet),
            "--out",
            s(out),
        ];
        args.extend(traces.iter().flat_map(|t| ["--traces", s(t)]));
        args.extend(["--golden", s(golden)]);
        talea(&args).expect_status(0);
    }
    talea(&["receipts", "import", "--network", s(network), "--out", s(out)]).expect_status(0);
    talea(&["receipts", "show", s(&out.join("receipts.talea"))]).expect_status(0);
    let mut args = vec!["batch", "build", "--network", s(network), "--out", s(out)];
    args.extend(traces.iter().flat_map(|t| ["--traces", s(t)]));
    talea(&args).expect_status(0);
}

#[test]
fn single_commands_and_captured_traces_write_what_demo_writes() {
    let tmp = tempfile::tempdir().unwrap();
    let network = fixture("second");
    let [demo, steps, captured, traces] = ["demo", "steps", "captured", "traces"].map(|d| tmp.path().join(d));
    let told = json_of(&["demo", "--no-proof", "--network", s(&network), "--out", s(&demo)]);
    assert!(told["seconds"].as_f64().unwrap() > 0.0 && told["peak_kib"] != 0, "what it took");
    step_by_step(&network, &steps, None);
    for adapter in ["contract-security", "port-logistics", "crop-disease"] {
        let (base, folder) = (network.join("base"), network.join("adapters").join(adapter));
        let common = ["trace", "run", "--base", s(&base), "--adapter", s(&folder), "--out", s(&traces)];
        let texts = network.join(format!("datanets/{adapter}.jsonl"));
        // texts beyond the model's positions would be refused, so only those that can be traced are given
        let short: String =
            std::fs::read_to_string(texts).unwrap().lines().take(16).map(|l| format!("{l}\n")).collect();
        let file = tmp.path().join(format!("{adapter}.jsonl"));
        std::fs::write(&file, short).unwrap();
        talea(&[&common[..], &["--texts", s(&file)]].concat()).expect_status(0);
        talea(&[&common[..], &["--requests", s(&network.join("requests.jsonl"))]].concat()).expect_status(0);
    }
    step_by_step(&network, &captured, Some(&traces));
    for other in [&steps, &captured] {
        for file in [
            "batch.talea",
            "adapters/crop-disease.index",
            "adapters/crop-disease.adapter",
            "datanets/crop-disease.datanet",
        ] {
            assert_eq!(std::fs::read(demo.join(file)).unwrap(), std::fs::read(other.join(file)).unwrap(), "{file}");
        }
    }
    let shown = json_of(&["batch", "show", s(&demo.join("batch.talea"))]);
    assert_eq!(shown["total_paid"], shown["total_fees"]);
    assert_eq!(shown["labels"]["proven"].as_array().unwrap().len(), 0);
    assert_eq!(shown["labels"]["attested"].as_array().unwrap().len(), 1);
    assert_eq!(shown["labels"]["attested"][0]["output"], "usage, token counts, fees");
    let text =
        talea(&["batch", "show", "--network", s(&network), s(&demo.join("batch.talea"))]).expect_status(0).stdout();
    for must in ["difference 0", "crop-disease#", "adapter owner", "proven: nothing yet", "attested", "declared"] {
        assert!(text.contains(must), "{must}");
    }
}

#[test]
fn a_narrow_shape_splits_adapters_and_spans_requests() {
    let tmp = tempfile::tempdir().unwrap();
    let network = fixture("second");
    step_by_step(&network, tmp.path(), None);
    let base = ["batch", "build", "--network", s(&network), "--out", s(tmp.path()), "--shape"];
    let batch = json_of(&[&base[..], &["16,4,32,16"]].concat());
    let requests = batch["requests"].as_array().unwrap();
    assert!(requests.iter().all(|q| q["span"] == 2), "{requests:?}");
    assert_eq!(requests.iter().map(|q| q["slot"].as_u64().unwrap()).max(), Some(11));
    assert_eq!(batch["total_paid"], batch["total_fees"]);
    let err = talea(&[&base[..], &["8,4,32,16"]].concat()).refusal();
    assert!(err.contains("tokens") && err.contains("none is left"), "{err}");
    let err = talea(&[&base[..], &["16,4,32,8"]].concat()).refusal();
    assert!(err.contains("shape: clusters: found 8, expected at least 16"), "{err}");
    assert!(talea(&[&base[..], &["16,4"]].concat()).refusal().contains("SLOTS,REQUESTS,TOKENS,CLUSTERS"));
}

/// What is odd but no mistake: a request that costs nothing, more lines than an index has rows, an output folder inside
/// the network's.
#[test]
fn odd_networks_are_taken_as_they_are() {
    let tmp = tempfile::tempdir().unwrap();
    let network = tmp.path().join("network");
    copy_dir(&fixture("second"), &network);
    let out = network.join("out");
    let usage = network.join("usage.jsonl");
    let text = std::fs::read_to_string(&usage).unwrap();
    let fee = text.split("\"fee\": \"").nth(1).unwrap().split('"').next().unwrap().to_string();
    std::fs::write(&usage, text.replacen(&format!("\"fee\": \"{fee}\""), "\"fee\": \"0\"", 1)).unwrap();
    let datanet = network.join("datanets/crop-disease.jsonl");
    let lines = std::fs::read_to_string(&datanet).unwrap();
    let junk = format!("{{\"text\": \"…\", \"contributor\": \"0x{:040x}\"}}\n", 7).repeat(1030);
    std::fs::write(&datanet, lines + &junk).unwrap();
    let demo = ["demo", "--no-proof", "--network", s(&network), "--out", s(&out)];
    let first = json_of(&demo);
    assert_eq!(first["total_paid"], first["total_fees"]);
    let free = first["requests"].as_array().unwrap().iter().find(|q| q["fee"] == "0").unwrap();
    assert_eq!((&free["pool"], &free["quotient"]), (&"0".into(), &"0".into()));
    let lost = &first["copies_and_filler"].as_array().unwrap()[0]["would_have_earned_without_clusters"];
    assert!(lost.is_null(), "{lost}");
    let manifest = std::fs::read(out.join("manifest.json")).unwrap();
    let text = talea(&demo).expect_status(0).stdout();
    assert!(text.contains("the comparison was left out"), "{text}");
    assert_eq!(manifest, std::fs::read(out.join("manifest.json")).unwrap(), "outputs are no inputs");
    talea(&["audit", "--network", s(&network), "--out", s(&out)]).expect_status(0);
}

/// An index under which every cluster scores below zero: nobody is credited, and the pool is the sink's to the last unit.
#[test]
fn where_all_influence_is_negative_the_pool_goes_to_the_sink() {
    use talea_witness::{
        adapter::quantise::IntAdapter,
        artefact::{load, save},
        batch::{Batch, Role},
        influence::index::Index,
        trace::{IntTrace, quantise::summed},
    };
    let tmp = tempfile::tempdir().unwrap();
    let (network, out) = (tmp.path().join("network"), tmp.path().join("out"));
    copy_dir(&fixture("second"), &network);
    for file in ["requests.jsonl", "usage.jsonl"] {
        let text = std::fs::read_to_string(network.join(file)).unwrap();
        let id = |l: &serde_json::Value| l.get("request_id").or(l.get("id")).unwrap().clone();
        let all: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let only = "4cfd3a68a573621d12710bfacc0f679a"; // one of crop-disease's
        let kept = all.iter().find(|l| id(l) == only).unwrap();
        std::fs::write(network.join(file), format!("{kept}\n")).unwrap();
    }
    talea(&["demo", "--no-proof", "--network", s(&network), "--out", s(&out)]).expect_status(0);
    let file = |name: &str| out.join(name);
    let (adapter, _) = load::<IntAdapter>(&file("adapters/crop-disease.adapter")).unwrap();
    let (trace, _) = load::<IntTrace>(&file("traces/4cfd3a68a573621d12710bfacc0f679a.trace")).unwrap();
    let (mut index, _) = load::<Index>(&file("adapters/crop-disease.index")).unwrap();
    let v = summed(&adapter, &trace);
    for row in index.h.chunks_exact_mut(v.len()) {
        row.iter_mut().zip(&v).for_each(|(h, v)| *h = -100 * v.signum() as i16);
    }
    save(&file("adapters/crop-disease.index"), &index).unwrap();
    talea(&["batch", "build", "--network", s(&network), "--out", s(&out)]).expect_status(0);
    let (batch, _) = load::<Batch>(&file("batch.talea")).unwrap();
    let q = &batch.requests[0];
    assert!(q.scores.iter().all(|s| *s < 0) && q.ranks.iter().all(|r| *r == 0));
    assert_eq!((q.kappa, q.total, q.quotient), (0, 0, 0));
    let paid = |role: fn(Role) -> bool| batch.payouts().iter().filter(|p| role(p.role)).map(|p| p.amount).sum::<u128>();
    assert_eq!(paid(|r| matches!(r, Role::Contributor { .. })), 0);
    assert!(q.pool > 0 && paid(|r| r == Role::Sink) >= q.pool, "the whole pool, and rounding of the roles");
    assert_eq!(paid(|_| true), q.fee);
    let told = talea(&["explain", "--request", &q.id, "--out", s(&out)]).expect_status(0).stdout();
    assert!(told.contains("sink"), "{told}");
}

#[test]
fn a_trace_that_differs_is_rejected_with_status_one() {
    let network = fixture("second");
    let golden = network.join("golden/contribution-crop-disease-0.safetensors");
    let (base, adapter) = (network.join("base"), network.join("adapters/crop-disease"));
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("contribution-crop-disease-0.safetensors");
    let check = |path: &Path, tolerance: &str, status: i32| {
        let args = ["trace", "check", "--base", s(&base), "--adapter", s(&adapter), s(path), "--tolerance", tolerance];
        talea(&args).expect_status(status).stdout()
    };
    check(&golden, "1e-4", 0);
    // one bit of the exponent of one value of one input
    let mut bytes = std::fs::read(&golden).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let meta: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let tensors = meta.as_object().unwrap();
    let (_, input) = tensors.iter().find(|(name, _)| name.ends_with("down_proj.input")).unwrap();
    let at = header + input["data_offsets"][0].as_u64().unwrap() as usize + 4 * 700;
    bytes[at + 2] ^= 0x80;
    std::fs::write(&file, &bytes).unwrap();
    assert!(check(&file, "1e-4", 1).contains("REJECTED"));
    check(&file, "1e9", 0);
}

#[test]
fn help_names_every_command() {
    let text = talea(&["--help"]).expect_status(0).stdout();
    for command in ["demo", "datanet", "adapter", "trace", "batch", "--json", "--threads"] {
        assert!(text.contains(command), "{command}");
    }
    talea(&["nonsense"]).expect_status(2);
}
