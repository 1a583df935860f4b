//! Sizes of a batch, and where each request sits in it (DESIGN.md §4, batch layout).

pub use talea_formats::batch::BatchShape;

use crate::{
    bounds::{REQUEST_BITS, TOKEN_BITS},
    error::{Error, Result},
};

/// Where a request sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Adapter slot.
    pub slot: u32,
    /// First q slot.
    pub first: u32,
    /// Consecutive q slots.
    pub span: u32,
}

/// A request to place: id, adapter, tokens.
pub type Sized<'a> = (&'a str, usize, usize);

/// The least shape in which every request has a q slot of its own length; an adapter with more than 2^10
/// requests takes several slots.
pub fn fitting(requests: &[Sized<'_>], rows: &[usize]) -> BatchShape {
    let up = |n: usize| u32::try_from(n.max(1).next_power_of_two()).unwrap_or(1 << 31);
    let tokens = up(requests.iter().map(|r| r.2).max().unwrap_or(1)).min(1 << TOKEN_BITS);
    let counts: Vec<usize> = (0..rows.len()).map(|a| requests.iter().filter(|r| r.1 == a).count()).collect();
    let per_slot = up(counts.iter().copied().max().unwrap_or(1)).min(1 << REQUEST_BITS);
    let slots = up(counts.iter().map(|c| c.div_ceil(per_slot as usize)).sum());
    BatchShape { slots, requests: per_slot, tokens, clusters: up(rows.iter().copied().max().unwrap_or(1)) }
}

/// Places requests in order, each into the first slot of its adapter with a free run of q slots, opening a slot
/// when none has one.
pub fn place(shape: &BatchShape, requests: &[Sized<'_>]) -> Result<Vec<Place>> {
    // per open slot: its adapter and the q slots taken, always a prefix
    let mut open: Vec<(usize, u32)> = Vec::new();
    requests
        .iter()
        .map(|&(id, adapter, tokens)| {
            let bad = |found: String, expected: String| Error::input(id, "tokens", found, expected);
            if tokens == 0 || tokens > 1 << TOKEN_BITS {
                return Err(bad(tokens.to_string(), "1 to 2^17 per request".into()));
            }
            let span = (tokens as u32).div_ceil(shape.tokens);
            if span > shape.requests {
                return Err(bad(
                    tokens.to_string(),
                    format!("at most {} in this shape", u64::from(shape.requests) * u64::from(shape.tokens)),
                ));
            }
            let slot = match open.iter().position(|(a, taken)| *a == adapter && taken + span <= shape.requests) {
                Some(slot) => slot,
                None if open.len() < shape.slots as usize => {
                    open.push((adapter, 0));
                    open.len() - 1
                }
                None => {
                    return Err(bad(
                        format!("{tokens} ({span} q slots)"),
                        format!("a free run in the shape's {} slots: none is left", shape.slots),
                    ));
                }
            };
            let first = open[slot].1;
            open[slot].1 += span;
            Ok(Place { slot: slot as u32, first, span })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: BatchShape = BatchShape { slots: 2, requests: 4, tokens: 8, clusters: 4 };

    #[test]
    fn long_requests_take_consecutive_slots_and_busy_adapters_several() {
        let p = place(&SHAPE, &[("a", 0, 8), ("b", 0, 17), ("c", 0, 9), ("d", 0, 1)]).unwrap();
        let of = |slot, first, span| Place { slot, first, span };
        assert_eq!(p, [of(0, 0, 1), of(0, 1, 3), of(1, 0, 2), of(1, 2, 1)]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (requests, says) in [
            (vec![("a", 0, 33)], "a: tokens: found 33, expected at most 32 in this shape"),
            (vec![("a", 0, (1 << 17) + 1)], "a: tokens: found 131073, expected 1 to 2^17 per request"),
            (
                vec![("a", 0, 1), ("b", 1, 1), ("c", 2, 1)],
                "c: tokens: found 1 (1 q slots), expected a free run in the shape's 2 slots: none is left",
            ),
        ] {
            assert_eq!(place(&SHAPE, &requests).unwrap_err().to_string(), says);
        }
        assert!(BatchShape { tokens: 3, ..SHAPE }.check(&[1]).is_err());
        assert!(BatchShape { requests: 2048, ..SHAPE }.check(&[1]).is_err());
        assert!(SHAPE.check(&[5]).is_err());
    }

    #[test]
    fn the_fitting_shape_fits() {
        let many: Vec<String> = (0..1500).map(|i| i.to_string()).collect();
        let requests: Vec<_> = many.iter().map(|id| (id.as_str(), 0, 100)).chain([("x", 1, 3)]).collect();
        let shape = fitting(&requests, &[5, 9]);
        assert_eq!(shape, BatchShape { slots: 4, requests: 1024, tokens: 128, clusters: 16 });
        assert_eq!(place(&shape, &requests).unwrap().last(), Some(&Place { slot: 2, first: 0, span: 1 }));
    }
}
