//! The manifest: every listed file is there, with its size and digest, and so is every input.

use std::path::Path;

use serde_json::Value;
use talea_formats::network::Network;

use crate::{Checker, Finding, Report};

const MANIFEST: &str = "manifest.json";

/// Compares sizes and digests of outputs and inputs with the manifest's.
pub fn audit(report: &mut Report, network: &Network, out: &Path) {
    let manifest = std::fs::read(out.join(MANIFEST)).ok().and_then(|b| serde_json::from_slice::<Value>(&b).ok());
    let Some(manifest) = manifest else {
        let (found, expected) = ("no manifest that can be read".into(), "the folder's manifest".into());
        return report.findings.push(Finding { file: MANIFEST.into(), field: "file".into(), found, expected });
    };
    for (list, root) in [("files", out), ("inputs", network.root.as_path())] {
        for entry in manifest[list].as_array().into_iter().flatten() {
            let name = entry["path"].as_str().unwrap_or("");
            let shown = if list == "files" { name.to_string() } else { format!("input {name}") };
            let mut check = Checker::new(report, shown);
            let inside = Path::new(name).components().all(|c| matches!(c, std::path::Component::Normal(_)));
            let path = root.join(name);
            if !inside || !path.metadata().is_ok_and(|m| m.is_file()) {
                check.holds("file", false, "no file of the folder", "a file, as the manifest lists it");
                check.done();
                continue;
            }
            match std::fs::read(path) {
                Ok(bytes) => {
                    check.same("bytes", bytes.len() as u64, entry["bytes"].as_u64().unwrap_or(0));
                    check.same(
                        "blake3",
                        blake3::hash(&bytes).to_hex().as_str(),
                        entry["blake3"].as_str().unwrap_or(""),
                    );
                }
                Err(e) => check.holds("file", false, e, "a file, as the manifest lists it"),
            }
            check.done();
        }
    }
    let mut check = Checker::new(report, MANIFEST);
    let mut wanted = vec!["batch.talea".to_string()];
    wanted.extend(network.requests.iter().map(|q| format!("traces/{}.trace", q.id)));
    for name in network.adapters.iter().map(|a| &a.name) {
        wanted.extend(["adapter", "index", "quantisation.json"].map(|kind| format!("adapters/{name}.{kind}")));
        wanted.push(format!("datanets/{name}.datanet"));
    }
    for name in wanted {
        let listed = manifest["files"].as_array().into_iter().flatten().filter(|f| f["path"] == name.as_str()).count();
        check.same(format!("files {name}"), listed, 1);
    }
    check.done();
}
