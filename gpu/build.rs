//! Compiles the kernels of `cuda/`: for tests on the host.

fn main() {
    println!("cargo::rerun-if-changed=cuda");
    #[cfg(feature = "host-kernels")]
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        .warnings(true)
        .file("cuda/host.cpp")
        .compile("talea_host_kernels");
}
