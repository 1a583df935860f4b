//! Killed at any point, a rerun ends with the same bytes.

mod common;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::talea;

/// Runs killed here; set TALEA_KILLS for more.
const KILLS: u32 = 20;

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(d) = todo.pop() {
        for e in std::fs::read_dir(&d).into_iter().flatten() {
            let path = e.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                all.insert(path.strip_prefix(dir).unwrap().to_path_buf(), std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

fn finished(path: &Path) -> bool {
    !path.file_name().unwrap().to_string_lossy().starts_with(".talea-")
}

#[test]
fn killed_at_any_point_a_rerun_ends_with_the_same_bytes() {
    let tmp = tempfile::tempdir().unwrap();
    let (whole, out) = (tmp.path().join("whole"), tmp.path().join("out"));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let args = |out: &Path| {
        [
            "demo".to_string(),
            "--no-proof".into(),
            "--network".into(),
            "fixtures/second".into(),
            "--out".into(),
            out.display().to_string(),
        ]
    };
    let start = Instant::now();
    talea(&args(&whole).each_ref().map(String::as_str)).expect_status(0);
    let lasts = start.elapsed();
    let reference = files(&whole);

    let kills = std::env::var("TALEA_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let mut unfinished = 0;
    for i in 0..kills {
        if i % 4 == 0 {
            let _ = std::fs::remove_dir_all(&out); // from nothing, and from what earlier kills left
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_talea"))
            .args(args(&out))
            .current_dir(&root)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let draw = blake3::hash(&i.to_le_bytes());
        let part = f64::from(u16::from_le_bytes([draw.as_bytes()[0], draw.as_bytes()[1]])) / 65536.0;
        std::thread::sleep(Duration::from_secs_f64(lasts.as_secs_f64() * part));
        child.kill().unwrap();
        unfinished += u32::from(!child.wait().unwrap().success());
        for (path, bytes) in files(&out).into_iter().filter(|(p, _)| finished(p)) {
            assert!(reference[&path] == bytes, "kill {i}: {} is half-written", path.display());
        }
        if i % 4 == 3 {
            talea(&args(&out).each_ref().map(String::as_str)).expect_status(0);
            assert!(files(&out) == reference, "kill {i}: the rerun differs");
        }
    }
    println!("{unfinished} of {kills} runs were killed before they ended");
    assert!(4 * unfinished >= kills, "the kills came too late to mean anything");
}

#[test]
fn two_writers_are_told_apart() {
    let tmp = tempfile::tempdir().unwrap();
    let held = std::fs::File::open(tmp.path()).unwrap();
    held.lock().unwrap();
    let out = tmp.path().to_str().unwrap();
    let err = talea(&["demo", "--no-proof", "--network", "fixtures/second", "--out", out]).refusal();
    assert!(err.contains("folder: found another talea writing to it"), "{err}");
    drop(held);
    talea(&["demo", "--no-proof", "--network", "fixtures/second", "--out", out]).expect_status(0);
}
