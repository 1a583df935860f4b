//! Poseidon over BN254's Fr: width 4, x⁵, 8 full and 56 partial rounds, the parameters of the reference implementation.
//!
//! Source: Grassi et al., USENIX Security 2021, §2–3. The constants come from the crate light-poseidon, whose tables are those of
//! circomlib; a test holds them to a second source.

use std::sync::OnceLock;

use ark_bn254::Fr;
use ark_ff::Field;
use light_poseidon::parameters::bn254_x5::get_poseidon_parameters;

/// Words of the state.
pub const WIDTH: usize = 4;
/// Words of it that are absorbed and squeezed.
pub const RATE: usize = WIDTH - 1;
/// Rounds in which every word passes the S-box, half of them before and half after the others.
pub const FULL_ROUNDS: usize = 8;
/// Rounds in which the first word alone does.
pub const PARTIAL_ROUNDS: usize = 56;

type State = [Fr; WIDTH];

/// Round constants and matrix.
pub struct Parameters {
    /// One per round and word.
    pub round: Vec<State>,
    /// The maximum distance separable matrix, row by row.
    pub matrix: [State; WIDTH],
}

/// The parameters, made once.
pub fn parameters() -> &'static Parameters {
    static MADE: OnceLock<Parameters> = OnceLock::new();
    MADE.get_or_init(|| {
        let all = get_poseidon_parameters::<Fr>(WIDTH as u8).expect("the crate has tables for widths 2 to 13");
        let round: Vec<State> = all.ark.chunks_exact(WIDTH).filter_map(|c| c.try_into().ok()).collect();
        let rows: Vec<State> = all.mds.into_iter().filter_map(|row| row.try_into().ok()).collect();
        assert_eq!(round.len(), FULL_ROUNDS + PARTIAL_ROUNDS, "the crate's tables for this width");
        Parameters { round, matrix: rows.try_into().expect("a matrix of the state's width") }
    })
}

/// The permutation.
pub fn permute(state: &mut State) {
    let p = parameters();
    for (r, constants) in p.round.iter().enumerate() {
        state.iter_mut().zip(constants).for_each(|(s, c)| *s += c);
        let full = !(FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&r);
        for s in state.iter_mut().take(if full { WIDTH } else { 1 }) {
            *s *= s.square().square();
        }
        let before = *state;
        for (s, row) in state.iter_mut().zip(&p.matrix) {
            *s = row.iter().zip(&before).map(|(m, s)| *m * s).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From halo2-base's own parameters (its Grain LFSR), computed there for 8 full and 56 partial rounds.
    #[test]
    fn agrees_with_a_second_implementation() {
        let mut state = [0u64, 1, 2, 3].map(Fr::from);
        permute(&mut state);
        let hex = [
            "0e7732d89e6939c0ff03d5e58dab6302f3230e269dc5b968f725df34ab36d732",
            "07b0b86b41ec7fdfe6c17ee6ccdddce4e47e748e493e542f9a435b0dde022a0d",
            "04362e50fcc8be421898d47ace20eab18b0a6efab0e12ade49f2df609fec4209",
            "1a779bd9781d3a8354eae5ed74e7fa44fa0e458e45a1407524bddf3b9f2bf2d7",
        ];
        for (word, hex) in state.iter().zip(hex) {
            let digits = hex.bytes().fold(Fr::from(0u64), |n, b| {
                n * Fr::from(16u64) + Fr::from(u64::from((b as char).to_digit(16).unwrap()))
            });
            assert_eq!(*word, digits);
        }
    }
}
