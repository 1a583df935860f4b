//! `talea contracts build`: sources to committed code, by solc from npm.

use std::{
    collections::BTreeMap,
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use talea_circuits::wrap::{policy::policy_digest, solidity::statement_words};
use talea_contracts::compiled::{Compiled, MOST_CODE, Verifies, digest};
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
    /// Its source below the contracts' folder.
    file: String,
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

/// The hand-written contracts.
const WRITTEN: [&str; 4] = ["BatchVerifier", "AttributionRegistry", "Settlement", "TestToken"];

/// The hand-written contracts, then the generated ones by name.
fn jobs(dir: &Path) -> Result<Vec<Job>> {
    let written = |name: &'static str| Job {
        name: name.into(),
        contract: name,
        file: format!("src/{name}.sol"),
        optimizer: true,
    };
    let mut jobs: Vec<Job> = WRITTEN.into_iter().map(written).collect();
    let generated = dir.join("generated");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&generated)
        .map_err(|e| Error::io(&generated, e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "sol"))
        .collect();
    files.sort();
    for file in files {
        let name = super::stem(&file);
        let file = format!("generated/{name}.sol");
        jobs.push(Job { name, contract: "Halo2Verifier", file, optimizer: false });
    }
    Ok(jobs)
}

/// A source and all that it imports, by name.
fn sources(dir: &Path, file: &str) -> Result<BTreeMap<String, String>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![file.to_string()]);
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let path = if name.starts_with('@') { dir.join("node_modules").join(&name) } else { dir.join(&name) };
        let text = String::from_utf8_lossy(&read(&path)?).into_owned();
        open.extend(imports(&text).map(|import| resolved(&name, import)));
        found.insert(name, text);
    }
    Ok(found)
}

/// What a source imports, as it says it.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    // an import ends with its path in quotes, on the line of `import` or on a later one
    let lines = text.lines().filter(|l| l.starts_with("import ") || l.starts_with("} from "));
    lines.filter_map(|l| l.split('"').nth(1))
}

/// The name of an imported file.
fn resolved(from: &str, import: &str) -> String {
    if !import.starts_with('.') {
        return import.into();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn compile(dir: &Path, solc: &Path, job: &Job) -> anyhow::Result<Compiled> {
    let sources = sources(dir, &job.file)?;
    let own = &job.file;
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
            "outputSelection": { "*": { "*": [
                "abi", "evm.bytecode.object", "evm.deployedBytecode.object",
                "evm.deployedBytecode.immutableReferences",
            ] } },
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
    let contract = &output["contracts"][own][job.contract];
    let code = &contract["evm"];
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
        "Halo2Verifier" => sources.values().map(|text| ("", text.as_str())).collect(),
        _ => sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect(),
    };
    Ok(Compiled {
        contract: job.contract.into(),
        file: own.clone(),
        sources: digest(&named),
        solc: SOLC.into(),
        optimizer: job.optimizer,
        size: deployed.len(),
        at: at(&creation, &deployed).ok_or_else(|| {
            Error::input(file.display(), "code", "code that is not in the creation code", "a part of it")
        })?,
        verifies: match job.contract {
            "Halo2Verifier" => sources.get(own).and_then(|text| Verifies::of_source(text)),
            _ => None,
        },
        abi: contract["abi"].clone(),
        immutables: immutables(&code["deployedBytecode"]["immutableReferences"]),
        code: creation,
    })
}

/// Where a part begins.
fn at(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|w| w == part)
}

/// Where a constructor writes into the code: begin and length, ascending.
fn immutables(references: &Value) -> Vec<(usize, usize)> {
    let lists = references.as_object().into_iter().flat_map(|all| all.values()).filter_map(Value::as_array);
    let number = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    let mut all: Vec<_> = lists.flatten().filter_map(|r| Some((number(&r["start"])?, number(&r["length"])?))).collect();
    all.sort_unstable();
    all
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
