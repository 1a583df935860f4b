//! What openings cost: `cargo run --release -p talea-claims --example slot_openings -- [σ] [amounts]`.

use std::time::Instant;

use ark_bn254::Fr;
use talea_claims::{
    Domain, PayoutVector, SlotPoints,
    challenge::open_challenge,
    points::Way,
    verify::{verify_at, verify_many, verify_opening},
};
use talea_srs::Srs;

/// Says how long something took.
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let out = run();
    println!("{:>9.3} s  {what}", begin.elapsed().as_secs_f64());
    out
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u32>().expect("σ, and how many amounts"));
    let (log, count) = (arguments.next().unwrap_or(16), arguments.next().unwrap_or(300));
    let domain = Domain::new(log).expect("a domain");
    println!("2^{log} slots, {count} amounts, {} threads", rayon::current_num_threads());
    let srs = timed("development SRS", || Srs::dev(log, &[], "claims example").expect("at most 2^25"));
    let mut vector = PayoutVector::new(domain, Fr::from(0x7a1ea_u64));
    // an odd step visits different slots
    let step = (domain.size() as u32 / count.max(1)) | 1;
    for i in 0..count {
        let slot = i.wrapping_mul(step) % domain.size() as u32;
        vector.credit(slot, (1 << 90) + u128::from(i)).expect("far from 2^128");
    }
    let slots = vector.slots();
    let few = &slots[..slots.len().min(8)];
    timed("points of 8 slots by sums", || SlotPoints::compute_by(Way::Sums, &srs, domain, few)).expect("points");
    let dir = tempfile::tempdir().expect("a folder");
    let prepare = || SlotPoints::prepare(dir.path(), &srs, domain, &slots).expect("points");
    let way = Way::to_points(domain, slots.len());
    timed(&format!("points of all amounts' slots, cold ({way:?})"), prepare);
    let points = timed("points of all amounts' slots, cached", prepare);
    let commitment = timed("commitment", || points.commit(&vector)).expect("points of every slot");
    let way = Way::to_openings(domain, slots.len(), slots.len());
    let openings = timed(&format!("all openings ({way:?})"), || points.open_all(&vector)).expect("the same");
    let gamma = Fr::from(12_345u64);
    let zeta = Fr::from(54_321u64);
    let (value, proof) = timed("opening at a challenge", || open_challenge(&srs, &vector, &zeta)).expect("powers");
    assert!(verify_at(&srs.tau, &commitment, &zeta, &value, &proof));
    assert!(timed("one opening verified", || verify_opening(&srs.tau, domain, &commitment, &openings[0])));
    assert!(timed("all openings verified, folded", || {
        verify_many(&srs.tau, domain, &commitment, &openings, &gamma)
    }));
}
