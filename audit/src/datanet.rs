//! Datanet verdicts from the texts (docs/semantics.md §3): every contribution against every representative before it.

use std::collections::HashSet;

use sha3::{Digest, Keccak256};
use talea_formats::{
    artefact::hex,
    datanet::{Datanet, Rejection, Status},
};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

use crate::{Checker, Report};

type Shingles = HashSet<Vec<String>>;

/// Judges the source file's lines again and compares verdicts, evidence, hashes and contributors.
pub fn audit(report: &mut Report, file: &str, stored: &Datanet, source: &[u8]) {
    let mut check = Checker::new(report, file);
    check.same("source", hex(&stored.source), blake3::hash(source).to_hex().to_string());
    let lines: Vec<serde_json::Value> =
        String::from_utf8_lossy(source).lines().map(|l| serde_json::from_str(l).unwrap_or_default()).collect();
    check.same("contributions", stored.contributions.len(), lines.len());
    let function_words = function_words();
    let mut hashes: Vec<([u8; 32], Status)> = Vec::new();
    let mut clusters: Vec<(u32, Shingles)> = Vec::new();
    for ((ordinal, c), line) in (0u32..).zip(&stored.contributions).zip(&lines) {
        let at = |field: &str| format!("contribution {ordinal} {field}");
        let text = line["text"].as_str().unwrap_or_default();
        let contributor: String = c.contributor.iter().map(|b| format!("{b:02x}")).collect();
        let given = line["contributor"].as_str().unwrap_or_default().to_lowercase();
        check.same(at("contributor"), contributor.as_str(), given.trim_start_matches("0x"));
        check.same(at("text"), c.text.as_str(), text);
        let hash: [u8; 32] = Keccak256::digest(normal(text)).into();
        check.same(at("content_hash"), hex(&c.content_hash), hex(&hash));
        let status = match reject(text, &function_words) {
            Some(r) => Status::Rejected(r),
            None => match hashes.iter().position(|(h, s)| *h == hash && !matches!(s, Status::Rejected(_))) {
                Some(of) => {
                    let of = of as u32;
                    let cluster = hashes[of as usize].1.cluster(of).unwrap_or(of);
                    Status::ExactCopy { cluster, of }
                }
                None => near(&shingles(text), &clusters).unwrap_or(Status::Representative),
            },
        };
        if status == Status::Representative {
            clusters.push((ordinal, shingles(text)));
        }
        check.holds(at("status"), c.status == status, format!("{:?}", c.status), format!("{status:?}"));
        hashes.push((hash, status));
    }
    check.done();
}

fn normal(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn folded(text: &str) -> String {
    let shown = |c: &char| {
        let ignorable = matches!(c, '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}');
        c.general_category() != GeneralCategory::Format && !ignorable
    };
    text.chars().filter(shown).nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

fn function_words() -> HashSet<String> {
    let languages = stop_words::available_languages().iter().filter(|l| **l != "hinglish");
    languages.flat_map(|l| stop_words::get(*l)).map(|w| folded(w)).collect()
}

fn shingles(text: &str) -> Shingles {
    let looks = |s: &str| unicode_security::skeleton(s).collect::<String>();
    let mut plain = String::new();
    for chunk in text.split_inclusive(char::is_whitespace) {
        let latin = chunk.contains(|c: char| c.is_ascii_alphabetic());
        for c in chunk.chars() {
            let foreign = latin && !c.is_ascii() && c.is_uppercase();
            plain += &if foreign { looks(&c.to_string()) } else { c.to_string() };
        }
    }
    let mut words = Vec::new();
    for part in folded(&plain).unicode_words().flat_map(|w| w.split(|c: char| !c.is_alphanumeric())) {
        let word = part.trim_end_matches(char::is_numeric);
        let appended = word.chars().count() >= 4 && word.chars().all(char::is_alphabetic);
        if !part.is_empty() {
            words.push(looks(if appended { word } else { part }).replace('i', "l"));
        }
    }
    three_word_runs(words)
}

fn three_word_runs(words: Vec<String>) -> Shingles {
    let unspaced = |w: &&String| !w.starts_with(|c: char| spaced(c) || c.is_numeric());
    let width = if 2 * words.iter().filter(unspaced).count() > words.len() { 8 } else { 3 };
    words.windows(words.len().clamp(1, width)).map(<[String]>::to_vec).collect()
}

fn near(own: &Shingles, clusters: &[(u32, Shingles)]) -> Option<Status> {
    clusters.iter().find_map(|(cluster, theirs)| {
        let shared = own.intersection(theirs).count();
        let (united, own) = (own.len() + theirs.len() - shared, own.len());
        let (cluster, shared) = (*cluster, shared as u32);
        match shared > 0 {
            true if 5 * shared >= 3 * united as u32 => {
                Some(Status::NearCopy { cluster, shared, united: united as u32 })
            }
            true if 4 * shared >= 3 * own as u32 && theirs.len() <= 8 * own => {
                Some(Status::Excerpt { cluster, shared, own: own as u32 })
            }
            _ => None,
        }
    })
}

/// A letter of a script that writes function words apart.
fn spaced(c: char) -> bool {
    matches!(u32::from(c), 0x61..=0x7a | 0xc0..=0x52f | 0x531..=0x58f | 0x5d0..=0x6ff | 0x1e00..=0x1fff)
}

/// The quality rule, version 1.
fn reject(text: &str, function_words: &HashSet<String>) -> Option<Rejection> {
    let text = folded(text);
    let words: Vec<&str> = text.unicode_words().collect();
    if words.is_empty() {
        return Some(Rejection::NoWords);
    }
    let mut runs: Vec<Vec<&str>> = vec![Vec::new()];
    for sentence in text.split(['\n', '.', '!', '?', '。', '！', '？', '।', '؟']) {
        let inside: Vec<&str> = sentence.unicode_words().collect();
        for word in &inside {
            let first = word.chars().next().unwrap_or(' ');
            if first.is_numeric() {
                continue;
            }
            match function_words.contains(*word) || !spaced(first) {
                true => runs.push(Vec::new()),
                false => runs.last_mut()?.push(word),
            }
        }
        if (3..8).contains(&inside.len()) {
            runs.push(Vec::new());
        }
    }
    runs.retain(|r| r.len() >= 8);
    let bare: usize = runs.iter().map(Vec::len).sum();
    if 2 * bare > words.len() {
        let longest = runs.iter().rev().max_by_key(|r| r.len())?;
        let run = longest[..4].join(" ");
        return Some(Rejection::KeywordList { words: words.len() as u32, bare: bare as u32, run });
    }
    let all = words.len().saturating_sub(2);
    let distinct = three_word_runs(words.into_iter().map(String::from).collect()).len();
    (all >= 20 && 3 * distinct < all).then_some(Rejection::Repetitive { runs: all as u32, distinct: distinct as u32 })
}
