//! The pinned quality rule, version 1: rejects what is not language (docs/semantics.md §3.2).
//!
//! It reads one text alone and knows no list of topics, names or templates. Three findings, tried in this order:
//!
//! - **no words** at all;
//! - **keyword list**: more than half of the words stand in *bare runs* — eight or more words in a row without a
//!   function word and without the end of a sentence of three or more words;
//! - **repetitive**: at least twenty word 3-runs, of which fewer than a third are distinct.
//!
//! Prose in any covered language has a function word every few words, and terse prose has sentence ends; a list has
//! neither. Words of scripts without such words (Chinese, Thai, …) are not judged by the second finding.

use unicode_segmentation::UnicodeSegmentation;

use super::{
    Rejection,
    text::{Shingler, folded, function_words, spaced_script, words},
};

/// Words in a row, without any of the marks of prose, that count as a list.
pub const BARE_RUN: usize = 8;
/// Words that a sentence needs for its end to count as a mark of prose.
pub const CLAUSE: usize = 3;
/// Fewest 3-runs judged for repetition.
pub const RUNS_JUDGED: usize = 20;

/// Words of the longest run that the evidence quotes.
const QUOTED: usize = 4;

/// `None` for an acceptable text, else why not, with the numbers that show it.
pub fn judge(text: &str) -> Option<Rejection> {
    let folded = folded(text);
    let all = words(&folded);
    if all.is_empty() {
        return Some(Rejection::NoWords);
    }
    keyword_list(&folded, all.len()).or_else(|| repetitive(&all))
}

fn keyword_list(folded: &str, total: usize) -> Option<Rejection> {
    let known = function_words();
    let (mut bare, mut run, mut longest) = (0, Vec::new(), Vec::new());
    let mut close = |run: &mut Vec<&str>| {
        if run.len() >= BARE_RUN {
            bare += run.len();
            if run.len() > longest.len() {
                longest = run.iter().map(|w| w.to_string()).collect();
            }
        }
        run.clear();
    };
    for sentence in folded.split(['\n', '.', '!', '?', '。', '！', '？', '।', '؟']) {
        let mut inside = 0;
        for word in sentence.unicode_words() {
            inside += 1;
            if word.starts_with(|c: char| c.is_numeric()) {
                continue; // a number is no mark of either: "1 wheat 2 rice" is a list, "100 °C" is not
            }
            if known.contains(word) || !spaced_script(word) {
                close(&mut run);
            } else {
                run.push(word);
            }
        }
        if (CLAUSE..BARE_RUN).contains(&inside) {
            close(&mut run);
        }
    }
    close(&mut run);
    (2 * bare > total).then(|| {
        longest.truncate(QUOTED);
        Rejection::KeywordList { words: count(total), bare: count(bare), run: longest.join(" ") }
    })
}

fn repetitive(words: &[&str]) -> Option<Rejection> {
    let runs = words.len().saturating_sub(2);
    let distinct = Shingler::default().shingles(words).len();
    (runs >= RUNS_JUDGED && 3 * distinct < runs)
        .then(|| Rejection::Repetitive { runs: count(runs), distinct: count(distinct) })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Honest texts of kinds that the rule was not written from: none shares a template with the fixtures.
    const HONEST: &[&str] = &[
        "Water boils at 100 °C at sea level.",
        "Restart the router, then call support.",
        "Restart router. Check cable. Call support.",
        "Use HTTPS.",
        "42",
        "Keep away from children",
        "Mix two parts sand with one part cement before adding water",
        "Never commit private keys to a public repository!",
        "Boil pasta nine minutes. Drain well. Add olive oil, garlic, salt. Serve hot.",
        "Press both side buttons ten seconds. Screen turns black. Release volume key first.",
        "Berlin is the capital of Germany; Paris is the capital of France.",
        "Die Hauptstadt von Frankreich ist Paris, nicht Lyon.",
        "El agua hierve a cien grados al nivel del mar",
        "L'eau bout à cent degrés au niveau de la mer",
        "Вода кипит при ста градусах на уровне моря",
        "Woda wrze w temperaturze stu stopni na poziomie morza",
        "水在一百度时沸腾，高山上沸点较低。",
        "น้ำเดือดที่หนึ่งร้อยองศา",
        "fn main() { println!(\"hello\"); } // prints a greeting and exits with zero",
        "Ingredients: flour, sugar, butter, eggs. Bake it for forty minutes at a low heat.",
        "The quick brown fox jumps over the lazy dog",
    ];

    const LISTS: &[&str] = &[
        "wheat rice copper port cement timber maize lentil jute cotton chickpea mustard",
        "crypto, blockchain, bitcoin, ethereum, solidity, defi, yield, staking, wallet, token, airdrop, nft",
        "Cheap shoes\nBuy shoes\nDiscount sneakers\nOnline shop\nBest price\nFree shipping\nShoes sale",
        "Kalora. Mivesa. Tenvor. Gribel. Dunsa. Haxjo. Nupel. Quiro. Sutal. Urwen. Xiyor. Zanfe.",
        "gradient tensor kernel memory cache index vector matrix optimizer scheduler dataset embedding attention softmax.",
    ];

    #[test]
    fn honest_short_texts_are_accepted() {
        for text in HONEST {
            assert_eq!(judge(text), None, "{text}");
        }
    }

    #[test]
    fn keyword_lists_are_rejected_at_any_length() {
        for text in LISTS {
            let long = std::iter::repeat_n(*text, 10).collect::<Vec<_>>().join(" ");
            assert!(matches!(judge(text), Some(Rejection::KeywordList { .. })), "{text}: {:?}", judge(text));
            assert!(matches!(judge(&long), Some(Rejection::KeywordList { .. })), "{text}");
        }
    }

    #[test]
    fn empty_and_repetitive_texts_are_rejected() {
        assert_eq!(judge(" …!\n"), Some(Rejection::NoWords));
        let echo = "This is the best of all the texts. ".repeat(12);
        assert!(matches!(judge(&echo), Some(Rejection::Repetitive { .. })), "{:?}", judge(&echo));
    }

    #[test]
    fn the_edge_of_a_bare_run_is_eight_words() {
        let list: Vec<&str> = LISTS[0].split(' ').collect();
        assert_eq!(judge(&list[..BARE_RUN - 1].join(" ")), None);
        assert!(judge(&list[..BARE_RUN].join(" ")).is_some());
    }
}
