//! Artefacts as the contracts take them.

use alloy_primitives::{Address, U256};
use talea_formats::{
    Error,
    proof::{BatchStatement, ProvenSlot, WrappedProof},
};

use crate::abi::{BatchProof, SlotStatement, Statement};

/// A number of a file: little-endian.
fn word(bytes: &[u8]) -> U256 {
    U256::from_le_slice(bytes)
}

/// A statement; chain and contract are where it is asked.
///
/// # Errors
/// Payout slots beyond 2^32, which no registry has.
pub fn statement(s: &BatchStatement) -> Result<Statement, Error> {
    let narrow =
        |slot: u64| u32::try_from(slot).map_err(|_| Error::input("statement", "payout slot", slot, "below 2^32"));
    let slot = |s: &ProvenSlot| {
        Ok(SlotStatement { adapter: word(&s.adapter), policy: word(&s.policy), base: narrow(s.base)?, fees: s.fees })
    };
    let (x, y) = s.payouts.split_at(32);
    Ok(Statement {
        node: Address::from(s.node),
        nonce: s.nonce,
        slots: s.slots.iter().map(slot).collect::<Result<_, Error>>()?,
        nodeSlot: narrow(s.node_slot)?,
        receipts: s.receipts.into(),
        inputs: word(&s.inputs),
        requests: word(&s.requests),
        deltas: word(&s.deltas),
        payouts: [word(x), word(y)],
    })
}

/// A proof.
///
/// # Errors
/// An accumulator of another length.
pub fn proof(p: &WrappedProof) -> Result<BatchProof, Error> {
    let limbs: Vec<U256> = p.accumulator.iter().map(|limb| word(limb)).collect();
    let found = limbs.len();
    let accumulator =
        limbs.try_into().map_err(|_| Error::input("wrap", "accumulator", format!("{found} limbs"), "12"))?;
    Ok(BatchProof { accumulator, digest: word(&p.digest), proof: p.proof.clone().into() })
}
