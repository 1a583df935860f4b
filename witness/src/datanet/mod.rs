//! Datanets: contributions in, clusters and rejections out (docs/semantics.md §3).
//!
//! | module | holds |
//! |---|---|
//! | [`text`] | normal form, content hash, words, shingles |
//! | [`quality`] | the rule that rejects filler |
//! | this one | copies, clusters and the artefact |
//!
//! Only a contribution's text and contributor are read; its ordinal is its line.

pub mod quality;
pub mod text;

pub use talea_formats::datanet::{Contribution, Datanet, Rejection, Status};

use std::{collections::HashMap, path::Path};

use alloy_primitives::{Address, B256};

use crate::{
    error::{Error, Result, parse_jsonl, read_text},
    network::{check_name, parse_address},
};
use text::{Shingler, compared, content_hash};

/// A near copy has Jaccard similarity at least this ratio, compared exactly in integers.
pub const NEAR: (u64, u64) = (3, 5);

/// An excerpt has at least this share of its own shingles in common with one earlier representative: what two texts of
/// equal length share at the ratio of [`NEAR`].
pub const EXCERPT: (u64, u64) = (3, 4);

/// A text may be this many times as long as its excerpts: nobody can take all later texts with one that holds everything.
pub const HOST: u64 = 8;

#[derive(serde::Deserialize)]
struct Line {
    text: String,
    contributor: String,
    ordinal: Option<u64>,
}

/// Reads contributions from JSON lines (`text`, `contributor`; everything else is ignored, but a stated
/// `ordinal` must be the line's place) and judges them.
pub fn build(name: &str, path: &Path) -> Result<Datanet> {
    let raw = read_text(path)?;
    let lines: Vec<Line> = parse_jsonl(path, &raw)?;
    if lines.is_empty() {
        return Err(Error::input(path.display(), "contributions", "none", "at least one line"));
    }
    if lines.len() > u32::MAX as usize {
        return Err(Error::input(path.display(), "contributions", lines.len(), "fewer than 2^32"));
    }
    let mut entries = Vec::with_capacity(lines.len());
    for (i, line) in lines.into_iter().enumerate() {
        if let Some(o) = line.ordinal.filter(|o| *o != i as u64) {
            return Err(Error::input(path.display(), format!("line {} ordinal", i + 1), o, i));
        }
        let field = format!("line {} contributor", i + 1);
        entries.push((parse_address(path, &field, &line.contributor)?, line.text));
    }
    Ok(Datanet {
        name: name.into(),
        source: crate::artefact::digest(raw.as_bytes()),
        contributions: judge_all(entries),
    })
}

/// The same contributions with every one its own cluster and nothing rejected: what copying and filler would
/// have to gain if nobody looked. For comparison only; nothing is paid by it.
pub fn without_clusters(datanet: &Datanet) -> Datanet {
    let mut all = datanet.clone();
    for c in &mut all.contributions {
        c.status = Status::Representative;
    }
    all
}

/// Judges a Datanet's texts again: whoever wrote the file, its verdicts and hashes must be those of the rule.
pub fn rejudge(datanet: &Datanet, file: &str) -> Result<()> {
    check_name(Path::new(file), "name", &datanet.name)?;
    let entries = datanet.contributions.iter().map(|c| (c.contributor.into(), c.text.clone())).collect();
    let judged = judge_all(entries);
    match (0..).zip(&datanet.contributions).zip(&judged).find(|((_, found), own)| found != own) {
        Some(((o, found), own)) if found.status != own.status => Err(Error::input(
            file,
            format!("contribution {o} status"),
            found.status.code(),
            format!("{}: {}", own.status.code(), own.status),
        )),
        Some(((o, _), _)) => {
            Err(Error::input(file, format!("contribution {o} content hash"), "another text's", "its text's"))
        }
        None => Ok(()),
    }
}

/// Judges contributions in ordinal order: quality first, then exact copies, then near copies and excerpts.
pub fn judge_all(entries: Vec<(Address, String)>) -> Vec<Contribution> {
    let mut book = Book::default();
    (0u32..)
        .zip(entries)
        .map(|(ordinal, (contributor, text))| {
            let content_hash = content_hash(&text);
            let status = book.judge(ordinal, content_hash, &text);
            Contribution { contributor: contributor.into_array(), content_hash: content_hash.0, text, status }
        })
        .collect()
}

/// What has been accepted so far, indexed for copies.
///
/// Every representative that shares a shingle with a text is a candidate: an inverted index finds all of them.
/// DESIGN.md names MinHash-LSH here; its hash functions are public, so a copier can try edits until no band
/// collides (tests/copies.rs does it), whereas this index misses nothing, draws nothing and is shorter.
#[derive(Default)]
struct Book {
    shingler: Shingler,
    /// content hash → (earliest ordinal with it, cluster)
    exact: HashMap<B256, (u32, u32)>,
    /// representatives: ordinal and number of shingles
    reps: Vec<(u32, u64)>,
    /// shingle → places in `reps`, ascending
    postings: HashMap<u32, Vec<u32>>,
}

impl Book {
    fn judge(&mut self, ordinal: u32, hash: B256, text: &str) -> Status {
        if let Some(rejection) = quality::judge(text) {
            return Status::Rejected(rejection);
        }
        if let Some(&(of, cluster)) = self.exact.get(&hash) {
            return Status::ExactCopy { cluster, of };
        }
        let shingles = self.shingler.shingles(&compared(text));
        let status = self.near(&shingles).unwrap_or(Status::Representative);
        if status == Status::Representative {
            let place = u32::try_from(self.reps.len()).expect("ordinals are u32");
            self.reps.push((ordinal, shingles.len() as u64));
            for s in shingles {
                self.postings.entry(s).or_default().push(place);
            }
        }
        self.exact.insert(hash, (ordinal, status.cluster(ordinal).expect("accepted")));
        status
    }

    /// The earliest representative that is similar enough.
    fn near(&self, shingles: &[u32]) -> Option<Status> {
        let mut shared: HashMap<u32, u64> = HashMap::new();
        for place in shingles.iter().filter_map(|s| self.postings.get(s)).flatten() {
            *shared.entry(*place).or_default() += 1;
        }
        let own = shingles.len() as u64;
        shared
            .into_iter()
            .filter_map(|(place, both)| {
                let (cluster, size) = self.reps[place as usize];
                let united = size + own - both;
                if both * NEAR.1 >= united * NEAR.0 {
                    Some((cluster, Status::NearCopy { cluster, shared: both as u32, united: united as u32 }))
                } else if both * EXCERPT.1 >= own * EXCERPT.0 && size <= HOST * own {
                    Some((cluster, Status::Excerpt { cluster, shared: both as u32, own: own as u32 }))
                } else {
                    None
                }
            })
            .min_by_key(|(cluster, _)| *cluster)
            .map(|(_, status)| status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(texts: &[&str]) -> Vec<Status> {
        judge_all(texts.iter().map(|t| (Address::ZERO, t.to_string())).collect())
            .into_iter()
            .map(|c| c.status)
            .collect()
    }

    #[test]
    fn an_exact_copy_of_a_near_copy_joins_the_first() {
        let a = "The audit of Kalora rated the finding high and asked for a fix within one week of the report";
        let b = "The audit of Kalora rated the finding high and asked for a fix within one week of the letter";
        let s = judge(&[a, b, &b.to_uppercase(), a]);
        assert_eq!(s[0], Status::Representative);
        assert!(matches!(s[1], Status::NearCopy { cluster: 0, .. }), "{:?}", s[1]);
        assert_eq!(s[2], Status::ExactCopy { cluster: 0, of: 1 });
        assert_eq!(s[3], Status::ExactCopy { cluster: 0, of: 0 });
    }
}
