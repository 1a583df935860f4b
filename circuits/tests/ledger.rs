//! The circuits' integers are the ledger's: weights and payouts of random batches against the reference in `witness`.

mod common;

use common::batch::{case, extreme, shape};
use talea_circuits::relations::values::Values;
use talea_witness::{
    batch::payout::{Credit, pay},
    influence::weigh,
    network::{Policy, Roles},
};

fn rounds() -> u64 {
    std::env::var("TALEA_BATCHES").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

#[test]
fn weights_and_payouts_are_the_ledgers() {
    let edges = [(1, 1), (2, 1), (4, 1), (4, -1)].map(|(power, sign)| extreme(power, sign));
    for case in (0..rounds()).map(|seed| case(shape(false), seed)).chain(edges) {
        let (k, q) = (1usize << case.key.shape.clusters, 1usize << case.key.shape.requests);
        let v: &Values = &case.values;
        for (a, slot) in v.slots.iter().enumerate() {
            let b = slot.policy.bps;
            let roles = Roles {
                adapter_owner: (b[1], [1; 20]),
                base_owner: (b[2], [2; 20]),
                node_bps: b[3],
                treasury: (b[4], [3; 20]),
            };
            let policy = Policy { power: slot.policy.power, contributors_bps: b[0], roles, sink: [4; 20] };
            let rows = a * q..(a + 1) * q;
            let influences: Vec<_> =
                rows.clone().map(|i| weigh(v.scores[i * k..(i + 1) * k].to_vec(), policy.power)).collect();
            for (i, influence) in rows.clone().zip(&influences) {
                let cells = i * k..(i + 1) * k;
                assert_eq!(influence.kappa, v.kappa[i]);
                assert_eq!(influence.ranks, v.ranks[cells.clone()]);
                assert_eq!(influence.weights, v.weights[cells]);
            }
            let credits: Vec<Credit<'_>> =
                rows.clone().zip(&influences).map(|(i, influence)| of(v, i, influence)).collect();
            let paid = pay(&policy, &credits, k);
            assert_eq!(paid.pools, v.pools[rows.clone()]);
            assert_eq!(paid.quotients, v.quotients[rows]);
            assert_eq!(paid.clusters, v.amounts[a * k..(a + 1) * k]);
            assert_eq!(paid.roles, v.roles[4 * a..4 * a + 4]);
            assert_eq!(paid.dust, v.dust[a]);
        }
    }
}

fn of<'i>(v: &Values, row: usize, influence: &'i talea_witness::influence::Influence) -> Credit<'i> {
    Credit { fee: v.requests[row].fee, weights: &influence.weights, total: influence.total }
}
