//! What nodes say, in their words and in ours. A URL may hold an access key: no message shows it.

use std::error::Error as _;

use alloy::{
    rpc::json_rpc::ErrorPayload,
    transports::{RpcError, TransportError, http::reqwest::Url},
};
use talea_contracts::line;

/// Parts of a URL that are shorter say what it is for, and are no keys.
const KEY: usize = 8;

/// Texts that no message shows.
pub(super) struct Hidden(Vec<String>);

impl Hidden {
    /// The URL, as it was given and as it is written in full, and what in it may be a key.
    pub(super) fn of(given: &str, url: &Url) -> Self {
        let mut all: Vec<String> = vec![given.into(), url.as_str().into()];
        all.extend(url.path().split('/').filter(|part| part.len() >= KEY).map(String::from));
        all.extend(url.query().map(String::from));
        all.extend(url.query_pairs().map(|(_, value)| value.into_owned()).filter(|value| value.len() >= KEY));
        all.extend(url.password().map(String::from));
        all.extend((url.username().len() >= KEY).then(|| url.username().into()));
        let bare: Vec<String> = all.iter().map(|text| text.trim_end_matches('/').into()).collect();
        all.extend(bare);
        all.retain(|text| !text.is_empty());
        // the whole before its parts
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(all)
    }

    /// One line of what a node said.
    pub(super) fn line(&self, said: &str) -> String {
        line(&self.0.iter().fold(said.to_string(), |said, hidden| said.replace(hidden, "URL")))
    }

    /// One line of why there is no answer, with the cause behind it: that alone says whether a node is down or a name is wrong.
    pub(super) fn error(&self, e: &TransportError) -> String {
        let mut said = e.to_string();
        let mut cause = match e {
            RpcError::Transport(e) => e.source(),
            _ => None,
        };
        while let Some(e) = cause {
            cause = e.source();
            if cause.is_none() && !said.contains(&e.to_string()) {
                said = format!("{said}: {e}");
            }
        }
        self.line(&said)
    }
}

/// A node's answer to a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it, or had it.
    Taken,
    /// Its fees are too low.
    Underpriced,
    /// It will not have it.
    Refused(String),
}

impl Answer {
    /// Nodes have words for this and no codes: those of geth, erigon, reth, nethermind, besu and anvil. What is not among them is a refusal:
    /// it is kept and said, and never a reason to sign anew.
    pub(super) fn of(e: &ErrorPayload, hidden: &Hidden) -> Self {
        let said = e.message.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|w| said.contains(w));
        // where a word begins: an "unknown transaction type" is no "known transaction"
        let begins = |at: usize| !said[..at].ends_with(char::is_alphanumeric);
        let word = |words: &[&str]| words.iter().any(|w| said.match_indices(w).any(|(at, _)| begins(at)));
        let taken = [
            "already known",
            "alreadyknown",
            "already imported",
            "known transaction",
            "known_transaction",
            "same hash",
        ];
        let spent = ["nonce too low", "nonce is too low", "nonce_too_low", "oldnonce", "noncealreadyused"];
        let low = ["underpriced", "fee too low", "feetoolow", "less than block base fee", "max fee per gas less"];
        let lower = ["gas price below", "price supplied is too low", "price_too_low", "replacementnotallowed"];
        if word(&taken) || any(&spent) {
            return Self::Taken;
        }
        if any(&low) || any(&lower) {
            return Self::Underpriced;
        }
        Self::Refused(hidden.line(&e.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(url: &str) -> Hidden {
        Hidden::of(url, &url.parse().unwrap())
    }

    #[test]
    fn no_part_of_a_url_that_may_be_a_key_is_shown() {
        let url = "HTTP://user:pass+word@Node.Example:8545/v2/0123456789abcdef?apikey=fedcba9876543210";
        let hidden = hidden(url);
        for said in [
            format!("error sending request for url ({url})"),
            "url (http://user:pass+word@node.example:8545/v2/0123456789abcdef?apikey=fedcba9876543210)".into(),
            "HTTP error 403 with body: <b>\n no project\n 0123456789abcdef,\tkey fedcba9876543210 or pass+word".into(),
        ] {
            let line = hidden.line(&said);
            assert!(line.contains("URL"), "{line}");
            for part in ["0123456789", "fedcba98", "pass+word", "\n", "\t"] {
                assert!(!line.contains(part), "{line}");
            }
        }
        assert_eq!(hidden.line("method eth_call of v2 is not user's"), "method eth_call of v2 is not user's");
        assert_eq!(hidden.line(&"ü".repeat(1000)).chars().count(), 301);
    }

    #[test]
    fn nodes_words_are_known() {
        let of = |message: &str| {
            let payload = format!(r#"{{"code":-32000,"message":"{message}"}}"#);
            Answer::of(&serde_json::from_str(&payload).unwrap(), &hidden("http://127.0.0.1:8545"))
        };
        for taken in [
            "already known",
            "AlreadyKnown",
            "known transaction: 0x00",
            "rejected: KNOWN_TRANSACTION",
            "an unknown or a known transaction",
            "nonce too low: next nonce 5, tx nonce 4",
            "OldNonce, Current nonce: 5",
        ] {
            assert_eq!(of(taken), Answer::Taken, "{taken}");
        }
        for low in [
            "replacement transaction underpriced",
            "max fee per gas less than block base fee: address 0x00, maxFeePerGas: 1",
            "transaction gas price below minimum: gas tip cap 1, minimum needed 2",
            "FeeTooLow, MaxFeePerGas too low",
        ] {
            assert_eq!(of(low), Answer::Underpriced, "{low}");
        }
        for refused in [
            "insufficient funds for gas * price + value",
            "unknown transaction type",
            "Unknown_Transaction",
            "éknown transaction",
        ] {
            assert_eq!(of(refused), Answer::Refused(refused.into()), "{refused}");
        }
    }
}
