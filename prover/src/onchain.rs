//! A wrap before the contract that a chain would ask: deployed and called in an EVM in process.

use serde_json::{Value, json};
use talea_chain::deployment::GAS_CAP;
use talea_contracts::{
    Address, SolCall as _, SolConstructor as _, SolInterface as _, U256,
    abi::BatchVerifier,
    compiled::{self, Compiled},
    convert,
    evm::{Evm, Failed, GAS},
};
use talea_formats::proof::WrappedProof;

/// What the contract said.
#[derive(Debug, Clone)]
pub struct Report {
    /// Bytes of the generated verifier.
    pub generated_bytes: usize,
    /// Bytes of the contract before it.
    pub front_bytes: usize,
    /// Gas of the whole transaction, calldata included.
    pub gas: u64,
    /// Gas of a call to the generated verifier alone, without the transaction's own 21,000 and its calldata.
    pub verifier_gas: u64,
}

/// Deploys both contracts and lets them verify, as the contract that the statement names. `source` is the
/// generated one's, `length` that of its proofs.
///
/// # Errors
/// Why it was not accepted, or could not be tried.
pub fn check(file: &WrappedProof, source: &str, length: usize) -> Result<Report, String> {
    let Some(generated) = compiled::of_source(source) else {
        return Err("the verifier of this shape and reference string is not compiled into this binary".into());
    };
    let (mut chain, front) = deployed(file, &generated, length)?;
    let caller = Address::from(file.statement.contract);
    let said = convert::statement(&file.statement).map_err(|e| e.to_string())?;
    let proof = convert::proof(file).map_err(|e| e.to_string())?;
    let call = BatchVerifier::verifyCall { s: said.clone(), p: proof.clone() };
    let done = chain.evm.call(caller, front, call.abi_encode(), GAS).map_err(|e| reason(&e))?;
    let call = BatchVerifier::instancesCall { s: said, p: proof };
    let without = chain.evm.call(caller, front, call.abi_encode(), GAS).map_err(|e| reason(&e))?;
    let input = [&without.output, file.proof.as_slice()].concat();
    let alone = chain.evm.call(caller, chain.generated, input.clone(), GAS).map_err(|e| reason(&e))?;
    Ok(Report {
        generated_bytes: generated.size,
        front_bytes: compiled::batch_verifier().size,
        gas: done.gas,
        verifier_gas: alone.gas - 21_000 - calldata_gas(&input),
    })
}

/// Gas of calldata (EIP-2028).
fn calldata_gas(data: &[u8]) -> u64 {
    data.iter().map(|b| if *b == 0 { 4 } else { 16 }).sum()
}

/// A chain with the generated verifier on it.
struct Chain {
    /// The EVM.
    evm: Evm,
    /// Where the generated verifier is.
    generated: Address,
}

/// Deploys the generated verifier and the contract before it.
fn deployed(file: &WrappedProof, generated: &Compiled, length: usize) -> Result<(Chain, Address), String> {
    let mut evm = Evm::new(file.statement.chain_id);
    let deployer = Address::repeat_byte(0xde);
    let (at, _) = evm.deploy(deployer, &generated.code, &[]).map_err(|e| reason(&e))?;
    let arguments = BatchVerifier::constructorCall {
        generated_: at,
        slots_: U256::from(file.statement.slots.len()),
        proofLength_: U256::from(length),
        gasCap_: U256::from(GAS_CAP),
    };
    let front = compiled::batch_verifier();
    let (front, _) = evm.deploy(deployer, &front.code, &arguments.abi_encode()).map_err(|e| reason(&e))?;
    Ok((Chain { evm, generated: at }, front))
}

/// A failure in words: custom errors by their names.
fn reason(e: &Failed) -> String {
    match e {
        Failed::Reverted(data) => match BatchVerifier::BatchVerifierErrors::abi_decode(data) {
            Ok(known) => format!("{known:?}"),
            Err(_) => e.to_string(),
        },
        other => other.to_string(),
    }
}

/// As JSON.
pub fn json(report: &Result<Report, String>) -> Value {
    match report {
        Ok(r) => json!({
            "accepted": true, "gas": r.gas, "verifier_gas": r.verifier_gas, "generated_bytes": r.generated_bytes,
            "front_bytes": r.front_bytes,
        }),
        Err(why) => json!({ "accepted": false, "why": why }),
    }
}

/// As text.
pub fn print(report: &Result<Report, String>) {
    match report {
        Ok(r) => println!(
            "EVM in process: ACCEPTED by the contract, {} gas in a transaction, {} of them the generated verifier's; code {} and {} bytes",
            r.gas, r.verifier_gas, r.generated_bytes, r.front_bytes
        ),
        Err(why) => println!("EVM in process: NOT VERIFIED: {why}"),
    }
}
