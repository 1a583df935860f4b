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
    talea(&["demo", "--no-proof", "--network", s(&network), "--out", s(&demo)]).expect_status(0);
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
        (
            |n| {
                replace(
                    &n.join("network.json"),
                    "\"sink\": \"0xcbac1AfcA029225e93902562306BB6bbb92bB98c\"",
                    "\"sink\": \"0xB01614F3Ba85F04c11445fE80C1ACb317AE7f91D\"",
                )
            },
            "policy.sink: found 0xB01614F3Ba85F04c11445fE80C1ACb317AE7f91D, expected an address other than the node's and the adapter owner's",
        ),
        (
            |n| replace(&n.join("network.json"), "\"port-logistics\": {", "\"contract-security\": {"),
            "contract-security twice",
        ),
        (|n| replace(&n.join("usage.jsonl"), "\"fee\": \"", "\"fee\": \"-"), "expected decimal digits below 2^92"),
        (
            |n| std::fs::remove_file(n.join("adapters/crop-disease/adapter_model.safetensors")).unwrap(),
            "adapter_model.safetensors: No such file",
        ),
        (
            |n| {
                let junk = (0..1030).map(|i| {
                    let words = format!("The {i}th of {} is at {} and at {}", i * 7, i * 11, i * 13);
                    format!("{{\"text\": \"{words} or {}\", \"contributor\": \"0x{i:040x}\"}}\n", i * 17)
                });
                std::fs::write(n.join("datanets/crop-disease.jsonl"), junk.collect::<String>()).unwrap();
            },
            "crop-disease: clusters: found 1030, expected at most 2^10",
        ),
        (|n| replace(&n.join("base/config.json"), "\"hidden_size\": 96", "\"hidden_size\": 92"), "expected"),
        (|n| std::fs::write(n.join("base/model.safetensors"), [255; 64]).unwrap(), "model.safetensors: header: found"),
    ];
    for (change, says) in cases {
        let tmp = tempfile::tempdir().unwrap();
        let (network, out) = (tmp.path().join("network"), tmp.path().join("out"));
        copy_dir(&fixture("second"), &network);
        change(&network);
        let err = talea(&["demo", "--no-proof", "--network", s(&network), "--out", s(&out)]).refusal();
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

/// Names and reasons are printed as text, whatever they hold.
#[test]
fn hostile_names_do_not_reach_the_terminal() {
    use talea_witness::{
        artefact::{load, save},
        batch::Batch,
        datanet::Datanet,
    };
    let tmp = tempfile::tempdir().unwrap();
    let (network, out) = (fixture("second"), tmp.path());
    talea(&["demo", "--no-proof", "--network", s(&network), "--out", s(out)]).expect_status(0);
    let file = out.join("datanets/crop-disease.datanet");
    let (mut d, _) = load::<Datanet>(&file).unwrap();
    d.name = "\u{1b}[31mred".into();
    save(&file, &d).unwrap();
    let err = talea(&["datanet", "show", s(&file)]).refusal();
    assert!(!err.contains('\u{1b}') && err.contains("name: found"), "{err:?}");
    let file = out.join("batch.talea");
    let (mut b, _) = load::<Batch>(&file).unwrap();
    b.requests[0].id = "x\u{1b}]0;title".into();
    save(&file, &b).unwrap();
    assert!(!talea(&["batch", "show", s(&file)]).refusal().contains('\u{1b}'));
    let adapter = out.join("adapters/crop-disease.adapter");
    let (mut a, _) = load::<talea_witness::adapter::quantise::IntAdapter>(&adapter).unwrap();
    a.modules[0].path = "model.\u{1b}[2Jlayers".into();
    let digest = save(&adapter, &a).unwrap();
    let index = adapter.with_extension("index");
    let (mut i, _) = load::<talea_witness::influence::index::Index>(&index).unwrap();
    i.adapter = digest;
    save(&index, &i).unwrap();
    // the quantisation report is another adapter's now
    assert!(talea(&["adapter", "show", s(&adapter)]).refusal().contains("quantisation.json: adapter: found"));
    std::fs::remove_file(adapter.with_extension("quantisation.json")).unwrap();
    let shown = talea(&["adapter", "show", s(&adapter)]).expect_status(0).stdout();
    assert!(!shown.contains('\u{1b}') && shown.contains("model. [2Jlayers"), "{shown}");
}

/// Resealed forgeries: an index that pays somebody else, weights that are not the adapter's, a receipt nobody signed.
#[test]
fn forged_artefacts_pay_and_attest_nothing() {
    use talea_witness::{
        adapter::quantise::IntAdapter,
        artefact::{load, save},
        datanet::{Datanet, Status},
        influence::index::Index,
        receipts::Receipts,
    };
    let tmp = tempfile::tempdir().unwrap();
    let (network, out) = (fixture("second"), tmp.path());
    talea(&["demo", "--no-proof", "--network", s(&network), "--out", s(out)]).expect_status(0);
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

    // verdicts that the texts do not bear out register nothing and explain nothing
    let datanet = out.join("datanets/crop-disease.datanet");
    let (whole, _) = load::<Datanet>(&datanet).unwrap();
    let mut judged = whole.clone();
    judged.contributions[16].status = Status::Representative;
    save(&datanet, &judged).unwrap();
    let (base, peft) = (network.join("base"), network.join("adapters/crop-disease"));
    let register =
        ["adapter", "register", "--base", s(&base), "--adapter", s(&peft), "--datanet", s(&datanet), "--out", s(out)];
    assert!(talea(&register).refusal().contains("contribution 16 status: found representative, expected copy/"));
    assert!(
        talea(&["explain", "--contribution", "crop-disease#16", "--out", s(out)])
            .refusal()
            .contains("contribution 16 status")
    );
    save(&datanet, &whole).unwrap();

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
