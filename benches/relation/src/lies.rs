//! What every peer must refuse, and which of its checks must do it.
//!
//! A liar changes one thing and is honest downstream, as in circuits/tests (cheaters.rs, relations.rs). A lie names the checks
//! that see it: with exactly those left out of the circuit it must be *accepted*, with any one of them in, refused. The first half
//! is what makes the second mean something: a prover that merely breaks on strange values would fail it.

use crate::{number::Number, witness::Witness};

/// The parts of a peer's circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// 2^16·U + rem − 2^15 = X·Aᵀ.
    pub product: bool,
    /// D = U·Bᵀ.
    pub outputs: bool,
    /// U in 28 bits, rem in 16.
    pub ranges: bool,
}

impl Checks {
    /// The relation.
    pub const ALL: Self = Self { product: true, outputs: true, ranges: true };

    /// All but these.
    pub fn without(left_out: &[Check]) -> Self {
        let on = |check| !left_out.contains(&check);
        Self { product: on(Check::Product), outputs: on(Check::Outputs), ranges: on(Check::Ranges) }
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self::ALL
    }
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// [`Checks::product`].
    Product,
    /// [`Checks::outputs`].
    Outputs,
    /// [`Checks::ranges`].
    Ranges,
}

/// A lie.
#[derive(Debug, Clone, Copy)]
pub struct Lie {
    /// What is claimed.
    pub name: &'static str,
    /// Which checks see it.
    pub seen_by: &'static [Check],
    /// Changes an honest witness.
    pub tell: fn(&mut Witness),
}

use Check::{Outputs, Product, Ranges};

/// All of them. They need two rows, two coordinates and two outputs.
pub const LIES: &[Lie] = &[
    Lie { name: "U one more, D with it", seen_by: &[Product], tell: |w| move_u(w, 1, 0) },
    Lie { name: "U one less, D with it", seen_by: &[Product], tell: |w| move_u(w, -1, 0) },
    Lie {
        name: "U one more, D as it was",
        seen_by: &[Product, Outputs],
        tell: |w| {
            let d = w.d.clone();
            move_u(w, 1, 0);
            w.d = d;
        },
    },
    Lie {
        name: "U with its sign flipped, D with it",
        seen_by: &[Product],
        tell: |w| {
            let at = nonzero(&w.u);
            w.u[at] = w.u[at].times(-1);
            w.expand();
        },
    },
    Lie {
        name: "two rows' U and rem exchanged, D with them",
        seen_by: &[Product],
        tell: |w| {
            let rank = w.shape.rank;
            w.u.swap(0, rank);
            w.rem.swap(0, rank);
            w.expand();
        },
    },
    Lie { name: "rem another of 16 bits", seen_by: &[Product], tell: |w| w.rem[0] ^= 1 },
    Lie { name: "U one less and rem 2^16 more, D with it", seen_by: &[Ranges], tell: |w| move_u(w, -1, 1 << 16) },
    Lie { name: "U one more and rem 2^16 less, D with it", seen_by: &[Ranges], tell: |w| move_u(w, 1, -(1 << 16)) },
    Lie {
        name: "U rounded down instead of to the nearest, D with it",
        seen_by: &[Ranges],
        tell: |w| {
            // a remainder below 2^15 is where the two differ
            let at = w.rem.iter().position(|rem| *rem < 1 << 15).expect("half of them are");
            w.u[at] = w.u[at].plus(Number::from(-1));
            w.rem[at] += 1 << 16;
            w.expand();
        },
    },
    Lie {
        name: "rem another of 16 bits and U a quotient in the field, D with it",
        seen_by: &[Ranges],
        tell: |w| {
            let by = if w.rem[0] < 0xffff { 1 } else { -1 };
            w.rem[0] += by;
            w.u[0] = w.u[0].plus(Number::from(-by).over(16));
            w.expand();
        },
    },
    Lie {
        name: "X beyond its bound, so that U is beyond its own",
        seen_by: &[Ranges],
        tell: |w| {
            w.x[0] = 1 << 40;
            w.a[0] = w.a[0].abs().max(1 << 10);
            w.project();
            w.expand();
        },
    },
    Lie { name: "X one more", seen_by: &[Product], tell: |w| w.x[1] += 1 },
    Lie {
        name: "X with its sign flipped",
        seen_by: &[Product],
        tell: |w| {
            let at = w.x.iter().position(|x| *x != 0).expect("a number");
            w.x[at] = -w.x[at];
        },
    },
    Lie { name: "A one less", seen_by: &[Product], tell: |w| w.a[1] -= 1 },
    Lie {
        name: "A with its sign flipped",
        seen_by: &[Product],
        tell: |w| {
            let at = w.a.iter().position(|a| *a != 0).expect("a number");
            w.a[at] = -w.a[at];
        },
    },
    Lie { name: "B one more", seen_by: &[Outputs], tell: |w| w.b[1] += 1 },
    Lie {
        name: "B with its sign flipped",
        seen_by: &[Outputs],
        tell: |w| {
            let at = w.b.iter().position(|b| *b != 0).expect("a number");
            w.b[at] = -w.b[at];
        },
    },
    Lie { name: "D one more", seen_by: &[Outputs], tell: |w| w.d[1] = w.d[1].plus(Number::from(1)) },
    Lie { name: "D one less", seen_by: &[Outputs], tell: |w| *last(&mut w.d) = last(&mut w.d).plus(Number::from(-1)) },
    Lie {
        name: "D with its sign flipped",
        seen_by: &[Outputs],
        tell: |w| {
            let at = nonzero(&w.d);
            w.d[at] = w.d[at].times(-1);
        },
    },
    Lie { name: "two outputs exchanged", seen_by: &[Outputs], tell: |w| w.d.swap(0, 1) },
    Lie { name: "two rows' outputs exchanged", seen_by: &[Outputs], tell: |w| w.d.swap(0, w.shape.d_out) },
];

/// Moves a U and its rem, and D with them.
fn move_u(w: &mut Witness, u: i64, rem: i64) {
    // not the first place of all: an index that is off shows here
    let at = w.u.len() - 1;
    w.u[at] = w.u[at].plus(Number::from(u));
    w.rem[at] += rem;
    w.expand();
}

fn nonzero(values: &[Number]) -> usize {
    values.iter().position(|v| *v != Number::from(0)).expect("a number that is not zero")
}

fn last(values: &mut [Number]) -> &mut Number {
    values.last_mut().expect("outputs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::Shape;

    fn holds(w: &Witness, checks: Checks) -> bool {
        let (d_in, rank, d_out) = (w.shape.d_in, w.shape.rank, w.shape.d_out);
        let all = |n: usize, ok: &dyn Fn(usize) -> bool| (0..n).all(ok);
        let product = |at: usize| {
            let (row, coordinate) = (at / rank * d_in, at % rank * d_in);
            let sum: i128 = (0..d_in).map(|i| i128::from(w.x[row + i]) * i128::from(w.a[coordinate + i])).sum();
            w.u[at].times(1 << 16).plus(Number::from(w.rem[at] - (1 << 15))) == Number::new(sum, 0)
        };
        let outputs = |at: usize| {
            let (u, b) = (&w.u[at / d_out * rank..][..rank], &w.b[at % d_out * rank..][..rank]);
            u.iter().zip(b).fold(Number::from(0), |s, (u, b)| s.plus(u.times((*b).into()))) == w.d[at]
        };
        let ranges = |at: usize| {
            let u = w.u[at].integer().is_some_and(|u| (-(1 << 27)..1 << 27).contains(&u));
            u && (0..1 << 16).contains(&w.rem[at])
        };
        (!checks.product || all(w.u.len(), &product))
            && (!checks.outputs || all(w.d.len(), &outputs))
            && (!checks.ranges || all(w.u.len(), &ranges))
    }

    /// Each lie breaks what it says and nothing else, by the definition in integers.
    #[test]
    fn lies_break_what_they_say() {
        let honest = Witness::drawn(Shape { d_in: 16, rank: 2, d_out: 16 }, 3, 7);
        assert!(holds(&honest, Checks::ALL));
        for lie in LIES {
            let mut w = honest.clone();
            (lie.tell)(&mut w);
            assert!(holds(&w, Checks::without(lie.seen_by)), "{}", lie.name);
            for check in lie.seen_by {
                let others: Vec<Check> =
                    [Product, Outputs, Ranges].into_iter().filter(|other| other != check).collect();
                assert!(!holds(&w, Checks::without(&others)), "{} by {check:?}", lie.name);
            }
        }
    }
}
