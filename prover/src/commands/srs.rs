//! `talea srs dev|import|check`

use std::path::Path;

use serde_json::json;
use talea_formats::{Error, artefact::hex};
use talea_srs::{Srs, check::check, ptau::import};

use super::print_json;
use crate::{cli::SrsCommand, output::say};

pub fn run(command: &SrsCommand, json: bool) -> anyhow::Result<bool> {
    let (srs, digest, file) = match command {
        SrsCommand::Dev { k, lagrange, seed, out } => {
            let srs = Srs::dev(*k, lagrange, seed)?;
            let digest = srs.save(out)?;
            (srs, digest, out)
        }
        SrsCommand::Import { ptau, k, lagrange, out } => {
            let srs = import(ptau, *k, lagrange)?;
            let digest = srs.save(out)?;
            (srs, digest, out)
        }
        SrsCommand::Check { file, ptau } => match open_checked(file, ptau.as_deref()) {
            Ok((srs, digest)) => (srs, digest, file),
            Err(e @ Error::Io { .. }) => return Err(e.into()),
            Err(e) => {
                eprintln!("REJECTED: {e}");
                return Ok(false);
            }
        },
    };
    print(&srs, &digest, file, json);
    Ok(true)
}

/// Opens a file and checks all of it; with a ceremony's file also that it holds that ceremony's points.
fn open_checked(file: &Path, ptau: Option<&Path>) -> Result<(Srs, [u8; 32]), Error> {
    let (srs, digest) = Srs::open(file)?;
    check(&file.display().to_string(), &srs)?;
    if let Some(ptau) = ptau {
        let sizes: Vec<u32> = srs.lagrange.iter().map(|l| l.0).collect();
        if import(ptau, srs.k(), &sizes)? != srs {
            let expected = format!("those of {}", ptau.display());
            return Err(Error::input(file.display(), "powers", "points or an origin of another string", expected));
        }
    }
    Ok((srs, digest))
}

fn print(srs: &Srs, digest: &[u8; 32], file: &Path, json: bool) {
    let sizes: Vec<u32> = srs.lagrange.iter().map(|l| l.0).collect();
    if json {
        return print_json(&json!({
            "file": file.display().to_string(), "blake3": hex(digest), "k": srs.k(), "lagrange": sizes,
            "insecure": srs.origin.is_dev().then_some(true), "origin": srs.origin.to_string(),
        }));
    }
    say(format_args!("{}   blake3 {}", file.display(), hex(digest)));
    say(format_args!("  2^{} + 1 powers, Lagrange bases of 2^{sizes:?}\n  {}", srs.k(), srs.origin));
}
