//! Vectors as the contract's bytes, and their sums.

use crate::common::{Seeded, scattered};
use ark_bn254::Fr;
use ark_ff::{One, Zero};
use talea_claims::{Domain, PayoutVector};

fn domain() -> Domain {
    Domain::new(6).unwrap()
}

fn entry(slot: u32, amount: u128) -> Vec<u8> {
    [slot.to_be_bytes().as_slice(), &amount.to_be_bytes()].concat()
}

#[test]
fn bytes_come_back() {
    let mut random = Seeded::new(1);
    for count in 0..64 {
        let mut vector = PayoutVector::new(domain(), random.scalar());
        for (slot, amount) in scattered(&mut random, domain(), count) {
            vector.credit(slot, amount).unwrap();
        }
        let bytes = vector.encode();
        assert_eq!(bytes.len(), 20 * vector.amounts().len());
        assert_eq!(PayoutVector::parse(domain(), &bytes, vector.rho()).unwrap(), vector);
    }
    let edges = [entry(0, 1), entry(62, u128::MAX), entry(63, 2)].concat();
    let vector = PayoutVector::parse(domain(), &edges, Fr::one()).unwrap();
    assert_eq!(vector.amounts().collect::<Vec<_>>(), [(0, 1), (62, u128::MAX), (63, 2)]);
    assert_eq!((vector.encode(), vector.amount(62), vector.amount(5)), (edges, u128::MAX, 0));
    // the contract takes an amount of zero, and it says nothing
    let zero = PayoutVector::parse(domain(), &[entry(3, 0), entry(4, 7)].concat(), Fr::one()).unwrap();
    assert_eq!((zero.slots(), zero.encode()), (vec![4], entry(4, 7)));
}

#[test]
fn malformed_bytes_are_refused_by_name() {
    let cases = [
        (vec![0; 19], "amounts: length: found 19 bytes, expected a multiple of 20"),
        ([entry(1, 1), vec![0]].concat(), "amounts: length: found 21 bytes, expected a multiple of 20"),
        ([entry(5, 1), entry(5, 1)].concat(), "amounts: slot of entry 1: found 5, expected above the one before, 5"),
        ([entry(5, 1), entry(4, 0)].concat(), "amounts: slot of entry 1: found 4, expected above the one before, 5"),
        (entry(64, 1), "amounts: slot of entry 0: found 64, expected below 2^6"),
        ([entry(1, 1), entry(u32::MAX, 1)].concat(), "amounts: slot of entry 1: found 4294967295, expected below 2^6"),
    ];
    for (bytes, says) in cases {
        assert_eq!(PayoutVector::parse(domain(), &bytes, Fr::zero()).unwrap_err().to_string(), says);
    }
}

#[test]
fn sums_are_of_integers_and_all_or_nothing() {
    let of = |rho: u64, amounts: &[(u32, u128)]| {
        let mut vector = PayoutVector::new(domain(), Fr::from(rho));
        amounts.iter().for_each(|(slot, amount)| vector.credit(*slot, *amount).unwrap());
        vector
    };
    let mut sum = of(1, &[(1, 10), (2, u128::MAX - 5)]);
    sum.add(&of(2, &[(2, 5), (9, 4)])).unwrap();
    assert_eq!(sum, of(3, &[(1, 10), (2, u128::MAX), (9, 4)]));
    let before = sum.clone();
    let said = sum.add(&of(7, &[(1, 1), (2, 1), (9, 1)])).unwrap_err().to_string();
    assert_eq!(said, format!("payouts: amount of slot 2: found {} + 1, expected below 2^128", u128::MAX));
    assert_eq!(sum, before);
    assert!(sum.credit(2, 1).is_err() && sum.credit(64, 1).is_err() && sum.credit(2, 0).is_ok());
    assert_eq!(sum, before);
    let other = PayoutVector::new(Domain::new(7).unwrap(), Fr::zero());
    assert_eq!(sum.add(&other).unwrap_err().to_string(), "payouts: domain: found 2^7 slots, expected 2^6");
    // ρ is a scalar, so it wraps
    let mut zero = PayoutVector::new(domain(), -Fr::one());
    zero.add(&of(1, &[])).unwrap();
    assert_eq!(zero, PayoutVector::new(domain(), Fr::zero()));
}
