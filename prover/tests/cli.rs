//! The commands one by one: what `demo` does in one go can be done in steps, and bad input is refused in one line.

mod common;

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
    talea(&["demo", "--network", s(&network), "--out", s(&demo)]).expect_status(0);
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

/// One field of one file changed; the command names file, field, what it found and what it wants.
#[test]
fn bad_networks_are_refused_in_one_line() {
    type Change = fn(&Path);
    fn replace(file: &Path, from: &str, to: &str) {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(file, text.replacen(from, to, 1)).unwrap();
    }
    let cases: &[(Change, &str)] = &[
        (
            |n| replace(&n.join("network.json"), "\"contributors\": 5000", "\"contributors\": 5001"),
            "network.json: adapters.contract-security.policy.bps: found a sum of 10001, expected a sum of 10000",
        ),
        (
            |n| replace(&n.join("network.json"), "\"power\": 1", "\"power\": 3"),
            "policy.power: found 3, expected 1, 2 or 4",
        ),
        (
            |n| replace(&n.join("network.json"), "\"datanets/contract", "\"../datanets/contract"),
            "expected a relative path inside the network's folder",
        ),
        (|n| replace(&n.join("network.json"), "\"chain_id\": 31337", "\"chain_id\": -1"), "network.json: line 2"),
        (|n| replace(&n.join("usage.jsonl"), "\"fee\": \"", "\"fee\": \"4951760157141521099596496896"), "fee: found"),
        (
            |n| replace(&n.join("usage.jsonl"), "\"model\": \"base:contract", "\"model\": \"base:c"),
            "model: found base:c-security",
        ),
        (
            |n| {
                replace(
                    &n.join("usage.jsonl"),
                    ", \"total_tokens\"",
                    ", \"prompt_tokens_details\": {\"cached_tokens\": 99}, \"total_tokens\"",
                )
            },
            "usage.prompt_tokens_details.cached_tokens: found 99, expected at most the prompt's",
        ),
        (
            |n| replace(&n.join("network.json"), "\"key\": \"0x", "\"key\": \"0xf"),
            ".key: found something else, expected the account's 32-byte key in hex",
        ),
        (|n| replace(&n.join("usage.jsonl"), "\"prompt_tokens\": ", "\"prompt_tokens\": 1"), "usage.prompt_tokens"),
        (
            |n| replace(&n.join("requests.jsonl"), "\"prompt_ids\": [0, ", "\"prompt_ids\": [640, "),
            "found token 640, expected tokens below 640",
        ),
        (
            |n| std::fs::write(n.join("datanets/crop-disease.jsonl"), "").unwrap(),
            "crop-disease.jsonl: contributions: found none, expected at least one line",
        ),
        (
            |n| replace(&n.join("datanets/crop-disease.jsonl"), "\"contributor\": \"0x", "\"contributor\": \"0"),
            "contributor: found",
        ),
        (
            |n| {
                replace(
                    &n.join("adapters/crop-disease/adapter_config.json"),
                    "\"use_dora\": false",
                    "\"use_dora\": true",
                )
            },
            "adapter_config.json: use_dora: found true",
        ),
        (
            |n| replace(&n.join("adapters/crop-disease/adapter_config.json"), "\"r\": 6", "\"r\": 5"),
            "found shape [6, 256], expected [5, 256]",
        ),
        (
            |n| {
                replace(
                    &n.join("adapters/crop-disease/adapter_config.json"),
                    "\"modules_to_save\": null",
                    "\"modules_to_save\": [\"lm_head\"]",
                )
            },
            "modules_to_save: found [\"lm_head\"]",
        ),
        (
            |n| replace(&n.join("adapters/crop-disease/adapter_config.json"), "\"LORA\"", "\"LOHA\""),
            "peft_type: found \"LOHA\", expected LORA",
        ),
        (
            |n| {
                replace(
                    &n.join("adapters/crop-disease/adapter_config.json"),
                    "\"lora_alpha\": 6",
                    "\"lora_alpha\": 1e300",
                )
            },
            "NaN or infinity in the forward pass",
        ),
        (|n| replace(&n.join("base/config.json"), "\"hidden_size\": 96", "\"hidden_size\": 92"), "expected"),
        (|n| std::fs::write(n.join("base/model.safetensors"), [255; 64]).unwrap(), "model.safetensors: header: found"),
    ];
    for (change, says) in cases {
        let tmp = tempfile::tempdir().unwrap();
        let (network, out) = (tmp.path().join("network"), tmp.path().join("out"));
        copy_dir(&fixture("second"), &network);
        change(&network);
        let err = talea(&["demo", "--network", s(&network), "--out", s(&out)]).refusal();
        assert!(err.contains(says), "{err}\nshould say: {says}");
        // what was finished before may stay; nothing may look finished that is not
        assert!(!out.join("batch.talea").exists() && !out.join("manifest.json").exists());
        let left = std::fs::read_dir(out.join("adapters"))
            .map(|d| d.map(|f| f.unwrap().file_name().into_string().unwrap()).collect());
        assert!(left.unwrap_or_else(|_| Vec::new()).iter().all(|f: &String| !f.starts_with('.')));
    }
}

#[test]
fn flipped_bytes_and_other_files_are_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let file = tmp.path().join("d.datanet");
    let network = fixture("second");
    talea(&["datanet", "build", s(&network.join("datanets/crop-disease.jsonl")), "--out", s(&file)]).expect_status(0);
    assert!(talea(&["batch", "show", s(&file)]).refusal().contains("kind: found datanet"));
    let whole = std::fs::read(&file).unwrap();
    for at in [0, 9, 17, 21, 30, 61, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        talea(&["datanet", "show", s(&file)]).refusal();
    }
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(talea(&["datanet", "show", s(&file)]).refusal().contains("payload length"));
    assert!(talea(&["datanet", "show", s(&tmp.path().join("none"))]).refusal().contains("none: No such file"));
}

/// Resealed forgeries: an index that pays somebody else, weights that are not the adapter's, a receipt nobody signed.
#[test]
fn forged_artefacts_pay_and_attest_nothing() {
    use talea_witness::{
        adapter::quantise::IntAdapter,
        artefact::{load, save},
        influence::index::Index,
        receipts::Receipts,
    };
    let tmp = tempfile::tempdir().unwrap();
    let (network, out) = (fixture("second"), tmp.path());
    talea(&["demo", "--network", s(&network), "--out", s(out)]).expect_status(0);
    let batch_file = out.join("batch.talea");
    let batch = ["batch", "show", s(&batch_file)];
    let attested = |label: &serde_json::Value| label["labels"]["attested"].as_array().unwrap().len();
    assert_eq!(attested(&json_of(&batch)), 1);

    let file = out.join("receipts.talea");
    let (whole, _) = load::<Receipts>(&file).unwrap();
    let mut forged = whole.clone();
    forged.receipts[0].payer_signature = forged.receipts[0].node_signature;
    save(&file, &forged).unwrap();
    assert_eq!(attested(&json_of(&batch)), 0, "a receipt that the payer did not sign");
    let told = talea(&["explain", "--request", &whole.receipts[0].id, "--out", s(out)]).expect_status(0).stdout();
    assert!(told.contains("No receipt: its fee of") && !told.contains("attested"), "{told}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(attested(&json_of(&batch)), 0, "no receipts at hand");

    let build = ["batch", "build", "--network", s(&network), "--out", s(out)];
    let index = out.join("adapters/crop-disease.index");
    let (honest, _) = load::<Index>(&index).unwrap();
    let mut forged = honest.clone();
    forged.rows[0].payee = [7; 20];
    save(&index, &forged).unwrap();
    assert!(talea(&build).refusal().contains("an index of another Datanet, or other payees"));

    let adapter = out.join("adapters/crop-disease.adapter");
    let (mut forged, _) = load::<IntAdapter>(&adapter).unwrap();
    forged.modules[0].a[0] ^= 1;
    let digest = save(&adapter, &forged).unwrap();
    save(&index, &Index { adapter: digest, ..honest }).unwrap();
    assert!(talea(&build).refusal().contains("those that were registered as this adapter"));
}

#[test]
fn a_trace_that_differs_is_rejected_with_status_one() {
    let network = fixture("second");
    let golden = network.join("golden/contribution-crop-disease-0.safetensors");
    let (base, adapter) = (network.join("base"), network.join("adapters/crop-disease"));
    let args = ["trace", "check", "--base", s(&base), "--adapter", s(&adapter), s(&golden), "--tolerance"];
    talea(&[&args[..], &["1e-4"]].concat()).expect_status(0);
    assert!(talea(&[&args[..], &["1e-12"]].concat()).expect_status(1).stdout().contains("REJECTED"));
}

#[test]
fn help_names_every_command() {
    let text = talea(&["--help"]).expect_status(0).stdout();
    for command in ["demo", "datanet", "adapter", "trace", "batch", "--json", "--threads"] {
        assert!(text.contains(command), "{command}");
    }
    talea(&["nonsense"]).expect_status(2);
}
