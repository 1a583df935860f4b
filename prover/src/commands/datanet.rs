//! `talea datanet build|show`

use std::path::Path;

use serde_json::{Value, json};
use talea_witness::{
    artefact::{hex, load, save},
    datanet::{Datanet, Status, rejudge},
    error::printable,
    network::check_name,
};

use super::{print_json, stem};
use crate::{
    cli::DatanetCommand,
    output::{Names, checksummed, say, table},
};

pub fn run(command: &DatanetCommand, json: bool) -> anyhow::Result<bool> {
    let (datanet, digest) = match command {
        DatanetCommand::Build { input, name, out } => {
            let name = name.clone().unwrap_or_else(|| stem(input));
            check_name(input, "--name", &name)?;
            let datanet = talea_witness::datanet::build(&name, input)?;
            let digest = save(out, &datanet)?;
            (datanet, digest)
        }
        DatanetCommand::Show { file } => open(file)?,
    };
    if json {
        print_json(&to_json(&datanet, &digest));
    } else {
        print(&datanet, &digest);
    }
    Ok(true)
}

/// Reads a Datanet and checks that its parts fit together.
pub fn open(file: &Path) -> talea_witness::Result<(Datanet, [u8; 32])> {
    let (datanet, digest) = load::<Datanet>(file)?;
    rejudge(&datanet, &file.display().to_string())?;
    Ok((datanet, digest))
}

/// Number of contributions with each status: representatives, exact copies, near copies and excerpts, rejected.
pub fn tally(datanet: &Datanet) -> [usize; 4] {
    let count = |f: fn(&Status) -> bool| datanet.contributions.iter().filter(|c| f(&c.status)).count();
    [
        count(|s| matches!(s, Status::Representative)),
        count(|s| matches!(s, Status::ExactCopy { .. })),
        count(|s| matches!(s, Status::NearCopy { .. } | Status::Excerpt { .. })),
        count(|s| matches!(s, Status::Rejected(_))),
    ]
}

fn print(datanet: &Datanet, digest: &[u8; 32]) {
    let [clusters, exact, near, rejected] = tally(datanet);
    say(format_args!(
        "Datanet {} ({} contributions)   blake3 {}",
        datanet.name,
        datanet.contributions.len(),
        hex(digest)
    ));
    println!(
        "{clusters} clusters, {exact} exact copies, {near} near copies and excerpts, {rejected} rejected — declared: recompute from the texts"
    );
    let names = Names::default();
    table(
        ["#", "verdict", "cluster", "contributor", "evidence", "text"],
        &[0, 2],
        (0u32..).zip(&datanet.contributions).map(|(o, c)| {
            let cluster = c.status.cluster(o).map_or("–".into(), |k| format!("#{k}"));
            [
                o.to_string(),
                c.status.code().into(),
                cluster,
                names.show(&c.contributor),
                c.status.to_string(),
                excerpt(&c.text),
            ]
        }),
    );
}

/// The beginning of a text on one line.
pub fn excerpt(text: &str) -> String {
    let line: String = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn to_json(datanet: &Datanet, digest: &[u8; 32]) -> Value {
    let [clusters, exact, near, rejected] = tally(datanet);
    json!({
        "name": datanet.name,
        "blake3": hex(digest),
        "source_blake3": hex(&datanet.source),
        "label": "declared",
        "clusters": clusters, "exact_copies": exact, "near_copies": near, "rejected": rejected,
        "contributions": (0u32..).zip(&datanet.contributions).map(|(o, c)| json!({
            "ordinal": o,
            "contributor": checksummed(&c.contributor),
            "content_hash": format!("0x{}", hex(&c.content_hash)),
            "verdict": c.status.code(),
            "cluster": c.status.cluster(o),
            "evidence": c.status.to_string(),
        })).collect::<Vec<_>>(),
    })
}
