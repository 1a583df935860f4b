//! `talea audit --report`: what an audit found, as one HTML page without scripts, fonts or links to anywhere.
//!
//! Every text goes through maud's escaping; the page's own policy forbids it to load anything. It holds no time and no
//! machine, so equal folders give equal pages.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use talea_audit::Report;
use talea_witness::{
    artefact::hex,
    batch::{Batch, BatchRequest, Role},
    datanet::{Datanet, Status},
};

use crate::output::{Names, by_payee, checksummed, cluster_name, grouped, labels, percent};

/// Said of an audit that could not go on.
pub const STOPPED: &str = "A file could not be read, so nothing that rests on it was looked at.";

/// What the page is about.
pub struct Page<'a> {
    /// The network folder as given.
    pub network: String,
    /// Findings and counts.
    pub report: &'a Report,
    /// What was compared within a tolerance.
    pub within: &'a [&'a str],
    /// What was not compared.
    pub skipped: &'a [&'a str],
    /// The batch with its digest, if it can be read at all.
    pub batch: Option<(&'a Batch, [u8; 32])>,
    /// The Datanets that can be read.
    pub datanets: &'a [Datanet],
    /// Names of addresses.
    pub names: &'a Names,
    /// Every request has a receipt that counts.
    pub signed: bool,
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1b1f; --soft: #5c5f66; --line: #d5d8de; --paper: #fff; --bar: #3266a8; --yes: #1a7f4b; --no: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --soft: #a2a6ae; --line: #3a3d44; --paper: #17181b; --bar: #7fb0ee; --yes: #5fcf97; --no: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); } code { font-size: .85em; overflow-wrap: anywhere; }
.verdict { font-weight: 600; padding: .5rem .8rem; border-left: .35rem solid; margin: 1rem 0; } .yes { color: var(--yes); } .no { color: var(--no); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92em; } th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; color: var(--soft); } .n { overflow-wrap: normal; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.label { border: 1px solid currentColor; border-radius: .8rem; padding: 0 .5rem; font-size: .85em; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; } svg .soft { fill: var(--soft); }
";

/// Colours of the segments of a request's shares (Okabe and Ito's, told apart by colour-blind readers too).
const SEGMENTS: [&str; 7] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a900"];

/// The whole page.
pub fn page(p: &Page<'_>) -> String {
    let accepted = p.report.findings.is_empty();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Talea audit of " (p.network) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Audit of " (p.network) }
                p.verdict.yes[accepted].no[!accepted] {
                    @if accepted { "Accepted: every recomputed value is as stored." }
                    @else { "REJECTED: " (p.report.findings.len()) " differences. The amounts below are what is stored, not what follows from the inputs." }
                }
                (scope(p))
                @if !accepted { (findings(p.report)) }
                @match &p.batch {
                    Some((batch, digest)) => (ledger(p, batch, digest)),
                    None => p.no { "There is no batch that can be read, so there are no amounts to show." },
                }
                (trust(p.signed && accepted))
                (verdicts(p))
            }
        }
    }
    .into_string()
}

fn scope(p: &Page<'_>) -> Markup {
    let values: u64 = p.report.compared.iter().map(|c| c.1).sum();
    html! {
        p { (grouped(values.into())) " values were recomputed by a second implementation, bit for bit from stored integers unless said otherwise here:" }
        ul {
            @for what in p.within { li { "within a tolerance: " (what) } }
            @if !p.report.complete { li.no { (STOPPED) } }
            @for what in p.skipped { li.no { "not recomputed, so taken as declared: " (what) } }
        }
    }
}

fn findings(report: &Report) -> Markup {
    html! {
        h2 { "Differences" }
        (table(&["file", "field", "stored", "recomputed"], &[], report.findings.iter().map(|f| {
            [&f.file, &f.field, &f.found, &f.expected].map(|text| html! { (text) })
        })))
    }
}

/// A table; columns whose place is in `right` hold numbers.
fn table<const N: usize>(head: &[&str; N], right: &[usize], rows: impl Iterator<Item = [Markup; N]>) -> Markup {
    let class = |i: usize| if right.contains(&i) { "n" } else { "" };
    html! {
        div.scroll { table {
            thead { tr { @for (i, h) in head.iter().enumerate() { th class=(class(i)) { (h) } } } }
            tbody { @for row in rows { tr { @for (i, cell) in row.into_iter().enumerate() { td class=(class(i)) { (cell) } } } } }
        } }
    }
}

fn ledger(p: &Page<'_>, batch: &Batch, digest: &[u8; 32]) -> Markup {
    let all = batch.payouts();
    let sum = |of: fn(Role) -> bool| all.iter().filter(|x| of(x.role)).map(|x| x.amount).sum::<u128>();
    let contributors = sum(|r| matches!(r, Role::Contributor { .. }));
    let (sink, total) = (sum(|r| r == Role::Sink), sum(|_| true));
    let rows = [
        ("fees", batch.fees()),
        ("to contributors", contributors),
        ("to owners, node and treasury", total - contributors - sink),
        ("to the sink: rounding and what nobody is credited for", sink),
        ("paid in all", total),
        ("difference", batch.fees().abs_diff(total)),
    ];
    html! {
        h2 { "Totals" }
        p.soft { "Batch " code { (hex(digest)) } ", chain " (batch.chain_id) ", node " (p.names.show(&batch.node)) ", "
            (batch.requests.len()) " requests, " (batch.adapters.len()) " adapters. Amounts are token base units." }
        (table(&["", "amount", "of fees"], &[1, 2], rows.into_iter().map(|(what, n)| {
            [html! { (what) }, html! { (grouped(n)) }, html! { (format!("{:.2} %", percent(n, batch.fees()))) }]
        })))
        h2 { "Per payee" }
        (payees(p, batch))
        h2 { "Credit by cluster" }
        p.soft { "What each cluster of an adapter's Datanet earned in this batch, for its earliest contributor." }
        @for a in 0..batch.adapters.len() { (clusters(p, batch, a)) }
        h2 { "Shares" }
        p.soft { "How each request's contributors' pool is divided by influence: its largest shares, the rest in grey." }
        @for a in &batch.adapters {
            h3 { (a.name) }
            (shares(batch.requests.iter().filter(|q| batch.adapter_of(q).name == a.name).map(|q| (q, batch)).collect()))
        }
    }
}

fn payees(p: &Page<'_>, batch: &Batch) -> Markup {
    let mut rows = Vec::new();
    for (payee, parts) in by_payee(batch) {
        let (name, address) = (p.names.show(&payee), checksummed(&payee));
        for ((role, adapter), amount) in parts {
            let who = html! { (name) @if name != address { br; code.soft { (address) } } };
            let share = format!("{:.3} %", percent(amount, batch.fees()));
            rows.push((
                name.clone(),
                [who, html! { (role) }, html! { (adapter) }, html! { (grouped(amount)) }, html! { (share) }],
            ));
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    table(&["payee", "role", "adapter", "amount", "of fees"], &[3, 4], rows.into_iter().map(|r| r.1))
}

/// A bar per cluster.
fn clusters(p: &Page<'_>, batch: &Batch, adapter: usize) -> Markup {
    let a = &batch.adapters[adapter];
    let mut earned = vec![0u128; a.clusters.len()];
    for slot in batch.slots.iter().filter(|s| s.adapter as usize == adapter) {
        earned.iter_mut().zip(&slot.payouts).for_each(|(sum, p)| *sum += p);
    }
    let most = earned.iter().copied().max().unwrap_or(0);
    let bars = a.clusters.iter().zip(&earned).enumerate().map(|(i, ((ordinal, payee), amount))| {
        let (y, width) = (20 * i, percent(*amount, most) * 4.6);
        html! {
            text x="0" y=(y + 14) { (cluster_name("", *ordinal)) " " (p.names.show(payee)) }
            rect x="330" y=(y + 3) width=(format!("{width:.1}")) height="14" rx="2" fill="var(--bar)" { title { (grouped(*amount)) } }
            text.soft x=(format!("{:.1}", width + 338.0)) y=(y + 14) { (grouped(*amount)) }
        }
    });
    html! {
        h3 { (a.name) }
        svg viewBox=(format!("0 0 1000 {}", 20 * a.clusters.len() + 4)) role="img" aria-label=(format!("credit by cluster of {}", a.name)) {
            @for bar in bars { (bar) }
        }
    }
}

/// A divided bar per request.
fn shares(requests: Vec<(&BatchRequest, &Batch)>) -> Markup {
    html! {
        svg viewBox=(format!("0 0 1000 {}", 22 * requests.len() + 4)) role="img" aria-label="shares of each request" {
            @for (i, (q, batch)) in requests.iter().enumerate() { (shares_of(q, batch, 22 * i)) }
        }
    }
}

fn shares_of(q: &BatchRequest, batch: &Batch, y: usize) -> Markup {
    let a = batch.adapter_of(q);
    let mut parts: Vec<(f64, u32)> = (0..q.ranks.len())
        .map(|k| (percent(u128::from(q.ranks[k]).pow(a.policy.power.into()), q.total), a.clusters[k].0))
        .filter(|part| part.0 > 0.0)
        .collect();
    parts.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    let mut x = 0.0;
    let mut segments = Vec::new();
    for (share, cluster) in parts.iter().take(SEGMENTS.len()) {
        segments.push((x, share * 6.0, SEGMENTS[*cluster as usize % SEGMENTS.len()], cluster, *share));
        x += share * 6.0;
    }
    let best = match parts.first() {
        Some((share, cluster)) => format!("#{cluster} {share:.1} %"),
        None => "nobody: its pool goes to the sink".into(),
    };
    html! {
        text x="0" y=(y + 15) { (q.id.chars().take(16).collect::<String>()) }
        rect x="170" y=(y + 3) width="600" height="16" rx="2" fill="var(--line)" { title { (q.id) } }
        @for (from, width, colour, cluster, share) in segments {
            rect x=(format!("{:.1}", from + 170.0)) y=(y + 3) width=(format!("{width:.1}")) height="16" fill=(colour) {
                title { "#" (cluster) ": " (format!("{share:.2} %")) }
            }
        }
        text.soft x="782" y=(y + 15) { (best) }
    }
}

fn trust(signed: bool) -> Markup {
    let class = |label: &str| if label == "declared" { "label soft" } else { "label yes" };
    html! {
        h2 { "What this rests on" }
        p.soft { "Proven: a proof covers it (nothing yet). Attested: somebody signed it. Declared: somebody says so; the recomputation above says that it fits, not that it is true." }
        (table(&["output", "label", "how, or what comes later"], &[], labels(crate::output::Trust { receipts: signed, proof: None }).into_iter().map(|(what, label, how)| {
            [html! { (what) }, html! { span class=(class(label)) { (label) } }, html! { (how) }]
        })))
    }
}

/// Copies and rejected contributions, with the evidence.
fn verdicts(p: &Page<'_>) -> Markup {
    html! {
        h2 { "Contributions that earn nothing" }
        @for d in p.datanets {
            @let out: Vec<_> = (0u32..).zip(&d.contributions).filter(|(_, c)| c.status != Status::Representative).collect();
            h3 { (d.name) ": " (out.len()) " of " (d.contributions.len()) }
            (table(&["contribution", "contributor", "verdict", "why"], &[], out.into_iter().map(|(o, c)| {
                [cluster_name("", o), p.names.show(&c.contributor), c.status.code().into(), c.status.to_string()].map(|text| html! { (text) })
            })))
        }
    }
}
