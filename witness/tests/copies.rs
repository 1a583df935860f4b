//! Copies: how often honest texts are taken for copies, and why candidates come from an exact index and not from MinHash.

use std::collections::HashSet;

use alloy_primitives::Address;
use talea_witness::datanet::{Status, judge_all};

fn statuses(texts: &[&str]) -> Vec<Status> {
    judge_all(texts.iter().map(|t| (Address::ZERO, t.to_string())).collect()).into_iter().map(|c| c.status).collect()
}

/// 10,209 pairs of honest texts of one template each, about different entities: the hardest honest case there is here,
/// because everything but the entity and its facts is shared.
#[test]
fn honest_pairs_are_not_clustered() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/honest.jsonl");
    let texts: Vec<(String, String)> = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap())
        .map(|v| (v["domain"].as_str().unwrap().into(), v["text"].as_str().unwrap().into()))
        .collect();
    let (mut pairs, mut taken_for_copies) = (0, 0);
    for (i, (domain, a)) in texts.iter().enumerate() {
        for (_, b) in texts[..i].iter().filter(|(d, _)| d == domain) {
            let s = statuses(&[b, a]);
            assert_eq!(s[0], Status::Representative, "{b}");
            pairs += 1;
            taken_for_copies += u32::from(s[1] != Status::Representative);
        }
    }
    println!("{taken_for_copies} of {pairs} honest pairs taken for copies");
    assert_eq!((pairs, taken_for_copies), (10_209, 0));
}

/// A number in letters: digits inside a word are not compared.
fn letters(n: u32) -> String {
    n.to_string().bytes().map(|b| char::from(b'a' + b - b'0')).collect()
}

/// What a copier may try that leaves a text readable: each earned a share of its own before words were compared by
/// their parts and looks, and shingles also by containment.
#[test]
fn disguised_copies_and_excerpts_of_real_contributions_found_no_cluster() {
    type Disguise = fn(&str) -> String;
    let look_alike: Disguise = |t| {
        t.chars()
            .map(|c| ['а', 'е', 'о', 'с', 'р'].into_iter().zip("aeocp".chars()).find(|x| x.1 == c).map_or(c, |x| x.0))
            .collect()
    };
    let disguises: [(&str, Disguise); 6] = [
        ("look-alike letters", look_alike),
        ("digits appended", |t| {
            t.split(' ')
                .map(|w| if w.ends_with(char::is_alphabetic) && w.len() > 3 { format!("{w}1") } else { w.into() })
                .collect::<Vec<_>>()
                .join(" ")
        }),
        ("joined by _", |t| t.replace(' ', "_")),
        ("joined by .", |t| {
            t.split(' ').map(|w| w.trim_end_matches(['.', ',', ':', ';', '?'])).collect::<Vec<_>>().join(".")
        }),
        ("first half", |t| t.split(' ').take(t.split(' ').count() / 2).collect::<Vec<_>>().join(" ")),
        ("second half", |t| t.split(' ').skip(t.split(' ').count() / 2).collect::<Vec<_>>().join(" ")),
    ];
    for datanet in ["contract-security", "crop-disease", "port-logistics"] {
        let texts = originals(datanet);
        assert!(!texts.is_empty());
        for (name, disguise) in disguises {
            for text in &texts {
                let copy = disguise(text);
                let s = statuses(&[text, &copy]);
                assert_eq!(s[0], Status::Representative, "{text}");
                assert_ne!(s[1], Status::Representative, "{name} of {text}");
            }
        }
    }
}

/// Texts of the demo network that are neither copies nor filler.
fn originals(datanet: &str) -> Vec<String> {
    let file = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/demo/datanets/{}.jsonl"), datanet);
    let lines = std::fs::read_to_string(file).unwrap();
    let all = lines.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    all.filter(|v| v["kind"] == "original").map(|v| v["text"].as_str().unwrap().to_string()).collect()
}

/// A later text that holds an earlier one whole, among much of its own, stays new: otherwise a short early text would take
/// what long later ones earn.
#[test]
fn a_text_that_quotes_an_earlier_one_is_new() {
    let early = "Press the red button to stop the belt";
    let late = format!(
        "The line has four stations and a foreman for each of them. {early}, then call the foreman of the station. \
        He decides with the shift leader whether the belt may run again before the guard has been looked at."
    );
    assert_eq!(statuses(&[early, &late])[1], Status::Representative);
    let s = statuses(&[&late, early]);
    assert_eq!(s[1], Status::Excerpt { cluster: 0, shared: 6, own: 6 });
}

/// One text that holds everything takes nothing but its own length's share: an excerpt's host may be eight times as long.
#[test]
fn nobody_takes_all_later_texts_with_one_that_holds_them() {
    let texts = originals("port-logistics");
    let all = texts.join(" ");
    let first = statuses(&[&all, &texts[0]]);
    assert_eq!(first[1], Status::Representative, "{} texts in one", texts.len());
    assert!(matches!(statuses(&[&texts[..4].join(" "), &texts[0]])[1], Status::Excerpt { .. }));
}

/// Scripts that are cut letter by letter need longer runs before three quarters of a text are another's.
#[test]
fn unrelated_texts_without_spaces_are_no_copies() {
    let a = "น้ำเดือดที่หนึ่งร้อยองศาเซลเซียสที่ระดับน้ำทะเลและเดือดเร็วกว่าบนภูเขาสูง";
    let b = "น้ำแข็งละลายที่ศูนย์องศาเซลเซียสและแข็งตัวที่อุณหภูมิเดียวกันนั้น";
    assert_eq!(statuses(&[a, b])[1], Status::Representative);
    assert!(!matches!(statuses(&[a, &format!("{a}!")])[1], Status::Representative));
}

/// Both thresholds, met exactly and missed by one shingle.
#[test]
fn thresholds_are_exact() {
    // n words in a row give n − 2 shingles; function words between keep them from being a list
    let words = |n: usize, prefix: &str| {
        (0..n)
            .map(|i| if i % 2 == 0 { format!("{prefix}{}", letters(i as u32 + 100)) } else { "the".into() })
            .collect::<Vec<_>>()
    };
    let join = |a: &[String], b: &[String]| a.iter().chain(b).cloned().collect::<Vec<_>>().join(" ");
    let original = words(32, "wa"); // 30 shingles
    for (shared_words, extra, want) in [
        (24usize, 0usize, "copy/near"), // 22 shared of 30
        (20, 0, "copy/near"),           // 18 of 30: 3/5 exactly
        (19, 0, "copy/excerpt"),        // 17 of 30, but all of its own 17
        (14, 4, "copy/excerpt"),        // 12 of its own 16: 3/4 exactly
        (14, 5, "representative"),      // 12 of its own 17
    ] {
        let copy = join(&original[..shared_words], &words(extra, "zu"));
        let s = statuses(&[&original.join(" "), &copy]);
        assert_eq!(s[1].code(), want, "{shared_words} + {extra}: {:?}", s[1]);
    }
}

fn shingles(words: &[String]) -> HashSet<String> {
    words.windows(3).map(|w| w.join(" ")).collect()
}

/// A textbook MinHash-LSH: 32 bands of 4 of 128 minima, hash functions anyone can compute.
fn bands(set: &HashSet<String>) -> Vec<[u64; 4]> {
    let base: Vec<u64> = set
        .iter()
        .map(|s| u64::from_le_bytes(blake3::hash(s.as_bytes()).as_bytes()[..8].try_into().unwrap()))
        .collect();
    let mix = |x: u64| (x ^ (x >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15); // splitmix64's finaliser, once
    let minimum =
        |i: u64| base.iter().map(|h| mix(mix(h.wrapping_add(i.wrapping_mul(0xbf58_476d_1ce4_e5b9))))).min().unwrap();
    (0..32).map(|b| [4 * b, 4 * b + 1, 4 * b + 2, 4 * b + 3].map(minimum)).collect()
}

const ATTEMPTS: u32 = 3000;

/// A copier swaps words at random until MinHash-LSH sees no candidate, although the copy is above the threshold.
/// The exact index finds every such copy.
#[test]
fn a_copy_ground_against_minhash_is_still_found() {
    let original = "Port Kalora unloads cocoa with a dwell time of nine days and customs at Kalora ask for a bond letter \
        before the draught limit of eleven metres is waived for ships that carry timber or bulk maize in the dry season \
        and the harbour master of Kalora keeps a list of pilots who may board at night when the wind is from the west";
    let words: Vec<String> = original.to_lowercase().split_whitespace().map(String::from).collect();
    let (ours, lsh) = (shingles(&words), bands(&shingles(&words)));
    let (mut missed, mut tried) = (0, 0);
    for attempt in 0u32..ATTEMPTS {
        let mut copy = words.clone();
        let draw = blake3::hash(&attempt.to_le_bytes());
        for at in draw.as_bytes()[..5].iter().map(|b| usize::from(*b) % words.len()) {
            copy[at] = format!("{}{}", copy[at], letters(attempt));
        }
        let theirs = shingles(&copy);
        let (both, either) = (ours.intersection(&theirs).count(), ours.union(&theirs).count());
        if 5 * both < 3 * either {
            continue;
        }
        tried += 1;
        missed += u32::from(bands(&theirs).iter().zip(&lsh).all(|(a, b)| a != b));
        let s = statuses(&[original, &copy.join(" ")]);
        assert!(matches!(s[1], Status::NearCopy { cluster: 0, .. }), "attempt {attempt}: {:?}", s[1]);
    }
    println!("MinHash-LSH missed {missed} of {tried} copies above the threshold");
    assert!(missed > 0, "the attack that justifies the exact index no longer works");
}
