//! `talea contracts build`: sources to committed code, by solc from npm.

use std::{
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use talea_circuits::wrap::{policy::policy_digest, solidity::statement_words};
use talea_contracts::compiled::{Compiled, MOST_CODE, digest};
use talea_formats::artefact::write_file;
use talea_witness::{Result, error::Error, error::read};

use super::print_json;
use crate::{
    cli::ContractsCommand,
    output::{say, table},
};

/// The compiler's version that the committed code is made with; package.json pins the same.
const SOLC: &str = "0.8.37";

/// A contract to compile.
struct Job {
    /// Its name in artifacts/.
    name: String,
    /// Name in its source.
    contract: &'static str,
    /// Source files below the contracts' folder, its own first.
    files: Vec<String>,
    /// With the optimizer? It runs out of memory on generated verifiers.
    optimizer: bool,
}

/// Runs the command.
pub fn run(command: &ContractsCommand, json: bool) -> anyhow::Result<bool> {
    let ContractsCommand::Build { dir, solc, check } = command;
    let solc = solc.clone().unwrap_or_else(|| dir.join("node_modules/.bin/solcjs"));
    let mut different = Vec::new();
    for (name, text) in [("StatementWords", statement_words()), ("PolicyDigest", policy_digest())] {
        settle(&dir.join(format!("src/{name}.sol")), text.as_bytes(), *check, &mut different)?;
    }
    let mut all = Vec::new();
    for job in jobs(dir)? {
        let compiled = compile(dir, &solc, &job)?;
        let file = dir.join("artifacts").join(format!("{}.json", job.name));
        let text = serde_json::to_string_pretty(&compiled)? + "\n";
        settle(&file, text.as_bytes(), *check, &mut different)?;
        all.push((job.name, compiled));
    }
    if json {
        let one = |(name, c): &(String, Compiled)| json!({ "artifact": name, "bytes": c.size, "sources": c.sources });
        print_json(&json!({
            "solc": SOLC, "contracts": all.iter().map(one).collect::<Vec<_>>(), "different": different,
        }));
    } else {
        let row = |(name, c): &(String, Compiled)| [name.clone(), c.size.to_string(), c.sources.clone()];
        table(["contract", "bytes", "blake3 of its sources"], &[1], all.iter().map(row));
        match (*check, different.is_empty()) {
            (true, true) => say(format_args!("what is committed is what solc {SOLC} makes of the sources")),
            (true, false) => {}
            (false, _) => say(format_args!(
                "written: {}",
                if different.is_empty() { "nothing new".into() } else { different.join(", ") }
            )),
        }
    }
    if *check && !different.is_empty() {
        eprintln!("DIFFERENT: {}", different.join(", "));
        return Ok(false);
    }
    Ok(true)
}

/// Writes a file that differs, or only says so.
fn settle(file: &Path, wanted: &[u8], check: bool, different: &mut Vec<String>) -> Result<()> {
    if std::fs::read(file).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    different.push(file.display().to_string());
    if check { Ok(()) } else { Ok(write_file(file, wanted)?) }
}

/// The hand-written contract, then the generated ones by name.
fn jobs(dir: &Path) -> Result<Vec<Job>> {
    let front = ["src/BatchVerifier.sol", "src/StatementWords.sol"].map(String::from).to_vec();
    let mut jobs = vec![Job { name: "BatchVerifier".into(), contract: "BatchVerifier", files: front, optimizer: true }];
    let generated = dir.join("generated");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&generated)
        .map_err(|e| Error::io(&generated, e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "sol"))
        .collect();
    files.sort();
    for file in files {
        let name = super::stem(&file);
        let files = vec![format!("generated/{name}.sol")];
        jobs.push(Job { name, contract: "Halo2Verifier", files, optimizer: false });
    }
    Ok(jobs)
}

fn compile(dir: &Path, solc: &Path, job: &Job) -> anyhow::Result<Compiled> {
    let text = |name: &String| -> Result<(String, String)> {
        Ok((name.clone(), String::from_utf8_lossy(&read(&dir.join(name))?).into_owned()))
    };
    let sources: Vec<(String, String)> = job.files.iter().map(text).collect::<Result<_>>()?;
    let own = &job.files[0];
    let listed: serde_json::Map<String, Value> =
        sources.iter().map(|(name, text)| (name.clone(), json!({ "content": text }))).collect();
    let input = json!({
        "language": "Solidity",
        "sources": listed,
        "settings": {
            "evmVersion": "cancun",
            "optimizer": { "enabled": job.optimizer, "runs": 200 },
            // nothing in the code but the program: the same bytes wherever it is compiled
            "metadata": { "appendCBOR": false, "bytecodeHash": "none" },
            "outputSelection": { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode.object"] } },
        },
    });
    let output = standard_json(solc, &input)?;
    let file = dir.join(own);
    let errors = output["errors"].as_array().into_iter().flatten();
    let fatal: Vec<&str> =
        errors.filter(|e| e["severity"] == "error").filter_map(|e| e["formattedMessage"].as_str()).collect();
    if !fatal.is_empty() {
        return Err(Error::input(file.display(), "source", fatal.join(" ").replace('\n', " "), "a contract").into());
    }
    let code = &output["contracts"][own][job.contract]["evm"];
    let bytes = |which: &str| -> anyhow::Result<talea_contracts::Bytes> {
        let hex = code[which]["object"].as_str().unwrap_or_default();
        hex.parse()
            .map_err(|_| Error::input(file.display(), "code", which, format!("{}'s in hex", job.contract)).into())
    };
    let (creation, deployed) = (bytes("bytecode")?, bytes("deployedBytecode")?);
    if deployed.is_empty() || deployed.len() > MOST_CODE {
        let found = format!("{} bytes", deployed.len());
        return Err(Error::input(file.display(), "code", found, format!("1 to {MOST_CODE}, as EIP-170 has it")).into());
    }
    // a generated verifier is known by its text alone
    let named: Vec<(&str, &str)> = match job.contract {
        "Halo2Verifier" => sources.iter().map(|(_, text)| ("", text.as_str())).collect(),
        _ => sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect(),
    };
    Ok(Compiled {
        contract: job.contract.into(),
        file: own.clone(),
        sources: digest(&named),
        solc: SOLC.into(),
        optimizer: job.optimizer,
        size: deployed.len(),
        code: creation,
    })
}

/// solc's answer to standard JSON, from a compiler of the pinned version.
fn standard_json(solc: &Path, input: &Value) -> anyhow::Result<Value> {
    let missing = |e: std::io::Error| {
        Error::input(solc.display(), "compiler", e, "solc from npm: `npm install` in the contracts' folder installs it")
    };
    let version = Command::new(solc).arg("--version").output().map_err(missing)?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_string();
    if !version.contains(SOLC) {
        return Err(Error::input(solc.display(), "version", version, SOLC).into());
    }
    // files, because solcjs may find a pipe empty before it is filled, and leave one before it is drained
    let mut given = tempfile::tempfile().map_err(missing)?;
    given.write_all(input.to_string().as_bytes()).and_then(|()| given.rewind()).map_err(missing)?;
    let mut output = tempfile::tempfile().map_err(missing)?;
    let status = Command::new(solc)
        .arg("--standard-json")
        .stdin(given)
        .stdout(output.try_clone().map_err(missing)?)
        .status()
        .map_err(missing)?;
    let mut text = String::new();
    output.rewind().and_then(|_| output.read_to_string(&mut text)).map_err(missing)?;
    // warnings of the JavaScript build come before the document
    let document = text.find('{').map_or("", |at| &text[at..]);
    let begin = format!("{:?} with {status}", text.chars().take(80).collect::<String>());
    serde_json::from_str(document).map_err(|_| Error::input(solc.display(), "output", begin, "a JSON document").into())
}
