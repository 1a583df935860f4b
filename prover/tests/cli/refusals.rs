//! Bad input, hostile names and forged artefacts: refused in one line.

use std::path::Path;

use crate::{
    common::{copy_dir, fixture, json_of, talea},
    s,
};

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
