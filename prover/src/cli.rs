//! Flags and arguments; nothing here does any work.

pub mod bench;
pub mod chain;
pub mod gpu;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::TypedValueParser as _};

use crate::device::DeviceArgs;

/// Proves which data an AI inference was paid for, and pays its contributors.
#[derive(Parser)]
#[command(name = "talea", version, about, max_term_width = 100)]
pub struct Cli {
    /// Print one JSON document on stdout instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Worker threads (default: all cores); never changes a byte of any output.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024).map(usize::from))]
    pub threads: Option<usize>,
    /// What proofs are made on.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run a whole network folder, from texts and adapters to payouts, and explain the result.
    Demo(DemoArgs),
    /// Recompute an output folder with a second implementation; exit 1 on any difference.
    Audit(AuditArgs),
    /// Say in words and numbers why a request, a contribution or a payee got what it got.
    Explain(ExplainArgs),
    /// Judge contributions: copies, clusters, filler.
    #[command(subcommand)]
    Datanet(DatanetCommand),
    /// Turn PEFT adapters into integers and build their influence index.
    #[command(subcommand)]
    Adapter(AdapterCommand),
    /// Record what enters an adapter's modules, or check such a record.
    #[command(subcommand)]
    Trace(TraceCommand),
    /// Sign receipts for requests and fold them into cumulative vouchers.
    #[command(subcommand)]
    Receipts(ReceiptsCommand),
    /// Compute the payouts of a batch of requests.
    #[command(subcommand)]
    Batch(BatchCommand),
    /// Wrap a batch's proof in one that hides it and that a contract verifies.
    #[command(subcommand)]
    Wrap(WrapCommand),
    /// Compile the contracts.
    #[command(subcommand)]
    Contracts(ContractsCommand),
    /// Put the contracts on a chain and register a network.
    Deploy(chain::DeployArgs),
    /// Settle a wrapped batch on a chain.
    Settle(chain::SettleArgs),
    /// Compute openings of what slots have earned.
    #[command(subcommand)]
    Claims(chain::ClaimsCommand),
    /// Claim what slots have earned, for their payees.
    Claim(chain::ClaimArgs),
    /// Make, import or check a structured reference string.
    #[command(subcommand)]
    Srs(SrsCommand),
    /// Time parts of the prover.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// List CUDA devices and say what runs where; test and time their kernels.
    Gpu(gpu::GpuArgs),
}

/// `talea wrap …`
#[derive(Subcommand)]
pub enum WrapCommand {
    /// Make the keys of the circuit for batches of a proof's shape, and its contract's source.
    Keys {
        /// Folder with proof.talea.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference string with a Lagrange basis of the circuit's rows.
        #[arg(long, value_name = "FILE")]
        srs: PathBuf,
        /// Folder of keys.
        #[arg(long, default_value = "out/keys", value_name = "DIR")]
        keys: PathBuf,
        /// fast (least time to prove) or cheap (least gas to verify).
        #[arg(long, default_value = "fast")]
        layout: String,
        /// Make them even if they are there.
        #[arg(long)]
        rebuild: bool,
    },
    /// Wrap proof.talea; writes wrapped.talea.
    Prove {
        /// Network folder.
        #[arg(long, value_name = "DIR")]
        network: PathBuf,
        /// Folder with proof.talea.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference string with a Lagrange basis of the circuit's rows.
        #[arg(long, value_name = "FILE")]
        srs: PathBuf,
        /// Folder of keys, which are made where they are missing.
        #[arg(long, default_value = "out/keys", value_name = "DIR")]
        keys: PathBuf,
        /// fast (least time to prove) or cheap (least gas to verify).
        #[arg(long, default_value = "fast")]
        layout: String,
    },
    /// Verify wrapped.talea against the network and the registered commitments; exit 1 if it is refused.
    Verify {
        /// Network folder: chain, node, policies, attester.
        #[arg(long, value_name = "DIR")]
        network: PathBuf,
        /// Folder with wrapped.talea and adapters/NAME.commitment; receipts.talea if the statement names receipts.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference string, whose origin the verifier knows.
        #[arg(long, value_name = "FILE")]
        srs: PathBuf,
        /// Folder of keys.
        #[arg(long, default_value = "out/keys", value_name = "DIR")]
        keys: PathBuf,
        /// Ask the contract, too, in an EVM in process.
        #[arg(long)]
        evm: bool,
        /// Make the verifying key anew and compare: the reference string then needs a Lagrange basis of the circuit's rows.
        #[arg(long)]
        check_key: bool,
        /// Take the verifying key of this BLAKE3 as it is. Without this and --check-key only keys that are compiled into the program are taken.
        #[arg(long, value_name = "BLAKE3", conflicts_with = "check_key")]
        trust_key: Option<String>,
    },
}

/// `talea contracts …`
#[derive(Subcommand)]
pub enum ContractsCommand {
    /// Write the generated library, compile all contracts with solc from npm, write artifacts/.
    Build {
        /// The contracts' folder.
        #[arg(long, default_value = "verifier-contracts", value_name = "DIR")]
        dir: PathBuf,
        /// The compiler: reads standard JSON with --standard-json (default: DIR/node_modules/.bin/solcjs).
        #[arg(long, value_name = "PROGRAM")]
        solc: Option<PathBuf>,
        /// Write nothing; exit 1 if anything committed differs from what its source compiles to.
        #[arg(long)]
        check: bool,
    },
}

/// `talea srs …`
#[derive(Subcommand)]
pub enum SrsCommand {
    /// Make a marked, INSECURE one for development: anybody can forge with its seed.
    Dev {
        /// 2^K + 1 powers.
        #[arg(long, value_name = "K")]
        k: u32,
        /// Sizes 2^J of Lagrange bases to keep.
        #[arg(long, value_name = "J", value_delimiter = ',')]
        lagrange: Vec<u32>,
        /// What τ is hashed from.
        #[arg(long)]
        seed: String,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Import the .ptau file of a public ceremony, checking all that is taken over by pairings.
    Import {
        /// The .ptau file; prepared for phase 2 if Lagrange bases are wanted soon.
        ptau: PathBuf,
        /// 2^K + 1 powers.
        #[arg(long, value_name = "K")]
        k: u32,
        /// Sizes 2^J of Lagrange bases to keep.
        #[arg(long, value_name = "J", value_delimiter = ',')]
        lagrange: Vec<u32>,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a file again: seal, points, pairings; exit 1 if it is not a reference string.
    Check {
        /// A file that `dev` or `import` wrote.
        file: PathBuf,
        /// The ceremony's .ptau file: the points must be those that it holds. Without it a file's origin is its own word.
        #[arg(long, value_name = "FILE")]
        ptau: Option<PathBuf>,
    },
}

/// `talea explain`
#[derive(Args)]
pub struct ExplainArgs {
    /// What to explain.
    #[command(flatten)]
    pub what: What,
    /// Output folder of `demo` or of the single commands.
    #[arg(long, default_value = "out/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Network folder whose accounts give names to addresses.
    #[arg(long, value_name = "DIR")]
    pub network: Option<PathBuf>,
}

/// `talea audit`
#[derive(Args)]
pub struct AuditArgs {
    /// Network folder that the output was made from.
    #[arg(long, default_value = "fixtures/demo", value_name = "DIR")]
    pub network: PathBuf,
    /// Output folder of `demo`.
    #[arg(long, default_value = "out/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Audit a chain instead, from what it says alone: URL of its node. Needs --settlement or --deployment.
    #[arg(long, value_name = "URL", conflicts_with_all = ["network", "out", "report", "skip_models"])]
    pub rpc: Option<String>,
    /// The settlement to audit.
    #[arg(long, value_name = "ADDRESS", requires = "rpc")]
    pub settlement: Option<String>,
    /// The block to read from: one not after the registry's deployment.
    #[arg(long, value_name = "BLOCK", default_value_t = 0, requires = "settlement")]
    pub from: u64,
    /// A generated verifier that is known besides those in this program, as `contracts build` writes it.
    #[arg(long, value_name = "FILE", requires = "rpc")]
    pub verifier: Vec<PathBuf>,
    /// A wrapped proof of a batch that was settled through another contract, so that no transaction shows it.
    #[arg(long, value_name = "FILE", requires = "rpc")]
    pub wrapped: Vec<PathBuf>,
    /// deployment.json, which says both.
    #[arg(long, value_name = "FILE", requires = "rpc", conflicts_with = "settlement")]
    pub deployment: Option<PathBuf>,
    /// Write what was found as one self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Do not run the models again: traces, exponents and V are then taken as stored, and the report says so.
    #[arg(long)]
    pub skip_models: bool,
}

/// One thing to explain.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct What {
    /// A request, by its id or the beginning of it.
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// A contribution, as DATANET#ORDINAL.
    #[arg(long, value_name = "DATANET#N")]
    pub contribution: Option<String>,
    /// A payee, by address or by its name in the network.
    #[arg(long, value_name = "WHO")]
    pub payee: Option<String>,
}

/// `talea demo`
#[derive(Args)]
pub struct DemoArgs {
    /// Network folder, laid out like fixtures/demo.
    #[arg(long, default_value = "fixtures/demo", value_name = "DIR")]
    pub network: PathBuf,
    /// Output folder; files of an earlier run are replaced one by one.
    #[arg(long, default_value = "out/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Stop after the payouts in the clear: commit to nothing and prove nothing.
    #[arg(long)]
    pub no_proof: bool,
    /// Reference string (default: a marked, INSECURE one from the public seed "talea demo").
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
    /// Do not wrap the proof.
    #[arg(long)]
    pub no_wrap: bool,
    /// Folder of the wrap's keys, which are made where they are missing (default: keys beside the output folder).
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// The wrap's layout: fast or cheap.
    #[arg(long, default_value = "fast")]
    pub layout: String,
    /// Settle on the chain behind this URL, with the account in TALEA_KEY (default: on a chain in process).
    #[arg(long, value_name = "URL", conflicts_with_all = ["no_proof", "no_wrap"])]
    pub rpc: Option<String>,
    /// Do not settle.
    #[arg(long)]
    pub no_settle: bool,
}

/// `talea datanet …`
#[derive(Subcommand)]
pub enum DatanetCommand {
    /// Judge a JSONL file of contributions (`text`, `contributor`) and write the Datanet.
    Build {
        /// Contributions, one JSON object a line, in ordinal order.
        input: PathBuf,
        /// Name of the Datanet (default: the input's file stem).
        #[arg(long)]
        name: Option<String>,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show clusters, copies and rejections, each with its reason and evidence.
    Show {
        /// A Datanet that `build` wrote.
        file: PathBuf,
    },
}

/// `talea adapter …`
#[derive(Subcommand)]
pub enum AdapterCommand {
    /// Quantise a PEFT adapter and index a Datanet with it.
    Register {
        /// Hugging Face folder of the base model.
        #[arg(long, value_name = "DIR")]
        base: PathBuf,
        /// PEFT folder of the adapter.
        #[arg(long, value_name = "DIR")]
        adapter: PathBuf,
        /// Datanet that `datanet build` wrote.
        #[arg(long, value_name = "FILE")]
        datanet: PathBuf,
        /// Name of the adapter (default: its folder's name).
        #[arg(long)]
        name: Option<String>,
        /// Output folder: adapters/NAME.adapter, NAME.index and NAME.quantisation.json go here.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Captured traces (contribution-DATANET-ORDINAL.safetensors) to read instead of running the model.
        #[arg(long, value_name = "DIR")]
        traces: Option<PathBuf>,
        /// Traces with PEFT's float deltas, to measure the error of the integers against.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        golden: Vec<PathBuf>,
        /// Reference string: commit to the adapter and its index with it (NAME.commitment, and NAME.salts, which is secret).
        #[arg(long, value_name = "FILE")]
        srs: Option<PathBuf>,
        /// 32 secret bytes that the salts come from (default: from the operating system).
        #[arg(long, value_name = "FILE", requires = "srs")]
        seed: Option<PathBuf>,
    },
    /// Show a registered adapter: modules, exponents, index, quantisation report.
    Show {
        /// NAME.adapter; NAME.index and NAME.quantisation.json are read from beside it.
        file: PathBuf,
    },
}

/// `talea trace …`
#[derive(Subcommand)]
pub enum TraceCommand {
    /// Run base model and adapter over texts or requests and write one safetensors file each.
    Run {
        /// Hugging Face folder of the base model.
        #[arg(long, value_name = "DIR")]
        base: PathBuf,
        /// PEFT folder of the adapter.
        #[arg(long, value_name = "DIR")]
        adapter: PathBuf,
        /// JSONL of texts (`text`); a trace is named contribution-NAME-LINE, NAME the file's stem.
        #[arg(long, value_name = "FILE", required_unless_present = "requests", conflicts_with = "requests")]
        texts: Option<PathBuf>,
        /// JSONL of requests (`request_id`, `adapter`, `prompt_ids`, `completion_ids`).
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
        /// Only this adapter's requests (default: the adapter folder's name).
        #[arg(long, requires = "requests")]
        name: Option<String>,
        /// Folder to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Compare captured traces with our own forward pass; exit 1 if any differs by more than the tolerance.
    Check {
        /// Hugging Face folder of the base model.
        #[arg(long, value_name = "DIR")]
        base: PathBuf,
        /// PEFT folder of the adapter.
        #[arg(long, value_name = "DIR")]
        adapter: PathBuf,
        /// Largest |difference| allowed, relative to the largest |value| of its row (one token of one input).
        #[arg(long, default_value_t = 1e-4)]
        tolerance: f64,
        /// Safetensors files laid out like fixtures/demo/golden.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// `talea receipts …`
#[derive(Subcommand)]
pub enum ReceiptsCommand {
    /// Turn a network's usage records into EIP-712 receipts, signed with its accounts, and fold them into vouchers.
    Import {
        /// Network folder; without --signed its accounts must hold the keys of the node and of every payer.
        #[arg(long, value_name = "DIR")]
        network: PathBuf,
        /// Folder with adapters/NAME.adapter; receipts.talea is written here.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Receipts of the batch before, whose vouchers go on and whose requests are not paid again.
        #[arg(long, value_name = "FILE")]
        earlier: Option<PathBuf>,
        /// Receipts and vouchers signed elsewhere, as `receipts show --json` prints them: checked instead of signed.
        #[arg(long, value_name = "FILE")]
        signed: Option<PathBuf>,
    },
    /// Show receipts and vouchers, checking every signature.
    Show {
        /// receipts.talea
        file: PathBuf,
        /// Network folder whose accounts give names to addresses.
        #[arg(long, value_name = "DIR")]
        network: Option<PathBuf>,
    },
}

/// `talea batch …`
#[derive(Subcommand)]
pub enum BatchCommand {
    /// Trace a network's requests, compute influence and payouts, write traces and batch.
    Build {
        /// Network folder.
        #[arg(long, value_name = "DIR")]
        network: PathBuf,
        /// Folder with adapters/NAME.adapter and NAME.index; traces/ and batch.talea are written here.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Captured traces (request-ID.safetensors) to read instead of running the model.
        #[arg(long, value_name = "DIR")]
        traces: Option<PathBuf>,
        /// Sizes SLOTS,REQUESTS,TOKENS,CLUSTERS, powers of two (default: the least that fits).
        #[arg(long, value_name = "SHAPE")]
        shape: Option<String>,
    },
    /// Prove a batch that `build` wrote: adapter path, influence, payouts; writes proof.talea.
    Prove {
        /// Network folder.
        #[arg(long, value_name = "DIR")]
        network: PathBuf,
        /// Folder with batch.talea, traces/ and registered, committed adapters.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference string that the adapters are committed with.
        #[arg(long, value_name = "FILE")]
        srs: PathBuf,
        /// The batch's number at this node.
        #[arg(long, default_value_t = 0)]
        nonce: u64,
        /// Do not prove the adapters' outputs D = U·B.
        #[arg(long)]
        no_deltas: bool,
        /// 32 secret bytes, used once (default: from the operating system).
        #[arg(long, value_name = "FILE")]
        seed: Option<PathBuf>,
        /// Go on after the last finished stage of a run that was stopped.
        #[arg(long, conflicts_with = "seed")]
        resume: bool,
    },
    /// Verify a batch's proof against registered commitments and its statement; exit 1 if it is refused.
    Verify {
        /// Network folder: chain, node, policies, attester.
        #[arg(long, value_name = "DIR")]
        network: PathBuf,
        /// Folder with proof.talea and adapters/NAME.commitment; receipts.talea if the statement names receipts.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference string, whose origin the verifier knows.
        #[arg(long, value_name = "FILE")]
        srs: PathBuf,
    },
    /// Show requests, credited clusters, shares, fees and payouts of a batch.
    Show {
        /// batch.talea
        file: PathBuf,
        /// Network folder whose accounts give names to addresses.
        #[arg(long, value_name = "DIR")]
        network: Option<PathBuf>,
    },
}
