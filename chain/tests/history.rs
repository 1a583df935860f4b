//! Events that contradict each other are found; those that do not are taken in.

use ark_bn254::{Fr, G1Affine};
use ark_ec::AffineRepr as _;
use talea_chain::{
    Log,
    history::{GLOBAL, History},
    numbers,
};
use talea_claims::{domain::Domain, vector::PayoutVector};
use talea_contracts::{
    Address, B256, Bytes, SolEvent, U112, U256,
    abi::{AttributionRegistry as registry, Settlement as settlement},
};

const REGISTRY: Address = Address::repeat_byte(1);
const SETTLEMENT: Address = Address::repeat_byte(2);
const NODE: Address = Address::repeat_byte(3);
const PAYER: Address = Address::repeat_byte(4);
const CONTRIBUTOR: Address = Address::repeat_byte(5);
const ADAPTER: B256 = B256::repeat_byte(6);

fn log(address: Address, event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log {
        address,
        topics: data.topics().to_vec(),
        data: data.data.clone(),
        block: 1,
        transaction: B256::repeat_byte(7),
    }
}

/// What happens in an honest life: an adapter and a node, a deposit, a batch with data, a claim.
struct Life {
    adapter: registry::AdapterRegistered,
    node: registry::NodeRegistered,
    deposit: settlement::Deposited,
    redeemed: settlement::Redeemed,
    settled: settlement::BatchSettled,
    data: settlement::DataPublished,
    claimed: settlement::Claimed,
}

fn life() -> Life {
    let mut vector = PayoutVector::new(Domain::new(5).unwrap(), Fr::from(9u64));
    vector.credit(0, 70).unwrap();
    vector.credit(31, 30).unwrap();
    Life {
        adapter: registry::AdapterRegistered {
            id: ADAPTER,
            model: B256::ZERO,
            datanet: B256::ZERO,
            digest: U256::from(1),
            owner: PAYER,
            base: 0,
            size: 16,
            clusters: 2,
            payees: [vec![CONTRIBUTOR; 2], vec![PAYER; 4]].concat(),
        },
        node: registry::NodeRegistered { node: NODE, slot: 31 },
        deposit: settlement::Deposited { payer: PAYER, from: PAYER, amount: 150 },
        redeemed: settlement::Redeemed { payer: PAYER, node: NODE, adapter: ADAPTER, amount: 100, redeemed: 100 },
        settled: settlement::BatchSettled {
            node: NODE,
            nonce: 4,
            accumulator: GLOBAL,
            epoch: 2,
            shape: B256::ZERO,
            attester: NODE,
            receipts: B256::ZERO,
            commitments: [U256::ZERO; 3],
            payouts: numbers::words(&G1Affine::generator()),
            adapters: vec![ADAPTER],
            fees: vec![100],
        },
        data: settlement::DataPublished {
            opening: [U256::ZERO; 2],
            node: NODE,
            nonce: 4,
            amounts: Bytes::from(vector.encode()),
            rho: U256::from(9),
        },
        claimed: settlement::Claimed {
            accumulator: GLOBAL,
            slot: 0,
            payee: CONTRIBUTOR,
            epoch: 2,
            cumulative: 70,
            amount: 70,
        },
    }
}

impl Life {
    fn read(&self) -> History {
        let mut history = History::new(Domain::new(5).unwrap());
        let logs = [
            log(REGISTRY, &self.adapter),
            log(REGISTRY, &self.node),
            log(SETTLEMENT, &self.deposit),
            log(SETTLEMENT, &self.redeemed),
            log(SETTLEMENT, &self.settled),
            log(SETTLEMENT, &self.data),
            log(SETTLEMENT, &self.claimed),
        ];
        history.read(REGISTRY, SETTLEMENT, &logs);
        history
    }
}

#[test]
fn an_honest_life_is_taken_in() {
    let history = life().read();
    assert_eq!(history.differences, Vec::<String>::new());
    assert_eq!((history.batches.len(), history.claims.len()), (1, 1));
    assert!(history.claims[0].recomputed);
    assert_eq!(history.deposits[&PAYER], 50);
    assert_eq!(history.paid[&(GLOBAL, 0)], 70);
    assert_eq!(history.payees[&0], CONTRIBUTOR);
    // the owner's slot is the first of the last eight
    assert_eq!((history.payees[&8], history.payees.get(&7)), (PAYER, None));
    assert_eq!(history.value(GLOBAL, 2), G1Affine::generator());
    assert_eq!((history.value(GLOBAL, 1), history.last_change(GLOBAL, 1)), (G1Affine::zero(), None));
}

#[test]
fn contradictions_are_found() {
    type Lie = fn(&mut Life);
    let lies: [(&str, Lie); 14] = [
        ("taken of a smaller deposit", |l| l.deposit.amount = 99),
        ("events add up to 100", |l| l.redeemed.redeemed = 101),
        ("vouchers do not add up", |l| l.redeemed.amount = 99),
        ("vouchers do not add up", |l| l.redeemed.adapter = B256::ZERO),
        ("a voucher to", |l| l.redeemed.node = PAYER),
        ("in the accumulator of", |l| l.settled.accumulator = PAYER),
        ("fees or C_pay that are none", |l| l.settled.payouts[1] += U256::from(1)),
        ("outside of the global accumulator", |l| l.settled.accumulator = NODE),
        ("published, but not settled", |l| l.data.nonce = 5),
        ("published amounts that are none", |l| l.data.amounts = l.data.amounts[..39].to_vec().into()),
        ("who was not its payee", |l| l.claimed.payee = NODE),
        ("though it had earned 70", |l| (l.claimed.cumulative, l.claimed.amount) = (71, 71)),
        ("after 0", |l| l.claimed.amount = 69),
        ("given out twice", |l| l.node.slot = 1),
    ];
    for (why, lie) in lies {
        let mut life = life();
        lie(&mut life);
        let found = life.read().differences;
        assert!(found.iter().any(|d| d.contains(why)), "{why}: {found:?}");
    }
}

#[test]
fn a_promotion_moves_a_batch_once() {
    let mut life = life();
    life.settled.accumulator = NODE;
    let mut history = History::new(Domain::new(5).unwrap());
    let promoted = settlement::BatchPromoted {
        node: NODE,
        nonce: 4,
        epoch: 2,
        total: U112::from(100),
        payouts: life.settled.payouts,
    };
    let before = [log(SETTLEMENT, &life.deposit), log(SETTLEMENT, &life.redeemed), log(SETTLEMENT, &life.settled)];
    history.read(REGISTRY, SETTLEMENT, &before);
    assert_eq!(history.value(NODE, 2), G1Affine::generator());
    history.read(REGISTRY, SETTLEMENT, &[log(SETTLEMENT, &promoted), log(SETTLEMENT, &life.data)]);
    assert_eq!((history.value(NODE, 2), history.value(GLOBAL, 2)), (G1Affine::zero(), G1Affine::generator()));
    assert!(history.differences.is_empty(), "{:?}", history.differences);
    history.read(REGISTRY, SETTLEMENT, &[log(SETTLEMENT, &promoted)]);
    assert!(history.differences[0].contains("though it could not be"));
}
