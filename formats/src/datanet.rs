//! A judged Datanet: contributions with their verdicts.

use std::fmt;

use wincode::{SchemaRead, SchemaWrite};

use crate::{
    artefact::Artefact,
    error::{Error, Result},
};

/// Why a contribution earns nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum Rejection {
    /// Nothing in the text is a word.
    NoWords,
    /// More than half of the words stand in bare runs.
    KeywordList {
        /// Words in the text.
        words: u32,
        /// Words in bare runs.
        bare: u32,
        /// The first words of the longest bare run.
        run: String,
    },
    /// The same phrases over and over.
    Repetitive {
        /// Word 3-runs in the text.
        runs: u32,
        /// Distinct ones among them.
        distinct: u32,
    },
}

impl Rejection {
    /// The frozen reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoWords => "filler/no-words",
            Self::KeywordList { .. } => "filler/keyword-list",
            Self::Repetitive { .. } => "filler/repetitive",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWords => write!(f, "no word in it"),
            Self::KeywordList { words, bare, run } => {
                write!(f, "{bare} of {words} words stand in runs of bare keywords, such as “{run} …”")
            }
            Self::Repetitive { runs, distinct } => write!(f, "only {distinct} of {runs} three-word runs are distinct"),
        }
    }
}

/// What became of a contribution.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum Status {
    /// The earliest of its cluster: it has the cluster's row and its contributor is the payee.
    Representative,
    /// Same normalised text as contribution `of`; a member of that one's cluster.
    ExactCopy {
        /// Ordinal of the cluster's representative.
        cluster: u32,
        /// Ordinal of the earliest contribution with this content hash.
        of: u32,
    },
    /// Similar to the representative of `cluster`.
    NearCopy {
        /// Ordinal of the cluster's representative.
        cluster: u32,
        /// Shingles that both have.
        shared: u32,
        /// Shingles that either has.
        united: u32,
    },
    /// Not in any cluster.
    Rejected(Rejection),
    /// Most of it stands in the representative of `cluster`.
    Excerpt {
        /// Ordinal of the cluster's representative.
        cluster: u32,
        /// Shingles that both have.
        shared: u32,
        /// Shingles of this contribution.
        own: u32,
    },
}

impl Status {
    /// The frozen status or reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Representative => "representative",
            Self::ExactCopy { .. } => "copy/exact",
            Self::NearCopy { .. } => "copy/near",
            Self::Excerpt { .. } => "copy/excerpt",
            Self::Rejected(r) => r.code(),
        }
    }

    /// The representative's ordinal of the cluster that contribution `own` belongs to, if any.
    pub fn cluster(&self, own: u32) -> Option<u32> {
        match self {
            Self::Representative => Some(own),
            Self::ExactCopy { cluster, .. } | Self::NearCopy { cluster, .. } | Self::Excerpt { cluster, .. } => {
                Some(*cluster)
            }
            Self::Rejected(_) => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Representative => write!(f, "first of its kind"),
            Self::ExactCopy { of, .. } => write!(f, "same normalised text as #{of}"),
            Self::NearCopy { cluster, shared, united } => {
                write!(f, "shares {shared} of {united} word 3-shingles with #{cluster}")
            }
            Self::Excerpt { cluster, shared, own } => {
                write!(f, "{shared} of its {own} word 3-shingles stand in #{cluster}")
            }
            Self::Rejected(r) => r.fmt(f),
        }
    }
}

/// One line of a Datanet, judged. Its ordinal is its place in [`Datanet::contributions`].
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Contribution {
    /// Who is paid if it is a representative: a 20-byte address.
    pub contributor: [u8; 20],
    /// [`text::content_hash`].
    pub content_hash: [u8; 32],
    /// The text as given.
    pub text: String,
    /// The verdict.
    pub status: Status,
}

/// A judged Datanet.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Datanet {
    /// Its name in the network.
    pub name: String,
    /// BLAKE3 of the JSONL file.
    pub source: [u8; 32],
    /// All contributions in ordinal order.
    pub contributions: Vec<Contribution>,
}

impl Artefact for Datanet {
    const KIND: &'static str = "datanet";
    const VERSION: u32 = 2;
}

impl Datanet {
    /// Refuses a Datanet whose copies do not point at earlier representatives. It judges nothing again.
    pub fn check(&self, file: &str) -> Result<()> {
        for (ordinal, c) in (0u32..).zip(&self.contributions) {
            let cluster = c.status.cluster(ordinal).unwrap_or(ordinal);
            let earliest = match c.status {
                Status::ExactCopy { of, .. } => of,
                _ => cluster,
            };
            let represents =
                self.contributions.get(cluster as usize).is_some_and(|r| r.status == Status::Representative);
            if cluster != ordinal && (!represents || cluster > ordinal || earliest >= ordinal) {
                let found = format!("{} of #{cluster}", c.status.code());
                return Err(Error::input(
                    file,
                    format!("contribution {ordinal}"),
                    found,
                    "a copy of an earlier representative",
                ));
            }
        }
        Ok(())
    }

    /// Ordinals of the representatives, ascending.
    pub fn representatives(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.contributions).filter(|(_, c)| c.status == Status::Representative).map(|(o, _)| o)
    }
}
