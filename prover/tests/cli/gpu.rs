//! `--device` and `talea gpu`: without a GPU, and with a driver that is none and runs the kernels on the host.

use serde_json::Value;

use crate::{
    common::{
        copy_dir, fixture,
        gpu::{driver, has_kernels, with_driver},
        json_of, talea,
    },
    s,
};

#[test]
fn without_a_gpu_the_cpu_is_told_why() {
    let doc = json_of(&["gpu"]);
    assert_eq!(doc["devices"], serde_json::json!([]));
    let why = "there is no CUDA driver on this machine: its library, libcuda, is not found";
    assert_eq!(doc["no_devices"], why);
    let reason = match doc["kernel_bytes"].as_u64().unwrap() {
        0 => "this build has no CUDA kernels: no nvcc was found by NVCC, PATH or CUDA_HOME when it was built",
        _ => why,
    };
    assert_eq!(doc["device"], format!("CPU; {reason}"));
    assert!(doc["where"].as_array().unwrap().iter().all(|part| part["on"] == "CPU"));
    let told = talea(&["gpu"]).expect_status(0).stdout();
    assert!(told.contains(&format!("proofs are made on: CPU; {reason}\n")), "{told}");

    let expected = "expected a device that works, or --device auto or cpu";
    let refused = format!("talea: --device: cuda: found {reason}, {expected}");
    assert_eq!(talea(&["gpu", "--device", "cuda"]).refusal(), refused);
    assert_eq!(json_of(&["gpu", "--device", "cpu"])["device"], "CPU");
    let bad = talea(&["gpu", "--device", "cuda:x"]).expect_status(2).stderr();
    assert!(bad.contains("found cuda:x, expected auto, cpu, cuda or cuda:N"), "{bad}");
    let refused = format!("talea: gpu: --self-test: found CPU; {reason}, expected a CUDA device");
    assert_eq!(talea(&["gpu", "--self-test"]).refusal(), refused);
}

#[test]
fn devices_are_listed_and_tested() {
    if !has_kernels() {
        return;
    }
    let driver = driver();
    let told = |mode: &str, args: &[&str]| with_driver(driver.path(), mode, args);
    let doc: Value = serde_json::from_str(&told("two", &["--json", "gpu"]).expect_status(0).stdout()).unwrap();
    assert_eq!(doc["device"], "another GPU that is none (CUDA)");
    let devices = doc["devices"].as_array().unwrap();
    assert_eq!([&devices[0]["number"], &devices[1]["number"]], [0, 1]);
    assert_eq!(devices[1]["bytes"], 2u64 << 32);
    assert!(devices.iter().all(|device| device["taken"] == false), "by another process");
    let table = told("two", &["gpu", "--device", "cuda:0"]).expect_status(0).stdout();
    assert!(table.contains("proofs are made on: a GPU that is none (CUDA)\n"), "{table}");
    let none = told("two", &["gpu", "--device", "cuda:2"]).refusal();
    assert!(none.contains("there is no CUDA device 2: the driver has 2, numbered from 0"), "{none}");

    let tested = told("works", &["gpu", "--self-test", "--quick"]).expect_status(0).stdout();
    assert!(tested.trim_end().ends_with(" trials, 0 differ"), "{tested}");
    let differs = told("silent", &["gpu", "--self-test", "--quick"]).expect_status(1).stdout();
    // what is in memory that no kernel wrote is anything: another value, or none at all
    assert!(differs.contains("differs from the CPU: "), "{differs}");
    let bench = told("works", &["--json", "gpu", "--bench", "--quick"]).expect_status(0).stdout();
    let bench: Value = serde_json::from_str(&bench).unwrap();
    assert!(bench["bench"]["kernels"].as_array().unwrap().len() > 30);
    for what in ["batch", "demo"] {
        assert_eq!(bench["bench"][what]["same_bytes"], true);
    }
    assert_eq!(bench["bench"]["demo"]["cuda"]["device"], "a GPU that is none (CUDA)");
}

/// Where a device stops to work without a word, or is lost, the CPU makes the proof: the same bytes. (That a device that works gives them,
/// too, is what the bench above has seen.)
#[test]
fn a_batch_is_proven_on_a_device() {
    if !has_kernels() {
        return;
    }
    let driver = driver();
    let tmp = tempfile::tempdir().unwrap();
    let (srs, out) = (tmp.path().join("dev.srs"), tmp.path().join("out"));
    talea(&["srs", "dev", "--k", "20", "--seed", "tests", "--out", s(&srs)]).expect_status(0);
    let network = fixture("second");
    let demo = ["demo", "--no-wrap", "--device", "cpu", "--network", s(&network), "--out", s(&out), "--srs", s(&srs)];
    talea(&demo).expect_status(0);
    let seed = tmp.path().join("seed");
    std::fs::write(&seed, [7; 32]).unwrap();
    let proven = |mode: Option<&str>, device: &str| -> (Vec<u8>, String, Value) {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(&out, copy.path());
        let args = ["--json", "--device", device, "batch", "prove", "--network", s(&network), "--out", s(copy.path())];
        let args = [&args[..], &["--srs", s(&srs), "--seed", s(&seed)]].concat();
        let run = match mode {
            Some(mode) => with_driver(driver.path(), mode, &args),
            None => talea(&args),
        };
        let run = run.expect_status(0);
        let doc = serde_json::from_str(&run.stdout()).unwrap();
        (std::fs::read(copy.path().join("proof.talea")).unwrap(), run.stderr(), doc)
    };
    let (cpu, told, doc) = proven(None, "cpu");
    assert_eq!((told.as_str(), &doc["device"]), ("", &Value::from("CPU")));
    for (mode, how) in [("silent", "gave no proof"), ("lost", "failed")] {
        let (mended, told, doc) = proven(Some(mode), "cuda");
        assert!(mended == cpu, "the same bytes");
        let why = format!("a GPU that is none {how}: ");
        assert!(told.contains(&format!("talea: {why}")) && told.contains("; the CPU begins anew"), "{told}");
        assert_eq!(doc["stages"][0]["stage"], "begun in vain");
        let device = doc["device"].as_str().unwrap();
        assert!(device.starts_with(&format!("CPU, since {why}")), "{device}");
    }
    // launches fail, copies do not: nothing is lost
    let (later, told, doc) = proven(Some("later"), "auto");
    assert!(later == cpu, "the same bytes");
    assert_eq!(told, "");
    let device = doc["device"].as_str().unwrap();
    assert!(device.starts_with("CPU, since a GPU that is none failed: "), "{device}");
}
