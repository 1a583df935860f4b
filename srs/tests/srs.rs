//! Files that snarkjs made, whole and broken; our own files; a marked SRS for development.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{FftField, Field, PrimeField};
use talea_srs::{Origin, Srs, check::check, ptau::import};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn powers(srs: &mut Srs) -> &mut Vec<G1Affine> {
    Arc::make_mut(&mut srs.powers)
}

const PLAIN: &str = "power6.ptau";
const PREPARED: &str = "power6-prepared.ptau";
const SIZES: [u32; 4] = [0, 1, 4, 6];

#[test]
fn files_of_a_real_ceremony_are_imported() {
    let prepared = import(&data(PREPARED), 6, &SIZES).unwrap();
    assert_eq!((prepared.k(), prepared.powers.len(), prepared.lagrange.len()), (6, 65, 4));
    assert!(!prepared.origin.is_dev() && prepared.origin.to_string().starts_with("declared: from a ceremony"));
    // without its prepared sections the same points are computed from the powers
    let plain = import(&data(PLAIN), 6, &SIZES).unwrap();
    assert_eq!(Srs { origin: prepared.origin.clone(), ..plain }, prepared);
    for k in 0..6 {
        let small = import(&data(PREPARED), k, &[k]).unwrap();
        assert_eq!(*small.powers, prepared.powers[..(1 << k) + 1]);
    }
    // the basis sums to one, and weighs values into the polynomial that takes them at the powers of the shared root
    let (_, basis) = &prepared.lagrange[2];
    assert_eq!(basis.iter().map(|p| p.into_group()).sum::<G1Projective>(), G1Affine::generator().into_group());
    let root = Fr::get_root_of_unity(16).unwrap();
    let values: Vec<Fr> = (0..16u64).map(|i| root.pow([i]) + Fr::from(3u64)).collect();
    let line = (prepared.powers[1] + prepared.powers[0] * Fr::from(3u64)).into_affine();
    assert_eq!(G1Projective::msm_unchecked(basis, &values).into_affine(), line, "X + 3");
    // halo2 takes another generator of the same group of 2^28: its bases are these points in another order
    let halo2 = "03ddb9f5166d18b798865ea93dd31f743215cf6dd39329c8d34f1ed960c37c9c";
    let shared = halo2
        .bytes()
        .fold(Fr::from(0u64), |n, b| n * Fr::from(16u64) + Fr::from(u64::from((b as char).to_digit(16).unwrap())));
    assert_ne!(Fr::TWO_ADIC_ROOT_OF_UNITY, shared);
    assert_eq!((shared.pow([1u64 << 28]), shared.pow([1u64 << 27])), (Fr::from(1u64), -Fr::from(1u64)));
}

/// Copies a file with a change and imports it; the refusal is one line.
fn broken(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.ptau");
    let mut bytes = std::fs::read(data(name)).unwrap();
    change(&mut bytes);
    std::fs::write(&file, bytes).unwrap();
    let said = import(&file, 6, &SIZES).err().map_or("accepted".into(), |e| e.to_string());
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// Place of a section's bytes, and its length.
fn section(kind: u32) -> (usize, usize) {
    let bytes = std::fs::read(data(PREPARED)).unwrap();
    let number = |at: usize, n: usize| bytes[at..at + n].iter().rev().fold(0usize, |x, b| x << 8 | usize::from(*b));
    let mut at = 12;
    loop {
        let (found, length) = (number(at, 4), number(at + 4, 8));
        if found == kind as usize {
            return (at + 12, length);
        }
        at += 12 + length;
    }
}

#[test]
fn broken_files_are_refused_by_name() {
    let (header, _) = section(1);
    let (tau1, tau1_length) = section(2);
    let (tau2, _) = section(3);
    let (lagrange, lagrange_length) = section(12);
    let modulus: Vec<u8> = ark_bn254::Fq::MODULUS.0.iter().flat_map(|l| l.to_le_bytes()).collect();
    type Change<'c> = Box<dyn FnOnce(&mut Vec<u8>) + 'c>;
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("magic: found", Box::new(|b| b[0] ^= 1)),
        ("magic: found", Box::new(|b| b[4] = 2)),
        ("length: found 0 bytes", Box::new(|b| b.clear())),
        ("length: found 11 bytes", Box::new(|b| b.truncate(11))),
        ("section 15: found", Box::new(|b| b.truncate(b.len() - 1))),
        ("the sections' end", Box::new(|b| b.push(0))),
        ("sections: found 4294967295, expected at most 64", Box::new(|b| b[8..12].fill(255))),
        ("section 2: found a second one", Box::new(|b| b[tau1 + tau1_length] = 2)), // the next section's type
        ("section 1: found 18446744073709551615 bytes", Box::new(|b| b[16..24].fill(255))),
        ("header: found none", Box::new(|b| b[12] = 99)),
        ("header: found another curve's modulus", Box::new(|b| b[header + 4] ^= 1)),
        ("header: found another curve's modulus", Box::new(|b| b[header] = 48)),
        ("section 2: found 8128 bytes, expected 16320", Box::new(|b| b[header + 36] = 7)),
        ("power: found 200, expected at most 28", Box::new(|b| b[header + 36] = 200)),
        ("section 2: found 0 bytes", Box::new(|b| b[header + 44] = 77)),
        ("powers[0]: found another point", Box::new(|b| b.copy_within(tau1 + 64..tau1 + 128, tau1))),
        ("tauG1[3]: found something else", Box::new(|b| b[tau1 + 3 * 64] ^= 1)),
        ("tauG1[64]: found something else", Box::new(|b| b[tau1 + 64 * 64 + 40] ^= 1)),
        ("tauG1[5]: found something else", Box::new(|b| b[tau1 + 5 * 64..][..64].fill(0))),
        ("tauG1[5]: found something else", Box::new(|b| b[tau1 + 5 * 64..][..32].copy_from_slice(&modulus))),
        ("tauG1[5]: found something else", Box::new(|b| b[tau1 + 5 * 64..][..64].fill(255))),
        (
            "powers: found points that are not the powers of τ",
            Box::new(|b| {
                let (a, c) = (tau1 + 64 * 10, tau1 + 64 * 11);
                let first = b[a..a + 64].to_vec();
                b.copy_within(c..c + 64, a);
                b[c..c + 64].copy_from_slice(&first);
            }),
        ),
        (
            "powers: found points that are not the powers of τ",
            Box::new(|b| b.copy_within(tau1 + 64 * 63..tau1 + 64 * 64, tau1 + 64 * 64)),
        ),
        (
            "powers: found points that are not the powers of τ",
            Box::new(|b| b.copy_within(tau2 + 256..tau2 + 384, tau2 + 128)),
        ),
        ("tauG2[0]: found another point", Box::new(|b| b.copy_within(tau2 + 128..tau2 + 256, tau2))),
        ("tauG2: found something else", Box::new(|b| b[tau2 + 130] ^= 1)),
        ("lagrange tauG1[2]: found something else", Box::new(|b| b[lagrange + 64 * 17] ^= 1)),
        (
            "lagrange 2^6: found points that are not the powers' Lagrange basis",
            Box::new(|b| b.copy_within(lagrange + 64 * 64..lagrange + 64 * 65, lagrange + 64 * 65)),
        ),
    ];
    for (says, change) in cases {
        let said = broken(PREPARED, change);
        assert!(said.contains(says), "{said}\nshould say {says}");
    }
    assert_eq!((tau1_length, lagrange_length), (127 * 64, 255 * 64));
    let said = import(&data("bls12-381-power3.ptau"), 2, &[]).unwrap_err().to_string();
    assert!(said.contains("header: found 60 bytes, expected 44: a curve of 32-byte coordinates"), "{said}");
    let said = import(&data(PLAIN), 7, &[]).unwrap_err().to_string();
    assert!(said.contains("power: found 2^6, expected at least the 2^7 asked for"), "{said}");
    let said = import(&data(PLAIN), 5, &[6]).unwrap_err().to_string();
    assert_eq!(said, "--lagrange: size: found 6, expected at most k, 5");
    assert!(import(&data(PLAIN), 27, &[]).unwrap_err().to_string().contains("--k: size: found 27"));
    assert!(import(&data("none"), 2, &[]).unwrap_err().to_string().contains("No such file"));
}

/// The twist has points outside the group; one with a coordinate of ours is not on the curve at all, so we make one.
#[test]
fn a_point_of_the_twist_outside_the_group_is_refused() {
    use ark_bn254::{Fq, Fq2, g2};
    use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
    let outside = (1u64..).find_map(|i| {
        let x = Fq2::new(Fq::from(i), Fq::from(1u64));
        let y = (x.square() * x + g2::Config::COEFF_B).sqrt()?;
        let p = Affine::<g2::Config>::new_unchecked(x, y);
        (!p.is_in_correct_subgroup_assuming_on_curve()).then_some(p)
    });
    let p = outside.unwrap();
    let (tau2, _) = section(3);
    // Montgomery's form is the limbs as they lie
    let limbs: Vec<u8> =
        [p.x.c0, p.x.c1, p.y.c0, p.y.c1].iter().flat_map(|c| c.0.0).flat_map(u64::to_le_bytes).collect();
    let said = broken(PREPARED, |b| b[tau2 + 128..tau2 + 256].copy_from_slice(&limbs));
    assert!(said.contains("tauG2: found something else"), "{said}");
}

#[test]
fn a_development_srs_is_marked_and_whole() {
    let srs = Srs::dev(5, &[5, 3, 3], "seed").unwrap();
    check("dev", &srs).unwrap();
    assert!(srs.origin.is_dev() && srs.origin.to_string().starts_with("INSECURE, for development"));
    assert_eq!(srs.lagrange.iter().map(|l| l.0).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(srs, Srs::dev(5, &[3, 5], "seed").unwrap());
    assert_ne!(srs.tau, Srs::dev(5, &[], "seed2").unwrap().tau);
    assert!(Srs::dev(26, &[], "s").unwrap_err().to_string().contains("at most 25"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dev.srs");
    let digest = srs.save(&file).unwrap();
    assert_eq!(Srs::open(&file).unwrap(), (srs.clone(), digest));
    let whole = std::fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(Srs::open(&file).is_err(), "byte {at}");
    }
}

/// Sealed again after a change, as a forger would: points that are none, sizes that do not fit, powers of two secrets.
#[test]
fn resealed_files_are_refused() {
    let srs = Srs::dev(4, &[2], "seed").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dev.srs");
    let refused = |change: &dyn Fn(&mut Srs)| {
        let mut bad = srs.clone();
        change(&mut bad);
        bad.save(&file).unwrap();
        let said = Srs::open(&file).and_then(|(s, _)| check("f", &s)).unwrap_err().to_string();
        assert_eq!(said.lines().count(), 1);
        said
    };
    let moved = |p: &G1Affine| (*p + G1Affine::generator()).into_affine();
    assert!(refused(&|s| powers(s).truncate(16)).contains("powers: found 16, expected 2^k + 1"));
    assert!(refused(&|s| powers(s)[7] = moved(&s.powers[7])).contains("not the powers of τ"));
    assert!(refused(&|s| powers(s)[3].x += ark_bn254::Fq::from(1u64)).contains("powers[3]: found something else"));
    assert!(refused(&|s| powers(s)[3] = G1Affine::zero()).contains("powers[3]: found something else"));
    assert!(refused(&|s| s.tau = (s.tau + s.tau).into_affine()).contains("not the powers of τ"));
    assert!(refused(&|s| s.lagrange[0].1[1] = moved(&s.lagrange[0].1[1])).contains("Lagrange basis"));
    assert!(refused(&|s| s.lagrange[0].0 = 3).contains("lagrange: found 4 points for sizes [3]"));
    for j in [5, 26, 31, 32, 63, 64, u32::MAX] {
        assert!(refused(&|s| s.lagrange = vec![(j, vec![])]).contains("lagrange: found 0 points"), "{j}");
    }
    assert!(refused(&|s| s.lagrange.push(s.lagrange[0].clone())).contains("ascending"));
    // τ a fourth root of unity
    let root = Fr::get_root_of_unity(4).unwrap();
    let says = refused(&|s| {
        s.powers = Arc::new((0..17u64).map(|i| (G1Affine::generator() * root.pow([i])).into_affine()).collect());
        s.tau = (ark_bn254::G2Affine::generator() * root).into_affine();
    });
    assert!(says.contains("a τ that is a root of unity"), "{says}");
    assert_eq!(srs.origin, Origin::Dev { seed: "seed".into() });
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    /// No bytes panic the importer, and a file with another byte in what is read is refused.
    #[test]
    fn hostile_ptau_files_are_refused(edits in proptest::collection::vec((0usize..30_000, 1u8..), 1..5), cut in proptest::option::of(0usize..76_000)) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.ptau");
        let mut bytes = std::fs::read(data(PREPARED)).unwrap();
        edits.iter().for_each(|(at, x)| bytes[*at] ^= x);
        bytes.truncate(cut.unwrap_or(usize::MAX));
        std::fs::write(&file, &bytes).unwrap();
        if let Err(e) = import(&file, 4, &[4]) {
            assert_eq!(e.to_string().lines().count(), 1);
        }
    }
}
