//! Payouts of one adapter slot (DESIGN.md §3.6), exact in integers.
//!
//! | symbol | here | bits |
//! |---|---|---|
//! | f_q, pool_q | `fee`, `pool` | 92 |
//! | s_p = 32+16p | [`quotient_shift`] | |
//! | c_q = floor(pool·2^s_p / W), 0 if W = 0 | `quotient` | ≤ 121 |
//! | P\[k\] = floor(Σ_q c_q·w\[q,k\] / 2^s_p) | [`SlotPayout::clusters`] | ≤ 102 |
//! | F_a, role_r = floor(bps·F/10^4) | `fees`, `roles` | ≤ 102 |
//! | dust = F − ΣP − Σroles, to the sink | `dust` | ≤ 102 |

use alloy_primitives::U256;

use crate::{
    bounds::quotient_shift,
    network::{Policy, WHOLE},
};

/// One request as payouts see it.
pub struct Credit<'a> {
    /// Fee, below 2^92.
    pub fee: u128,
    /// w per cluster.
    pub weights: &'a [u128],
    /// W = Σw.
    pub total: u128,
}

/// What a slot pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotPayout {
    /// pool per request.
    pub pools: Vec<u128>,
    /// c per request.
    pub quotients: Vec<u128>,
    /// P per cluster.
    pub clusters: Vec<u128>,
    /// F_a.
    pub fees: u128,
    /// Adapter owner, base-model owner, node, treasury.
    pub roles: [u128; 4],
    /// What is left, for the sink.
    pub dust: u128,
}

/// Roles' basis points in their frozen order.
pub fn role_bps(policy: &Policy) -> [u16; 4] {
    let r = &policy.roles;
    [r.adapter_owner.0, r.base_owner.0, r.node_bps, r.treasury.0]
}

/// `floor(amount·bps/10^4)`; below 2^116 before the division.
pub fn share(amount: u128, bps: u16) -> u128 {
    amount * u128::from(bps) / u128::from(WHOLE)
}

/// `⌊c·w / 2^s_p⌋`: what one request alone brings a cluster, before requests are added up and floored once.
pub fn part(quotient: u128, rank: u32, power: u8) -> u128 {
    let w = u128::from(rank).pow(u32::from(power));
    ((U256::from(quotient) * U256::from(w)) >> quotient_shift(power) as usize).saturating_to()
}

/// Pays a slot's requests out over its clusters.
///
/// # Panics
/// If a policy's basis points exceed 10,000, which its loader refuses: nothing else can make the dust negative.
pub fn pay(policy: &Policy, requests: &[Credit<'_>], clusters: usize) -> SlotPayout {
    let shift = quotient_shift(policy.power) as usize;
    let mut numerators = vec![U256::ZERO; clusters];
    let (mut pools, mut quotients) = (Vec::new(), Vec::new());
    for q in requests {
        let pool = share(q.fee, policy.contributors_bps);
        let c = if q.total == 0 { U256::ZERO } else { (U256::from(pool) << shift) / U256::from(q.total) };
        for (sum, w) in numerators.iter_mut().zip(q.weights) {
            *sum += c * U256::from(*w);
        }
        pools.push(pool);
        quotients.push(c.to::<u128>());
    }
    let clusters: Vec<u128> = numerators.into_iter().map(|n| (n >> shift).to::<u128>()).collect();
    let fees: u128 = requests.iter().map(|q| q.fee).sum();
    let roles = role_bps(policy).map(|bps| share(fees, bps));
    let paid = clusters.iter().chain(&roles).sum::<u128>();
    let dust = fees.checked_sub(paid).expect("floors of shares that sum to at most the whole");
    SlotPayout { pools, quotients, clusters, fees, roles, dust }
}
