//! Every integer bound of DESIGN.md §3.8, in one table: what later range checks rely on.
//!
//! A row's `max` is what honest arithmetic can reach, derived in `why` from the rows above it; `checked` is the
//! power of two that a proof will range-check. `tests` derives each maximum again and drives the code to its edge.

/// Bits of |X| (19, plus a sign).
pub const X_BITS: u32 = 19;
/// Bits that the rounding of `Uacc` to `U` drops.
pub const U_SHIFT: u32 = 16;
/// Bits of |A_int| and |B_int| and |H| (15, plus a sign).
pub const WEIGHT_BITS: u32 = 15;
/// Bits of the L1 norm of a row of A_int.
pub const ROW_NORM_BITS: u32 = 24;
/// Largest rank of a module.
pub const MAX_RANK: usize = 256;
/// Bits of the most tokens a request may have.
pub const TOKEN_BITS: u32 = 17;
/// Bits of the most coordinates an adapter may have.
pub const COORDINATE_BITS: u32 = 16;
/// Bits of the most clusters of a slot.
pub const CLUSTER_BITS: u32 = 10;
/// Bits of the most requests of a slot.
pub const REQUEST_BITS: u32 = 10;
/// Bits of a fee.
pub const FEE_BITS: u32 = 92;
/// Bits of R.
pub const R_BITS: u32 = 20;
/// Largest exponent p.
pub const MAX_POWER: u32 = 4;
/// Bits at which |S| is checked.
pub const S_CHECK_BITS: u32 = 80;
/// Bits at which c is checked.
pub const C_CHECK_BITS: u32 = 128;
/// Bits at which P, F, roles and dust are checked.
pub const P_CHECK_BITS: u32 = 112;

/// Largest |X|.
pub const X_MAX: i32 = (1 << X_BITS) - 1;
/// Largest |A_int|, |B_int|, |H|.
pub const WEIGHT_MAX: i32 = (1 << WEIGHT_BITS) - 1;

/// Extra bits of the payout quotient: s_p = 32 + 16p.
pub const fn quotient_shift(power: u8) -> u32 {
    32 + 16 * power as u32
}

/// One bounded quantity.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Name in DESIGN.md §3.
    pub name: &'static str,
    /// |value| < 2^bits.
    pub bits: u32,
    /// May it be negative?
    pub signed: bool,
    /// The power of two that is enforced, if it is.
    pub checked: Option<u32>,
    /// Derivation.
    pub why: &'static str,
}

const fn row(name: &'static str, bits: u32, signed: bool, checked: Option<u32>, why: &'static str) -> Bound {
    Bound { name, bits, signed, checked, why }
}

/// The table; a test holds docs/semantics.md to it.
pub const BOUNDS: &[Bound] = &[
    row("X", 19, true, None, "at most 2^19−1 either way, by choice of E"),
    row("A_int, B_int, H", 15, true, None, "≤ 2^15−1 by choice of σ"),
    row("Uacc", 43, true, None, "X times a row's L1 norm: (2^19−1)·2^24"),
    row("U", 27, true, Some(27), "(Uacc + 2^15) >> 16"),
    row("rem", 16, false, Some(16), "Uacc + 2^15 mod 2^16"),
    row("D", 50, true, None, "27 + 15 + 8: rank ≤ 2^8"),
    row("V", 44, true, None, "27 + 17: ≤ 2^17 tokens"),
    row("S", 75, true, Some(80), "44 + 15 + 16: ≤ 2^16 coordinates"),
    row("R", 20, false, Some(20), "floor(2^20·S⁺/2^κ), S⁺ < 2^κ"),
    row("w", 80, false, None, "R^p, p ≤ 4"),
    row("W", 90, false, None, "80 + 10: ≤ 2^10 clusters"),
    row("f, pool", 92, false, Some(92), "fees are refused at 2^92"),
    row("pool·2^s_p", 188, false, None, "92 + 96"),
    row("c", 121, false, Some(128), "pool·2^s_p / W with W ≥ 2^(19p): 92 + 32 + 16p − 19p ≤ 121, at p = 1"),
    row("c·w summed", 198, false, None, "Σ_k w ≤ W, so c·w ≤ pool·2^s_p; ≤ 2^10 requests"),
    row("P, F, role, dust", 102, false, Some(112), "92 + 10: ≤ 2^10 requests"),
];
