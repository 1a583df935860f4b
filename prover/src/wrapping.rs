//! Keys of the wrap on disk, and wraps as files.
//!
//! | file | holds |
//! |---|---|
//! | LAYOUT-CIRCUIT.keys | everything that a proof needs, about a gigabyte |
//! | LAYOUT-CIRCUIT.verifying | the verifying key alone |
//! | LAYOUT-CIRCUIT.sol | the contract that verifies, as snark-verifier writes it |
//!
//! CIRCUIT begins the digest of the circuit, which is computed anew by whoever opens them.

use std::{
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use talea_circuits::{
    Fr,
    opening::PairingKey,
    relations::Key,
    wrap::{
        Params, VerifyingKey,
        keys::{self, Circuit, Keys, MOST_CHUNKS, NoCircuit, Plan},
        proof::{ACCUMULATOR, Wrapped},
        solidity,
    },
};
use talea_formats::{
    artefact::{Artefact, open_stream, save_stream, write_file},
    proof::WrappedProof,
};
use talea_srs::Srs;
use talea_witness::{
    Result,
    artefact::{hex, load, save},
    error::Error,
};
use wincode::{SchemaRead, SchemaWrite};

use crate::proving;

/// What a file of keys begins with.
struct WrapKeys;

impl Artefact for WrapKeys {
    const KIND: &'static str = "wrapkeys";
    const VERSION: u32 = 1;
}

/// A verifying key with the circuit that it is said to be of.
#[derive(SchemaWrite, SchemaRead)]
struct Verifying {
    circuit: [u8; 32],
    key: Vec<u8>,
}

impl Artefact for Verifying {
    const KIND: &'static str = "wrapvk";
    const VERSION: u32 = 1;
}

/// A folder of keys.
pub struct KeyFolder<'f>(pub &'f Path);

impl KeyFolder<'_> {
    /// A file of a circuit.
    pub fn file(&self, circuit: &Circuit, kind: &str) -> PathBuf {
        let short = &hex(&circuit.digest)[..16];
        self.0.join(format!("{}-{short}.{kind}", circuit.sizes.plan.name()))
    }

    /// Makes keys and writes all three files.
    pub fn make(&self, key: &Key, plan: Plan, params: &Params) -> Result<Keys> {
        let made = Keys::new(key, plan, params);
        let verifying = Verifying { circuit: made.circuit.digest, key: keys::write_verifying(made.verifying()) };
        save(&self.file(&made.circuit, "verifying"), &verifying)?;
        let source = solidity::source(params, made.verifying(), &made.circuit);
        write_file(&self.file(&made.circuit, "sol"), source.as_bytes())?;
        // the largest last: where it is, the others are
        save_stream::<WrapKeys>(&self.file(&made.circuit, "keys"), |to| {
            to.write_all(&made.circuit.digest)?;
            made.write(to)
        })?;
        Ok(made)
    }

    /// Keys of a circuit, if they are there.
    pub fn open(&self, circuit: &Circuit) -> Result<Option<Keys>> {
        let path = self.file(circuit, "keys");
        if !path.exists() {
            return Ok(None);
        }
        let mut from = open_stream::<WrapKeys>(&path)?;
        let io = |e| Error::io(&path, e);
        let mut digest = [0; 32];
        std::io::Read::read_exact(&mut from, &mut digest).map_err(io)?;
        check_circuit(&path, &digest, circuit)?;
        let bad = |e: std::io::Error| match e.kind() {
            ErrorKind::InvalidData => Error::input(path.display(), "payload", e, "keys of its circuit"),
            _ => Error::io(&path, e),
        };
        Keys::read(&mut from, circuit.clone()).map(Some).map_err(bad)
    }

    /// The same, but files that are damaged or of another circuit are none, and said to be so.
    pub fn open_or_say(&self, circuit: &Circuit) -> Result<Option<Keys>> {
        match self.open(circuit) {
            Err(e @ Error::Format(talea_formats::Error::Io { .. })) => Err(e),
            Err(e) => {
                eprintln!("talea: {e}; made anew");
                Ok(None)
            }
            kept => kept,
        }
    }

    /// The verifying key of a circuit.
    pub fn verifying(&self, circuit: &Circuit) -> Result<VerifyingKey> {
        let path = self.file(circuit, "verifying");
        let (file, _) = load::<Verifying>(&path)?;
        check_circuit(&path, &file.circuit, circuit)?;
        let bad = |e| Error::input(path.display(), "key", e, "a verifying key of its circuit");
        keys::read_verifying(&file.key, circuit).map_err(bad)
    }
}

/// Refuses keys of another circuit.
fn check_circuit(path: &Path, found: &[u8; 32], circuit: &Circuit) -> Result<()> {
    if *found == circuit.digest {
        return Ok(());
    }
    Err(Error::input(path.display(), "circuit", hex(found), hex(&circuit.digest)))
}

/// The reference string as the wrap's prover wants it.
pub fn params(srs: &Srs, k: u32) -> Result<Params> {
    let sizes: Vec<u32> = srs.lagrange.iter().map(|l| l.0).collect();
    let Some((_, basis)) = srs.lagrange.iter().find(|l| l.0 == k) else {
        return Err(Error::input("--srs", "lagrange", format!("bases of 2^{sizes:?}"), format!("one of 2^{k}")));
    };
    Ok(Params::new(k, &srs.powers, basis, &srs.tau))
}

/// The circuit of a key.
pub fn circuit(key: &Key, plan: Plan) -> Result<Circuit> {
    Circuit::new(key, plan).map_err(no_circuit)
}

/// What a user is told where there is no circuit.
pub fn no_circuit(why: NoCircuit) -> Error {
    match why {
        NoCircuit::TooManyChunks(chunks) => Error::input("batch", "chunks", chunks, format!("at most {MOST_CHUNKS}")),
        NoCircuit::Processor => {
            Error::input("this machine", "processor", "one without ADX or BMI2", "both, for the wrap")
        }
    }
}

/// The layout of this name.
pub fn plan(name: &str) -> Result<Plan> {
    Plan::named(name).ok_or_else(|| Error::input("layout", "name", name, "fast or cheap"))
}

/// The accumulator and proof of a file.
pub fn wrapped(file: &Path, p: &WrappedProof) -> Result<Wrapped> {
    let limbs: Vec<Fr> =
        p.accumulator.iter().map(|b| proving::scalar(file, "accumulator", b)).collect::<Result<_>>()?;
    let found = limbs.len();
    let accumulator = limbs
        .try_into()
        .map_err(|_| Error::input(file.display(), "accumulator", format!("{found} limbs"), ACCUMULATOR.to_string()))?;
    Ok(Wrapped { accumulator, proof: p.proof.clone() })
}

/// The pairing key of a reference string.
pub fn pairing(srs: &Srs) -> PairingKey {
    PairingKey { tau: srs.tau }
}
