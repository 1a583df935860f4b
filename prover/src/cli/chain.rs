//! Flags of the commands that speak to a chain.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// A chain's node, and the account that pays.
#[derive(Args)]
pub struct RpcArgs {
    /// URL of a chain's node.
    #[arg(long, value_name = "URL")]
    pub rpc: String,
    /// Keystore of the account that sends (default: the key in TALEA_KEY). Its password is read from TALEA_PASSWORD or --password-file.
    #[arg(long, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// File with the keystore's password.
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub password_file: Option<PathBuf>,
    /// A transaction is done when its block and those after it are so many.
    #[arg(long, default_value_t = 1, value_name = "BLOCKS")]
    pub depth: u64,
    /// Fees per gas that are offered at most, in gwei, all told. Where the chain asks for more, nothing is signed.
    #[arg(long, default_value_t = 500, value_name = "GWEI")]
    pub max_fee: u64,
}

/// `talea deploy`
#[derive(Args)]
pub struct DeployArgs {
    /// Network folder.
    #[arg(long, value_name = "DIR")]
    pub network: PathBuf,
    /// Folder with batch.talea and committed adapters; deployment.json and transactions.json are written here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Reference string that the adapters are committed with.
    #[arg(long, value_name = "FILE")]
    pub srs: PathBuf,
    /// Folder of the wrap's keys, which are made where they are missing.
    #[arg(long, default_value = "out/keys", value_name = "DIR")]
    pub keys: PathBuf,
    /// The wrap's layout: fast or cheap.
    #[arg(long, default_value = "fast")]
    pub layout: String,
    /// Compiled verifier of the batch's shape, as `contracts build` writes it (default: one of those in this program).
    #[arg(long, value_name = "FILE")]
    pub verifier: Option<PathBuf>,
    /// ERC-20 token that fees are paid in (default: a worthless one for development is deployed).
    #[arg(long, value_name = "ADDRESS")]
    pub token: Option<String>,
    /// Seconds of an epoch.
    #[arg(long, default_value_t = 3600)]
    pub epoch: u64,
    /// Seconds that changes of verifiers, attesters and policies wait.
    #[arg(long, default_value_t = 172_800)]
    pub delay: u64,
    /// Seconds between the request and the withdrawal of a payer's deposit.
    #[arg(long, default_value_t = 86_400)]
    pub notice: u64,
    /// The chain.
    #[command(flatten)]
    pub chain: RpcArgs,
}

/// `talea settle`
#[derive(Args)]
pub struct SettleArgs {
    /// Folder with wrapped.talea, receipts.talea and deployment.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Publish what each slot earned, too: the batch goes to the accumulator that is everybody's.
    #[arg(long, requires = "srs")]
    pub with_data: bool,
    /// Publish it of a batch that was settled without, in the same epoch.
    #[arg(long, requires = "srs", conflicts_with = "with_data")]
    pub promote: bool,
    /// Reference string; needed to publish.
    #[arg(long, value_name = "FILE")]
    pub srs: Option<PathBuf>,
    /// The chain.
    #[command(flatten)]
    pub chain: RpcArgs,
}

/// `talea claims …`
#[derive(Subcommand)]
pub enum ClaimsCommand {
    /// Compute what every slot has earned in an accumulator, with the opening that shows it; writes claims.json.
    Prove {
        /// Folder with deployment.json; points of slots are kept here, too.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Reference string.
        #[arg(long, value_name = "FILE")]
        srs: PathBuf,
        /// URL of a chain's node.
        #[arg(long, value_name = "URL")]
        rpc: String,
        /// A node, whose own accumulator is meant (default: the one that is everybody's).
        #[arg(long, value_name = "ADDRESS")]
        accumulator: Option<String>,
        /// payouts.talea of batches whose payouts are not on the chain.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        payouts: Vec<PathBuf>,
    },
}

/// `talea claim`
#[derive(Args)]
pub struct ClaimArgs {
    /// Folder with deployment.json and claims.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Only slots of this payee (default: all that have something to claim).
    #[arg(long, value_name = "ADDRESS")]
    pub payee: Option<String>,
    /// Only these slots.
    #[arg(long, value_name = "SLOT", num_args = 1..)]
    pub slot: Vec<u32>,
    /// A transaction for each slot instead of few for all.
    #[arg(long)]
    pub singly: bool,
    /// The chain.
    #[command(flatten)]
    pub chain: RpcArgs,
}
