//! The columns of a batch by name, and the lookups that bound them.
//!
//! Indices name the lowest variable first: feature or output i, j, coordinate ρ, token t, q slot q, cluster k, role r, adapter
//! slot a. A number beside a column is its bits where a lookup bounds it.

use std::ops::Range;

use ark_bn254::Fr;

use super::{
    adapter::AdapterLayout,
    shape::{Shape, blocks, log},
};
use crate::{
    columns::{ColumnId, Columns, Layout, chunk_vars},
    lookup::{
        Entry, Form, Lookups, Malformed, Table, Values,
        range::{self, Limbs, Number},
    },
};

/// Bits of U + 2^27.
pub const U_BITS: usize = 28;
/// Bits that the rounding of U drops.
pub const U_SHIFT: usize = 16;
/// Bits of |S|.
pub const S_BITS: usize = 80;
/// Bits of R.
pub const R_BITS: usize = 20;
/// Bits of fees and pools.
pub const FEE_BITS: usize = 92;
/// Bits of remainders by 10^4.
pub const BPS_BITS: usize = 14;
/// Bits of c.
pub const C_BITS: usize = 128;
/// Bits of remainders by W or 2^s_p.
pub const REST_BITS: usize = 96;
/// Bits of amounts.
pub const AMOUNT_BITS: usize = 112;

/// A run of places of U that is a power of two long.
#[derive(Debug, Clone)]
pub struct Cube {
    /// The first place.
    pub first: usize,
    /// How many.
    pub places: usize,
    /// U + 2^27, index (ρ, t, q, place): 28.
    pub u: Limbs,
    /// Uacc + 2^15 mod 2^16: 16.
    pub rem: Limbs,
}

/// Chunks of one commitment in the statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// Per adapter slot.
    pub adapters: Vec<Range<usize>>,
    /// C_X.
    pub x: Range<usize>,
    /// C_req.
    pub requests: Range<usize>,
    /// C_D.
    pub deltas: Range<usize>,
    /// Everything else.
    pub main: Range<usize>,
}

/// Every column of a batch.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Registered weights and indices, per adapter slot.
    pub adapters: Vec<AdapterLayout>,
    /// X, one per [`Shape::inputs`], index (i, t, q).
    pub x: Vec<ColumnId>,
    /// Fee, index (q, a): 92.
    pub fee: Limbs,
    /// Tokens, (q, a).
    pub tokens: ColumnId,
    /// The q slot that a request begins at, (q, a): itself, unless a slot continues another.
    pub head: ColumnId,
    /// The receipt's hash in four words of 64 bits, (q, a); in no relation, but committed.
    pub receipt: [ColumnId; 4],
    /// D, one per [`Shape::outputs`], (j, t, q).
    pub d: Vec<ColumnId>,
    /// U.
    pub cubes: Vec<Cube>,
    /// 1 for a request's tokens, 0 for padding, (t, q, a).
    pub mask: ColumnId,
    /// How far a token is from the border of the mask, (t, q, a): as many as tokens.
    pub border: Limbs,
    /// 1 where q slot q belongs to the request that begins at h, (q, h, a).
    pub belongs: ColumnId,
    /// 1 where S ≥ 0, (k, q, a).
    pub positive: ColumnId,
    /// S or −S−1, (k, q, a): 80.
    pub size: Limbs,
    /// R without its highest bit, (k, q, a): 19.
    pub rank: Limbs,
    /// That bit.
    pub top: ColumnId,
    /// 1 at a cluster with R ≥ 2^19, (k, q, a).
    pub pick: ColumnId,
    /// 2^20·S⁺ mod 2^κ, (k, q, a): 80.
    pub rest: Limbs,
    /// 2^κ − 1 − rest: 80.
    pub gap: Limbs,
    /// R², (k, q, a).
    pub square: ColumnId,
    /// w, in two columns, (k, q, a).
    pub weight: [ColumnId; 2],
    /// 2^κ, in two columns, (q, a).
    pub power: [ColumnId; 2],
    /// 1 where no score is positive, (q, a).
    pub none: ColumnId,
    /// Contributors' pool, (q, a): 92, and remainder and its distance from 10^4 − 1: 14.
    pub pool: [Limbs; 3],
    /// c, (q, a): 128, and remainder and its distance from W − 1: 96.
    pub quotient: [Limbs; 3],
    /// P, (k, a): 112, and remainder and its distance from 2^s_p − 1: 96.
    pub amount: [Limbs; 3],
    /// Amounts of the roles in the order of docs/semantics.md §8, (r, a): 112, remainder and distance: 14.
    pub role: [Limbs; 3],
    /// Dust, (a): 112.
    pub dust: Limbs,
    /// Multiplicities of the range table and of the table of powers of two.
    pub multiplicities: [ColumnId; 2],
    /// log₂ of the range table.
    pub range: usize,
}

/// log₂ of the table of powers of two: 2^0 … 2^80, and 2^0 again.
pub const POWERS: usize = 7;

impl Parts {
    /// Every column and chunk of a shape.
    pub fn new(shape: &Shape) -> (Self, Layout, Groups) {
        let (mut layout, mut groups, mut adapters) = (Layout::default(), Groups::default(), Vec::new());
        for a in &shape.adapters {
            let (own, columns) = AdapterLayout::behind(a, &layout);
            adapters.push(own);
            groups.adapters.push(layout.join(columns));
        }
        let (k, q, t, a, rho) = (shape.clusters, shape.requests, shape.tokens, shape.slots(), shape.rank());
        let (cell, row, range) = (k + q + a, q + a, range_bits(shape));
        let limbs = |to: &mut Columns, name, vars, bits| Limbs::new(to, name, vars, bits, range);

        let mut own_x = Columns::behind(&layout);
        let x = shape.inputs().iter().map(|b| own_x.push("x", b.vars + t + q)).collect();

        let mut to = Columns::after(&own_x);
        let fee = limbs(&mut to, "fee", row, FEE_BITS);
        let (tokens, head) = (to.push("tokens", row), to.push("head", row));
        let receipt = [(); 4].map(|()| to.push("receipt", row));
        let own_requests = to;

        let mut own_d = Columns::after(&own_requests);
        let d = shape.outputs().iter().map(|b| own_d.push("d", b.vars + t + q)).collect();

        let mut to = Columns::after(&own_d);
        let cube = |(first, vars): (usize, usize)| Cube {
            first,
            places: 1 << vars,
            u: limbs(&mut to, "u", rho + t + q + vars, U_BITS),
            rem: limbs(&mut to, "rem", rho + t + q + vars, U_SHIFT),
        };
        let cubes = blocks(shape.places().len()).into_iter().map(cube).collect();
        let divided = |to: &mut Columns, name: [&'static str; 3], vars, [value, rest]: [usize; 2]| {
            [(name[0], value), (name[1], rest), (name[2], rest)].map(|(name, bits)| limbs(to, name, vars, bits))
        };
        let pool = divided(&mut to, ["pool", "pool rest", "pool gap"], row, [FEE_BITS, BPS_BITS]);
        let quotient = divided(&mut to, ["quotient", "quotient rest", "quotient gap"], row, [C_BITS, REST_BITS]);
        let amount = divided(&mut to, ["amount", "amount rest", "amount gap"], k + a, [AMOUNT_BITS, REST_BITS]);
        let role = divided(&mut to, ["role", "role rest", "role gap"], 2 + a, [AMOUNT_BITS, BPS_BITS]);
        let parts = Self {
            adapters,
            x,
            fee,
            tokens,
            head,
            receipt,
            d,
            cubes,
            mask: to.push("mask", t + row),
            border: limbs(&mut to, "border", t + row, t),
            belongs: to.push("belongs", q + row),
            positive: to.push("positive", cell),
            size: limbs(&mut to, "size", cell, S_BITS),
            rank: limbs(&mut to, "rank", cell, R_BITS - 1),
            top: to.push("top", cell),
            pick: to.push("pick", cell),
            rest: limbs(&mut to, "rest", cell, S_BITS),
            gap: limbs(&mut to, "gap", cell, S_BITS),
            square: to.push("square", cell),
            weight: [(); 2].map(|()| to.push("weight", cell)),
            power: [(); 2].map(|()| to.push("power", row)),
            none: to.push("none", row),
            pool,
            quotient,
            amount,
            role,
            dust: limbs(&mut to, "dust", a, AMOUNT_BITS),
            multiplicities: [to.push("multiplicities", range), to.push("multiplicities", POWERS)],
            range,
        };
        let most = chunk_vars(&[&own_x, &own_requests, &own_d, &to]);
        let mut join = |columns| layout.join_within(columns, most);
        (groups.x, groups.requests, groups.deltas, groups.main) =
            (join(own_x), join(own_requests), join(own_d), join(to));
        (parts, layout, groups)
    }

    /// All lookups: every limb in the range table, every 2^κ among the powers of two.
    ///
    /// # Errors
    /// None for the parts of a layout.
    pub fn lookups(&self, shape: &Shape, layout: &Layout) -> Result<Lookups, Malformed> {
        let cubes = self.cubes.iter().flat_map(|c| [&c.u, &c.rem]);
        let single = [&self.fee, &self.border, &self.size, &self.rank, &self.rest, &self.gap, &self.dust];
        let triples = [&self.pool, &self.quotient, &self.amount, &self.role].into_iter().flatten();
        let limbs = cubes.chain(single).chain(triples);
        let mut entries: Vec<Entry> = limbs.flat_map(|l| l.entries(0)).collect();
        let power = Form { terms: Number::pair(self.power).0, constant: Fr::from(0u64) };
        entries.push(Entry { vars: shape.requests + shape.slots(), forms: vec![power], table: 1 });
        let [range, powers] = self.multiplicities;
        let listed = (0..1u32 << POWERS).map(|i| Fr::from(if i <= S_BITS as u32 { 1u128 << i } else { 1 })).collect();
        let tables = vec![
            Table { vars: self.range, values: Values::Range, multiplicities: range },
            Table { vars: POWERS, values: Values::Listed(vec![listed]), multiplicities: powers },
        ];
        Lookups::new(layout, entries, tables)
    }

    /// U + 2^27 at a place, as weights of its slices: (limb's column, slice, factor).
    pub fn u_at(&self, place: usize) -> Vec<(ColumnId, usize, Fr)> {
        self.of_place(place, |cube| &cube.u)
    }

    /// rem at a place.
    pub fn rem_at(&self, place: usize) -> Vec<(ColumnId, usize, Fr)> {
        self.of_place(place, |cube| &cube.rem)
    }

    fn of_place(&self, place: usize, limbs: impl Fn(&Cube) -> &Limbs) -> Vec<(ColumnId, usize, Fr)> {
        let inside = |c: &&Cube| (c.first..c.first + c.places).contains(&place);
        let Some(cube) = self.cubes.iter().find(inside) else { return Vec::new() };
        let terms = limbs(cube).number().0.into_iter();
        terms.map(|(factor, id)| (id, place.saturating_sub(cube.first), factor)).collect()
    }
}

/// The range table that costs least for the numbers of a batch.
fn range_bits(shape: &Shape) -> usize {
    let (k, q, a) = (shape.clusters, shape.requests, shape.slots());
    let (cells, row) = (log(shape.places().len()) + shape.rank() + shape.tokens + q, q + a);
    let mut numbers = vec![(cells, U_BITS), (cells, U_SHIFT), (shape.tokens + row, shape.tokens)];
    numbers.extend([S_BITS, R_BITS - 1, S_BITS, S_BITS].map(|bits| (k + row, bits)));
    numbers.extend([FEE_BITS, FEE_BITS, BPS_BITS, BPS_BITS, C_BITS, REST_BITS, REST_BITS].map(|bits| (row, bits)));
    numbers.extend([AMOUNT_BITS, REST_BITS, REST_BITS].map(|bits| (k + a, bits)));
    numbers.extend([AMOUNT_BITS, BPS_BITS, BPS_BITS].map(|bits| (2 + a, bits)));
    numbers.push((a, AMOUNT_BITS));
    range::width(&numbers)
}
