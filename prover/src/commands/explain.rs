//! `talea explain`: a payout in words and numbers, from an output folder's artefacts alone.
//!
//! Nothing is recomputed here; what a sentence rests on is said with it.

use serde_json::{Value, json};
use talea_witness::{
    artefact::load,
    batch::{Batch, BatchAdapter, BatchRequest, Role, payout::part},
    datanet::{Datanet, Status},
    error::Error,
    network::Network,
    receipts::{Receipts, Signed as _, SignedReceipt},
};

use super::{datanet, print_json};
use crate::{
    cli::ExplainArgs,
    folder::Folder,
    output::{Names, checksummed, cluster_name, credited, grouped, percent, say},
};

/// The artefacts of an output folder.
struct Story {
    batch: Batch,
    datanets: Vec<Datanet>,
    receipts: Option<Receipts>,
    names: Names,
}

/// Sentences for people, and the same facts for programs.
struct Told {
    lines: Vec<String>,
    facts: Value,
}

pub fn run(args: &ExplainArgs, json: bool) -> anyhow::Result<bool> {
    let story = Story::open(args)?;
    let told = match (&args.what.request, &args.what.contribution, &args.what.payee) {
        (Some(id), _, _) => story.request(id)?,
        (_, Some(name), _) => story.contribution(name)?,
        (_, _, Some(who)) => story.payee(who)?,
        _ => unreachable!("clap requires one of them"),
    };
    if json {
        print_json(&told.facts);
    } else {
        told.lines.iter().for_each(say);
    }
    Ok(true)
}

impl Story {
    fn open(args: &ExplainArgs) -> talea_witness::Result<Self> {
        let folder = Folder::at(&args.out);
        let (batch, _) = load::<Batch>(&folder.batch())?;
        batch.check(&folder.batch().display().to_string())?;
        let datanets = batch
            .adapters
            .iter()
            .map(|a| Ok(datanet::open(&folder.datanet(&a.name))?.0))
            .collect::<talea_witness::Result<Vec<_>>>()?;
        // receipts that do not count are no receipts
        let receipts = match super::batch::attested(&batch, &folder)? {
            true => Some(load::<Receipts>(&folder.receipts())?.0),
            false => None,
        };
        let names = args.network.as_deref().map(Network::open).transpose()?.map(|n| Names::of(&n)).unwrap_or_default();
        Ok(Self { batch, datanets, receipts, names })
    }

    fn not_found(&self, flag: &str, what: &str, expected: &str) -> Error {
        Error::input(flag, "name", format!("{what}, which this batch lacks"), expected)
    }

    fn datanet(&self, name: &str) -> Option<&Datanet> {
        self.datanets.iter().find(|d| d.name == name)
    }

    /// The receipt that a request's digest stands for.
    fn receipt(&self, q: &BatchRequest) -> Option<&SignedReceipt> {
        let all = self.receipts.as_ref()?;
        all.receipts.iter().find(|s| s.receipt.digest(&all.domain).0 == q.receipt)
    }

    fn request(&self, id: &str) -> talea_witness::Result<Told> {
        let mut found = self.batch.requests.iter().filter(|q| q.id.starts_with(id));
        let (Some(q), None) = (found.next(), found.next()) else {
            return Err(self.not_found("--request", id, "an id, or the beginning of exactly one"));
        };
        let a = self.batch.adapter_of(q);
        let mut lines = vec![format!("Request {} ran with adapter {} on {} tokens.", q.id, a.name, q.tokens)];
        lines.push(match self.receipt(q) {
            Some(s) => {
                let r = &s.receipt;
                format!(
                    "Receipt (attested): payer {} and node {} signed {} prompt tokens ({} of them cached), {} completion tokens, fee {}, nonce {}.",
                    self.names.show(&r.payer), self.names.show(&r.node), r.prompt_tokens, r.cached_tokens, r.completion_tokens, grouped(r.fee), r.nonce
                )
            }
            None => format!("No receipt: its fee of {} is declared by the node.", grouped(q.fee)),
        });
        lines.push(format!(
            "Pool: {} of the fee's 10,000 parts go to contributors by the adapter's policy: {}.",
            a.policy.contributors_bps,
            grouped(q.pool)
        ));
        lines.push(format!(
            "Influence (declared): {} of {} clusters score above zero. Scores are scaled to 20 bits by κ = {} and raised to p = {}; their sum is W = {}.",
            q.ranks.iter().filter(|r| **r > 0).count(), q.ranks.len(), q.kappa, a.policy.power, grouped(q.total)
        ));
        let credits = strongest(q, a);
        for (k, share, amount) in credits.iter().take(5) {
            let (ordinal, payee) = &a.clusters[*k];
            lines.push(format!(
                "  {} by {}: score {}, rank {}, share {share:.2} %, {} of the pool",
                cluster_name(&a.name, *ordinal),
                self.names.show(payee),
                q.scores[*k],
                q.ranks[*k],
                grouped(*amount)
            ));
        }
        if credits.len() > 5 {
            let rest: u128 = credits[5..].iter().map(|c| c.2).sum();
            lines.push(format!("  {} more clusters share {}", credits.len() - 5, grouped(rest)));
        }
        match credited(&q.ranks) {
            Some(k) => lines.extend(self.members(a, a.clusters[k].0)),
            None => lines.push("No score is above zero: the whole pool goes to the sink.".into()),
        }
        let given: u128 = credits.iter().map(|c| c.2).sum();
        lines.push(format!(
            "Rounding: these parts are floored here one by one, which leaves {}; the batch adds a cluster's requests up first and floors once, and what is left goes to the sink.",
            grouped(q.pool.saturating_sub(given))
        ));
        let credits: Vec<_> = credits.iter().map(|(k, share, amount)| json!({ "cluster": a.clusters[*k].0, "payee": checksummed(&a.clusters[*k].1), "score": q.scores[*k].to_string(), "rank": q.ranks[*k], "share_percent": share, "amount": amount.to_string() })).collect();
        let facts = json!({ "request": q.id, "adapter": a.name, "tokens": q.tokens, "fee": q.fee.to_string(), "fee_label": if self.receipt(q).is_some() { "attested" } else { "declared" },
            "pool": q.pool.to_string(), "kappa": q.kappa, "power": a.policy.power, "total_weight": q.total.to_string(), "influence_label": "declared", "credits": credits });
        Ok(Told { lines, facts })
    }

    /// What belongs to a cluster besides its representative.
    fn members(&self, a: &BatchAdapter, cluster: u32) -> Vec<String> {
        let Some(d) = self.datanet(&a.name) else { return Vec::new() };
        let its = |(o, c): &(u32, &talea_witness::datanet::Contribution)| {
            *o != cluster && c.status.cluster(*o) == Some(cluster)
        };
        let copies: Vec<String> = (0u32..)
            .zip(&d.contributions)
            .filter(its)
            .map(|(o, c)| {
                format!(
                    "  {} by {} is in the same cluster and adds nothing: {}",
                    cluster_name(&a.name, o),
                    self.names.show(&c.contributor),
                    c.status
                )
            })
            .collect();
        if copies.is_empty() {
            vec![format!("Cluster {} has no copies.", cluster_name(&a.name, cluster))]
        } else {
            copies
        }
    }

    fn contribution(&self, name: &str) -> talea_witness::Result<Told> {
        let wrong = || self.not_found("--contribution", name, "DATANET#ORDINAL");
        let (datanet, ordinal) = name.rsplit_once('#').ok_or_else(wrong)?;
        let d = self.datanet(datanet).ok_or_else(wrong)?;
        let ordinal: u32 = ordinal.parse().map_err(|_| wrong())?;
        let c = d.contributions.get(ordinal as usize).ok_or_else(wrong)?;
        let mut lines = vec![format!(
            "Contribution {name} by {}: {} — {}.",
            self.names.show(&c.contributor),
            c.status.code(),
            c.status
        )];
        let earned = self.cluster_payout(&d.name, ordinal);
        match &c.status {
            Status::Representative => {
                lines.push(format!(
                    "It represents its cluster, so what the cluster earns is its contributor's: {} in this batch.",
                    grouped(earned)
                ));
                lines.extend(self.requests_of(&d.name, ordinal));
            }
            Status::ExactCopy { cluster, .. } | Status::NearCopy { cluster, .. } | Status::Excerpt { cluster, .. } => {
                let first = &d.contributions[*cluster as usize];
                lines.push(format!("It belongs to the cluster of {}, which {} contributed earlier. A cluster has one row in the index and one payee, its earliest contributor, so this copy earns 0.", cluster_name(&d.name, *cluster), self.names.show(&first.contributor)));
                lines.push(format!(
                    "The cluster earned {} in this batch.",
                    grouped(self.cluster_payout(&d.name, *cluster))
                ));
            }
            Status::Rejected(_) => lines.push("It is in no cluster and has no row in the index, so it earns 0.".into()),
        }
        lines.push("Verdicts are declared: anyone can recompute them from the Datanet's texts.".into());
        let facts = json!({ "contribution": name, "contributor": checksummed(&c.contributor), "verdict": c.status.code(), "evidence": c.status.to_string(),
            "cluster": c.status.cluster(ordinal), "earned": earned.to_string(), "label": "declared" });
        Ok(Told { lines, facts })
    }

    /// What a cluster earned over all slots of its adapter.
    fn cluster_payout(&self, adapter: &str, ordinal: u32) -> u128 {
        let its = |p: &&talea_witness::batch::Payout| {
            p.adapter == adapter && p.role == Role::Contributor { cluster: ordinal }
        };
        self.batch.payouts().iter().filter(its).map(|p| p.amount).sum()
    }

    /// The requests that brought a cluster most.
    fn requests_of(&self, adapter: &str, ordinal: u32) -> Vec<String> {
        let mut parts: Vec<(u128, f64, &str)> = Vec::new();
        for q in &self.batch.requests {
            let a = self.batch.adapter_of(q);
            let Some(k) =
                a.clusters.iter().position(|c| a.name == adapter && c.0 == ordinal).filter(|k| q.ranks[*k] > 0)
            else {
                continue;
            };
            parts.push((part(q.quotient, q.ranks[k], a.policy.power), share(q, a, k), &q.id));
        }
        parts.sort_by(|x, y| y.0.cmp(&x.0).then(x.2.cmp(y.2)));
        let mut lines: Vec<String> = parts
            .iter()
            .take(5)
            .map(|(amount, share, id)| format!("  request {id}: share {share:.2} %, {}", grouped(*amount)))
            .collect();
        if parts.len() > 5 {
            lines.push(format!(
                "  {} more requests: {}",
                parts.len() - 5,
                grouped(parts[5..].iter().map(|p| p.0).sum())
            ));
        }
        lines
    }

    fn payee(&self, who: &str) -> talea_witness::Result<Told> {
        let payouts = self.batch.payouts();
        let its = |p: &&talea_witness::batch::Payout| {
            let address = p.payee.into_array();
            self.names.show(&address) == who || checksummed(&address).eq_ignore_ascii_case(who)
        };
        let mine: Vec<_> = payouts.iter().filter(its).collect();
        let Some(first) = mine.first() else {
            return Err(self.not_found(
                "--payee",
                who,
                "an address, or with --network a name, that the batch could pay",
            ));
        };
        let total: u128 = mine.iter().map(|p| p.amount).sum();
        let mut lines = vec![format!(
            "{} ({}) is paid {} in this batch of {} in fees.",
            self.names.show(&first.payee.into_array()),
            first.payee,
            grouped(total),
            grouped(self.batch.fees())
        )];
        for p in mine.iter().filter(|p| p.amount > 0) {
            lines.push(match p.role {
                Role::Contributor { cluster } => {
                    format!("  {} as contributor of {}", grouped(p.amount), cluster_name(&p.adapter, cluster))
                }
                Role::Sink => format!(
                    "  {} as sink of {}: rounding, and pools that no cluster earned",
                    grouped(p.amount),
                    p.adapter
                ),
                role => format!("  {} as {} of {}, by its policy", grouped(p.amount), role.name(), p.adapter),
            });
        }
        lines.push(
            "Amounts are declared: they follow from the batch's integers, which `talea batch show` prints.".into(),
        );
        let parts: Vec<_> = mine.iter().filter(|p| p.amount > 0).map(|p| json!({ "role": p.role.name(), "adapter": p.adapter, "cluster": match p.role { Role::Contributor { cluster } => Some(cluster), _ => None }, "amount": p.amount.to_string() })).collect();
        Ok(Told {
            lines,
            facts: json!({ "payee": first.payee.to_string(), "total": total.to_string(), "payouts": parts, "label": "declared" }),
        })
    }
}

fn share(q: &BatchRequest, a: &BatchAdapter, k: usize) -> f64 {
    percent(u128::from(q.ranks[k]).pow(u32::from(a.policy.power)), q.total)
}

/// Credited rows: row, share in per cent, part of the pool; strongest first.
fn strongest(q: &BatchRequest, a: &BatchAdapter) -> Vec<(usize, f64, u128)> {
    let mut rows: Vec<usize> = (0..q.ranks.len()).filter(|k| q.ranks[*k] > 0).collect();
    rows.sort_by_key(|k| (std::cmp::Reverse(q.ranks[*k]), *k));
    rows.into_iter().map(|k| (k, share(q, a, k), part(q.quotient, q.ranks[k], a.policy.power))).collect()
}
