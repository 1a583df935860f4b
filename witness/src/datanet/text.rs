//! What two texts are compared by: normal form, content hash, words, shingles (docs/semantics.md §3).

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use alloy_primitives::{B256, keccak256};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::skeleton;
use unicode_segmentation::UnicodeSegmentation;

/// NFC, then Unicode lower case, then every run of white space becomes one space and both ends are trimmed.
pub fn normalise(text: &str) -> String {
    let lower = text.nfc().collect::<String>().to_lowercase();
    let mut out = String::with_capacity(lower.len());
    for part in lower.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(part);
    }
    out
}

/// keccak-256 of the UTF-8 bytes of [`normalise`]`(text)`.
pub fn content_hash(text: &str) -> B256 {
    keccak256(normalise(text))
}

/// Characters that show nothing (Default_Ignorable_Code_Point and category Cf) and would otherwise split a word or make it look new.
fn invisible(c: char) -> bool {
    c.general_category() == GeneralCategory::Format
        || matches!(c, '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
}

/// The compatibility form in which words are cut: invisible characters removed, NFKC, lower case, NFKC.
pub fn folded(text: &str) -> String {
    let kc: String = text.chars().filter(|c| !invisible(*c)).nfkc().collect();
    kc.to_lowercase().nfkc().collect()
}

/// Words by UAX #29 of [`folded`]`(text)`, in order; punctuation is not a word.
pub fn words(folded: &str) -> Vec<&str> {
    folded.unicode_words().collect()
}

/// The words that copies are found by: of each word of the folded text the parts between marks such as `_` and `.`, without
/// digits appended to four letters or more (shorter ones may be codes), and by what they look like (UTS #39 skeleton, i as l). So neither `wheat1`,
/// `wheat_rice` nor a Cyrillic а makes a text new.
///
/// A capital may look like a letter that its small form does not (Т, т), so other alphabets' capitals among a–z are taken by
/// their looks before they are made small.
pub fn compared(text: &str) -> Vec<String> {
    let looks = |s: &str| skeleton(s).collect::<String>();
    let mut plain = String::with_capacity(text.len());
    for chunk in text.split_inclusive(char::is_whitespace) {
        let mixed = chunk.contains(|c: char| c.is_ascii_alphabetic());
        let capital = |c: &char| mixed && !c.is_ascii() && c.is_uppercase();
        plain.extend(chunk.chars().map(|c| if capital(&c) { looks(c.encode_utf8(&mut [0; 4])) } else { c.into() }));
    }
    let folded = folded(&plain);
    let parts = folded.unicode_words().flat_map(|w| w.split(|c: char| !c.is_alphanumeric())).filter(|p| !p.is_empty());
    parts
        .map(|part| {
            let word = part.trim_end_matches(char::is_numeric);
            let appended = word.chars().count() >= 4 && word.chars().all(char::is_alphabetic);
            looks(if appended { word } else { part }).replace('i', "l")
        })
        .collect()
}

/// Words of a run: three, or eight where most words are of a script that is cut letter by letter.
fn width<W: AsRef<str>>(words: &[W]) -> usize {
    let unspaced = |w: &&W| !spaced_script(w.as_ref()) && !w.as_ref().starts_with(char::is_numeric);
    if 2 * words.iter().filter(unspaced).count() > words.len() { 8 } else { 3 }
}

/// Word 3-shingles as interned numbers, so that comparing sets is exact and cheap.
#[derive(Default)]
pub struct Shingler {
    ids: HashMap<String, u32>,
}

impl Shingler {
    /// The sorted set of shingles of a word list: all runs of three words, or the one run of a shorter list.
    pub fn shingles<W: AsRef<str>>(&mut self, words: &[W]) -> Vec<u32> {
        let width = words.len().clamp(1, width(words));
        let mut set: Vec<u32> = words
            .windows(width)
            .map(|w| {
                let next = u32::try_from(self.ids.len()).expect("a Datanet's text holds fewer than 2^32 shingles");
                let run: Vec<&str> = w.iter().map(AsRef::as_ref).collect();
                *self.ids.entry(run.join(" ")).or_insert(next)
            })
            .collect();
        set.sort_unstable();
        set.dedup();
        set
    }
}

/// Function words ("the", "of", "и", "und", …) of every language that the pinned stop-word lists cover.
///
/// The lists' own "hinglish" is left out: it holds English content words.
pub fn function_words() -> &'static HashSet<String> {
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        stop_words::available_languages()
            .iter()
            .filter(|l| **l != "hinglish")
            .flat_map(|l| stop_words::get(*l))
            .map(|w| folded(w))
            .collect()
    })
}

/// Scripts that write function words as words of their own; only their words are judged by function words.
pub fn spaced_script(word: &str) -> bool {
    word.chars().next().is_some_and(|c| {
        matches!(c, 'a'..='z' | '\u{c0}'..='\u{52f}' | '\u{531}'..='\u{58f}' | '\u{5d0}'..='\u{6ff}' | '\u{1e00}'..='\u{1fff}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_form_folds_case_space_and_composition() {
        assert_eq!(normalise("  Caf\u{65}\u{301}\n\tNOIR \u{a0} "), "café noir");
        // computed with a second implementation (eth-utils)
        let hash = "0xca8e9a53f28e692e968791a259795cb88cde9bf78bfe79090e33e3d0f8715b2c";
        assert_eq!(content_hash("  Caf\u{65}\u{301}\n\tNOIR ").to_string(), hash);
        assert_eq!(content_hash("A  b"), content_hash("a B\n"));
        assert_ne!(content_hash("a b"), content_hash("ab"));
        // keccak-256 of the empty string, from the Ethereum yellow paper.
        assert_eq!(
            content_hash(" \n").to_string(),
            "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
    }

    #[test]
    fn words_see_through_disguises() {
        for disguised in [
            "T\u{e0101}he au\u{115f}dit o\u{180b}f K\u{3164}a",
            "The\u{200b} au\u{ad}dit of Ka",
            "ＴＨＥ ａｕｄｉｔ ｏｆ Ka",
            "the, audit: (of) “Ka”.",
        ] {
            assert_eq!(words(&folded(disguised)), ["the", "audit", "of", "ka"], "{disguised}");
        }
    }

    #[test]
    fn compared_words_see_through_spelling() {
        let plain = compared("The audit of Kalora rated it");
        for disguised in [
            "The audit2 of Kalora4 rated5 it",
            "The_audit_of.Kalora_rated_it",
            "Тhе аudit оf Kаlоrа rаtеd Іt",
            "THE AUDIT OF KALORA RATED IT",
        ] {
            assert_eq!(compared(disguised), plain, "{disguised}");
        }
        assert_eq!(compared("in 1999 3.14"), ["ln", "l999", "3", "l4"]);
        assert_eq!(compared("Η ΑΘΗΝΑ ΕΙΝΑΙ"), compared("η αθηνα ειναι"));
        assert_ne!(compared("paris is large"), compared("london is large"));
        assert_ne!(compared("valve A12 and B7"), compared("valve A44 and B2"), "codes are no disguise");
        assert_ne!(compared("H2O and N2O4"), compared("HO and N1O2"));
    }

    #[test]
    fn short_texts_have_one_shingle() {
        let mut s = Shingler::default();
        assert_eq!(s.shingles(&["a", "b"]).len(), 1);
        assert_eq!(s.shingles(&["a", "b", "c", "d"]).len(), 2);
        assert_eq!(s.shingles::<&str>(&[]).len(), 0);
    }

    /// Freezes the union of the pinned lists: a changed list changes who is rejected.
    #[test]
    fn function_words_are_frozen() {
        let mut all: Vec<&str> = function_words().iter().map(String::as_str).collect();
        all.sort_unstable();
        let sum = blake3::hash(all.join("\n").as_bytes()).to_hex();
        assert_eq!((all.len(), &sum[..16]), (16598, "62f0ba8b89816e31"));
    }
}
