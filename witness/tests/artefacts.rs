//! The file format: frozen bytes, and no flipped bit, truncation or other version goes unnoticed.

use proptest::prelude::*;
use talea_witness::{
    artefact::{decode, encode, load, save},
    datanet::{Contribution, Datanet, Rejection, Status},
    trace::IntTrace,
};

fn sample() -> Datanet {
    let c =
        |text: &str, status| Contribution { contributor: [7; 20], content_hash: [9; 32], text: text.into(), status };
    let contributions = vec![
        c("a", Status::Representative),
        c("b", Status::ExactCopy { cluster: 0, of: 0 }),
        c("c", Status::NearCopy { cluster: 0, shared: 3, united: 5 }),
        c("e", Status::Excerpt { cluster: 0, shared: 3, own: 4 }),
        c("d", Status::Rejected(Rejection::KeywordList { words: 9, bare: 9, run: "d e".into() })),
    ];
    Datanet { name: "sample".into(), source: [1; 32], contributions }
}

#[test]
fn the_bytes_are_frozen() {
    let trace = IntTrace { id: "q".into(), tokens: vec![1, 258], exponent: -3, x: vec![vec![-1, 2]] };
    let bytes = encode(&trace);
    assert_eq!(&bytes[..28], b"TALEA\r\n\x1atrace   \x01\0\0\0\x35\0\0\0\0\0\0\0");
    let payload = [
        &[1, 0, 0, 0, 0, 0, 0, 0, b'q', 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0][..],
        &(-3i32).to_le_bytes(),
        &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        &(-1i32).to_le_bytes(),
        &2i32.to_le_bytes(),
    ]
    .concat();
    assert_eq!(bytes[60..], payload);
    assert_eq!(&bytes[28..60], blake3::Hasher::new().update(&bytes[..28]).update(&payload).finalize().as_bytes());
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = encode(&sample());
    assert_eq!(decode::<Datanet>("f", &bytes).unwrap(), sample());
    for at in 0..bytes.len() * 8 {
        let mut b = bytes.clone();
        b[at / 8] ^= 1 << (at % 8);
        let err = decode::<Datanet>("f", &b).unwrap_err().to_string();
        assert!(err.starts_with("f: ") && err.contains(": found ") && !err.contains('\n'), "{err}");
    }
}

#[test]
fn truncation_trailing_bytes_kind_and_version_are_named() {
    let bytes = encode(&sample());
    for cut in [0, 10, 59, 60, bytes.len() - 1] {
        assert!(decode::<Datanet>("f", &bytes[..cut]).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(decode::<Datanet>("f", &longer).unwrap_err().to_string().contains("payload length"));
    assert!(decode::<IntTrace>("f", &bytes).unwrap_err().to_string().contains("kind: found datanet"));
    for version in [0, 1, 3, 255] {
        let mut other = bytes.clone();
        other[16] = version;
        let says = format!("f: version: found {version}, expected 2");
        assert_eq!(decode::<Datanet>("f", &other).unwrap_err().to_string(), says);
    }
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er/x.datanet");
    let sum = save(&path, &sample()).unwrap();
    assert_eq!(load::<Datanet>(&path).unwrap(), (sample(), sum));
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["x.datanet"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// A forger can make the digest fit: then the payload's own structure must hold, without panic or huge allocation.
    #[test]
    fn resealed_garbage_is_refused_or_read(at in 0usize..400, byte in any::<u8>(), cut in 0usize..400) {
        let mut bytes = encode(&sample());
        let payload_at = 60 + at % (bytes.len() - 60);
        bytes[payload_at] = byte;
        bytes.truncate(bytes.len() - cut % (bytes.len() - 60));
        let len = (bytes.len() - 60) as u64;
        bytes[20..28].copy_from_slice(&len.to_le_bytes());
        let seal = *blake3::Hasher::new().update(&bytes[..28]).update(&bytes[60..]).finalize().as_bytes();
        bytes[28..60].copy_from_slice(&seal);
        let _ = decode::<Datanet>("f", &bytes);
    }
}
