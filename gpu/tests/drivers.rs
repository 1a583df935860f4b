//! Every way in which a CUDA driver can fail, with drivers that are none: one clear line, and the CPU goes on. A driver
//! that works (it runs the kernels on the host) passes the suite of all devices.
//!
//! A process loads a driver once, so each case runs this test again as a process of its own.
#![cfg(feature = "host-kernels")]

mod suite;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use talea_gpu::{Cuda, kernels::Tuning};

/// What a process does that was started to look for a device.
#[test]
fn child() {
    let Ok(image) = env::var("TEST_IMAGE") else { return };
    let number = env::var("TEST_DEVICE").ok().map(|n| n.parse().unwrap());
    match Cuda::probe_with(image.as_bytes(), number, Tuning { small: 0, width: 64, budget: 1 << 30 }) {
        Err(reason) => println!("line: {reason}"),
        Ok(device) => {
            let kernels = device.kernels();
            // a device that is lost on the way loses what it holds
            if env::var("FAKE_CUDA").unwrap() == "later" {
                suite::from_host(kernels)
            } else {
                suite::suite(kernels)
            };
            let trouble = kernels.trouble().map_or("none".into(), ToString::to_string);
            println!("line: {} passes the suite; trouble: {trouble}", device.name());
        }
    }
}

/// A folder with a driver, compiled with these flags.
fn driver(name: &str, flags: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let compiler = env::var("CXX").unwrap_or("c++".into());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake/cuda.cpp");
    let library = folder.join("libcuda.so");
    let mut command = Command::new(compiler);
    command.args(["-std=c++17", "-O2", "-shared", "-fPIC", source, "-o"]).arg(library).args(flags);
    run(&mut command);
    folder
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// The line of a process that finds this driver, in this mood, and these kernels.
fn line(driver: &Path, mode: &str, image: &str) -> String {
    line_of(driver, mode, image, None, None)
}

/// The same of a process that wants the device of this number, of devices in this place.
fn line_of(driver: &Path, mode: &str, image: &str, number: Option<usize>, place: Option<&str>) -> String {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "child", "--nocapture"]);
    child.env("LD_LIBRARY_PATH", driver).env("FAKE_CUDA", mode).env("TEST_IMAGE", image);
    number.map(|n| child.env("TEST_DEVICE", n.to_string()));
    place.map(|place| child.env("FAKE_PLACE", place));
    let out = child.output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{mode}: {text}{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<&str> = text.lines().filter_map(|l| l.split_once("line: ")).map(|(_, line)| line).collect();
    assert_eq!(lines.len(), 1, "{mode}: {text}");
    lines[0].into()
}

#[test]
fn every_failure_is_one_clear_line() {
    let fake = driver("driver", &[]);
    let expected = [
        ("start", "the CUDA driver does not start: cuInit says CUDA_ERROR_UNKNOWN"),
        ("nothing", "the CUDA driver has no device"),
        ("none", "the CUDA driver has no device"),
        ("busy", "the CUDA device cannot be used: cuDevicePrimaryCtxRetain says CUDA_ERROR_OUT_OF_MEMORY"),
        (
            "image",
            "the CUDA kernels do not load on a GPU that is none: cuModuleLoadData says CUDA_ERROR_NO_BINARY_FOR_GPU",
        ),
        ("name", "the CUDA kernels do not run on a GPU that is none: no kernel fr_operations with these arguments"),
        ("launch", "the CUDA kernels do not run on a GPU that is none: cuLaunchKernel says CUDA_ERROR_ILLEGAL_ADDRESS"),
        ("wrong", "a GPU that is none gives a wrong answer to a known question and is not used"),
    ];
    for (mode, expected) in expected {
        assert_eq!(line(&fake, mode, "some kernels"), expected, "{mode}");
    }
    let none = "this build has no CUDA kernels: no nvcc was found by NVCC, PATH or CUDA_HOME when it was built";
    assert_eq!(line(&fake, "works", ""), none);
    let old = "the CUDA driver does not fit this build: its library has no cuMemGetInfo_v2";
    assert_eq!(line(&driver("old-driver", &["-DOLD"]), "works", "some kernels"), old);

    // a file of every name that a driver may have, which none of them is
    let broken = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-driver");
    fs::create_dir_all(&broken).unwrap();
    cudarc::get_lib_name_candidates("cuda").iter().for_each(|name| fs::write(broken.join(name), "no library").unwrap());
    let expected = "there is no CUDA driver on this machine: its library, libcuda, is not found";
    assert_eq!(line(&broken, "works", "some kernels"), expected);
}

#[test]
fn a_driver_that_works_passes_the_suite() {
    let fake = driver("working-driver", &[]);
    assert_eq!(line(&fake, "works", "some kernels"), "a GPU that is none passes the suite; trouble: none");
    // memory is short: work is done in parts, and what was given back is used again
    assert_eq!(line(&fake, "memory", "some kernels"), "a GPU that is none passes the suite; trouble: none");
    // a device that is lost on the way: what comes from the host is still right
    let expected = "a GPU that is none passes the suite; trouble: cuLaunchKernel says CUDA_ERROR_ILLEGAL_ADDRESS";
    assert_eq!(line(&fake, "later", "some kernels"), expected);
}

#[test]
fn one_of_several_devices() {
    let fake = driver("several-drivers", &[]);
    let passes = |name: &str| format!("{name} passes the suite; trouble: none");
    assert_eq!(line(&fake, "two", "some kernels"), passes("another GPU that is none"), "the one with more memory");
    assert_eq!(line(&fake, "refuses", "some kernels"), passes("a GPU that is none"), "the one that can be had");
    assert_eq!(line_of(&fake, "two", "some kernels", Some(0), None), passes("a GPU that is none"));
    let refused = "the CUDA device cannot be used: cuDevicePrimaryCtxRetain says CUDA_ERROR_OUT_OF_MEMORY";
    assert_eq!(line_of(&fake, "refuses", "some kernels", Some(1), None), refused);
    // another process works on the one with more memory
    let place = format!("test-{}", std::process::id());
    let lock = env::temp_dir().join(format!("talea-gpu-1-{place}.lock"));
    let taken = fs::File::create(&lock).unwrap();
    taken.lock().unwrap();
    let line_at = |number| line_of(&fake, "two", "some kernels", number, Some(&place));
    assert_eq!(line_at(None), passes("a GPU that is none"));
    assert_eq!(line_at(Some(1)), passes("another GPU that is none"), "who asks for it shares it");
    taken.unlock().unwrap();
    assert_eq!(line_at(None), passes("another GPU that is none"));
    fs::remove_file(lock).unwrap();
    let none = "there is no CUDA device 2: the driver has 2, numbered from 0";
    assert_eq!(line_of(&fake, "two", "some kernels", Some(2), None), none);
}

/// What nvcc made of the kernels, its instructions taken one by one: the carries of a GPU's code are right, too.
#[test]
fn compiled_kernels_pass_the_suite() {
    let Some(nvcc) = env::var_os("NVCC").filter(|path| !path.is_empty()) else {
        return println!("NVCC names no compiler: what it makes of the kernels is not tested");
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [ptx, cpp] = ["kernels.ptx", "kernels.cpp"].map(|name| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    let kernels = folder.join("cuda/kernels.cu");
    run(Command::new(nvcc).args(["-std=c++17", "-O3", "-ptx", "-arch=compute_90"]).arg(kernels).arg("-o").arg(&ptx));
    run(Command::new("python3").arg(folder.join("tests/fake/ptx.py")).args([&ptx, &cpp]));
    let compiled = format!("-DCOMPILED=\"{}\"", cpp.display());
    // a compiler takes minutes to improve functions of ten thousands of lines
    let fake = driver("compiled-driver", &[&compiled, "-O0", "-w", "-fno-strict-aliasing"]);
    assert_eq!(line(&fake, "works", "some kernels"), "a GPU that is none passes the suite; trouble: none");
}
