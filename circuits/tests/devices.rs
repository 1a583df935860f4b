//! The same bytes on every device: proofs made with the kernels of a GPU, here compiled for the host.
#![cfg(feature = "host-kernels")]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use ark_bn254::Fr;
use common::{CHUNK, batch, numbers, powers, srs};
use halo2_base::halo2_proofs::{
    halo2curves::bn256::Fr as HaloFr,
    poly::{
        EvaluationDomain,
        commitment::{Blind, Params as _},
    },
};
use rayon::prelude::*;
use talea_circuits::{
    matrix::{Key, Matrices, Shape, Sizes},
    opening::prover::{NOT_OURS, mercury},
    relations::{
        prover::{Committed, Input},
        shape::Shape as BatchShape,
        values::Values,
    },
    transcript::writer::Writer,
    wrap::Params,
};
use talea_gpu::{
    Cpu, Device, HostKernels, HostMachine,
    backend::{Backend, GpuError},
    kernels::{Kernels, Tuning},
};

fn host(small: usize, budget: usize) -> HostKernels {
    HostKernels::on_host(Tuning { width: 1 << 8, small, budget })
}

#[test]
fn the_tutorials_proof() {
    let key = Key::new(Shape { tokens: 6, rank: 2, width: 4 }, Sizes { chunk: CHUNK, range: 8 }).unwrap();
    let mut n = numbers(3);
    let (x, a) = (n.by_ref().take(1 << 10).collect(), n.take(1 << 6).collect());
    let m = Matrices::new(&key, x, a).unwrap();
    let plain = m.prove(&Cpu, &srs().0, &[7; 32]);
    key.verify(&srs().1, &plain).unwrap();
    for device in [host(0, 1 << 30), host(1 << 6, 1 << 30), host(0, 1 << 16)] {
        assert!(m.prove(&device, &srs().0, &[7; 32]) == plain);
        assert_eq!(device.trouble(), None);
    }
}

/// Integers, commitments and proof of a batch, with all memory that could be wanted, little, and hardly any.
#[test]
fn a_batchs_proof() {
    let case = batch::case(batch::shape(true), 5);
    let (statement, plain) = case.prove(case.columns());
    case.key.verify(&srs().1, &statement, &plain).unwrap();
    let v = &case.values;
    for device in [host(0, 1 << 30), host(1 << 5, 1 << 30), host(0, 1 << 16), host(1 << 5, 1)] {
        let values =
            Values::new(&device, &case.key, &case.adapters(), v.slots.clone(), v.requests.clone(), v.x.clone());
        assert!(values.u == v.u && values.rem == v.rem && values.d == v.d);
        let input = Input { key: &case.key, values: &values, context: &case.context };
        let columns = values.columns(&case.key, &case.adapters()).unwrap();
        let committed = Committed::new(&device, input, &case.adapters(), columns, &srs().0, &[9; 32], None);
        assert!(committed.prove(&device, &srs().0, &mut |_| {}) == plain);
        assert_eq!(device.trouble(), None);
    }
}

/// What a device is sent while a batch is proven, and sends back, grows by little more than columns and what is sent with every round:
/// vectors of field elements, which would take some 500 bytes a cell on their way there and back, stay there.
#[test]
fn vectors_stay_on_the_device() {
    let powers = Arc::new(powers(18));
    let proven = |tokens: usize| {
        let case = batch::case(BatchShape { tokens, requests: 3, ..batch::shape(true) }, 5);
        let device = host(1 << 7, 1 << 30);
        device.keep(&powers);
        let columns = case.columns();
        let (cells, bytes) = columns.iter().fold((0, 0), |(n, bytes), c| (n + c.len(), bytes + c.size()));
        let input = Input { key: &case.key, values: &case.values, context: &case.context };
        let before = device.copied();
        let committed = Committed::new(&device, input, &case.adapters(), columns, &powers, &[9; 32], None);
        let proof = committed.prove(&device, &powers, &mut |_| {});
        let [up, down] = [0, 1].map(|i| (device.copied()[i] - before[i]) as usize);
        case.key.verify(&srs().1, &committed.statement, &proof).unwrap();
        assert_eq!(device.trouble(), None);
        println!("{cells} cells, {bytes} bytes of columns: {up} bytes to the device, {down} from it");
        [cells, up, down]
    };
    let [few, many] = [4, 7].map(proven);
    let [cells, up, down] = [0, 1, 2].map(|i| many[i] - few[i]);
    assert!(up < 64 * cells && down < 24 * cells, "{up} and {down} bytes for {cells} cells");
}

/// A machine that gets one byte wrong of the first copy of so many bytes, and runs so many kernels and no more.
struct Faulty {
    size: Option<usize>,
    done: AtomicBool,
    left: AtomicUsize,
}

impl Faulty {
    fn new(size: Option<usize>, left: usize) -> Self {
        Self { size, done: AtomicBool::new(false), left: AtomicUsize::new(left) }
    }
}

impl Backend for Faulty {
    type Memory = <HostMachine as Backend>::Memory;
    fn alloc(&self, bytes: usize) -> Result<Self::Memory, GpuError> {
        HostMachine.alloc(bytes)
    }
    fn address(&self, memory: &Self::Memory) -> u64 {
        HostMachine.address(memory)
    }
    fn write(&self, to: &mut Self::Memory, at: usize, bytes: &[u8]) -> Result<(), GpuError> {
        let mut bytes = bytes.to_vec();
        if Some(bytes.len()) == self.size && !self.done.swap(true, Relaxed) {
            bytes[5] ^= 4;
        }
        HostMachine.write(to, at, &bytes)
    }
    fn read(&self, from: &Self::Memory, at: usize, bytes: &mut [u8]) -> Result<(), GpuError> {
        HostMachine.read(from, at, bytes)
    }
    fn launch(&self, kernel: &'static str, words: &[u64]) -> Result<(), GpuError> {
        match self.left.try_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => HostMachine.launch(kernel, words),
            Err(_) => Err(GpuError::Kernel("gone")),
        }
    }
}

/// A device that holds other rows of X than it was given commits to them and proves them; the host sees that they are not its own.
#[test]
fn columns_that_are_not_ours() {
    let case = batch::case(batch::shape(true), 5);
    let columns = case.columns();
    let size = columns[case.key.parts.x[0].index()].size();
    for wrong in [false, true] {
        let tuning = Tuning { width: 1 << 8, small: 1 << 5, budget: 1 << 30 };
        let device = Kernels::new(Faulty::new(wrong.then_some(size), usize::MAX), tuning);
        let input = Input { key: &case.key, values: &case.values, context: &case.context };
        let committed = Committed::new(&device, input, &case.adapters(), columns.clone(), &srs().0, &[9; 32], None);
        let proven = std::panic::AssertUnwindSafe(|| committed.prove(&device, &srs().0, &mut |_| {}));
        let panic = std::panic::catch_unwind(proven).err().map(|e| *e.downcast::<String>().unwrap());
        assert_eq!(panic.as_deref(), wrong.then_some(NOT_OURS));
    }
}

/// Commitments of the wrap, many at a time on more threads than there are processors, as halo2 asks for them: by turns on a device that works,
/// on the CPU where it does not.
#[test]
fn the_wraps_commitments() {
    const K: u32 = 13;
    let points = &srs().0[..1 << K];
    let plain = Params::new(K, points, points, &srs().1.tau);
    let domain = EvaluationDomain::<HaloFr>::new(1, K);
    let columns: Vec<_> = (0..12u64)
        .map(|c| {
            let mut column = domain.empty_lagrange();
            column.iter_mut().enumerate().for_each(|(i, v)| *v = HaloFr::from((i as u64).pow(2) * c) - HaloFr::from(c));
            column
        })
        .collect();
    let commit = |params: &Params| -> Vec<_> {
        columns.par_iter().with_max_len(1).map(|c| params.commit_lagrange(c, Blind::default())).collect()
    };
    let expected = commit(&plain);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap();
    let device = Arc::new(host(1 << 12, 1 << 30));
    let params = plain.clone().on(device.clone());
    assert!(pool.install(|| commit(&params)) == expected);
    assert_eq!(device.trouble(), None);
    assert!(device.launches() > 0);
    // after its fifth launch nothing works
    let tuning = Tuning { width: 1 << 8, small: 1 << 12, budget: 1 << 30 };
    let device = Arc::new(Kernels::new(Faulty::new(None, 5), tuning));
    let params = plain.on(device.clone());
    assert!(pool.install(|| commit(&params)) == expected);
    assert_eq!(device.trouble(), Some(&GpuError::Kernel("gone")));
}

/// A salt stands in no column: a device that has another one is found out in the opening.
#[test]
fn salts_that_are_not_ours() {
    let f: Vec<Fr> = (0..=1u64 << 9).map(|i| Fr::from(i * i + 3)).collect();
    let (point, salt) = (&f[7..16], f[1 << 9]);
    let opened = |device: &HostKernels, salt| {
        let mut tx = Writer::new(&[4; 32], &[]);
        mercury(&mut tx, device, &srs().0, (device.vector(f.clone()), salt), point, &[]);
        tx.finish()
    };
    let mut plain = Writer::new(&[4; 32], &[]);
    mercury(&mut plain, &Cpu, &srs().0, (f.clone(), salt), point, &[]);
    let device = host(0, 1 << 30);
    assert_eq!(opened(&device, salt), plain.finish());
    let other = std::panic::AssertUnwindSafe(|| opened(&device, salt + Fr::from(1u64)));
    let panic = std::panic::catch_unwind(other).err().map(|e| *e.downcast::<String>().unwrap());
    assert_eq!(panic.as_deref(), Some(NOT_OURS));
}
