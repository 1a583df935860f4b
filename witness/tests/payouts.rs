//! 10,000 random batches: paid = fees, to the base unit, whatever the scores, powers, policies and fees.

use alloy_primitives::U256;
use proptest::{prelude::*, test_runner::Config};
use talea_witness::{
    batch::payout::{Credit, SlotPayout, pay},
    bounds::{C_CHECK_BITS, FEE_BITS, P_CHECK_BITS, quotient_shift},
    influence::{Influence, weigh},
    network::{Policy, Roles, WHOLE},
};

fn policy(power: u8, parts: [u16; 5]) -> Policy {
    let [contributors_bps, a, b, node_bps, t] = parts;
    let roles = Roles { adapter_owner: (a, [1; 20]), base_owner: (b, [2; 20]), node_bps, treasury: (t, [3; 20]) };
    Policy { power, contributors_bps, roles, sink: [4; 20] }
}

/// Five basis-point shares that sum to the whole, any of them possibly zero.
fn bps() -> impl Strategy<Value = [u16; 5]> {
    prop::array::uniform4(0u16..=10_000).prop_map(|mut cuts| {
        cuts.sort_unstable();
        [cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], cuts[3] - cuts[2], 10_000 - cuts[3]]
    })
}

/// Fees of every size: zero, one unit, ordinary, and the last below 2^92.
fn fee() -> impl Strategy<Value = u128> {
    prop_oneof![Just(0), Just(1), 1u128..100, 0u128..1 << 70, (1u128 << FEE_BITS) - 3..1 << FEE_BITS]
}

/// Scores of every size and sign, the bound of 75 bits included.
fn score() -> impl Strategy<Value = i128> {
    prop_oneof![Just(0i128), -5i128..5, -(1i128 << 40)..1 << 40, (1i128 << 75) - 2..1 << 75, Just(-(1i128 << 75) + 1)]
}

fn paid(p: &SlotPayout) -> u128 {
    p.clusters.iter().chain(&p.roles).sum::<u128>() + p.dust
}

/// §3.6 once more, plainly: one request and one cluster at a time.
fn again(policy: &Policy, fees: &[u128], influences: &[Influence], clusters: usize) -> Vec<u128> {
    let s = quotient_shift(policy.power) as usize;
    (0..clusters)
        .map(|k| {
            let mut sum = U256::ZERO;
            for (fee, i) in fees.iter().zip(influences).filter(|(_, i)| i.total > 0) {
                let pool = U256::from(*fee) * U256::from(policy.contributors_bps) / U256::from(WHOLE);
                sum += (pool << s) / U256::from(i.total) * U256::from(i.weights[k]);
            }
            (sum >> s).to::<u128>()
        })
        .collect()
}

proptest! {
    #![proptest_config(Config { cases: 10_000, failure_persistence: None, ..Config::default() })]
    #[test]
    fn paid_equals_fees(
        power in prop::sample::select(vec![1u8, 2, 4]),
        parts in bps(),
        clusters in 1usize..6,
        requests in prop::collection::vec((fee(), prop::collection::vec(score(), 6)), 1..8),
        split in 0usize..8,
    ) {
        let policy = policy(power, parts);
        let fees: Vec<u128> = requests.iter().map(|r| r.0).collect();
        let influences: Vec<Influence> = requests.iter().map(|r| weigh(r.1[..clusters].to_vec(), power)).collect();
        let credits: Vec<Credit<'_>> = fees.iter().zip(&influences).map(|(fee, i)| Credit { fee: *fee, weights: &i.weights, total: i.total }).collect();
        let total: u128 = fees.iter().sum();

        let whole = pay(&policy, &credits, clusters);
        prop_assert_eq!(whole.fees, total);
        prop_assert_eq!(paid(&whole), total);
        prop_assert_eq!(&whole.clusters, &again(&policy, &fees, &influences, clusters));
        prop_assert!(whole.fees < 1 << P_CHECK_BITS && u128::BITS >= C_CHECK_BITS);

        // a busy adapter fills several slots: each floors for itself, and together they still pay the fees
        let (left, right) = credits.split_at(split.min(credits.len()));
        let slots = [pay(&policy, left, clusters), pay(&policy, right, clusters)];
        prop_assert_eq!(slots.iter().map(paid).sum::<u128>(), total);
        for k in 0..clusters {
            let apart: u128 = slots.iter().map(|s| s.clusters[k]).sum();
            prop_assert!(apart <= whole.clusters[k] && whole.clusters[k] - apart <= 1);
        }

        for (i, (pool, c)) in influences.iter().zip(whole.pools.iter().zip(&whole.quotients)) {
            prop_assert!(i.total == 0 || i.ranks.iter().any(|r| *r >= 1 << 19));
            if i.total == 0 {
                prop_assert_eq!(*c, 0); // and the whole pool is dust
            } else {
                let spent = U256::from(*c) * U256::from(i.total);
                let pool = U256::from(*pool) << quotient_shift(power) as usize;
                prop_assert!(spent <= pool && pool - spent < U256::from(i.total));
            }
        }
    }
}

#[test]
fn without_positive_influence_the_pool_goes_to_the_sink() {
    let i = weigh(vec![-7, 0], 4);
    let p = pay(
        &policy(4, [5000, 2000, 1500, 1000, 500]),
        &[Credit { fee: 1_000_001, weights: &i.weights, total: i.total }],
        2,
    );
    assert_eq!((p.clusters, p.roles, p.dust), (vec![0, 0], [200_000, 150_000, 100_000, 50_000], 500_001));
}

/// A worked example of docs/semantics.md §8.
#[test]
fn worked_example() {
    let i = weigh(vec![200, -300, 150], 2);
    let p = pay(
        &policy(2, [5000, 2000, 1500, 1000, 500]),
        &[Credit { fee: 1_000_003, weights: &i.weights, total: i.total }],
        3,
    );
    assert_eq!(i.ranks, [819_200, 0, 614_400]);
    assert_eq!((p.pools[0], p.quotients[0]), (500_001, 8_796_110_614_394));
    assert_eq!(
        (p.clusters.as_slice(), p.roles, p.dust),
        (&[320_000, 0, 180_000][..], [200_000, 150_000, 100_000, 50_000], 3)
    );
}
