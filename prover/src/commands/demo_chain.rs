//! The part of `talea demo` that happens on a chain: deployment, two batches, claims, an audit.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use talea_chain::{
    Chain,
    audit::{Audited, Known, audit, earned},
    deployment::{Deployment, Steps},
    embedded::Embedded,
    history::GLOBAL,
    key::Place,
    rpc::{Patience, Rpc},
};
use talea_circuits::relations::Key;
use talea_contracts::{Address, address, compiled::of_source};
use talea_srs::Srs;
use talea_witness::{artefact::load, error::Error, network::Network, receipts::Receipts};

use super::{
    audit::{chain_json, print_chain},
    chain::{self, Times, Wanted, balance, costs_json, deploy_network, print_costs, verifier},
    wrap,
};
use crate::{
    cli::DemoArgs,
    folder::{Folder, write_json},
    output::{Names, grouped, say, table},
    proving,
    settling::{self, Claim},
    wrapping::{self, pairing},
};

/// When the chain in process begins: 2026-10-01, so that every run is the same.
const BEGIN: u64 = 1_790_812_800;

/// Seconds of an epoch in process.
const EPOCH: u64 = 3600;

/// Seconds of an epoch of a demonstration on another chain, which has to wait for its end.
const SHORT_EPOCH: u64 = 60;

/// Seconds that must be left of an epoch for a batch to be settled and promoted in it.
const MARGIN: u64 = 20;

/// Who sends on the chain in process: the first account of development chains, so that contracts lie there as they would on one.
const SENDER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

/// A demonstration's chain.
pub struct OnChain<'d> {
    chain: Box<dyn Chain>,
    /// The reference string of everything.
    pub srs: &'d Srs,
    epoch: u64,
    deployed: Option<Deployment>,
    costs: Vec<(String, u64)>,
    /// Is the chain another than the one in process? Its URL may hold an access key, and is shown nowhere.
    outside: bool,
}

/// What happened there.
pub struct Settled {
    deployment: Deployment,
    costs: Vec<(String, u64)>,
    audited: Audited,
    paid: BTreeMap<Address, u128>,
    /// Is the chain another than the one in process? Its URL may hold an access key, and is shown nowhere.
    outside: bool,
}

impl<'d> OnChain<'d> {
    /// A chain in process, or the one behind a URL.
    pub fn open(args: &DemoArgs, network: &Network, folder: &Folder, srs: &'d Srs) -> anyhow::Result<Self> {
        let (chain, epoch): (Box<dyn Chain>, u64) = match &args.rpc {
            None => (Box::new(Embedded::new(network.chain_id, SENDER, BEGIN)), EPOCH),
            Some(url) => {
                let key = Place::Environment.read()?;
                let rpc = Rpc::open(url)?.with_account(key, &folder.journal(), Patience::default())?;
                (Box::new(rpc), SHORT_EPOCH)
            }
        };
        if chain.id() != network.chain_id {
            let expected = format!("{}, the network's", network.chain_id);
            return Err(Error::input("--rpc", "chain", chain.id(), expected).into());
        }
        Ok(Self { chain, srs, epoch, deployed: None, costs: Vec::new(), outside: args.rpc.is_some() })
    }

    /// Deploys the contracts and registers the network; returns the settlement. None where no verifier of the batch's shape is at hand.
    pub fn deploy(
        &mut self, network: &Network, folder: &Folder, job: &wrap::Job<'_>, model: [u8; 32],
    ) -> anyhow::Result<Option<Address>> {
        let (batch, sizes) = chain::sizes(network, folder, self.srs, true)?;
        let key = Key::new(proving::shape(&sizes), &pairing(self.srs))
            .map_err(|e| Error::input("batch.talea", "shape", e, "one that can be proven"))?;
        let circuit = wrapping::circuit(&key, wrapping::plan(job.layout)?)?;
        let (source, length) = verifier(self.srs, &key, &circuit, job)?;
        let Some(generated) = of_source(&source) else {
            return if self.outside { chain::embedded(&source).map(|_| None).map_err(Into::into) } else { Ok(None) };
        };
        let wanted = Wanted {
            network,
            folder,
            batch: &batch,
            circuit: &circuit,
            length,
            generated: &generated,
            srs: self.srs,
            domain: sizes.domain as u8,
            model,
        };
        let times = Times { epoch: self.epoch, delay: 0, notice: self.epoch };
        let mut steps = Steps::new(self.chain.as_ref());
        let done = deploy_network(&mut steps, &wanted, None, &times)?;
        self.costs.extend(steps.costs);
        let at = done.settlement;
        self.deployed = Some(done);
        Ok(Some(at))
    }

    /// Settles the batches, claims what they paid, and audits it all. The second node's batch goes first: their order does not matter.
    pub fn settle(&mut self, first: &Folder, second: Option<&Folder>) -> anyhow::Result<Settled> {
        let none = || Error::input("settlement", "deployment", "none", "one");
        let to = self.deployed.clone().ok_or_else(none)?;
        let chain = self.chain.as_ref();
        let mut steps = Steps::new(chain);
        for folder in second.into_iter().chain([first]) {
            let (receipts, _) = load::<Receipts>(&folder.receipts())?;
            settling::deposit(&mut steps, &to, &receipts)?;
        }
        let now = chain.head()?.time;
        if self.epoch - now % self.epoch < MARGIN {
            chain.wait_after(now - now % self.epoch + self.epoch)?;
        }
        if let Some(second) = second {
            chain::settle_batch(&mut steps, &to, second, Some(self.srs))?;
        }
        // in two steps: settled without what it pays, which is given later
        chain::settle_batch(&mut steps, &to, first, None)?;
        chain::promote(&mut steps, &to, first, self.srs)?;
        let now = chain.head()?.time;
        chain.wait_after(now - now % self.epoch + self.epoch)?;
        let claims = settling::claims(chain, &to, self.srs, &first.path, GLOBAL, &[])?;
        write_json(&first.claims(), &serde_json::to_value(&claims)?)?;
        let all: Vec<&Claim> = claims.claims.iter().collect();
        if let Some((one, rest)) = all.split_first() {
            settling::claim(&mut steps, &claims, &[one], true)?;
            settling::claim(&mut steps, &claims, rest, false)?;
        }
        let audited = audit(chain, to.settlement, to.block, &Known::default())?;
        let mut paid = BTreeMap::new();
        for payee in earned(&audited.history).into_keys() {
            let held = balance(chain, &to, payee)?;
            paid.insert(payee, u128::try_from(held).unwrap_or(u128::MAX));
        }
        let mut costs = self.costs.clone();
        costs.extend(steps.costs);
        Ok(Settled { deployment: to, costs, audited, paid, outside: self.outside })
    }
}

impl Settled {
    /// Did the audit agree?
    pub fn agrees(&self) -> bool {
        self.audited.differences.is_empty()
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "chain": if self.outside { "the one of --rpc" } else { "in process" }, "deployment": self.deployment, "gas": costs_json(&self.costs),
            "audit": chain_json(&self.audited),
            "paid": self.paid.iter().map(|(who, amount)| (who.to_string(), amount.to_string().into())).collect::<serde_json::Map<_, Value>>(),
        })
    }

    /// As text.
    pub fn print(&self, names: &Names) {
        let on = if self.outside { "the chain of --rpc" } else { "a chain in process" };
        say(format_args!(
            "\nSettled on {on}: settlement {}, the nodes' batches, claims of all slots",
            self.deployment.settlement
        ));
        print_costs(&self.costs);
        table(
            ["payee", "paid on chain"],
            &[1],
            self.paid.iter().map(|(who, amount)| [names.show(&who.into_array()), grouped(*amount)]),
        );
        print_chain(&self.audited);
    }
}
