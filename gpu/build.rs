//! Compiles the kernels of `cuda/`: for GPUs where there is an nvcc, and for tests on the host (feature `host-kernels`).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Machine code of these devices, and code of the newest that drivers compile for later ones.
const TARGETS: [&str; 2] = ["arch=compute_80,code=sm_80", "arch=compute_90,code=[sm_90,compute_90]"];

fn main() {
    println!("cargo::rerun-if-changed=cuda");
    // not PATH: programs that add to it would have the whole prover built again
    ["NVCC", "CUDA_HOME"].iter().for_each(|name| println!("cargo::rerun-if-env-changed={name}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
    match nvcc() {
        Some(nvcc) => device_kernels(&nvcc, &out),
        // empty: the binary says so when it is asked for a GPU
        None => fs::write(out.join("kernels.fatbin"), []).expect("a place to write to"),
    }
    #[cfg(feature = "host-kernels")]
    cc::Build::new().cpp(true).std("c++17").opt_level(2).file("cuda/host.cpp").compile("talea_host_kernels");
}

/// `NVCC` names it, or else it is on the path, or in `CUDA_HOME`. One that comes to the path later is found by the next build that
/// has another reason to look.
fn nvcc() -> Option<PathBuf> {
    if let Some(named) = env::var_os("NVCC") {
        return Some(named.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty());
    }
    let on_path = env::var_os("PATH").into_iter().flat_map(|all| env::split_paths(&all).collect::<Vec<_>>());
    let home = env::var_os("CUDA_HOME").map(|home| PathBuf::from(home).join("bin"));
    on_path.chain(home).map(|folder| folder.join("nvcc")).find(|path| path.is_file())
}

fn device_kernels(nvcc: &Path, out: &Path) {
    // half a minute of work, which a changed path alone is no reason for
    let (image, made_of) = (out.join("kernels.fatbin"), out.join("kernels.source"));
    let source = format!("{TARGETS:?} {}\n{}", nvcc.display(), source());
    // a build without nvcc leaves an empty one
    let there = fs::metadata(&image).is_ok_and(|m| m.len() > 0);
    if there && fs::read_to_string(&made_of).is_ok_and(|old| old == source) {
        return;
    }
    let mut command = Command::new(nvcc);
    command.args(["-std=c++17", "-O3", "-t2", "-fatbin", "-o"]).arg(&image).arg("cuda/kernels.cu");
    for target in TARGETS {
        command.args(["-gencode", target]);
    }
    match command.output() {
        Ok(done) if done.status.success() => fs::write(made_of, source).expect("a place to write to"),
        Ok(done) => panic!(
            "{} cannot compile the kernels (an empty NVCC builds without them):\n{}",
            nvcc.display(),
            String::from_utf8_lossy(&done.stderr)
        ),
        Err(error) => panic!("{} does not run: {error}", nvcc.display()),
    }
}

/// All that the kernels are made of.
fn source() -> String {
    let mut files: Vec<PathBuf> =
        fs::read_dir("cuda").expect("the kernels' folder").flatten().map(|f| f.path()).collect();
    files.sort();
    let kernels = files.iter().filter(|f| f.extension().is_some_and(|e| e == "cu" || e == "cuh"));
    kernels.map(|f| fs::read_to_string(f).expect("a file of ours")).collect()
}
