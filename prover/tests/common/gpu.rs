//! A CUDA driver that is none (gpu/tests/fake), which runs the kernels on the host.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{Run, json_of};

/// Runs `talea` where this driver is found, in this mood.
pub fn with_driver(driver: &Path, mode: &str, args: &[&str]) -> Run {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_talea"));
    command.args(args).current_dir(root).env("LD_LIBRARY_PATH", driver).env("FAKE_CUDA", mode);
    Run(command.output().unwrap())
}

/// The driver of gpu/tests/fake.
pub fn driver() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../gpu/tests/fake/cuda.cpp");
    let mut compiler = Command::new(std::env::var("CXX").unwrap_or("c++".into()));
    compiler.args(["-std=c++17", "-O2", "-shared", "-fPIC", source, "-o"]).arg(folder.path().join("libcuda.so"));
    assert!(compiler.status().unwrap().success());
    folder
}

/// Does the command under test carry kernels?
pub fn has_kernels() -> bool {
    let has = json_of(&["gpu"])["kernel_bytes"] != 0;
    if !has {
        assert!(
            std::env::var_os("NVCC").is_none_or(|path| path.is_empty()),
            "NVCC is there, and the build has no kernels"
        );
        println!("built without nvcc: no kernels, and no tests of what they do");
    }
    has
}
