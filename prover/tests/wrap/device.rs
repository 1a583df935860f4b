//! The wrap's commitments on a device that does nothing: what it gives does not verify, and the CPU makes the wrap.

use crate::{
    common::{
        copy_dir, fixture,
        gpu::{driver, has_kernels, with_driver},
    },
    demo, s,
};

#[test]
fn the_cpu_makes_what_a_device_fails_to_wrap() {
    if !has_kernels() {
        return;
    }
    let (driver, copy, network) = (driver(), tempfile::tempdir().unwrap(), fixture("demo"));
    let demo = demo();
    copy_dir(&demo.out, copy.path());
    let wrapped = copy.path().join("wrapped.talea");
    std::fs::remove_file(&wrapped).unwrap();
    let args = ["--device", "cuda", "wrap", "prove", "--network", s(&network), "--out", s(copy.path())];
    let args = [&args[..], &["--srs", s(&demo.srs), "--keys", s(&demo.keys)]].concat();
    let run = with_driver(driver.path(), "idle", &args).expect_status(0);
    let (told, said) = (run.stderr(), run.stdout());
    assert!(
        told.contains("talea: a GPU that is none gave no proof: ") && told.contains("; the CPU begins anew"),
        "{told}"
    );
    assert!(said.contains("device: CPU, since a GPU that is none gave no proof: "), "{said}");
    assert!(said.contains("EVM in process: ACCEPTED by the contract"), "{said}");
    assert!(wrapped.is_file());
}
