//! Settlement under the reference string of a real ceremony's file (srs/tests/data/power6.ptau, made by snarkjs), whose τ nobody here
//! has: payouts are committed to, published, opened and claimed.
//!
//! No wrap is as small as 2^6, so that what verifies proofs here is a contract that accepts everything. All else is real.

use std::path::Path;

use alloy::signers::{SignerSync as _, local::PrivateKeySigner};
use ark_bn254::Fr;
use talea_chain::{
    Chain as _, Error, Transaction,
    audit::challenge,
    deployment::{Steps, ask, datanet_id},
    embedded::Embedded,
    numbers,
};
use talea_claims::{Domain, PayoutVector, SlotPoints, challenge::open_challenge, open::Opening};
use talea_contracts::{
    Address, B256, Bytes, SolCall, SolConstructor as _, SolError as _, SolValue as _, U256,
    abi::{
        AttributionRegistry as Registry, Batch, BatchProof, Data, Redemption, Settlement, SlotClaim, SlotStatement,
        Statement, TestToken,
    },
    compiled, keccak256,
};
use talea_srs::Srs;

const SENDER: Address = Address::repeat_byte(1);
const NODE: Address = Address::repeat_byte(2);
const SHAPE: B256 = B256::repeat_byte(3);
const ADAPTER: B256 = B256::repeat_byte(4);
const MODEL: B256 = B256::repeat_byte(5);
const SIGMA: u8 = 6;
const EPOCH: u64 = 1_000;

fn key(byte: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap()
}

fn sign(key: &PrivateKeySigner, digest: B256) -> Bytes {
    key.sign_hash_sync(&digest).unwrap().as_bytes().to_vec().into()
}

struct Stage {
    chain: Embedded,
    settlement: Address,
    srs: Srs,
    vector: PayoutVector,
}

fn create(chain: &Embedded, what: &str, code: &[u8], arguments: &[u8]) -> Address {
    let data = [code, arguments].concat().into();
    chain.execute(&Transaction { what: what.into(), to: None, data }).unwrap().created.unwrap()
}

fn attempt(stage: &Stage, what: &str, call: &impl SolCall) -> Result<(), Error> {
    let data = call.abi_encode().into();
    stage.chain.execute(&Transaction { what: what.into(), to: Some(stage.settlement), data }).map(drop)
}

fn refused(said: Result<(), Error>, selector: [u8; 4]) {
    assert!(matches!(&said, Err(Error::Reverted { data, .. }) if data.starts_with(&selector)), "{said:?}");
}

/// Contracts, an adapter of two clusters, a node, and a vector of payouts that add up to 1,000.
fn stage() -> Stage {
    let chain = Embedded::new(31_337, SENDER, 1_790_000_000);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../srs/tests/data/power6.ptau");
    let srs = talea_srs::ptau::import(&file, u32::from(SIGMA), &[]).unwrap();
    assert!(!srs.origin.is_dev());
    // PUSH5 (PUSH1 32 PUSH1 0 RETURN) PUSH1 0 MSTORE PUSH1 5 PUSH1 27 RETURN
    let accepts = [0x64, 0x60, 0x20, 0x60, 0, 0xf3, 0x60, 0, 0x52, 0x60, 5, 0x60, 27, 0xf3];
    let verifier = create(&chain, "verifier", &accepts, &[]);
    let setup = Registry::Setup {
        admin: SENDER,
        delay: Default::default(),
        domain: SIGMA,
        shapes: vec![SHAPE],
        verifiers: vec![verifier],
        attesters: vec![key(7).address()],
    };
    let registry =
        create(&chain, "registry", &compiled::registry().code, &Registry::constructorCall { s: setup }.abi_encode());
    let token = create(&chain, "token", &compiled::test_token().code, &[]);
    let setup =
        Settlement::Setup { registry, token, notice: 1, start: 0, length: EPOCH, tau: numbers::words2(&srs.tau) };
    let arguments = Settlement::constructorCall { s: setup }.abi_encode();
    let settlement = create(&chain, "settlement", &compiled::settlement().code, &arguments);
    let mut steps = Steps::new(&chain);
    let role = keccak256("REGISTRAR_ROLE");
    steps.call("role".into(), registry, &Registry::grantRoleCall { role, account: SENDER }).unwrap();
    steps.call("model".into(), registry, &Registry::registerModelCall { digest: MODEL }).unwrap();
    steps.call("datanet".into(), registry, &Registry::registerDatanetCall { name: B256::ZERO }).unwrap();
    let a = Registry::NewAdapter {
        id: ADAPTER,
        model: MODEL,
        datanet: datanet_id(SENDER, B256::ZERO),
        digest: U256::from(9),
        owner: SENDER,
        clusters: 2,
        policy: Registry::Policy { power: 2, bps: [5000, 2000, 1500, 1000, 500] },
    };
    let payees = (10..16).map(Address::repeat_byte).collect();
    steps.call("adapter".into(), registry, &Registry::registerAdapterCall { a, payees }).unwrap();
    steps.call("node".into(), registry, &Registry::registerNodeCall { node: NODE }).unwrap();
    let (payer, amount) = (key(8).address(), U256::from(1_000));
    steps.call("mint".into(), token, &TestToken::mintCall { to: SENDER, amount }).unwrap();
    steps.call("approve".into(), token, &TestToken::approveCall { spender: settlement, value: amount }).unwrap();
    steps.call("deposit".into(), settlement, &Settlement::depositCall { payer, amount: 1_000 }).unwrap();
    let mut vector = PayoutVector::new(Domain::new(u32::from(SIGMA)).unwrap(), Fr::from(77u64));
    [(0, 600), (1, 300), (63, 100)].into_iter().for_each(|(slot, amount)| vector.credit(slot, amount).unwrap());
    Stage { chain, settlement, srs, vector }
}

impl Stage {
    fn points(&self) -> SlotPoints {
        SlotPoints::compute(&self.srs, self.vector.domain(), &self.vector.slots()).unwrap()
    }

    /// A batch that pays the vector, signed by whoever has to.
    fn batch(&self) -> Batch {
        let registry = ask(&self.chain, "registry", self.settlement, &Settlement::registryCall {}).unwrap();
        let known = ask(&self.chain, "adapters", registry, &Registry::adaptersCall { id: ADAPTER }).unwrap();
        let (inputs, requests, receipts) = (U256::from(1), U256::from(2), B256::repeat_byte(6));
        let slot = SlotStatement { adapter: known.digest, policy: known.policy, base: known.base, fees: 1_000 };
        let statement = Statement {
            node: NODE,
            nonce: 0,
            slots: vec![slot],
            nodeSlot: 63,
            receipts,
            inputs,
            requests,
            deltas: U256::ZERO,
            payouts: numbers::words(&self.points().commit(&self.vector).unwrap()),
        };
        let call = Settlement::attestationDigestCall { node: NODE, nonce: 0, inputs, requests, receipts };
        let attested = ask(&self.chain, "attestation", self.settlement, &call).unwrap();
        let (payer, cumulative) = (key(8).address(), 1_000u128);
        let words = (payer, NODE, ADAPTER, U256::from(cumulative), U256::from(5), U256::from(6)).abi_encode();
        let selector = &keccak256("voucherDigest(address,address,bytes32,uint128,uint64,uint64)")[..4];
        let signed = self.chain.call("voucher", self.settlement, [selector, &words].concat().into()).unwrap();
        let redemption = Redemption {
            payer,
            adapter: ADAPTER,
            cumulative,
            timestamp: 5,
            nonce: 6,
            amount: cumulative,
            signature: sign(&key(8), B256::from_slice(&signed)),
        };
        Batch {
            shape: SHAPE,
            statement,
            proof: BatchProof { accumulator: [U256::ZERO; 12], digest: U256::ZERO, proof: Bytes::new() },
            attester: key(7).address(),
            attestation: sign(&key(7), attested),
            redemptions: vec![redemption],
        }
    }

    fn data(&self, batch: &Batch) -> Data {
        let (amounts, rho): (Bytes, U256) = (self.vector.encode().into(), numbers::number(&self.vector.rho()));
        let zeta = challenge(31_337, self.settlement, NODE, 0, &batch.statement.payouts, (&amounts, rho));
        let (_, opening) = open_challenge(&self.srs, &self.vector, &zeta).unwrap();
        Data { amounts, rho, opening: numbers::words(&opening) }
    }
}

#[test]
fn payouts_are_published_and_claimed_under_a_ceremonys_string() {
    let stage = stage();
    let batch = stage.batch();
    let data = stage.data(&batch);
    let mut moved = data.clone();
    let mut amounts = data.amounts.to_vec();
    (amounts[19], amounts[39]) = (amounts[19] + 1, amounts[39] - 1);
    moved.amounts = amounts.into();
    let call = Settlement::settleWithDataCall { batch: batch.clone(), data: moved };
    refused(attempt(&stage, "moved", &call), Settlement::OpeningRejected::SELECTOR);
    attempt(&stage, "settle", &Settlement::settleWithDataCall { batch: batch.clone(), data }).unwrap();
    let epoch = ask(&stage.chain, "epoch", stage.settlement, &Settlement::currentEpochCall {}).unwrap();
    stage.chain.wait_after(u64::from(epoch + 1) * EPOCH).unwrap();
    let all = stage.points().open_all(&stage.vector).unwrap();
    assert_eq!(all.len(), 3);
    let (accumulator, value) = (Address::ZERO, batch.statement.payouts);
    let one = |o: &Opening, more: u128| Settlement::claimCall {
        accumulator,
        epoch,
        value,
        slot: o.slot,
        cumulative: o.amount + more,
        opening: numbers::words(&o.proof),
    };
    refused(attempt(&stage, "more", &one(&all[0], 1)), Settlement::OpeningRejected::SELECTOR);
    attempt(&stage, "one", &one(&all[0], 0)).unwrap();
    let slot = |o: &Opening| SlotClaim { slot: o.slot, cumulative: o.amount, opening: numbers::words(&o.proof) };
    let claims: Vec<SlotClaim> = all.iter().map(slot).collect();
    let mut swapped = claims.clone();
    swapped[2].opening = claims[1].opening;
    let call = Settlement::claimManyCall { accumulator, epoch, value, claims: swapped };
    refused(attempt(&stage, "swapped", &call), Settlement::OpeningRejected::SELECTOR);
    attempt(&stage, "many", &Settlement::claimManyCall { accumulator, epoch, value, claims }).unwrap();
    let token = ask(&stage.chain, "token", stage.settlement, &Settlement::tokenCall {}).unwrap();
    let held = |account| ask(&stage.chain, "balance", token, &TestToken::balanceOfCall { account }).unwrap();
    assert_eq!([Address::repeat_byte(10), Address::repeat_byte(11), NODE].map(held), [600, 300, 100].map(U256::from));
}

/// An opening made with another τ opens nothing here.
#[test]
fn openings_of_another_string_are_refused() {
    let stage = stage();
    let batch = stage.batch();
    let mut data = stage.data(&batch);
    let dev = Srs::dev(u32::from(SIGMA), &[], "another").unwrap();
    let zeta = challenge(31_337, stage.settlement, NODE, 0, &batch.statement.payouts, (&data.amounts, data.rho));
    data.opening = numbers::words(&open_challenge(&dev, &stage.vector, &zeta).unwrap().1);
    refused(
        attempt(&stage, "settle", &Settlement::settleWithDataCall { batch, data }),
        Settlement::OpeningRejected::SELECTOR,
    );
}
