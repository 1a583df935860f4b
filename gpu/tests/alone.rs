//! What a device does while its caller holds a lock: it must not wait for other threads of the pool, which would take up other work of the
//! caller's and with it the lock. Here they never answer. A process of its own, because it takes the pool of all.
#![cfg(feature = "host-kernels")]

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{CurveGroup, PrimeGroup};
use talea_gpu::{Cpu, Device, HostKernels, Multiples, kernels::Tuning};

#[test]
fn sums_wait_for_no_other_thread() {
    // more than any loop leaves to one thread
    const N: usize = 1 << 14;
    let few: Vec<G1Affine> = (1..=64u64).map(|i| (G1Projective::generator() * Fr::from(i)).into_affine()).collect();
    let points: Vec<G1Affine> = few.into_iter().cycle().take(N).collect();
    let scalars: Vec<Fr> = (0..N as u64).map(|i| -Fr::from(i * i + 1)).collect();
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let expected = Cpu.msm(&points, &scalars);
    let kept = Arc::new(points.clone());
    for kept in [None, Some(kept)] {
        let device = HostKernels::on_host(Tuning { width: 1 << 8, small: 0, budget: 1 << 24 });
        kept.iter().for_each(|points| device.keep_points(points));
        let points = kept.unwrap_or_else(|| Arc::new(points.clone()));
        let (go, wait) = mpsc::channel::<()>();
        rayon::spawn(move || {
            let _ = wait.recv();
        });
        let (tell, sums) = mpsc::channel();
        let scalars = scalars.clone();
        thread::spawn(move || tell.send(device.sum(&points, &scalars)));
        let sum = sums.recv_timeout(Duration::from_secs(120)).expect("a sum that waits for nobody");
        assert_eq!(sum, Some(expected));
        drop(go);
    }
}
