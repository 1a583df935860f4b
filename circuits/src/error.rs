//! Why a proof is refused.

/// This crate's result.
pub type Result<T, E = Rejection> = std::result::Result<T, E>;

/// A refused proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The bytes are not a proof of this shape.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// An equation does not hold.
    #[error("{0}")]
    Check(Check),
}

/// The bytes are at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The proof ends early.
    #[error("{field}: the proof ends before it")]
    Short {
        /// What was to be read.
        field: &'static str,
    },
    /// A scalar at or above the modulus.
    #[error("{field}: a scalar at or above the modulus")]
    Scalar {
        /// What was to be read.
        field: &'static str,
    },
    /// A coordinate at or above the modulus, a point off the curve, or the point at infinity.
    #[error("{field}: not a point of the curve in its canonical form, or the point at infinity")]
    Point {
        /// What was to be read.
        field: &'static str,
    },
    /// More bytes than the key asks for.
    #[error("{bytes} bytes follow the proof")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// The equations that a proof must satisfy, in the order in which they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Check {
    /// The fractions of all lookups do not cancel against the tables'.
    #[error("lookup root: the fractions do not sum to zero")]
    LookupRoot,
    /// A denominator is zero.
    #[error("lookup root: the denominator is zero")]
    LookupDenominator,
    /// A layer's sumcheck does not end in its children.
    #[error("lookup layer {0}: its sumcheck does not end in its children")]
    LookupLayer(u32),
    /// The leaves' numerators are not those of the columns.
    #[error("lookup leaves: numerators other than the multiplicities")]
    LookupNumerators,
    /// The leaves' denominators are not those of the columns.
    #[error("lookup leaves: denominators other than the columns' values")]
    LookupDenominators,
    /// A relation's sumcheck does not end in its columns.
    #[error("{0}: its sumcheck does not end in its columns")]
    Relation(&'static str),
    /// A word of the statement is not what the proof is about.
    #[error("statement: {0} is not what the proof is about")]
    Statement(&'static str),
    /// A layer of the payouts' tree does not end in its children.
    #[error("payout layer {0}: its sumcheck does not end in its children")]
    PayoutLayer(u32),
    /// A denominator of the payouts is zero.
    #[error("payout root: the denominator is zero")]
    PayoutDenominator,
    /// The payouts' leaves are other amounts.
    #[error("payout leaves: amounts other than the columns'")]
    PayoutAmounts,
    /// The payouts' leaves are other slots.
    #[error("payout leaves: slots other than the statement's")]
    PayoutSlots,
    /// The claims do not reduce to the chunks' values.
    #[error("opening: claims do not reduce to the chunks' values")]
    OpeningBatch,
    /// A challenge fell on a point where an opening is not defined; an honest proof meets it with probability 2^-250.
    #[error("opening: a challenge without an inverse")]
    Challenge,
    /// The pairing fails: some committed polynomial does not have the value claimed.
    #[error("opening: the pairing does not hold")]
    Pairing,
}
