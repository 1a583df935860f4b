//! What is offered for gas, and how much at most.
//!
//! What a chain asks for is a node's word, and so is that a fee is too low. There is nobody else to ask, so that both are believed up to a
//! bound that the account's owner sets, and nothing beyond it is signed.

use alloy::providers::{
    Provider as _,
    utils::{Eip1559Estimation, Eip1559Estimator},
};

use super::Rpc;
use crate::{Error, Result};

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// Fees of a replacement are so many percent of the old ones.
const RAISE: u128 = 125;

/// Nodes take no replacement of fewer percent.
const LEAST: u128 = 110;

/// What a transaction offers, in wei for a unit of gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fees {
    /// All told.
    pub(super) all: u128,
    /// What of it is above the chain's own fee.
    pub(super) tip: u128,
}

impl Fees {
    /// Those of the next form; none where the bound leaves no step that a node takes.
    pub(super) fn raised(self, asked: Self, most: u128) -> Option<Self> {
        let more = |fee: u128, asked: u128| percent(fee, RAISE).max(asked.min(fee.saturating_mul(2)));
        let all = more(self.all, asked.all).min(most);
        let tip = more(self.tip, asked.tip).min(all);
        (all >= percent(self.all, LEAST)).then_some(Self { all, tip })
    }
}

/// So many percent of a fee, and one more, for one percent of few wei is none.
fn percent(fee: u128, percent: u128) -> u128 {
    (fee.saturating_mul(percent) / 100).saturating_add(1)
}

/// Twice the newest block's base fee, which lasts for a while, and what transactions of late gave above it: the middle one of those that
/// gave anything. It is what alloy computes, where numbers that no chain has do not overflow.
fn estimate(base: u128, rewards: &[Vec<u128>]) -> Eip1559Estimation {
    let mut given: Vec<u128> = rewards.iter().filter_map(|r| r.first().copied()).filter(|r| *r > 0).collect();
    given.sort_unstable();
    let at = |i: usize| given.get(i).copied().unwrap_or(1);
    let half = given.len() / 2;
    let middle = if given.len() % 2 == 1 { at(half) } else { at(half.saturating_sub(1)).midpoint(at(half)) };
    Eip1559Estimation {
        max_fee_per_gas: base.saturating_mul(2).saturating_add(middle),
        max_priority_fee_per_gas: middle,
    }
}

impl Rpc {
    /// What the chain asks for now.
    pub(super) fn asked(&self) -> Result<Fees> {
        let estimator = Eip1559Estimator::new(estimate);
        let now = self.ask(async { self.provider.estimate_eip1559_fees_with(estimator).await })?;
        Ok(Fees { all: now.max_fee_per_gas, tip: now.max_priority_fee_per_gas })
    }

    /// Nothing is signed that offers more than the bound.
    pub(super) fn bounded(&self, what: &str, fees: Fees) -> Result<()> {
        if fees.all > self.patience.most {
            return Err(Error::Refused { what: what.into(), why: self.too_dear(fees) });
        }
        Ok(())
    }

    /// Why nothing is signed.
    pub(super) fn too_dear(&self, asked: Fees) -> String {
        let most = gwei(self.patience.most);
        format!("the chain asks for {} gwei per gas, and {most} are offered at most (--max-fee)", gwei(asked.all))
    }
}

fn gwei(wei: u128) -> String {
    let text = format!("{}.{:09}", wei / GWEI, wei % GWEI);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use alloy::providers::utils::eip1559_default_estimator;

    use super::*;

    #[test]
    fn estimates_are_alloys() {
        let lists: [&[u128]; 6] = [&[], &[0, 0], &[5], &[7, 0, 3], &[9, 1, 4, 2], &[u64::MAX.into(), 1, 2]];
        for given in lists {
            let mut rewards: Vec<Vec<u128>> = given.iter().map(|r| vec![*r, 100]).collect();
            for _ in 0..2 {
                for base in [0, 1, 30 * GWEI] {
                    assert_eq!(estimate(base, &rewards), eip1559_default_estimator(base, &rewards), "{given:?}");
                }
                rewards.push(Vec::new());
            }
        }
    }

    #[test]
    fn numbers_that_no_chain_has_do_not_overflow() {
        let max = u128::MAX;
        let both = Eip1559Estimation { max_fee_per_gas: max, max_priority_fee_per_gas: max };
        assert_eq!(estimate(max, &[vec![max], vec![max]]), both);
        assert_eq!(estimate(1, &[vec![max], vec![max]]), both);
        assert_eq!(estimate(max, &[]).max_fee_per_gas, max);
        let fees = Fees { all: max, tip: max };
        assert_eq!(fees.raised(fees, max), Some(fees));
    }

    #[test]
    fn raises_stop_at_the_bound() {
        let fees = |all, tip| Fees { all, tip };
        assert_eq!(fees(100, 10).raised(fees(0, 0), 1_000), Some(fees(126, 13)));
        // as far as the chain asks, and no further than twice
        assert_eq!(fees(100, 10).raised(fees(150, 18), 1_000), Some(fees(150, 18)));
        assert_eq!(fees(100, 10).raised(fees(900, 900), 1_000), Some(fees(200, 20)));
        // a last step that a node takes, and none that it does not
        assert_eq!(fees(100, 100).raised(fees(900, 900), 111), Some(fees(111, 111)));
        assert_eq!(fees(100, 10).raised(fees(900, 900), 110), None);
        assert_eq!(fees(100, 10).raised(fees(900, 900), 50), None);
        // whatever is asked, in every step
        let (mut last, mut steps) = (fees(1, 1), 0);
        while let Some(next) = last.raised(fees(u128::MAX, u128::MAX), 500 * GWEI) {
            assert!(next.all > last.all && next.all <= 500 * GWEI && next.tip <= next.all, "{next:?}");
            (last, steps) = (next, steps + 1);
        }
        assert!(last.all >= 450 * GWEI && steps < 50, "{last:?} after {steps}");
    }

    #[test]
    fn wei_are_said_in_gwei() {
        let said = [0, 1, GWEI / 2, 500 * GWEI, u128::MAX].map(gwei);
        assert_eq!(said, ["0", "0.000000001", "0.5", "500", "340282366920938463463374607431.768211455"]);
    }
}
