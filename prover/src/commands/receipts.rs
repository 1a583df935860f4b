//! `talea receipts import|show`

use serde_json::{Value, json};
use talea_witness::{
    artefact::{hex, load, save},
    error::Error,
    model::Base,
    network::Network,
    receipts::{Receipts, Signed as _, check, import::import},
};

use super::{adapter, print_json};
use crate::{
    cli::ReceiptsCommand,
    folder::Folder,
    output::{Names, checksummed, grouped, table},
};

pub fn run(command: &ReceiptsCommand, json: bool) -> anyhow::Result<bool> {
    let (receipts, digest, names) = match command {
        ReceiptsCommand::Import { network, out, earlier } => {
            let network = Network::open(network)?;
            let base = Base::open(&network.base)?;
            let folder = Folder::lock(out)?;
            let vouchers = match earlier {
                Some(file) => load::<Receipts>(file)?.0.vouchers,
                None => Vec::new(),
            };
            let digest_of = |name: &str| Ok(adapter::open(&folder.adapter(name))?.1);
            let receipts = import(&network, &base.digest, digest_of, &vouchers)?;
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
    let bytes = |b: &[u8]| -> String {
        std::iter::once("0x".to_string()).chain(b.iter().map(|x| format!("{x:02x}"))).collect()
    };
    json!({
        "blake3": hex(digest),
        "label": "attested",
        "chain_id": r.domain.chain_id,
        "contract": checksummed(&r.domain.contract),
        "receipts": r.receipts.iter().map(|s| {
            let x = &s.receipt;
            json!({
                "id": s.id, "requestId": bytes(&x.request_id), "model": bytes(&x.model), "adapter": bytes(&x.adapter),
                "promptHash": bytes(&x.prompt_hash), "outputHash": bytes(&x.output_hash),
                "promptTokens": x.prompt_tokens, "cachedTokens": x.cached_tokens, "completionTokens": x.completion_tokens,
                "payer": checksummed(&x.payer), "node": checksummed(&x.node), "fee": x.fee.to_string(),
                "timestamp": x.timestamp, "nonce": x.nonce, "digest": x.digest(&r.domain).to_string(),
                "payerSignature": bytes(&s.payer_signature), "nodeSignature": bytes(&s.node_signature),
            })
        }).collect::<Vec<_>>(),
        "vouchers": r.vouchers.iter().map(|s| json!({
            "payer": checksummed(&s.voucher.payer), "node": checksummed(&s.voucher.node), "adapter": bytes(&s.voucher.adapter),
            "cumulative": s.voucher.cumulative.to_string(), "timestamp": s.voucher.timestamp, "nonce": s.voucher.nonce,
            "signature": bytes(&s.signature),
        })).collect::<Vec<_>>(),
    })
}
