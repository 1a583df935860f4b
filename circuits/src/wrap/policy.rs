//! A policy's digest in Solidity: the sponge and the permutation that the circuit runs, with its constants.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInteger, PrimeField};

use crate::{
    relations::statement::POLICY,
    transcript::{
        capacity,
        poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, Parameters, RATE, WIDTH, parameters},
    },
};

const ROUNDS: usize = FULL_ROUNDS + PARTIAL_ROUNDS;
const HALF: usize = FULL_ROUNDS / 2;

fn is_full(round: usize) -> bool {
    !(HALF..HALF + PARTIAL_ROUNDS).contains(&round)
}

/// Constants of the same permutation, but for partial rounds those of the first word alone: the others pass no S-box there, so what is
/// added to them is added, times the matrix, in the round after it.
fn constants(p: &Parameters) -> Vec<Fr> {
    let mut carried = [Fr::ZERO; WIDTH];
    let mut all = Vec::new();
    for (r, round) in p.round.iter().enumerate() {
        let sums: [Fr; WIDTH] = std::array::from_fn(|i| round[i] + carried[i]);
        carried = [Fr::ZERO; WIDTH];
        if is_full(r) {
            all.extend(sums);
            continue;
        }
        let [first, rest @ ..] = sums;
        all.push(first);
        carried = p.matrix.map(|row| row[1..].iter().zip(rest).map(|(m, c)| *m * c).sum());
    }
    all
}

/// Big-endian, without a prefix.
fn hex(x: &Fr) -> String {
    x.into_bigint().to_bytes_be().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The library that computes a policy's digest in a contract, `PolicyDigest.sol`.
pub fn policy_digest() -> String {
    let p = parameters();
    let constants = constants(p);
    let table: Vec<String> = constants.iter().map(|c| format!("        hex\"{}\"", hex(c))).collect();
    let place = |i: usize, j: usize| format!("M{i}{j}");
    let entry =
        |i: usize, j: usize| format!("    uint256 private constant {} = 0x{};\n", place(i, j), hex(&p.matrix[i][j]));
    let row = |i: usize| {
        let places: Vec<String> = (0..WIDTH).map(|j| place(i, j)).collect();
        format!("        state[{i}] = _dot(a, b, c, d, {});\n", places.join(", "))
    };
    let parts = [
        ("%tag%", POLICY.to_string()),
        ("%capacity%", format!("0x{}", hex(&capacity(POLICY)))),
        ("%width%", WIDTH.to_string()),
        ("%rate%", RATE.to_string()),
        ("%full%", FULL_ROUNDS.to_string()),
        ("%partial%", PARTIAL_ROUNDS.to_string()),
        ("%half%", HALF.to_string()),
        ("%rounds%", ROUNDS.to_string()),
        ("%count%", constants.len().to_string()),
        ("%constants%", table.join("\n") + ";\n"),
        ("%matrix%", (0..WIDTH * WIDTH).map(|k| entry(k / WIDTH, k % WIDTH)).collect()),
        ("%rows%", (0..WIDTH).map(row).collect()),
    ];
    parts.iter().fold(include_str!("PolicyDigest.sol.in").to_string(), |text, (name, part)| text.replace(name, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::poseidon::permute;

    #[test]
    fn one_constant_per_partial_round_is_enough() {
        let p = parameters();
        let all = constants(p);
        assert_eq!(all.len(), WIDTH * FULL_ROUNDS + PARTIAL_ROUNDS);
        for seed in 0..20u64 {
            let mut state: [Fr; WIDTH] = std::array::from_fn(|i| -Fr::from(seed * seed + i as u64));
            let mut wanted = state;
            permute(&mut wanted);
            let mut next = all.iter();
            for round in 0..ROUNDS {
                for s in state.iter_mut().take(if is_full(round) { WIDTH } else { 1 }) {
                    let x = *s + next.next().unwrap();
                    *s = x * x * x * x * x;
                }
                state = p.matrix.map(|row| row.iter().zip(&state).map(|(m, s)| *m * s).sum());
            }
            assert_eq!((state, next.len()), (wanted, 0));
        }
    }
}
