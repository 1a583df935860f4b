//! What an auditor builds and reads: no threads, no source of randomness, no unsafe code, few lines.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { sources(&p) } else { vec![p] }).collect()
}

/// Files that only the features `prove` and `wrap` compile.
fn is_prover(path: &Path) -> bool {
    if path.components().any(|part| part.as_os_str() == "wrap") {
        return true;
    }
    ["prover.rs", "registered.rs", "resume.rs", "sums.rs", "values.rs", "leaves.rs", "view.rs", "writer.rs", "ints.rs"]
        .iter()
        .any(|name| path.ends_with(name))
}

#[test]
fn the_verifier_is_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let count = |prover: bool| -> usize {
        let files = sources(&root).into_iter().filter(|p| is_prover(p) == prover);
        files.map(|p| std::fs::read_to_string(p).unwrap().lines().filter(is_code).count()).sum()
    };
    println!("{} lines to trust, {} of the prover's", count(false), count(true));
    assert!(count(false) <= 3000);
}

#[test]
fn without_the_prover_there_are_no_threads_and_no_randomness() {
    let tree = |features: &[&str]| -> Vec<String> {
        let base = ["tree", "--offline", "--locked", "-p", "talea-circuits", "-e", "normal", "--prefix", "none"];
        let out = Command::new(env!("CARGO")).args(base).args(features).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().lines().filter_map(|l| l.split(' ').next()).map(String::from).collect()
    };
    let never = ["rayon", "rayon-core", "getrandom", "talea-gpu"];
    let plain = tree(&[]);
    assert!(plain.iter().any(|c| c == "ark-bn254") && !plain.iter().any(|c| never.contains(&c.as_str())), "{plain:?}");
    assert!(tree(&["--features", "prove"]).iter().any(|c| c == "rayon"), "the check can fail");
}
