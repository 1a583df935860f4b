//! PEFT's `adapter_config.json`: which modules, rank and scale; everything that would change the arithmetic is refused by name.

use std::path::Path;

use fancy_regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::{
    bounds::MAX_RANK,
    error::{Error, Result, parse_json, read_text},
};

/// Fields without effect on the forward pass of a plain LoRA adapter, whatever they hold.
const INERT: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];

/// Fields that [`PeftConfig`] reads.
const READ: &[&str] = &[
    "alpha_pattern",
    "bias",
    "init_lora_weights",
    "layers_to_transform",
    "lora_alpha",
    "peft_type",
    "r",
    "rank_pattern",
    "target_modules",
    "use_rslora",
];

/// Initialisations that leave the base weights alone; PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA replace them.
const PLAIN_INIT: &[&str] = &["gaussian", "eva", "orthogonal"];

/// Most patterns of a kind: more than modules that one adapter can have.
const MAX_PATTERNS: usize = 1 << 12;

/// Steps that one expression may go back on one path.
const BACKTRACKS: usize = 10_000;

/// A plain LoRA configuration.
#[derive(Debug)]
pub struct PeftConfig {
    file: String,
    rank: usize,
    alpha: f64,
    rslora: bool,
    targets: Targets,
    layers: Option<Vec<u64>>,
    ranks: Vec<(Regex, u64)>,
    alphas: Vec<(Regex, f64)>,
}

/// `target_modules`: names matched at the end of a path, or one expression matched against all of it.
#[derive(Debug)]
enum Targets {
    Names(Vec<String>),
    Expression(Regex),
    /// `all-linear`: every linear module but the output head.
    AllLinear,
}

impl PeftConfig {
    /// Reads and checks the file.
    pub fn open(path: &Path) -> Result<Self> {
        let raw: Map<String, Value> = parse_json(path, &read_text(path)?)?;
        let file = path.display().to_string();
        let bad = |field: &str, found: &Value, expected: &str| Err(Error::input(&file, field, found, expected));
        let get = |field: &str| raw.get(field).unwrap_or(&Value::Null);
        if get("peft_type") != "LORA" {
            return bad("peft_type", get("peft_type"), "LORA");
        }
        if !(get("bias").is_null() || get("bias") == "none") {
            return bad("bias", get("bias"), "none");
        }
        let init = get("init_lora_weights");
        if !(init.is_null() || init.is_boolean() || init.as_str().is_some_and(|s| PLAIN_INIT.contains(&s))) {
            return bad("init_lora_weights", init, "an initialisation that leaves the base weights alone");
        }
        let idle = |v: &Value| match v {
            Value::Null | Value::Bool(false) => true,
            Value::Array(a) => a.is_empty(),
            Value::Object(o) => o.is_empty(),
            _ => false,
        };
        let known = |k: &str| INERT.contains(&k) || READ.contains(&k);
        if let Some((field, value)) = raw.iter().find(|(k, v)| !known(k) && !idle(v)) {
            return bad(field, value, "absent, null, false or empty: not supported");
        }
        let rank = match get("r").as_u64() {
            Some(r) if (1..=MAX_RANK as u64).contains(&r) => r as usize,
            _ => return bad("r", get("r"), "a rank from 1 to 256"),
        };
        let Some(alpha) = get("lora_alpha").as_f64().filter(|a| a.is_finite()) else {
            return bad("lora_alpha", get("lora_alpha"), "a number");
        };
        Ok(Self {
            rank,
            alpha,
            rslora: match get("use_rslora") {
                Value::Null => false,
                Value::Bool(b) => *b,
                other => return bad("use_rslora", other, "true or false"),
            },
            targets: targets(&file, get("target_modules"))?,
            layers: layers(&file, get("layers_to_transform"))?,
            ranks: patterns(&file, "rank_pattern", get("rank_pattern"), |v| {
                v.as_u64().filter(|r| (1..=MAX_RANK as u64).contains(r))
            })?,
            alphas: patterns(&file, "alpha_pattern", get("alpha_pattern"), |v| v.as_f64().filter(|a| a.is_finite()))?,
            file,
        })
    }

    /// The rank that the configuration gives a module.
    pub fn rank(&self, path: &str) -> Result<usize> {
        Ok(self.lookup("rank_pattern", &self.ranks, path)?.map_or(self.rank, |r| r as usize))
    }

    /// s = α/r, or α/√r with rsLoRA (Kalajdzievski 2023).
    pub fn scale(&self, path: &str) -> Result<f64> {
        let r = self.rank(path)? as f64;
        let alpha = self.lookup("alpha_pattern", &self.alphas, path)?.unwrap_or(self.alpha);
        Ok(alpha / if self.rslora { r.sqrt() } else { r })
    }

    /// The first pattern that matches a path.
    fn lookup<T: Copy>(&self, field: &str, patterns: &[(Regex, T)], path: &str) -> Result<Option<T>> {
        for (re, x) in patterns {
            if self.matches(field, re, path)? {
                return Ok(Some(*x));
            }
        }
        Ok(None)
    }

    /// An expression that backtracks without end is refused, not taken for one that does not match.
    fn matches(&self, field: &str, re: &Regex, path: &str) -> Result<bool> {
        re.is_match(path).map_err(|e| Error::input(&self.file, field, e, "an expression that matches in few steps"))
    }

    /// Refuses a module that the configuration does not target.
    pub fn check_target(&self, path: &str, layer: u64) -> Result<()> {
        let named = match &self.targets {
            Targets::Names(names) => names.iter().any(|n| path == n || path.ends_with(&format!(".{n}"))),
            Targets::Expression(e) => self.matches("target_modules", e, path)?,
            Targets::AllLinear => path != "lm_head",
        };
        let chosen = self.layers.as_ref().is_none_or(|l| l.contains(&layer));
        if named && chosen {
            return Ok(());
        }
        Err(Error::input(
            &self.file,
            "target_modules",
            format!("no match for {path}"),
            "every module of adapter_model.safetensors",
        ))
    }
}

fn targets(file: &str, value: &Value) -> Result<Targets> {
    match value {
        Value::String(s) if s == "all-linear" => Ok(Targets::AllLinear),
        Value::String(s) => expression(file, "target_modules", &format!("^(?:{s})$")).map(Targets::Expression),
        Value::Array(names) if !names.is_empty() && names.iter().all(Value::is_string) => {
            Ok(Targets::Names(names.iter().filter_map(Value::as_str).map(String::from).collect()))
        }
        _ => Err(Error::input(file, "target_modules", value, "a list of module names or an expression")),
    }
}

fn layers(file: &str, value: &Value) -> Result<Option<Vec<u64>>> {
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(a) => a.iter().map(Value::as_u64).collect(),
        one => one.as_u64().map(|l| vec![l]),
    };
    list.map(Some).ok_or_else(|| Error::input(file, "layers_to_transform", value, "a layer or a list of layers"))
}

/// PEFT matches a pattern's key at the end of a module's path, `^(.*\.)?(key)$`, the first key that matches counting.
fn patterns<T>(file: &str, field: &str, value: &Value, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<(Regex, T)>> {
    let empty = Map::new();
    let map = match value {
        Value::Null => &empty,
        Value::Object(map) => map,
        other => return Err(Error::input(file, field, other, "an object")),
    };
    if map.len() > MAX_PATTERNS {
        return Err(Error::input(file, field, format!("{} patterns", map.len()), format!("at most {MAX_PATTERNS}")));
    }
    map.iter()
        .map(|(key, v)| {
            let at = format!("{field}.{key}");
            let x = read(v).ok_or_else(|| Error::input(file, &at, v, "a number in range"))?;
            Ok((expression(file, &at, &format!(r"^(.*\.)?({key})$"))?, x))
        })
        .collect()
}

fn expression(file: &str, field: &str, text: &str) -> Result<Regex> {
    RegexBuilder::new(text)
        .backtrack_limit(BACKTRACKS)
        .build()
        .map_err(|e| Error::input(file, field, e, "a regular expression"))
}
