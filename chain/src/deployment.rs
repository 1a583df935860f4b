//! Contracts on a chain, and the transactions that put them there.

use std::path::Path;

use alloy::primitives::keccak256;
use serde::{Deserialize, Serialize};
use talea_contracts::{
    Address, B256, Bytes, SolCall, SolConstructor as _, SolValue as _, U256,
    abi::{AttributionRegistry as Registry, BatchVerifier, Settlement},
    compiled::{self, Compiled},
};
use talea_formats::{Error as Input, artefact::write_file};

use crate::{Chain, Error, Receipt, Result, Transaction};

/// Gas that a front contract gives its generated verifier: with seven columns of advice that needs 438,221.
pub const GAS_CAP: u64 = 800_000;

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Version of this file.
    pub version: u32,
    /// EIP-155 chain id.
    pub chain: u64,
    /// The block to read history from.
    pub block: u64,
    /// ERC-20 token.
    pub token: Address,
    /// `AttributionRegistry`.
    pub registry: Address,
    /// `Settlement`.
    pub settlement: Address,
    /// Verifiers by circuit.
    pub verifiers: Vec<Verifier>,
    /// log₂ of the payout slots.
    pub domain: u8,
    /// Registered adapters.
    pub adapters: Vec<Range>,
    /// Registered nodes.
    pub nodes: Vec<Node>,
}

/// Who verifies a circuit's proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// Digest of the circuit.
    pub shape: B256,
    /// `BatchVerifier`.
    pub front: Address,
    /// The generated contract behind it.
    pub generated: Address,
}

/// Payout slots of an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// BLAKE3 of the adapter's artefact.
    pub id: B256,
    /// The first.
    pub base: u32,
}

/// Payout slot of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The node.
    pub node: Address,
    /// Its slot.
    pub slot: u32,
}

/// Version of the file.
const VERSION: u32 = 1;

impl Deployment {
    /// Reads one.
    ///
    /// # Errors
    /// A file that is none, or of another chain.
    pub fn open(path: &Path, chain: Option<u64>) -> Result<Self, Input> {
        let bytes = std::fs::read(path).map_err(|e| Input::io(path, e))?;
        let found: Self = serde_json::from_slice(&bytes)
            .map_err(|e| Input::input(path.display(), format!("line {}", e.line()), e, "a deployment"))?;
        if found.version != VERSION {
            return Err(Input::input(path.display(), "version", found.version, VERSION));
        }
        match chain {
            Some(id) if id != found.chain => {
                Err(Input::input(path.display(), "chain", found.chain, format!("{id}, the chain that answers")))
            }
            _ => Ok(found),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("strings and numbers") + "\n";
        Ok(write_file(path, text.as_bytes())?)
    }

    /// First slot of an adapter.
    pub fn base(&self, id: &[u8; 32]) -> Option<u32> {
        self.adapters.iter().find(|a| a.id == *id).map(|a| a.base)
    }

    /// Slot of a node.
    pub fn slot(&self, node: &[u8; 20]) -> Option<u32> {
        self.nodes.iter().find(|n| n.node == *node).map(|n| n.slot)
    }
}

/// A circuit that is to be verified.
pub struct Shape<'s> {
    /// Digest of the circuit.
    pub digest: [u8; 32],
    /// Adapter slots of its statements.
    pub slots: usize,
    /// Bytes of its proofs.
    pub length: usize,
    /// Its generated contract.
    pub generated: &'s Compiled,
}

/// What a deployment is made of.
pub struct Plan<'p> {
    /// An ERC-20 token that is there; a worthless one is made without.
    pub token: Option<Address>,
    /// Seconds that changes of verifiers, attesters and policies wait.
    pub delay: u64,
    /// Seconds between the request and the withdrawal of a deposit.
    pub notice: u64,
    /// Seconds of an epoch.
    pub epoch: u64,
    /// log₂ of the payout slots.
    pub domain: u8,
    /// [τ]₂ as precompile 8 reads it.
    pub tau: [U256; 4],
    /// Circuits.
    pub shapes: Vec<Shape<'p>>,
    /// Who vouches for batches.
    pub attesters: Vec<Address>,
}

/// An adapter to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Its name, for people.
    pub name: String,
    /// What its Datanet's curator calls that.
    pub datanet: B256,
    /// What the registry is told; `datanet` is filled in when it has an id.
    pub registration: Registry::NewAdapter,
    /// Payees of clusters, then adapter owner, base owner, treasury, sink.
    pub payees: Vec<Address>,
}

/// Gas of the steps, in order.
pub type Costs = Vec<(String, u64)>;

/// A chain on which steps are taken and counted.
pub struct Steps<'c> {
    /// The chain.
    pub chain: &'c dyn Chain,
    /// What they cost.
    pub costs: Costs,
}

impl<'c> Steps<'c> {
    /// None taken yet.
    pub fn new(chain: &'c dyn Chain) -> Self {
        Self { chain, costs: Vec::new() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// Those of [`Chain::execute`].
    pub fn take(&mut self, what: String, to: Option<Address>, data: Bytes) -> Result<Receipt> {
        let receipt = self.chain.execute(&Transaction { what: what.clone(), to, data })?;
        self.costs.push((what, receipt.gas));
        Ok(receipt)
    }

    /// Calls a function.
    ///
    /// # Errors
    /// Those of [`Chain::execute`].
    pub fn call<C: SolCall>(&mut self, what: String, to: Address, call: &C) -> Result<Receipt> {
        self.take(what, Some(to), call.abi_encode().into())
    }

    /// Makes a contract.
    ///
    /// # Errors
    /// Those of [`Chain::execute`].
    pub fn make(&mut self, what: &str, code: &Compiled, arguments: &[u8]) -> Result<(Address, u64)> {
        let receipt = self.take(format!("deploy {what}"), None, [&code.code, arguments].concat().into())?;
        let none = || Error::Refused { what: what.into(), why: "no contract was made".into() };
        Ok((receipt.created.ok_or_else(none)?, receipt.block))
    }
}

/// Asks a contract.
///
/// # Errors
/// Its refusal; no answer, or none of this kind.
pub fn ask<C: SolCall>(chain: &dyn Chain, what: &str, to: Address, call: &C) -> Result<C::Return> {
    let output = chain.call(what, to, call.abi_encode().into())?;
    C::abi_decode_returns(&output).map_err(|e| Error::Unreachable(format!("{what}: {to} answers {e}")))
}

/// Deploys everything; the sender is admin and registrar.
///
/// # Errors
/// Those of [`Chain::execute`].
pub fn deploy(steps: &mut Steps<'_>, plan: &Plan<'_>) -> Result<Deployment> {
    let admin = steps.chain.sender()?;
    let mut first = None;
    let token = match plan.token {
        Some(token) => token,
        None => {
            let (token, block) = steps.make("TestToken", &compiled::test_token(), &[])?;
            first = Some(block);
            token
        }
    };
    let mut verifiers = Vec::new();
    for shape in &plan.shapes {
        let short = &B256::from(shape.digest).to_string()[2..10];
        let (generated, block) = steps.make(&format!("Halo2Verifier {short}"), shape.generated, &[])?;
        first.get_or_insert(block);
        let arguments = BatchVerifier::constructorCall {
            generated_: generated,
            slots_: U256::from(shape.slots),
            proofLength_: U256::from(shape.length),
            gasCap_: U256::from(GAS_CAP),
        };
        let what = format!("BatchVerifier {short}");
        let (front, _) = steps.make(&what, &compiled::batch_verifier(), &arguments.abi_encode())?;
        verifiers.push(Verifier { shape: shape.digest.into(), front, generated });
    }
    let setup = Registry::Setup {
        admin,
        delay: alloy::primitives::aliases::U48::from(plan.delay),
        domain: plan.domain,
        shapes: verifiers.iter().map(|v| v.shape).collect(),
        verifiers: verifiers.iter().map(|v| v.front).collect(),
        attesters: plan.attesters.clone(),
    };
    let arguments = Registry::constructorCall { s: setup }.abi_encode();
    let (registry, block) = steps.make("AttributionRegistry", &compiled::registry(), &arguments)?;
    let setup = Settlement::Setup {
        registry,
        token,
        notice: plan.notice,
        // epochs count from 1970: nothing here depends on when this runs, so that a second run is the first
        start: 0,
        length: plan.epoch,
        tau: plan.tau,
    };
    let arguments = Settlement::constructorCall { s: setup }.abi_encode();
    let (settlement, _) = steps.make("Settlement", &compiled::settlement(), &arguments)?;
    let call = Registry::grantRoleCall { role: keccak256("REGISTRAR_ROLE"), account: admin };
    steps.call("grant the registrar's role".into(), registry, &call)?;
    Ok(Deployment {
        version: VERSION,
        chain: steps.chain.id(),
        block: first.unwrap_or(block),
        token,
        registry,
        settlement,
        verifiers,
        domain: plan.domain,
        adapters: Vec::new(),
        nodes: Vec::new(),
    })
}

/// The id of a curator's Datanet.
pub fn datanet_id(curator: Address, name: B256) -> B256 {
    keccak256((curator, name).abi_encode())
}

/// Registers a model, Datanets, adapters and nodes; steps that were taken before are not taken again.
///
/// # Errors
/// Those of [`Chain::execute`].
pub fn register(
    steps: &mut Steps<'_>, to: &mut Deployment, model: B256, adapters: &[Adapter], nodes: &[Address],
) -> Result<()> {
    let (registry, curator) = (to.registry, steps.chain.sender()?);
    steps.call(format!("register model {model}"), registry, &Registry::registerModelCall { digest: model })?;
    for a in adapters {
        let (id, name) = (a.registration.id, a.datanet);
        steps.call(format!("register Datanet {name}"), registry, &Registry::registerDatanetCall { name })?;
        let mut registration = a.registration.clone();
        registration.datanet = datanet_id(curator, name);
        let call = Registry::registerAdapterCall { a: registration, payees: a.payees.clone() };
        steps.call(format!("register adapter {} {id}", a.name), registry, &call)?;
        let known = ask(steps.chain, "adapters", registry, &Registry::adaptersCall { id })?;
        to.adapters.retain(|r| r.id != id);
        to.adapters.push(Range { id, base: known.base });
    }
    for node in nodes {
        steps.call(format!("register node {node}"), registry, &Registry::registerNodeCall { node: *node })?;
        let slot = ask(steps.chain, "nodeSlotOf", registry, &Registry::nodeSlotOfCall { node: *node })?;
        to.nodes.retain(|n| n.node != *node);
        to.nodes.push(Node { node: *node, slot });
    }
    Ok(())
}
