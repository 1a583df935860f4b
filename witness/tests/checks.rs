//! Every refusal of the artefacts' `check` functions: one field of a frozen artefact changed, and the field that is named.

use std::path::{Path, PathBuf};

use talea_witness::{
    adapter::quantise::IntAdapter,
    artefact::{Artefact, Format, load},
    batch::Batch,
    datanet::{Datanet, Status, rejudge},
    influence::index::Index,
};

fn frozen<T: Artefact + for<'a> wincode::SchemaRead<'a, Format, Dst = T>>(name: &str) -> T {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/ledger").join(name);
    load(&path).unwrap().0
}

/// What must be said, and the change that must be refused.
type Case<T> = (&'static str, fn(&mut T));

/// Each change must be refused with a text that holds its words; the artefact itself must not be.
fn refused<T: Clone, E: std::fmt::Display>(good: &T, check: impl Fn(&T) -> Result<(), E>, cases: &[Case<T>]) {
    assert!(check(good).is_ok());
    for (says, change) in cases {
        let mut bad = good.clone();
        change(&mut bad);
        let said = check(&bad).err().unwrap_or_else(|| panic!("accepted: {says}")).to_string();
        assert!(said.contains(says) && said.lines().count() == 1, "{said}\nshould say {says}");
    }
}

#[test]
fn batches() {
    refused(
        &frozen::<Batch>("batch.talea"),
        |b| b.check("f"),
        &[
            ("slots: found 3, expected a power of two", |b| b.shape.slots = 3),
            ("requests: found 2048, expected a power of two up to 2^10", |b| b.shape.requests = 2048),
            ("tokens: found 262144, expected a power of two up to 2^17", |b| b.shape.tokens = 1 << 18),
            ("clusters: found 0, expected", |b| b.shape.clusters = 0),
            ("clusters: found 8, expected at least 16", |b| b.shape.clusters = 8),
            ("slots: found", |b| b.shape.slots = 1),
            ("slots[0].adapter: found 9, expected below 1", |b| b.slots[0].adapter = 9),
            ("slots[0].payouts: found 15, expected 16", |b| b.slots[0].payouts.truncate(15)),
            ("slots[0].fees: found", |b| b.slots[0].dust += 1),
            ("slots[0].fees: found", |b| b.slots[0].payouts[0] = u128::MAX),
            ("below 2^112", |b| {
                b.slots[0].fees = 1 << 112;
                b.slots[0].payouts.fill(0);
                b.slots[0].roles = [0; 4];
                b.slots[0].dust = 1 << 112;
            }),
            ("its requests' fees", |b| {
                b.slots[0].fees += 1;
                b.slots[0].dust += 1;
            }),
            ("requests: found 3, expected at most the shape's 2", |b| {
                b.shape.slots = 2;
                b.shape.requests = 1;
            }),
            ("requests[1].slot: found 5, expected below", |b| b.requests[1].slot = 5),
            ("requests[1].ranks: found", |b| b.requests[1].ranks.truncate(3)),
            ("requests[1].ranks: found", |b| b.requests[1].scores.truncate(3)),
            ("requests: found \"../x\"", |b| b.requests[1].id = "../x".into()),
            ("pool ≤ fee", |b| b.requests[1].pool = b.requests[1].fee + 1),
            ("c < 2^121", |b| b.requests[1].quotient = 1 << 121),
            ("ranks < 2^20", |b| b.requests[1].ranks[0] = 1 << 20),
            ("fee < 2^92", |b| b.requests[1].fee = 1 << 92),
            ("adapters: found \"\"", |b| b.adapters[0].name.clear()),
            ("policy.power: found 3, expected 1, 2 or 4", |b| b.adapters[0].policy.power = 3),
        ],
    );
}

#[test]
fn adapters() {
    refused(
        &frozen::<IntAdapter>("crop-disease.adapter"),
        |a| a.check("f"),
        &[
            (".input: found 99, expected below", |a| a.modules[0].input = 99),
            ("found rank 0", |a| a.modules[0].rank = 0),
            ("found rank 257", |a| a.modules[0].rank = 257),
            ("its input's width", |a| a.modules[0].d_in += 1),
            ("weights, expected", |a| a.modules[0].a.truncate(5)),
            ("weights, expected", |a| a.modules[0].b.push(0)),
            ("weights beyond their bound", |a| a.modules[0].a[0] = i16::MIN),
            ("weights beyond their bound", |a| a.modules[0].b[0] = i16::MIN),
            (".sigma: found", |a| a.modules[0].sigma_a = 0.0),
            (".sigma: found", |a| a.modules[0].sigma_b = f64::NAN),
            ("exponent 257", |a| a.inputs[0].1 = 257),
            ("coordinates: found 0", |a| a.modules.clear()),
        ],
    );
    // a row of A whose L1 norm is 2^24 + 1: 32,767 × 512 + 513, over 513 inputs
    let wide = |last: i16| {
        let mut a = frozen::<IntAdapter>("crop-disease.adapter");
        a.modules.truncate(1);
        let m = &mut a.modules[0];
        (m.rank, m.d_in) = (1, 513);
        m.a = vec![32_767; 512];
        m.a.push(last);
        m.b.truncate(m.d_out as usize);
        a.inputs[m.input as usize].0.width = 513;
        a.check("f")
    };
    assert!(wide(512).is_ok());
    assert!(wide(513).unwrap_err().to_string().contains("L1 norm ≤ 2^24"));
}

#[test]
fn indexes() {
    let coordinates = frozen::<IntAdapter>("crop-disease.adapter").coordinates();
    refused(
        &frozen::<Index>("crop-disease.index"),
        |i| i.check("f", coordinates),
        &[
            ("rows: found 0", |i| i.rows.clear()),
            ("rows: found 1040, expected 1 to 2^10", |i| {
                i.rows = std::iter::repeat_n(i.rows.clone(), 65).flatten().collect()
            }),
            ("h: found", |i| i.h.truncate(5)),
            ("h: found -32768", |i| i.h[3] = i16::MIN),
            ("expected ascending ordinals", |i| i.rows.swap(0, 1)),
            ("expected ascending ordinals", |i| i.rows[1].cluster = i.rows[0].cluster),
        ],
    );
}

/// `check` looks at pointers, `rejudge` at verdicts and hashes.
#[test]
fn datanets() {
    let good = frozen::<Datanet>("crop-disease.datanet");
    assert!(good.contributions.iter().any(|c| matches!(c.status, Status::ExactCopy { .. })));
    refused(
        &good,
        |d| d.check("f"),
        &[
            ("contribution 2: found copy/exact of #40", |d| {
                d.contributions[2].status = Status::ExactCopy { cluster: 40, of: 0 }
            }),
            ("contribution 2: found copy/exact of #5", |d| {
                d.contributions[2].status = Status::ExactCopy { cluster: 5, of: 5 }
            }),
            ("contribution 2: found copy/exact of #1", |d| {
                d.contributions[2].status = Status::ExactCopy { cluster: 1, of: 2 }
            }),
            ("contribution 3: found copy/near of #2", |d| {
                d.contributions[2].status = Status::ExactCopy { cluster: 1, of: 1 };
                d.contributions[3].status = Status::NearCopy { cluster: 2, shared: 1, united: 1 };
            }),
            ("contribution 3: found copy/excerpt of #99", |d| {
                d.contributions[3].status = Status::Excerpt { cluster: 99, shared: 1, own: 1 }
            }),
        ],
    );
    refused(
        &good,
        |d| rejudge(d, "f"),
        &[
            ("contribution 2 status: found copy/exact, expected representative", |d| {
                d.contributions[2].status = Status::ExactCopy { cluster: 1, of: 1 }
            }),
            ("contribution 16 status: found representative, expected copy/", |d| {
                d.contributions[16].status = Status::Representative
            }),
            ("contribution 2 content hash", |d| d.contributions[2].content_hash[0] ^= 1),
            ("contribution 2", |d| d.contributions[2].text = d.contributions[1].text.clone()),
            ("name: found \"../x\"", |d| d.name = "../x".into()),
        ],
    );
}
