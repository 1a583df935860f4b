//! vectors/ledger: from the stored X, A_int, B_int and H onward, every byte is frozen, on any number of threads.

use std::path::{Path, PathBuf};

use talea_witness::{
    adapter::quantise::{IntAdapter, coordinate_scales},
    artefact::{digest, encode, load},
    batch::{Batch, Registered, Traced, bind_receipts, build as build_batch, shape::BatchShape},
    datanet,
    influence::index::{Index, build},
    network::Network,
    receipts::{Receipts, import::import},
    trace::IntTrace,
};

const NAME: &str = "crop-disease";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/ledger").join(name)
}

fn registered(network: &Network) -> Registered {
    let adapter = load::<IntAdapter>(&file("crop-disease.adapter")).unwrap().0;
    let index = load::<Index>(&file("crop-disease.index")).unwrap().0;
    Registered { name: NAME.into(), policy: network.adapter(NAME).unwrap().policy.clone(), adapter, index }
}

#[test]
fn the_batch_is_frozen_on_one_thread_and_on_two() {
    let network = Network::open(&file("")).unwrap();
    let registered = registered(&network);
    let mut traced: Vec<Traced> = network
        .requests
        .iter()
        .map(|r| Traced {
            request: r.clone(),
            trace: load::<IntTrace>(&file(&format!("{}.trace", r.id))).unwrap().0,
            receipt: [0; 32],
        })
        .collect();
    let receipts = load::<Receipts>(&file("receipts.talea")).unwrap().0;
    bind_receipts(&receipts, network.domain(), network.node, &[&registered], &mut traced).unwrap();
    let shape = BatchShape { slots: 2, requests: 4, tokens: 32, clusters: 16 };
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let batch = pool.install(|| build_batch(network.chain_id, network.node, &[&registered], &traced, Some(shape)));
        assert_eq!(encode(&batch.unwrap()), std::fs::read(file("batch.talea")).unwrap(), "{threads} threads");
    }
    let batch = load::<Batch>(&file("batch.talea")).unwrap().0;
    assert!(batch.requests.iter().all(|q| q.span == 2) && batch.slots.len() == 2, "the vector covers spans and splits");
}

#[test]
fn receipts_are_frozen() {
    let network = Network::open(&file("")).unwrap();
    let adapter = digest(&std::fs::read(file("crop-disease.adapter")).unwrap());
    let base = registered(&network).adapter.base;
    let receipts = import(&network, &base, |_| Ok(adapter), None).unwrap();
    assert_eq!(encode(&receipts), std::fs::read(file("receipts.talea")).unwrap());
}

#[test]
fn h_is_frozen_from_v_onward() {
    let r = registered(&Network::open(&file("")).unwrap());
    let (sigma_h, h) = build("", &r.index.rows, &coordinate_scales(&r.adapter)).unwrap();
    assert_eq!((sigma_h.to_bits(), h), (r.index.sigma_h.to_bits(), r.index.h));
}

#[test]
fn the_datanet_is_frozen() {
    let jsonl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/second/datanets/crop-disease.jsonl");
    let datanet = datanet::build(NAME, &jsonl).unwrap();
    assert_eq!(encode(&datanet), std::fs::read(file("crop-disease.datanet")).unwrap());
}

/// The dual and the primal solve are the same index: the frozen one (54 coordinates, 16 rows) is solved in the dual;
/// with as many coordinates dropped that the primal is chosen, both must still agree with a plain inverse.
#[test]
fn primal_and_dual_agree() {
    let r = registered(&Network::open(&file("")).unwrap());
    let scales = coordinate_scales(&r.adapter);
    for keep in [4, 10, 15, 16, 17, 40] {
        let rows: Vec<_> = r
            .index
            .rows
            .iter()
            .cloned()
            .map(|mut row| {
                row.v.truncate(keep);
                row
            })
            .collect();
        let (sigma, h) = build("", &rows, &scales[..keep]).unwrap();
        let plain = plain_index(&rows.iter().map(|r| &r.v[..]).collect::<Vec<_>>(), &scales[..keep]);
        for (ours, exact) in h.iter().zip(plain.iter().flatten()) {
            assert!((f64::from(*ours) - exact / sigma).abs() <= 0.51, "{keep}: {ours} against {}", exact / sigma);
        }
    }
}

/// DESIGN.md §3.4 written out with Gauss–Jordan elimination on K + λI, whatever its size.
fn plain_index(v: &[&[i64]], scales: &[f64]) -> Vec<Vec<f64>> {
    let (n, d) = (v.len(), scales.len());
    let mut phi: Vec<Vec<f64>> = v.iter().map(|v| v.iter().zip(scales).map(|(v, s)| *v as f64 * s).collect()).collect();
    for p in &mut phi {
        let norm = p.iter().map(|x| x * x).sum::<f64>().sqrt();
        p.iter_mut().for_each(|x| *x /= norm);
    }
    let mu: Vec<f64> = (0..d).map(|f| phi.iter().map(|p| p[f]).sum::<f64>() / n as f64).collect();
    let x: Vec<Vec<f64>> = phi.iter().map(|p| p.iter().zip(&mu).map(|(a, b)| a - b).collect()).collect();
    let mut k = vec![vec![0.0; d]; d];
    for (i, row) in k.iter_mut().enumerate() {
        for (j, cell) in row.iter_mut().enumerate() {
            *cell = x.iter().map(|x| x[i] * x[j]).sum::<f64>() / n as f64;
        }
    }
    let lambda = 0.1 * (0..d).map(|i| k[i][i]).sum::<f64>() / d as f64;
    (0..d).for_each(|i| k[i][i] += lambda);
    x.iter()
        .map(|x| {
            let mut h = solve(k.clone(), x.clone());
            let energy: f64 = x.iter().zip(&h).map(|(a, b)| a * b).sum();
            h.iter_mut().for_each(|v| *v /= energy.sqrt());
            let along = h.iter().zip(&mu).map(|(a, b)| a * b).sum::<f64>() / mu.iter().map(|m| m * m).sum::<f64>();
            h.iter().zip(&mu).zip(scales).map(|((h, m), s)| (h - along * m) * s).collect()
        })
        .collect()
}

fn solve(mut k: Vec<Vec<f64>>, mut y: Vec<f64>) -> Vec<f64> {
    let d = y.len();
    for i in 0..d {
        let pivot = (i..d).max_by(|a, b| k[*a][i].abs().total_cmp(&k[*b][i].abs())).unwrap();
        k.swap(i, pivot);
        y.swap(i, pivot);
        for r in (0..d).filter(|r| *r != i) {
            let factor = k[r][i] / k[i][i];
            let row = k[i].clone();
            k[r].iter_mut().zip(&row).for_each(|(a, b)| *a -= factor * b);
            y[r] -= factor * y[i];
        }
    }
    (0..d).map(|i| y[i] / k[i][i]).collect()
}
