//! Talea's contracts as Rust sees them.
//!
//! | module | holds |
//! |---|---|
//! | [`abi`] | types, functions, events and errors of the hand-written contracts |
//! | [`compiled`] | their code, and that of generated verifiers, embedded; `talea contracts build` makes it |
//! | [`convert`] | artefacts as the contracts take them |
//! | [`evm`] | an EVM in process to deploy and call them |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod abi;
pub mod compiled;
pub mod convert;
pub mod evm;

pub use alloy_primitives::{Address, B256, Bytes, U256, address, aliases::U112, keccak256};
pub use alloy_sol_types::{SolCall, SolConstructor, SolError, SolEvent, SolEventInterface, SolInterface, SolValue};

/// Characters of what a contract or a node said that are shown.
const LENGTH: usize = 300;

/// One line, fit for a terminal, of what somebody else said: runs of blanks become one, and so does what is no printable character, be it
/// one that moves the cursor or one that cannot be seen.
pub fn line(said: &str) -> String {
    // as Rust quotes texts: what is printable is not escaped, but for these three
    let plain = |c: char| matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1;
    let said: String = said.chars().map(|c| if plain(c) { c } else { ' ' }).collect();
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What a contract said when it refused, in words: a custom error by its name, with its values. Texts in it are whoever's who wrote the
/// contract, or the node that answers for it.
pub fn reason(data: &[u8]) -> String {
    line(&words(data))
}

fn words(data: &[u8]) -> String {
    if let Ok(known) = abi::Settlement::SettlementErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    if let Ok(known) = abi::AttributionRegistry::AttributionRegistryErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    if let Ok(known) = abi::BatchVerifier::BatchVerifierErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    if let Ok(known) = abi::TestToken::TestTokenErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    alloy_sol_types::decode_revert_reason(data).unwrap_or_else(|| format!("0x{}", alloy_primitives::hex::encode(data)))
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::{Revert, SolError as _};

    use super::*;

    #[test]
    fn what_a_contract_says_moves_no_cursor() {
        let said = "no\u{1b}[2J\u{9b}1A\r\n\t\u{202e}\u{200b}\u{2028}\u{feff}\u{e0041}money: \"ü\\'";
        let expected = "no [2J 1A money: \"ü\\'";
        let revert = Revert::from(said).abi_encode();
        assert!(reason(&revert).ends_with(expected), "{}", reason(&revert));
        // bare text, as old compilers return it
        assert!(reason(said.as_bytes()).ends_with(expected), "{}", reason(said.as_bytes()));
        assert_eq!(reason(&[0xff, 0x1b]), "0xff1b");
    }

    #[test]
    fn what_a_contract_says_is_cut() {
        for data in [Revert::from("ü".repeat(1_000)).abi_encode(), vec![0xff; 10_000], vec![b'a'; 10_000]] {
            let said = reason(&data);
            assert_eq!((said.chars().count(), said.ends_with('…')), (LENGTH + 1, true), "{said}");
        }
    }

    #[test]
    fn custom_errors_are_said_as_they_are() {
        let error = abi::Settlement::NothingToClaim { slot: 7, cumulative: 1, claimed: 1 };
        let said = reason(&error.abi_encode());
        assert!(said.contains("NothingToClaim { slot: 7, cumulative: 1, claimed: 1 }"), "{said}");
    }
}
