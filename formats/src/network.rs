//! A network folder: `network.json`, requests and usage records, laid out like fixtures/demo.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, B256};
use k256::ecdsa::SigningKey;
use serde::Deserialize;
use wincode::{SchemaRead, SchemaWrite};

use crate::{
    bounds,
    error::{Error, Result, parse_json, parse_jsonl, read_text},
    receipts::Domain,
};

/// Basis points in a whole.
pub const WHOLE: u64 = 10_000;

/// A 20-byte address in hex; one with mixed case must carry a correct EIP-55 checksum.
pub fn parse_address(file: &Path, field: &str, text: &str) -> Result<Address> {
    let bad = |expected| Error::input(file.display(), field, text, expected);
    let address: Address = text.parse().map_err(|_| bad("a 20-byte address in hex, with 0x"))?;
    let digits = text.trim_start_matches("0x");
    let mixed = digits.contains(|c: char| c.is_ascii_lowercase()) && digits.contains(|c: char| c.is_ascii_uppercase());
    if mixed && address.to_checksum(None) != text {
        return Err(bad("an address with a correct EIP-55 checksum"));
    }
    Ok(address)
}

/// How an adapter's fees are split (DESIGN.md §3.6). Basis points sum to 10,000.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Policy {
    /// p of `w = R^p`: 1, 2 or 4.
    pub power: u8,
    /// Share of the contributors' pool, β.
    pub contributors_bps: u16,
    /// Share and address of each role.
    pub roles: Roles,
    /// Receives what rounding and unattributed pools leave; never the node.
    pub sink: [u8; 20],
}

/// The four paid roles, in their frozen order. A node's address comes from the batch, not from the policy.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Roles {
    /// Owner of the adapter.
    pub adapter_owner: (u16, [u8; 20]),
    /// Owner of the base model.
    pub base_owner: (u16, [u8; 20]),
    /// The node that served and proves the batch.
    pub node_bps: u16,
    /// Treasury of the network.
    pub treasury: (u16, [u8; 20]),
}

/// One adapter of the network.
#[derive(Debug, Clone)]
pub struct AdapterEntry {
    /// Its name.
    pub name: String,
    /// PEFT folder.
    pub path: PathBuf,
    /// JSONL of its Datanet.
    pub datanet: PathBuf,
    /// Its payout policy.
    pub policy: Policy,
}

/// A whole network folder, checked.
#[derive(Debug, Clone)]
pub struct Network {
    /// The folder.
    pub root: PathBuf,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The contract that receipts are made out to; the zero address until one is deployed.
    pub contract: Address,
    /// The node that builds the batch.
    pub node: Address,
    /// All nodes, in the order in which a registry is told of them; `node` is one of them.
    pub nodes: Vec<Address>,
    /// Who attests rows of X and request tables, if anybody does.
    pub attester: Option<Address>,
    /// Folder of the base model.
    pub base: PathBuf,
    /// Adapters in the order of network.json.
    pub adapters: Vec<AdapterEntry>,
    /// Requests in the order of the requests file, each with its usage record.
    pub requests: Vec<Request>,
    /// The files that were read: network.json, requests, usage records, Datanets.
    pub files: Vec<PathBuf>,
    /// Labels of known addresses, for display only.
    pub labels: BTreeMap<Address, String>,
    /// Keys of test accounts: never shown.
    pub keys: Keys,
}

/// One request with its usage record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Unique id.
    pub id: String,
    /// Name of the adapter it was served with.
    pub adapter: String,
    /// Prompt tokens as fed, BOS included.
    pub prompt: Vec<u32>,
    /// Completion tokens, the last sampled one included.
    pub completion: Vec<u32>,
    /// Tokens of the prompt that the serving stack took from its cache.
    pub cached: u32,
    /// Fee in token base units, below 2^92.
    pub fee: u128,
    /// Who pays it.
    pub payer: Address,
    /// When it was served, in seconds since 1970.
    pub created: u64,
}

impl Request {
    /// All tokens in the order fed.
    pub fn tokens(&self) -> Vec<u32> {
        self.prompt.iter().chain(&self.completion).copied().collect()
    }
}

#[derive(Deserialize)]
struct NetworkFile {
    chain_id: u64,
    contract: Option<String>,
    node: String,
    second_node: Option<String>,
    attester: Option<String>,
    base: String,
    #[serde(deserialize_with = "entries")]
    adapters: Vec<(String, serde_json::Value)>,
    requests: String,
    usage: String,
    #[serde(default)]
    accounts: BTreeMap<String, AccountFile>,
}

/// An object's entries in order; unlike a map it keeps a name that stands twice, which is then refused.
fn entries<'de, D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Vec<(String, serde_json::Value)>, D::Error> {
    struct Entries;
    impl<'de> serde::de::Visitor<'de> for Entries {
        type Value = Vec<(String, serde_json::Value)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let (mut all, mut names) = (Vec::new(), HashSet::new());
            while let Some((name, value)) = map.next_entry::<String, _>()? {
                if !names.insert(name.clone()) {
                    return Err(serde::de::Error::custom(format_args!("{name} twice")));
                }
                all.push((name, value));
            }
            Ok(all)
        }
    }
    d.deserialize_map(Entries)
}

#[derive(Deserialize)]
struct AccountFile {
    address: String,
    key: Option<String>,
}

#[derive(Deserialize)]
struct AdapterFile {
    path: String,
    datanet: String,
    policy: PolicyFile,
}

#[derive(Deserialize)]
struct PolicyFile {
    power: u8,
    bps: BpsFile,
    adapter_owner: String,
    base_owner: String,
    treasury: String,
    sink: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BpsFile {
    contributors: u16,
    adapter_owner: u16,
    base_owner: u16,
    node: u16,
    treasury: u16,
}

#[derive(Deserialize)]
struct RequestFile {
    request_id: String,
    adapter: String,
    prompt_ids: Vec<u32>,
    completion_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct UsageFile {
    id: String,
    created: u64,
    model: String,
    payer: String,
    usage: TokensFile,
    fee: String,
}

#[derive(Deserialize)]
struct TokensFile {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<DetailsFile>,
}

#[derive(Deserialize)]
struct DetailsFile {
    cached_tokens: Option<u64>,
}

impl Network {
    /// Reads `network.json` and the files it names, all inside `root`.
    pub fn open(root: &Path) -> Result<Self> {
        let file = root.join("network.json");
        let raw: NetworkFile = parse_json(&file, &read_text(&file)?)?;
        let node = parse_address(&file, "node", &raw.node)?;
        let second = raw.second_node.as_deref().map(|text| parse_address(&file, "second_node", text)).transpose()?;
        if second == Some(node) {
            return Err(Error::input(file.display(), "second_node", node, "another than node"));
        }
        let attester = raw.attester.as_deref().map(|text| parse_address(&file, "attester", text)).transpose()?;
        let contract = match &raw.contract {
            Some(text) => parse_address(&file, "contract", text)?,
            None => Address::ZERO,
        };
        let (mut labels, mut keys) = (BTreeMap::new(), Keys::default());
        for (label, account) in &raw.accounts {
            let at = format!("accounts.{label}");
            let address = parse_address(&file, &at, &account.address)?;
            if let Some(key) = &account.key {
                keys.0.insert(address, parse_key(&file, &at, key, address)?);
            }
            labels.insert(address, label.clone());
        }
        if raw.adapters.is_empty() {
            return Err(Error::input(file.display(), "adapters", "none", "at least one"));
        }
        let mut adapters = Vec::new();
        for (name, value) in raw.adapters {
            adapters.push(adapter_entry(root, &file, name, value, node)?);
        }
        let lists = (inside(root, &file, "requests", &raw.requests)?, inside(root, &file, "usage", &raw.usage)?);
        let requests = join_requests(&lists.0, &lists.1, &adapters)?;
        let mut files = vec![file.clone(), lists.0, lists.1];
        files.extend(adapters.iter().map(|a| a.datanet.clone()));
        let base = inside(root, &file, "base", &raw.base)?;
        Ok(Self {
            root: root.into(),
            chain_id: raw.chain_id,
            contract,
            keys,
            node,
            nodes: std::iter::once(node).chain(second).collect(),
            attester,
            base,
            adapters,
            requests,
            files,
            labels,
        })
    }

    /// Chain and contract that receipts are made out to.
    pub fn domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, contract: self.contract.into_array() }
    }

    /// The requests that an adapter served, in order.
    pub fn requests_of(&self, adapter: &AdapterEntry) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|q| q.adapter == adapter.name)
    }

    /// The adapter of that name.
    pub fn adapter(&self, name: &str) -> Result<&AdapterEntry> {
        self.adapters.iter().find(|a| a.name == name).ok_or_else(|| {
            let known: Vec<_> = self.adapters.iter().map(|a| a.name.as_str()).collect();
            Error::input(self.root.join("network.json").display(), "adapters", format!("no {name}"), known.join(", "))
        })
    }
}

/// Signing keys by address. They have no `Display`, and their `Debug` says nothing.
#[derive(Clone, Default)]
pub struct Keys(pub BTreeMap<Address, SigningKey>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// A secp256k1 key in hex; it must be the account's. Errors do not repeat it.
fn parse_key(file: &Path, at: &str, text: &str, address: Address) -> Result<SigningKey> {
    let bad =
        |found: &str| Error::input(file.display(), format!("{at}.key"), found, "the account's 32-byte key in hex");
    let bytes: B256 = text.parse().map_err(|_| bad("something else"))?;
    let key = SigningKey::from_slice(bytes.as_slice()).map_err(|_| bad("a number out of range"))?;
    if Address::from_public_key(key.verifying_key()) != address {
        return Err(bad("another account's key"));
    }
    Ok(key)
}

/// A path of the network file; it may not leave the folder.
fn inside(root: &Path, file: &Path, field: &str, given: &str) -> Result<PathBuf> {
    let path = Path::new(given);
    let plain = path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    if given.is_empty() || !plain {
        return Err(Error::input(file.display(), field, given, "a relative path inside the network's folder"));
    }
    Ok(root.join(path))
}

/// Names become file names: nothing in them may climb or hide.
pub fn check_name(file: &Path, field: &str, name: &str) -> Result<()> {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(ok) {
        return Err(Error::input(
            file.display(),
            field,
            format!("{name:?}"),
            "1 to 128 of A-Z a-z 0-9 - _ . that do not begin with a dot",
        ));
    }
    Ok(())
}

fn adapter_entry(
    root: &Path, file: &Path, name: String, value: serde_json::Value, node: Address,
) -> Result<AdapterEntry> {
    check_name(file, "adapters", &name)?;
    let at = |f: &str| format!("adapters.{name}.{f}");
    let raw: AdapterFile = serde_json::from_value(value)
        .map_err(|e| Error::input(file.display(), format!("adapters.{name}"), e, "path, datanet and policy"))?;
    let policy = check_policy(file, &at("policy"), &raw.policy, node)?;
    Ok(AdapterEntry {
        path: inside(root, file, &at("path"), &raw.path)?,
        datanet: inside(root, file, &at("datanet"), &raw.datanet)?,
        name,
        policy,
    })
}

fn check_policy(file: &Path, at: &str, raw: &PolicyFile, node: Address) -> Result<Policy> {
    let bad = |field: &str, found: String, expected: &str| {
        Error::input(file.display(), format!("{at}.{field}"), found, expected)
    };
    if !matches!(raw.power, 1 | 2 | 4) {
        return Err(bad("power", raw.power.to_string(), "1, 2 or 4"));
    }
    let b = &raw.bps;
    let sum: u64 = [b.contributors, b.adapter_owner, b.base_owner, b.node, b.treasury].into_iter().map(u64::from).sum();
    if sum != WHOLE {
        return Err(bad("bps", format!("a sum of {sum}"), "a sum of 10000"));
    }
    let address = |field: &str, text: &str| parse_address(file, &format!("{at}.{field}"), text);
    let sink = address("sink", &raw.sink)?;
    // neither may gain by leaving a pool unattributed: one builds the batch, the other the index
    let owner = address("adapter_owner", &raw.adapter_owner)?;
    if sink == node || sink == owner {
        return Err(bad("sink", raw.sink.clone(), "an address other than the node's and the adapter owner's"));
    }
    Ok(Policy {
        power: raw.power,
        contributors_bps: b.contributors,
        roles: Roles {
            adapter_owner: (b.adapter_owner, owner.into_array()),
            base_owner: (b.base_owner, address("base_owner", &raw.base_owner)?.into_array()),
            node_bps: b.node,
            treasury: (b.treasury, address("treasury", &raw.treasury)?.into_array()),
        },
        sink: sink.into_array(),
    })
}

/// Joins requests and usage records one to one by id.
fn join_requests(requests: &Path, usage: &Path, adapters: &[AdapterEntry]) -> Result<Vec<Request>> {
    let mut records: HashMap<String, UsageFile> = HashMap::new();
    for (i, u) in parse_jsonl::<UsageFile>(usage, &read_text(usage)?)?.into_iter().enumerate() {
        if let Some(twice) = records.insert(u.id.clone(), u) {
            return Err(Error::input(
                usage.display(),
                format!("line {} id", i + 1),
                format!("{} again", twice.id),
                "each id once",
            ));
        }
    }
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for (i, r) in parse_jsonl::<RequestFile>(requests, &read_text(requests)?)?.into_iter().enumerate() {
        let at = |f: &str| format!("line {} {f}", i + 1);
        check_name(requests, &at("request_id"), &r.request_id)?;
        if !seen.insert(r.request_id.clone()) {
            return Err(Error::input(
                requests.display(),
                at("request_id"),
                format!("{} again", r.request_id),
                "each id once",
            ));
        }
        if !adapters.iter().any(|a| a.name == r.adapter) {
            return Err(Error::input(requests.display(), at("adapter"), r.adapter, "an adapter of network.json"));
        }
        let Some(u) = records.remove(&r.request_id) else {
            return Err(Error::input(usage.display(), "id", "no record", format!("one for request {}", r.request_id)));
        };
        out.push(join(usage, r, &u)?);
    }
    match records.into_keys().min() {
        Some(id) => Err(Error::input(usage.display(), "id", id, "an id of the requests file")),
        None => Ok(out),
    }
}

/// A request with its record, which must say the same of tokens and adapter. Cached tokens are inside the prompt's.
fn join(file: &Path, r: RequestFile, u: &UsageFile) -> Result<Request> {
    let bad = |field: &str, found: &dyn std::fmt::Display, expected: String| {
        Error::input(file.display(), format!("record {} {field}", u.id), found, expected)
    };
    let (prompt, completion) = (r.prompt_ids.len() as u64, r.completion_ids.len() as u64);
    for (field, found, expected) in [
        ("usage.prompt_tokens", u.usage.prompt_tokens, prompt),
        ("usage.completion_tokens", u.usage.completion_tokens, completion),
        ("usage.total_tokens", u.usage.total_tokens.unwrap_or(prompt + completion), prompt + completion),
    ] {
        if found != expected {
            return Err(bad(field, &found, format!("{expected}, as the request has")));
        }
    }
    let cached = u.usage.prompt_tokens_details.as_ref().and_then(|d| d.cached_tokens).unwrap_or(0);
    if cached > prompt {
        return Err(bad(
            "usage.prompt_tokens_details.cached_tokens",
            &cached,
            format!("at most the prompt's {prompt}"),
        ));
    }
    if u.model.rsplit_once(':').map(|m| m.1) != Some(r.adapter.as_str()) {
        return Err(bad("model", &u.model, format!("BASE:{}", r.adapter)));
    }
    Ok(Request {
        fee: parse_fee(file, u)?,
        payer: parse_address(file, &format!("record {} payer", u.id), &u.payer)?,
        created: u.created,
        cached: u32::try_from(cached).map_err(|_| bad("usage", &cached, "fewer than 2^32 tokens".into()))?,
        id: r.request_id,
        adapter: r.adapter,
        prompt: r.prompt_ids,
        completion: r.completion_ids,
    })
}

fn parse_fee(file: &Path, u: &UsageFile) -> Result<u128> {
    // `u128::from_str` would also take a leading plus sign.
    let digits = !u.fee.is_empty() && u.fee.bytes().all(|b| b.is_ascii_digit());
    match u.fee.parse::<u128>() {
        Ok(fee) if digits && fee < 1 << bounds::FEE_BITS => Ok(fee),
        _ => Err(Error::input(file.display(), format!("record {} fee", u.id), &u.fee, "decimal digits below 2^92")),
    }
}

/// EIP-55 form of an address.
pub fn checksummed(address: &[u8; 20]) -> String {
    Address::from(*address).to_checksum(None)
}
