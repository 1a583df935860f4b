//! The file of slots' points: what it spares, what it refuses, and that no other file is ever used in its place.

use std::path::Path;

use crate::common::srs;
use ark_bn254::Fr;
use talea_claims::{Domain, PayoutVector, SlotPoints, cache::file, points::Way};
use talea_srs::Srs;

const SLOTS: [u32; 4] = [60, 3, 17, 3];

fn domain() -> Domain {
    Domain::new(6).unwrap()
}

fn prepare(dir: &Path, srs: &Srs, slots: &[u32]) -> SlotPoints {
    SlotPoints::prepare(dir, srs, domain(), slots).unwrap()
}

fn load(dir: &Path, srs: &Srs, slots: &[u32]) -> Result<SlotPoints, String> {
    SlotPoints::load(&file(dir, srs, domain()), srs, domain(), slots).map_err(|e| e.to_string())
}

#[test]
fn points_come_back_and_the_file_grows() {
    let dir = tempfile::tempdir().unwrap();
    let srs = srs(6);
    let fresh = prepare(dir.path(), &srs, &SLOTS);
    assert_eq!(fresh, SlotPoints::compute_by(Way::Sums, &srs, domain(), &SLOTS).unwrap());
    assert_eq!(load(dir.path(), &srs, &SLOTS).unwrap(), fresh);
    let path = file(dir.path(), &srs, domain());
    let first = std::fs::read(&path).unwrap();
    assert_eq!(prepare(dir.path(), &srs, &SLOTS), fresh);
    assert_eq!(std::fs::read(&path).unwrap(), first, "nothing was missing");
    let more = prepare(dir.path(), &srs, &[0, 17]);
    assert_eq!(more.slots(), [0, 17]);
    assert_eq!(load(dir.path(), &srs, &[0, 3, 5, 17, 60]).unwrap().slots(), [0, 3, 17, 60]);
    // so many that all are computed together
    let all: Vec<u32> = (0..64).collect();
    assert_eq!(Way::to_points(domain(), 64), Way::Transforms);
    let whole = prepare(dir.path(), &srs, &all);
    assert_eq!(load(dir.path(), &srs, &all).unwrap(), whole);
    assert_eq!(whole, SlotPoints::compute_by(Way::Sums, &srs, domain(), &all).unwrap());
    // the same bytes by whatever way they came
    let other = tempfile::tempdir().unwrap();
    prepare(other.path(), &srs, &all);
    assert_eq!(std::fs::read(file(other.path(), &srs, domain())).unwrap(), std::fs::read(&path).unwrap());
}

#[test]
fn points_of_a_file_open_as_computed_ones_do() {
    let dir = tempfile::tempdir().unwrap();
    let srs = srs(6);
    let mut vector = PayoutVector::new(domain(), Fr::from(5u64));
    SLOTS.iter().for_each(|slot| vector.credit(*slot, u128::from(*slot) + 1).unwrap());
    let fresh = prepare(dir.path(), &srs, &vector.slots());
    let cached = prepare(dir.path(), &srs, &vector.slots());
    assert_eq!(cached.open_all(&vector).unwrap(), fresh.open_all(&vector).unwrap());
    assert_eq!(cached.commit(&vector).unwrap(), fresh.commit(&vector).unwrap());
}

#[test]
fn a_damaged_file_is_refused_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let srs = srs(6);
    let fresh = prepare(dir.path(), &srs, &SLOTS);
    let path = file(dir.path(), &srs, domain());
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let said = load(dir.path(), &srs, &SLOTS).unwrap_err();
        assert_eq!(said.lines().count(), 1, "byte {at}: {said}");
        assert!(said.starts_with(&path.display().to_string()), "{said}");
    }
    for bytes in [&whole[..whole.len() - 1], &whole[..20], &[]] {
        std::fs::write(&path, bytes).unwrap();
        assert!(load(dir.path(), &srs, &SLOTS).is_err());
        assert_eq!(prepare(dir.path(), &srs, &SLOTS), fresh);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

/// A seal is no signature: files whose seal fits are held to the SRS.
#[test]
fn a_file_of_wrong_points_is_refused_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let srs = srs(6);
    let fresh = prepare(dir.path(), &srs, &SLOTS);
    let path = file(dir.path(), &srs, domain());
    let whole = std::fs::read(&path).unwrap();
    // behind the container's header: τ, σ, three columns each behind its length
    let (slots, lagrange) = (60 + 128 + 4 + 8, 60 + 128 + 4 + 8 + 3 * 4 + 8);
    let diagonals = lagrange + 3 * 64 + 8;
    assert_eq!(whole.len(), diagonals + 3 * 64);
    type Change = fn(&mut [u8], usize);
    let swap: Change = |b, at| b[at..at + 128].rotate_left(64);
    let flip: Change = |b, at| b[at] ^= 1;
    let cases: [(usize, Change, &str); 7] = [
        (60, flip, "tau: found another reference string's"),
        (60 + 128, flip, "domain: found 7, expected 6"),
        (slots + 4, |b, at| b[at] = 3, "slots: found others"),
        (slots + 8, |b, at| b[at] = 64, "slots: found others"),
        (lagrange, flip, "lagrange[0]: found something else"),
        (lagrange, swap, "points: found points that are not those of their slots"),
        (diagonals + 64, swap, "points: found points that are not those of their slots"),
    ];
    for (at, change, says) in cases {
        let mut bytes = whole.clone();
        change(&mut bytes, at);
        let seal = blake3::Hasher::new().update(&bytes[..28]).update(&bytes[60..]).finalize();
        bytes[28..60].copy_from_slice(seal.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let said = load(dir.path(), &srs, &SLOTS).unwrap_err();
        assert!(said.contains(says), "{said}\nshould say {says}");
        assert_eq!(prepare(dir.path(), &srs, &SLOTS), fresh);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn a_file_of_another_srs_or_domain_is_never_used() {
    let dir = tempfile::tempdir().unwrap();
    let (srs, other) = (srs(6), Srs::dev(6, &[], "another").unwrap());
    prepare(dir.path(), &other, &SLOTS);
    assert_ne!(file(dir.path(), &srs, domain()), file(dir.path(), &other, domain()));
    assert_ne!(file(dir.path(), &srs, domain()), file(dir.path(), &srs, Domain::new(5).unwrap()));
    // under the name of ours it is not used either
    std::fs::copy(file(dir.path(), &other, domain()), file(dir.path(), &srs, domain())).unwrap();
    assert!(load(dir.path(), &srs, &SLOTS).unwrap_err().contains("tau: found another reference string's"));
    let computed = SlotPoints::compute(&srs, domain(), &[3, 17, 60]).unwrap();
    assert_eq!(prepare(dir.path(), &srs, &SLOTS), prepare(dir.path(), &srs, &[3, 17, 60]));
    assert_eq!(load(dir.path(), &srs, &SLOTS).unwrap().get(3).unwrap(), computed.get(3).unwrap());
}

#[test]
fn what_the_system_refuses_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let srs = srs(6);
    std::fs::create_dir(file(dir.path(), &srs, domain())).unwrap();
    assert!(SlotPoints::prepare(dir.path(), &srs, domain(), &SLOTS).is_err());
}
