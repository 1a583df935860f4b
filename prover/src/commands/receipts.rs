//! `talea receipts import|show`

use serde_json::Value;
use talea_witness::{
    artefact::{hex, load, save},
    error::Error,
    model::Base,
    network::Network,
    receipts::{
        Receipts, check,
        import::{accept, import},
        signed,
    },
};

use super::{adapter, print_json};
use crate::{
    cli::ReceiptsCommand,
    folder::Folder,
    output::{Names, checksummed, grouped, table},
    settling::open_network,
};

pub fn run(command: &ReceiptsCommand, json: bool) -> anyhow::Result<bool> {
    let (receipts, digest, names) = match command {
        ReceiptsCommand::Import { network, out, earlier, signed } => {
            let network = open_network(network, &Folder::at(out))?;
            let base = Base::open(&network.base)?;
            let folder = Folder::lock(out)?;
            let earlier = earlier.as_deref().map(load::<Receipts>).transpose()?.map(|(receipts, _)| receipts);
            let digest_of = |name: &str| Ok(adapter::open(&folder.adapter(name))?.1);
            let receipts = match signed {
                Some(file) => {
                    let receipts = signed::read(file)?;
                    accept(&network, &base.digest, digest_of, &receipts, earlier.as_ref())?;
                    receipts
                }
                None => import(&network, &base.digest, digest_of, earlier.as_ref())?,
            };
            let digest = save(&folder.receipts(), &receipts)?;
            (receipts, digest, Names::of(&network))
        }
        ReceiptsCommand::Show { file, network } => {
            let (receipts, digest) = load::<Receipts>(file)?;
            check(&receipts)
                .map_err(|e| Error::input(file.display(), "signatures", e, "receipts and vouchers as signed"))?;
            let names = network.as_deref().map(Network::open).transpose()?.map(|n| Names::of(&n)).unwrap_or_default();
            (receipts, digest, names)
        }
    };
    if json {
        print_json(&to_json(&receipts, &digest))
    } else {
        print(&receipts, &digest, &names)
    }
    Ok(true)
}

fn print(r: &Receipts, digest: &[u8; 32], names: &Names) {
    println!(
        "Receipts   blake3 {}   chain {}   contract {}",
        hex(digest),
        r.domain.chain_id,
        checksummed(&r.domain.contract)
    );
    println!("attested: every receipt is signed by its payer and its node, every voucher by its payer\n");
    table(
        ["request", "payer", "nonce", "prompt", "cached", "completion", "fee", "time"],
        &[2, 3, 4, 5, 6, 7],
        r.receipts.iter().map(|s| {
            let (x, n) = (&s.receipt, |x: u64| x.to_string());
            let id = s.id.chars().take(12).collect();
            let tokens = [x.prompt_tokens, x.cached_tokens, x.completion_tokens].map(|t| n(t.into()));
            let [prompt, cached, completion] = tokens;
            [id, names.show(&x.payer), n(x.nonce), prompt, cached, completion, grouped(x.fee), n(x.timestamp)]
        }),
    );
    println!("\nVouchers: what each payer owes a node for an adapter, ever");
    table(
        ["payer", "node", "adapter", "nonce", "cumulative"],
        &[3, 4],
        r.vouchers.iter().map(|s| {
            let v = &s.voucher;
            let adapter = hex(&v.adapter).chars().take(12).collect();
            [names.show(&v.payer), names.show(&v.node), adapter, v.nonce.to_string(), grouped(v.cumulative)]
        }),
    );
}

fn to_json(r: &Receipts, digest: &[u8; 32]) -> Value {
    let mut doc = signed::to_json(r);
    doc["blake3"] = hex(digest).into();
    doc["label"] = "attested".into();
    doc
}
