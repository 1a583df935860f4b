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
    let budget = env::var("TEST_BUDGET").map_or(1 << 30, |bytes| bytes.parse().unwrap());
    match Cuda::probe_with(image.as_bytes(), number, Tuning { small: 0, width: 64, budget }) {
        Err(reason) => println!("line: {reason}"),
        Ok(device) => {
            let kernels = device.kernels();
            // a device that is lost on the way loses what it holds
            if ["later", "rubbish"].contains(&env::var("FAKE_CUDA").unwrap().as_str()) {
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
    line_of(driver, mode, image, &[])
}

/// The same with more to know.
fn line_of(driver: &Path, mode: &str, image: &str, more: &[(&str, &str)]) -> String {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "child", "--nocapture"]);
    child.env("LD_LIBRARY_PATH", driver).env("FAKE_CUDA", mode).env("TEST_IMAGE", image);
    child.envs(more.iter().copied());
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
    let budget = [("TEST_BUDGET", "196608")];
    let passed = line_of(&fake, "memory", "some kernels", &budget);
    assert_eq!(passed, "a GPU that is none passes the suite; trouble: none");
    // so little that nobody asked for is not worth it
    let refused = "a GPU that is none has room for 196608 bytes: 268435456 are the least to work with";
    assert_eq!(line(&fake, "memory", "some kernels"), refused);
    // a device that is lost on the way: what comes from the host is still right
    let expected = "a GPU that is none passes the suite; trouble: cuLaunchKernel says CUDA_ERROR_ILLEGAL_ADDRESS";
    assert_eq!(line(&fake, "later", "some kernels"), expected);
    let expected = "a GPU that is none passes the suite; trouble: the device gave what is no element of a field";
    assert_eq!(line(&fake, "rubbish", "some kernels"), expected);
}

#[test]
fn one_of_several_devices() {
    let fake = driver("several-drivers", &[]);
    let passes = |name: &str| format!("{name} passes the suite; trouble: none");
    assert_eq!(line(&fake, "two", "some kernels"), passes("another GPU that is none"), "the one with more memory");
    assert_eq!(line(&fake, "refuses", "some kernels"), passes("a GPU that is none"), "the one that can be had");
    let line_for = |mode, number| line_of(&fake, mode, "some kernels", &[("TEST_DEVICE", number)]);
    assert_eq!(line_for("two", "0"), passes("a GPU that is none"));
    let refused = "the CUDA device cannot be used: cuDevicePrimaryCtxRetain says CUDA_ERROR_OUT_OF_MEMORY";
    assert_eq!(line_for("refuses", "1"), refused);
    // another process works on the one with more memory
    #[cfg(target_os = "linux")]
    {
        use std::os::{
            linux::net::SocketAddrExt as _,
            unix::net::{SocketAddr, UnixListener},
        };
        let place = format!("test-{}", std::process::id());
        let name = SocketAddr::from_abstract_name(format!("talea-gpu-1:{place}")).unwrap();
        let taken = UnixListener::bind_addr(&name).unwrap();
        let any = || line_of(&fake, "two", "some kernels", &[("FAKE_PLACE", &place)]);
        assert_eq!(any(), passes("a GPU that is none"));
        let one = line_of(&fake, "two", "some kernels", &[("FAKE_PLACE", &place), ("TEST_DEVICE", "1")]);
        assert_eq!(one, passes("another GPU that is none"), "who asks for it shares it");
        drop(taken);
        assert_eq!(any(), passes("another GPU that is none"));
    }
    let none = "there is no CUDA device 2: the driver has 2, numbered from 0";
    assert_eq!(line_for("two", "2"), none);
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
