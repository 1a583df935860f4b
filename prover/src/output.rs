//! Tables, numbers, names, progress and trust labels.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use talea_witness::{batch::Batch, error::printable};

/// Prints a line that quotes what may be hostile: names, paths, reasons. Anything that would move a terminal's cursor becomes a
/// space.
pub fn say(line: impl std::fmt::Display) {
    println!("{}", line.to_string().split('\n').map(printable).collect::<Vec<_>>().join("\n"));
}

/// Prints a table; columns whose index is in `right` are right-aligned.
pub fn table<const N: usize>(header: [&str; N], right: &[usize], rows: impl IntoIterator<Item = [String; N]>) {
    let mut t = Table::new();
    t.load_style(ASCII_MARKDOWN).set_header(header.map(String::from).to_vec());
    for row in rows {
        t.add_row(row.map(|cell| printable(&cell)).to_vec());
    }
    for i in right {
        if let Some(c) = t.column_mut(*i) {
            c.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{t}");
}

/// Digits in groups of three: amounts are base units and have eighteen and more.
pub fn grouped(n: u128) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A share in per cent, from exact integers.
pub fn percent(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

/// Names of addresses, for display.
#[derive(Default)]
pub struct Names(pub BTreeMap<[u8; 20], String>);

impl Names {
    /// Of a network's accounts.
    pub fn of(network: &talea_witness::network::Network) -> Self {
        Self(network.labels.iter().map(|(a, l)| (a.into_array(), printable(l))).collect())
    }

    /// The label, or the address itself.
    pub fn show(&self, address: &[u8; 20]) -> String {
        self.0.get(address).cloned().unwrap_or_else(|| checksummed(address))
    }
}

/// EIP-55 form.
pub fn checksummed(address: &[u8; 20]) -> String {
    talea_witness::network::checksummed(address)
}

/// A progress bar on stderr; silent where stderr is no terminal.
pub fn bar(what: String) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    let style = ProgressStyle::with_template("{msg:32} [{bar:30}] {pos}/{len} {eta}").expect("a valid template");
    bar.set_style(style.progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Says how far `bar` is.
pub fn advance(bar: &ProgressBar) -> impl FnMut(usize, usize) + '_ {
    |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

/// What each output rests on: output, label, and what would change it.
const LABELS: [(&str, &str, &str); 8] = [
    ("Datanet verdicts, clusters", "declared", "anyone can recompute them from the texts"),
    ("input activations X", "declared", "to be attested by the signer of C_X"),
    ("usage, token counts, fees", "declared", "to be attested through signed receipts and C_req"),
    ("influence index H", "declared", "to be attested by the registrar"),
    ("adapter path U, D", "declared", "to be proven"),
    ("influence S, R, w", "declared", "to be proven"),
    ("payouts P, roles, dust", "declared", "to be proven"),
    (
        "which A, B, H; payout slots, payees",
        "declared",
        "to be registered on chain; until then files and network.json say so",
    ),
];

/// What a batch's outputs rest on beyond somebody's word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trust {
    /// Every request has a checked receipt.
    pub receipts: bool,
    /// A proof was verified.
    pub proof: Option<ProofTrust>,
}

/// What a verified proof shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofTrust {
    /// Outputs D are proven.
    pub deltas: bool,
    /// The network's attester signed C_X, C_req and the receipts.
    pub attested: bool,
}

/// The labels of a batch's outputs.
pub fn labels(trust: Trust) -> [(&'static str, &'static str, &'static str); 8] {
    let mut all = LABELS;
    if trust.receipts {
        let how = "signed by payer and node (on a test network: with the keys in network.json)";
        all[2] = (all[2].0, "attested", how);
    }
    if let Some(proof) = trust.proof {
        if proof.attested {
            all[1] = (
                all[1].0,
                "attested",
                "C_X is signed by the attester (on a test network: with the key in network.json)",
            );
            all[2] = (
                all[2].0,
                "attested",
                "C_req is signed by the attester (on a test network: with the key in network.json)",
            );
        }
        let path = match proof.deltas {
            true => ("adapter path U, D", "proven", "from the committed X and weights"),
            false => ("adapter path U (not D, not B)", "proven", "from the committed X and weights"),
        };
        all[4] = path;
        all[5] = ("influence S, R, w", "proven", "from U, the committed request table and H");
        all[6] = ("payouts P, roles, dust", "proven", "from influence, fees and policies; committed in C_pay");
    }
    all
}

/// The labels as a table.
pub fn print_labels(trust: Trust) {
    let what = if labels(trust)[2].1 == "attested" { "usage and fees" } else { "nothing yet" };
    let proven = if trust.proof.is_some() { "adapter path, influence, payouts" } else { "nothing yet" };
    println!("\nWhat this rests on — proven: {proven} · attested (signed): {what} · declared: everything else");
    table(
        ["output", "label", "how, or what comes later"],
        &[],
        labels(trust).map(|(a, b, c)| [a.into(), b.into(), c.into()]),
    );
}

/// The labels as JSON.
pub fn labels_json(trust: Trust) -> Value {
    let of = |label: &str| -> Vec<Value> {
        let its = labels(trust).into_iter().filter(|l| l.1 == label);
        its.map(|(what, _, how)| json!({ "output": what, "how": how })).collect()
    };
    json!({ "proven": of("proven"), "attested": of("attested"), "declared": of("declared") })
}

/// `adapter#ordinal`, how a cluster is named.
pub fn cluster_name(adapter: &str, ordinal: u32) -> String {
    format!("{adapter}#{ordinal}")
}

/// The row that a request credits most, if it credits any.
pub fn credited(ranks: &[u32]) -> Option<usize> {
    let best = (0..ranks.len()).rev().max_by_key(|k| ranks[*k])?;
    (ranks[best] > 0).then_some(best)
}

/// Payee → (role, adapter) → amount, from every slot of a batch.
pub fn by_payee(batch: &Batch) -> BTreeMap<[u8; 20], BTreeMap<(&'static str, String), u128>> {
    let mut all: BTreeMap<[u8; 20], BTreeMap<(&'static str, String), u128>> = BTreeMap::new();
    for p in batch.payouts() {
        if p.amount > 0 {
            *all.entry(p.payee.into_array()).or_default().entry((p.role.name(), p.adapter)).or_default() += p.amount;
        }
    }
    all
}
