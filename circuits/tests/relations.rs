//! Batches end to end.

mod common;

use common::batch::{case, shape};

#[test]
fn honest_batches_are_accepted() {
    for seed in 0..12 {
        let case = case(shape(seed % 2 == 0), seed);
        assert_eq!(case.check(case.columns()), Ok(()), "seed {seed}");
    }
}
