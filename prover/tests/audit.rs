//! `talea audit` accepts what `demo` writes, and names the file of every seeded corruption.

mod common;

use std::path::{Path, PathBuf};

use common::{copy_dir, fixture, talea};
use serde_json::Value;
use talea_witness::{
    adapter::quantise::IntAdapter,
    artefact::{digest, hex, load, save},
    batch::Batch,
    datanet::{Datanet, Rejection, Status},
    influence::index::{Index, Unindexed},
    receipts::Receipts,
    trace::IntTrace,
};

/// The report of an audit that ends with this status; without `models` only stored integers are looked at.
fn audit(out: &Path, status: i32, models: bool) -> Value {
    let network = fixture("second");
    let mut args = vec!["--json", "audit", "--network", network.to_str().unwrap(), "--out", out.to_str().unwrap()];
    if !models {
        args.push("--skip-models");
    }
    serde_json::from_str(&talea(&args).expect_status(status).stdout()).unwrap()
}

/// Makes the manifest agree with the folder again, so that only the contents can give a corruption away.
fn reseal_manifest(out: &Path) {
    let path = out.join("manifest.json");
    let mut doc: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for entry in doc["files"].as_array_mut().unwrap() {
        let bytes = std::fs::read(out.join(entry["path"].as_str().unwrap())).unwrap();
        entry["blake3"] = hex(&digest(&bytes)).into();
        entry["bytes"] = bytes.len().into();
    }
    std::fs::write(path, doc.to_string()).unwrap();
}

struct Demo {
    tmp: tempfile::TempDir,
    count: u32,
}

impl Demo {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let network = fixture("second");
        talea(&[
            "demo",
            "--no-proof",
            "--network",
            network.to_str().unwrap(),
            "--out",
            tmp.path().join("whole").to_str().unwrap(),
        ])
        .expect_status(0);
        Self { tmp, count: 0 }
    }

    /// A corrupted copy of the output: its audit must end in 1 and name `file` and `field`.
    fn corrupt(&mut self, file: &str, field: &str, change: impl FnOnce(&Path)) {
        self.corrupt_and_trace(file, field, false, change);
    }

    /// The same; `models` says that only tracing again can find it, and that nothing else does.
    fn corrupt_and_trace(&mut self, file: &str, field: &str, models: bool, change: impl FnOnce(&Path)) {
        self.count += 1;
        let out = self.tmp.path().join(self.count.to_string());
        copy_dir(&self.tmp.path().join("whole"), &out);
        change(&out.join(file));
        reseal_manifest(&out);
        let report = audit(&out, 1, models);
        let findings = report["findings"].as_array().unwrap();
        // a batch whose parts do not even fit is refused when it is read, by the same field
        let says = |f: &Value, key: &str| f[key].as_str().unwrap().contains(field);
        let named = |f: &Value| f["file"] == file && (says(f, "field") || says(f, "found"));
        assert!(findings.iter().any(named), "{file} {field}: {findings:?}");
        std::fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn what_demo_writes_is_accepted() {
    for name in ["demo", "second"] {
        let tmp = tempfile::tempdir().unwrap();
        let (network, out) = (fixture(name), tmp.path().to_str().unwrap());
        talea(&["demo", "--no-proof", "--network", network.to_str().unwrap(), "--out", out]).expect_status(0);
        let text = talea(&["audit", "--network", network.to_str().unwrap(), "--out", out]).expect_status(0).stdout();
        assert!(text.contains("Accepted") && !text.contains("as declared: traces"), "{text}");
        assert!(text.contains("Within a tolerance: traces from the models"), "{text}");
        let args = ["audit", "--skip-models", "--network", network.to_str().unwrap(), "--out", out];
        let text = talea(&args).expect_status(0).stdout();
        assert!(text.contains("Not recomputed, so taken as declared: traces, exponents and V"), "{text}");
        assert!(!text.contains("traces from the models, in f64"), "{text}");
    }
}

/// A module wired to another tensor of the same width, and an adapter's file that brings its own base weight: either would
/// let a prover choose what it is paid for, consistently.
#[test]
fn adapters_read_the_tensors_that_their_paths_say() {
    let mut demo = Demo::new();
    demo.corrupt("adapters/crop-disease.adapter", " input", |path| {
        let (mut a, _) = load::<IntAdapter>(path).unwrap();
        let widths: Vec<u32> = a.inputs.iter().map(|i| i.0.width).collect();
        let other = |m: &u32, d: &u32| (0u32..).zip(&widths).find(|(i, w)| i != m && *w == d).map(|(i, _)| i);
        let (m, to) = a.modules.iter_mut().find_map(|m| other(&m.input, &m.d_in).map(|to| (m, to))).unwrap();
        m.input = to;
        save(path, &a).unwrap();
    });
    let tmp = tempfile::tempdir().unwrap();
    let network = tmp.path().join("network");
    copy_dir(&fixture("second"), &network);
    let file = network.join("adapters/crop-disease/adapter_model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let end = bytes.len() - 8 - length;
    header["model.norm.weight"] =
        serde_json::json!({ "dtype": "F32", "shape": [96], "data_offsets": [end, end + 384] });
    let header = header.to_string().into_bytes();
    let all = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..], &[0; 384]].concat();
    std::fs::write(&file, all).unwrap();
    let config = network.join("adapters/port-logistics/adapter_config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replacen("\"use_dora\": false", "\"use_dora\": true", 1)).unwrap();
    let out = demo.tmp.path().join("whole");
    let args = ["--json", "audit", "--network", network.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let report: Value = serde_json::from_str(&talea(&args).expect_status(1).stdout()).unwrap();
    let found = |field: &str| report["findings"].as_array().unwrap().iter().any(|f| f["field"] == field);
    assert!(found("model.norm.weight") && found("use_dora"), "{report}");
}

/// The page says what the audit found, loads nothing, runs nothing, and shows hostile text as text.
#[test]
fn the_report_is_one_page_that_stands_alone() {
    let tmp = tempfile::tempdir().unwrap();
    let (network, out) = (tmp.path().join("network"), tmp.path().join("out"));
    copy_dir(&fixture("second"), &network);
    let json = network.join("network.json");
    let text = std::fs::read_to_string(&json).unwrap();
    std::fs::write(&json, text.replacen("\"crop-disease-c0\"", "\"<script>alert(1)</script>\\u001b[2J\"", 1)).unwrap();
    let [net, dir] = [&network, &out].map(|p| p.to_str().unwrap());
    talea(&["demo", "--no-proof", "--network", net, "--out", dir]).expect_status(0);
    let page = |status: i32| {
        let file = tmp.path().join("report.html");
        let args = ["audit", "--skip-models", "--network", net, "--out", dir, "--report", file.to_str().unwrap()];
        talea(&args).expect_status(status);
        std::fs::read_to_string(file).unwrap()
    };
    let html = page(0);
    assert_eq!(html, page(0), "the same folder, the same page");
    for must in [
        "Accepted",
        "Per payee",
        "Credit by cluster",
        "Shares",
        "<svg",
        "not recomputed, so taken as declared",
        "copy/near",
        "&lt;script&gt;alert(1)",
        "attested",
        "declared",
        "Proven: a proof covers it (nothing yet)",
        "default-src 'none'",
    ] {
        assert!(html.contains(must), "{must}");
    }
    for never in ["<script", "http://", "https://", "src=", "@import", "url(", "\u{1b}"] {
        assert!(!html.contains(never), "{never}");
    }
    let batch = load::<Batch>(&out.join("batch.talea")).unwrap().0;
    let fees = batch.fees().to_string();
    assert!(html.replace(',', "").contains(&fees), "total of fees");
    let clusters: usize = batch.adapters.iter().map(|a| a.clusters.len()).sum();
    assert!(html.matches("<rect").count() > clusters + batch.requests.len());
    std::fs::write(out.join("adapters/crop-disease.index"), b"no").unwrap();
    let rejected = page(1);
    assert!(rejected.contains("REJECTED") && rejected.contains("adapters/crop-disease.index"));
    assert!(rejected.contains("nothing that rests on it was looked at") && !rejected.contains("Accepted"));
    std::fs::write(out.join("batch.talea"), b"no").unwrap();
    assert!(page(1).contains("no batch that can be read"));
}

/// What only a second forward pass can know: X, E, e, V, and why a text has no row.
#[test]
fn traces_and_exponents_are_held_against_the_models() {
    let mut demo = Demo::new();
    let first = load::<Batch>(&demo.tmp.path().join("whole/batch.talea")).unwrap().0.requests[0].id.clone();
    let trace = format!("traces/{first}.trace");
    type Change = fn(&mut IntTrace);
    let changes: [(&str, Change); 4] = [
        ("x[1][77]", |t| t.x[1][77] += 400),
        ("x[0][5]", |t| t.x.iter_mut().flatten().for_each(|x| *x = -*x)),
        ("exponent", |t| t.exponent += 1),
        ("exponent", |t| {
            t.exponent += 1;
            t.x.iter_mut().flatten().for_each(|x| *x /= 2);
        }),
    ];
    for (field, change) in changes {
        demo.corrupt_and_trace(&trace, field, true, |path| {
            let (mut t, _) = load::<IntTrace>(path).unwrap();
            change(&mut t);
            save(path, &t).unwrap();
        });
    }
    type Reindex = fn(&mut Index);
    let changes: [(&str, Reindex); 4] = [
        ("v[3]", |i| i.rows[2].v[3] += i.rows[2].v[3] / 2),
        ("exponent", |i| i.rows[4].exponent -= 1),
        ("row #15 v", |i| i.unindexed.push((i.rows.pop().unwrap().cluster, Unindexed::NoActivation))),
        ("refusal", |i| {
            let row = i.rows.remove(3);
            i.unindexed.push((row.cluster, Unindexed::TooLong { tokens: 500, positions: 256 }));
        }),
    ];
    for (field, change) in changes {
        demo.corrupt_and_trace("adapters/crop-disease.index", field, true, |path| {
            let (mut i, _) = load::<Index>(path).unwrap();
            let coordinates = i.h.len() / i.rows.len();
            change(&mut i);
            i.h.truncate(i.rows.len() * coordinates);
            save(path, &i).unwrap();
        });
    }
    demo.corrupt_and_trace("adapters/crop-disease.adapter", "exponent", true, |path| {
        let (mut a, _) = load::<IntAdapter>(path).unwrap();
        a.inputs[1].1 += 1;
        save(path, &a).unwrap();
    });
}

#[test]
fn every_field_class_of_the_batch_is_recomputed() {
    let mut demo = Demo::new();
    type Change = fn(&mut Batch);
    let changes: [(&str, Change); 26] = [
        ("chain_id", |b| b.chain_id += 1),
        ("node", |b| b.node[0] ^= 1),
        ("policy", |b| b.adapters[0].policy.contributors_bps -= 1),
        ("policy", |b| b.adapters[0].policy.sink[0] ^= 1),
        ("adapter", |b| b.adapters[1].adapter[0] ^= 1),
        ("index", |b| b.adapters[1].index[0] ^= 1),
        ("clusters", |b| b.adapters[0].clusters[0].1[0] ^= 1),
        ("clusters", |b| b.adapters[0].clusters[0].0 += 1000),
        ("slots", |b| {
            b.shape.slots *= 2;
            b.slots.push(b.slots[0].clone());
        }),
        ("fees", |b| {
            b.slots[0].fees += 1;
            b.slots[0].dust += 1;
        }),
        ("payouts[1]", |b| {
            b.slots[0].payouts[1] += 1;
            b.slots[0].dust -= 1;
        }),
        ("roles[2]", |b| {
            b.slots[2].roles[2] += 1;
            b.slots[2].dust -= 1;
        }),
        ("dust", |b| {
            b.slots[1].dust -= 1;
            b.slots[1].payouts[0] += 1;
        }),
        ("slot", |b| b.requests.swap(0, 8)),
        ("first", |b| b.requests[3].first += 1),
        ("span", |b| b.requests[3].span += 1),
        ("tokens", |b| b.requests[3].tokens -= 1),
        ("fee", |b| b.requests[3].fee += 1),
        ("trace", |b| b.requests[3].trace[9] ^= 1),
        ("digest in batch.talea", |b| b.requests[3].receipt[9] ^= 1),
        ("scores[2]", |b| b.requests[3].scores[2] += 1),
        ("kappa", |b| b.requests[3].kappa += 1),
        ("ranks[2]", |b| b.requests[3].ranks[2] ^= 1),
        ("total", |b| b.requests[3].total += 1),
        ("pool", |b| b.requests[3].pool += 1),
        ("quotient", |b| b.requests[3].quotient += 1),
    ];
    for (field, change) in changes {
        let file = if field == "digest in batch.talea" { "receipts.talea" } else { "batch.talea" };
        demo.corrupt(file, field, |path: &Path| {
            let batch: PathBuf = path.with_file_name("batch.talea");
            let (mut b, _) = load::<Batch>(&batch).unwrap();
            change(&mut b);
            save(&batch, &b).unwrap();
        });
    }
}

#[test]
fn traces_receipts_adapters_and_indexes_are_held_against_the_batch() {
    let mut demo = Demo::new();
    let first = load::<Batch>(&demo.tmp.path().join("whole/batch.talea")).unwrap().0.requests[0].id.clone();
    let trace = format!("traces/{first}.trace");
    type Change = fn(&mut IntTrace);
    let changes: [(&str, Change); 4] = [
        ("tokens", |t| t.tokens[1] ^= 1),
        ("id", |t| t.id.push('x')),
        ("x[0]", |t| t.x[0].truncate(1)),
        ("x", |t| t.x[0][0] = 1 << 19),
    ];
    for (field, change) in changes {
        demo.corrupt(&trace, field, |path| {
            let (mut t, _) = load::<IntTrace>(path).unwrap();
            change(&mut t);
            save(path, &t).unwrap();
        });
    }
    type Sign = fn(&mut Receipts);
    let changes: [(&str, Sign); 14] = [
        ("earlier voucher", |r| {
            r.earlier = vec![r.vouchers[0].clone()];
            r.earlier[0].signature[3] ^= 1;
        }),
        ("nonce", |r| r.earlier = vec![r.vouchers[0].clone()]),
        ("chain_id", |r| r.domain.chain_id += 1),
        ("contract", |r| r.domain.contract[0] ^= 1),
        ("receipts", |r| drop(r.receipts.pop())),
        ("promptHash", |r| r.receipts[0].prompt_salt[0] ^= 1),
        ("requestId", |r| r.receipts[0].receipt.request_id[0] ^= 1),
        ("promptTokens", |r| r.receipts[0].receipt.prompt_tokens += 1),
        ("fee", |r| r.receipts[0].receipt.fee += 1),
        ("nonce", |r| r.receipts[0].receipt.nonce = 0),
        ("payer signature", |r| r.receipts[1].payer_signature[5] ^= 1),
        ("node signature", |r| r.receipts[1].node_signature[64] = 29),
        ("cumulative", |r| r.vouchers[0].voucher.cumulative += 1),
        ("signature", |r| r.vouchers[0].signature[40] ^= 1),
    ];
    for (field, change) in changes {
        demo.corrupt("receipts.talea", field, |path| {
            let (mut r, _) = load::<Receipts>(path).unwrap();
            change(&mut r);
            save(path, &r).unwrap();
        });
    }
    type Reindex = fn(&mut Index);
    let changes: [(&str, Reindex); 5] = [
        ("datanet", |i| i.datanet[0] ^= 1),
        ("rows", |i| i.rows[0].payee[0] ^= 1),
        ("v", |i| i.rows[0].v.truncate(3)),
        ("sigma_h", |i| i.sigma_h *= 1.000_001),
        ("h[5]", |i| i.h[5] += 3),
    ];
    for (field, change) in changes {
        demo.corrupt("adapters/crop-disease.index", field, |path| {
            let (mut i, _) = load::<Index>(path).unwrap();
            change(&mut i);
            save(path, &i).unwrap();
        });
    }
    type Readapt = fn(&mut IntAdapter);
    let changes: [(&str, Readapt); 9] = [
        ("sources adapter_config.json", |a| a.sources[0].1[0] ^= 1),
        ("base", |a| a.base[0] ^= 1),
        ("modules", |a| drop(a.modules.pop())),
        ("modules", |a| a.modules.swap(0, 1)),
        ("sigma_a", |a| a.modules[0].sigma_a *= 1.000_000_1),
        ("sigma_b", |a| a.modules[0].sigma_b *= 1.000_000_1),
        ("down_proj a", |a| a.modules[0].a[7] ^= 1),
        ("down_proj b", |a| a.modules[0].b[7] ^= 1),
        ("rank", |a| {
            let m = &mut a.modules[0];
            m.rank -= 1;
            m.a.truncate((m.rank * m.d_in) as usize);
            m.b.truncate((m.rank * m.d_out) as usize);
        }),
    ];
    for (field, change) in changes {
        demo.corrupt("adapters/crop-disease.adapter", field, |path| {
            let (mut a, _) = load::<IntAdapter>(path).unwrap();
            change(&mut a);
            save(path, &a).unwrap();
        });
    }
    // ordinals of fixtures/second's crop-disease: 16 originals, then copies of four kinds, then filler
    type Rejudge = fn(&mut Datanet);
    let changes: [(&str, Rejudge); 8] = [
        ("source", |d| d.source[0] ^= 1),
        ("contributions", |d| drop(d.contributions.pop())),
        ("contribution 3 contributor", |d| d.contributions[3].contributor[0] ^= 1),
        ("contribution 3 text", |d| d.contributions[3].text.push('!')),
        ("contribution 3 content_hash", |d| d.contributions[3].content_hash[0] ^= 1),
        ("contribution 16 status", |d| d.contributions[16].status = Status::Representative),
        ("contribution 20 status", |d| d.contributions[20].status = Status::Representative),
        ("contribution 15 status", |d| d.contributions[15].status = Status::Rejected(Rejection::NoWords)),
    ];
    for (field, change) in changes {
        demo.corrupt("datanets/crop-disease.datanet", field, |path| {
            let (mut d, _) = load::<Datanet>(path).unwrap();
            change(&mut d);
            save(path, &d).unwrap();
        });
    }
    // The batch says which adapter and index it used.
    demo.corrupt("batch.talea", "adapter crop-disease adapter", |path| {
        let file = path.with_file_name("adapters").join("crop-disease.adapter");
        let (mut a, _) = load::<IntAdapter>(&file).unwrap();
        a.modules[0].a[0] ^= 1;
        save(&file, &a).unwrap();
    });
    demo.corrupt("batch.talea", "adapter crop-disease index", |path| {
        let file = path.with_file_name("adapters").join("crop-disease.index");
        let (mut i, _) = load::<Index>(&file).unwrap();
        i.h[0] ^= 1;
        save(&file, &i).unwrap();
    });
}

#[test]
fn a_flipped_byte_of_any_file_is_found_at_that_file() {
    let demo = Demo::new();
    let out = demo.tmp.path().join("whole");
    let manifest: Value = serde_json::from_slice(&std::fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap();
    for entry in files.iter().take(14).chain([files.last().unwrap()]) {
        let name = entry["path"].as_str().unwrap();
        let whole = std::fs::read(out.join(name)).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(out.join(name), bytes).unwrap();
        let report = audit(&out, 1, false);
        assert!(report["findings"].as_array().unwrap().iter().any(|f| f["file"] == name), "{name}: {report}");
        std::fs::write(out.join(name), whole).unwrap();
    }
    audit(&out, 0, true);
    // an entry left out, and one listed twice in another's place
    for (from, to) in [(3, None), (3, Some(4))] {
        let mut doc = manifest.clone();
        let list = doc["files"].as_array_mut().unwrap();
        let name = list[from]["path"].as_str().unwrap().to_string();
        match to {
            Some(other) => list[from] = list[other].clone(),
            None => drop(list.remove(from)),
        }
        std::fs::write(out.join("manifest.json"), doc.to_string()).unwrap();
        let report = audit(&out, 1, false);
        let says = |f: &Value| f["file"] == "manifest.json" && f["field"] == format!("files {name}");
        assert!(report["findings"].as_array().unwrap().iter().any(says), "{report}");
    }
}
