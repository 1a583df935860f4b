//! `talea batch verify`: a proof against the network, the folder's commitments and its own statement.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;
use talea_circuits::{
    Fr,
    arithmetic::Native,
    opening::PairingKey,
    relations::{Key, statement::Statement},
};
use talea_formats::proof::{AdapterSizes, BatchProof, BatchStatement, Commitment, SignedAttestation};
use talea_srs::Srs;
use talea_witness::{
    Result,
    artefact::{hex, load},
    error::Error,
    network::Network,
};

use super::{
    commit::open_commitment,
    print_json,
    proof::{receipts_digest, statement_json, trust_of},
};
use crate::{
    folder::{Folder, commitment_beside},
    output::{Trust, checksummed, grouped, labels_json, print_labels, say, table},
    proving,
    settling::{self, open_network},
};

/// Runs the command.
pub fn run(network: &Path, out: &Path, srs: &Path, json: bool) -> anyhow::Result<bool> {
    let folder = Folder::at(out);
    let network = open_network(network, &folder)?;
    let (srs, _) = Srs::open(srs)?;
    let path = folder.proof();
    let (proof, blake3) = load::<BatchProof>(&path)?;
    let start = Instant::now();
    let p = &proof.statement;
    let trust = match checked(&network, &folder, &srs, &path, &proof) {
        Ok(trust) => trust,
        Err(Refused::Input(e)) => return Err(e.into()),
        Err(Refused::Proof(why)) => {
            eprintln!("REJECTED: {why}");
            return Ok(false);
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    if json {
        print_json(&json!({
            "accepted": true, "blake3": hex(&blake3), "seconds": seconds, "srs": srs.origin.to_string(),
            "statement": statement_json(p), "labels": labels_json(trust),
        }));
    } else {
        say(format_args!("ACCEPTED   {}   blake3 {}   in {:.0} ms", path.display(), hex(&blake3), seconds * 1e3));
        say(format_args!("reference string: {}", srs.origin));
        say(format_args!("chain {}, node {}, nonce {}", p.chain_id, checksummed(&p.node), p.nonce));
        println!(
            "Says nothing of batch.talea: amounts are behind C_pay. Adapters' commitments are those of this folder."
        );
        table(
            ["adapter", "payout slots from", "fees", "commitments"],
            &[1, 2],
            p.slots.iter().map(|s| [s.name.clone(), s.base.to_string(), grouped(s.fees), hex(&s.adapter)]),
        );
        print_labels(trust);
    }
    Ok(true)
}

/// Why nothing is accepted.
pub enum Refused {
    /// A file that cannot be read, or is another kind of thing.
    Input(Error),
    /// The proof, or what it says.
    Proof(String),
}

impl From<Error> for Refused {
    fn from(e: Error) -> Self {
        Self::Input(e)
    }
}

/// Verifies a proof against the network and the registered commitments.
fn checked(network: &Network, folder: &Folder, srs: &Srs, path: &Path, p: &BatchProof) -> Result<Trust, Refused> {
    let (key, statement) = check_statement(network, folder, srs, path, &p.statement)?;
    if let Err(why) = key.verify(&PairingKey { tau: srs.tau }, &statement, &p.proof) {
        return Err(Refused::Proof(format!("{}: {why}", path.display())));
    }
    check_attestation(network, path, &p.statement, p.attestation.as_ref())
}

/// A signature that is there must be the attester's.
pub fn check_attestation(
    network: &Network, path: &Path, p: &BatchStatement, signed: Option<&SignedAttestation>,
) -> Result<Trust, Refused> {
    let trust = trust_of(network, p, signed);
    match signed.is_some() && !trust.proof.is_some_and(|t| t.attested) {
        true => Err(Refused::Proof(format!(
            "{}: attestation: not the network attester's signature over this batch",
            path.display()
        ))),
        false => Ok(trust),
    }
}

/// Compares a statement with the network and the registered commitments; returns the key of its shape, and its words.
pub fn check_statement(
    network: &Network, folder: &Folder, srs: &Srs, path: &Path, p: &BatchStatement,
) -> Result<(Key, Statement<Fr>), Refused> {
    let no = |what: &str| Err(Refused::Proof(format!("{}: {what}", path.display())));
    let commitments: Vec<(PathBuf, Commitment)> = network
        .adapters
        .iter()
        .map(|a| {
            let file = commitment_beside(&folder.adapter(&a.name));
            open_commitment(&file, srs).map(|c| (file, c))
        })
        .collect::<Result<_>>()?;
    let sizes: Vec<AdapterSizes> = commitments.iter().map(|c| c.1.sizes.clone()).collect();
    let ids: Vec<[u8; 32]> = commitments.iter().map(|c| c.1.adapter).collect();
    let registry = settling::registry(network, folder, &sizes, &ids)?;
    if p.chain_id != network.chain_id
        || p.contract != network.contract.into_array()
        || p.node != network.node.into_array()
    {
        return no("statement: another chain, contract or node than the network's");
    }
    if p.node_slot != registry.node
        || p.sizes.domain as usize != registry.domain
        || p.slots.len() != p.sizes.adapters.len()
    {
        return no("statement: payout slots other than the registry's");
    }
    if p.receipts != receipts_digest(folder)? {
        return no("statement: other receipts than the folder's");
    }
    for (slot, own) in p.slots.iter().zip(&p.sizes.adapters) {
        let Some(a) = network.adapters.iter().position(|a| a.name == slot.name) else {
            return no("statement: an adapter that the network does not have");
        };
        let (file, commitment) = &commitments[a];
        let points = proving::points(file, "points", &commitment.points)?;
        if slot.adapter != proving::bytes(&proving::adapter_digest(&commitment.sizes, &points))
            || *own != commitment.sizes
        {
            return no(&format!("statement: commitments to {} other than those registered", slot.name));
        }
        let words = proving::policy(&network.adapters[a].policy).words();
        if slot.policy != proving::bytes(&words.digest(&Native)) {
            return no(&format!("statement: another policy than that of {}", slot.name));
        }
        if slot.base != registry.bases[a] {
            return no(&format!("statement: payout slots other than those of {}", slot.name));
        }
    }
    let pairing = PairingKey { tau: srs.tau };
    let key = match Key::new(proving::shape(&p.sizes), &pairing) {
        Ok(key) => key,
        Err(e) => return no(&e.to_string()),
    };
    let statement = proving::statement(path, p).map_err(|e| Refused::Proof(e.to_string()))?;
    Ok((key, statement))
}
