//! A registered influence index.

use wincode::{SchemaRead, SchemaWrite};

use crate::{
    artefact::Artefact,
    bounds::CLUSTER_BITS,
    error::{Error, Result},
};

/// Why a representative has no row after all.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum Unindexed {
    /// φ = 0: the adapter does not react to the text.
    NoActivation,
    /// More tokens than the base model has positions.
    TooLong {
        /// Tokens of the text, BOS and EOS included.
        tokens: u32,
        /// The model's positions.
        positions: u32,
    },
    /// A token that the base model's vocabulary lacks, such as a special one spelled out.
    OutsideVocabulary {
        /// The token.
        token: u32,
    },
}

impl Unindexed {
    /// The frozen reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoActivation => "index/no-activation",
            Self::TooLong { .. } => "index/too-long",
            Self::OutsideVocabulary { .. } => "index/outside-vocabulary",
        }
    }
}

impl std::fmt::Display for Unindexed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoActivation => write!(f, "the adapter does not react to it"),
            Self::OutsideVocabulary { token } => write!(f, "token {token} is outside the base model's vocabulary"),
            Self::TooLong { tokens, positions } => {
                write!(f, "{tokens} tokens, but the base model has {positions} positions")
            }
        }
    }
}

/// One row's origin.
#[derive(Debug, Clone, PartialEq, SchemaWrite, SchemaRead)]
pub struct IndexRow {
    /// Ordinal of the cluster's representative.
    pub cluster: u32,
    /// Payee: the representative's contributor.
    pub payee: [u8; 20],
    /// E of the text's trace.
    pub exponent: i32,
    /// Σ_tokens U of the text's trace, one per coordinate.
    pub v: Vec<i64>,
}

/// A registered influence index.
#[derive(Debug, Clone, PartialEq, SchemaWrite, SchemaRead)]
pub struct Index {
    /// BLAKE3 of the adapter artefact.
    pub adapter: [u8; 32],
    /// BLAKE3 of the Datanet artefact.
    pub datanet: [u8; 32],
    /// Rows in ascending order of ordinal.
    pub rows: Vec<IndexRow>,
    /// Representatives without a row.
    pub unindexed: Vec<(u32, Unindexed)>,
    /// Step of H.
    pub sigma_h: f64,
    /// H, [rows, coordinates] row-major.
    pub h: Vec<i16>,
}

impl Artefact for Index {
    const KIND: &'static str = "index";
    const VERSION: u32 = 2;
}

impl Index {
    /// Refuses an index whose parts do not fit together or leave their bounds.
    pub fn check(&self, file: &str, coordinates: usize) -> Result<()> {
        let bad = |field: &str, found: String, expected: String| Err(Error::input(file, field, found, expected));
        if self.rows.is_empty() || self.rows.len() > 1 << CLUSTER_BITS {
            return bad("rows", self.rows.len().to_string(), "1 to 2^10".into());
        }
        if self.h.len() != self.rows.len() * coordinates {
            return bad("h", format!("{} values", self.h.len()), format!("{}×{coordinates}", self.rows.len()));
        }
        if self.h.contains(&i16::MIN) {
            return bad("h", i16::MIN.to_string(), "|H| ≤ 2^15−1".into());
        }
        match self.rows.windows(2).find(|w| w[0].cluster >= w[1].cluster) {
            Some(w) => bad("rows", format!("#{} before #{}", w[0].cluster, w[1].cluster), "ascending ordinals".into()),
            None => Ok(()),
        }
    }
}
