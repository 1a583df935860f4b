//! Sizes of a batch and its adapters: what a key binds.

use crate::columns::hash_number;

/// A module of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// Number of its input tensor.
    pub input: usize,
    /// Width of its input.
    pub d_in: usize,
    /// Width of its output.
    pub d_out: usize,
}

/// Sizes of a registered adapter and its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterShape {
    /// Number of input tensors.
    pub inputs: usize,
    /// Modules in coordinate order.
    pub modules: Vec<Module>,
    /// log₂ of the coordinates that each module has room for.
    pub rank: usize,
    /// log₂ of the clusters that the index has room for.
    pub clusters: usize,
}

impl AdapterShape {
    /// Refuses sizes beyond the bounds of docs/semantics.md §9.
    ///
    /// # Errors
    /// Which.
    pub fn check(&self) -> Result<(), BadShape> {
        let bounds = [
            ("modules", self.modules.len(), 1, 1 << 16, "1 to 2^16"),
            ("inputs", self.inputs, 1, self.modules.len(), "1 to the number of modules"),
            ("log rank", self.rank, 0, 8, "at most 8"),
            ("log clusters of an adapter", self.clusters, 0, 10, "at most 10"),
        ];
        for (what, found, least, most, expected) in bounds {
            fits(what, found, (least..=most).contains(&found), expected)?;
        }
        let mut widths = vec![None; self.inputs];
        for m in &self.modules {
            let own = widths.get_mut(m.input);
            fits("input of a module", m.input, own.is_some(), "below the number of inputs")?;
            fits("width of an input", m.d_in, (1..=1 << 20).contains(&m.d_in), "1 to 2^20")?;
            fits("width of an output", m.d_out, (1..=1 << 20).contains(&m.d_out), "1 to 2^20")?;
            let first = own.map_or(m.d_in, |own| *own.get_or_insert(m.d_in));
            fits("widths of an input", m.input, first == m.d_in, "one")?;
        }
        match widths.iter().position(Option::is_none) {
            Some(input) => fits("an input that no module reads", input, false, "none"),
            None => Ok(()),
        }
    }

    /// Its digest: two adapters of different sizes have different ones, even behind equal points.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("talea 1 adapter sizes");
        self.describe(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    fn describe(&self, hasher: &mut blake3::Hasher) {
        [self.inputs, self.rank, self.clusters, self.modules.len()].into_iter().for_each(|n| hash_number(hasher, n));
        self.modules.iter().flat_map(|m| [m.input, m.d_in, m.d_out]).for_each(|n| hash_number(hasher, n));
    }

    /// log₂ of the payout slots that it owns, from an aligned base on: twice its clusters, at least 16. The last eight are those
    /// of [`Role`].
    pub fn slots(&self) -> usize {
        (self.clusters + 1).max(4)
    }
}

/// The last eight payout slots of an adapter, by place from the end of its clusters' range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owner of the adapter.
    AdapterOwner = 0,
    /// Owner of the base model.
    BaseOwner = 1,
    /// The treasury.
    Treasury = 2,
    /// Rounding and unattributed pools.
    Sink = 3,
}

/// log₂ of the most cells that a column may have.
const MOST_VARS: usize = 28;

/// Payout slots of roles; four are in reserve.
pub const ROLES: usize = 8;

/// Sizes of a batch, in powers of two but for the list of slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The adapter of every adapter slot: one at least.
    pub adapters: Vec<AdapterShape>,
    /// log₂ of the q slots of an adapter slot.
    pub requests: usize,
    /// log₂ of the tokens of a q slot.
    pub tokens: usize,
    /// log₂ of the clusters of an adapter slot.
    pub clusters: usize,
    /// Are the outputs D = U·Bᵀ proven?
    pub deltas: bool,
    /// log₂ of the payout slots of the registry.
    pub domain: usize,
}

/// A shape for which there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shape: {what}: found {found}, expected {expected}")]
pub struct BadShape {
    what: &'static str,
    found: usize,
    expected: &'static str,
}

fn fits(what: &'static str, found: usize, fits: bool, expected: &'static str) -> Result<(), BadShape> {
    if fits { Ok(()) } else { Err(BadShape { what, found, expected }) }
}

/// Parts of a width that are powers of two, largest first: beginning and log₂ of each. Widths are split, not padded.
pub fn blocks(width: usize) -> Vec<(usize, usize)> {
    let bits = (0..usize::BITS as usize).rev().filter(|b| width >> b & 1 == 1);
    let mut from = 0;
    bits.map(|b| {
        let begin = from;
        from += 1 << b;
        (begin, b)
    })
    .collect()
}

/// The least log₂ that counts up to n.
pub fn log(n: usize) -> usize {
    n.max(1).next_power_of_two().trailing_zeros() as usize
}

/// An input tensor's block: one column of X.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputBlock {
    /// Adapter slot.
    pub slot: usize,
    /// Input tensor of its adapter.
    pub input: usize,
    /// First feature.
    pub begin: usize,
    /// log₂ of its features.
    pub vars: usize,
}

/// A module of a slot's adapter: one of the places of U.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Adapter slot.
    pub slot: usize,
    /// Module of its adapter.
    pub module: usize,
}

/// An output's block: one column of D.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputBlock {
    /// Number of its [`Place`].
    pub place: usize,
    /// Number of the block in its module.
    pub block: usize,
    /// First output.
    pub begin: usize,
    /// log₂ of its outputs.
    pub vars: usize,
}

impl Shape {
    /// Refuses sizes beyond the bounds of docs/semantics.md §9, and those that do not fit together.
    ///
    /// # Errors
    /// Which.
    pub fn check(&self) -> Result<(), BadShape> {
        let slots = self.adapters.len();
        fits("adapter slots", slots, (1..=1 << 10).contains(&slots), "1 to 2^10")?;
        fits("log requests", self.requests, self.requests <= 10, "at most 10")?;
        fits("log tokens", self.tokens, self.tokens <= 17, "at most 17")?;
        fits("log clusters", self.clusters, self.clusters <= 10, "at most 10")?;
        fits("log payout slots", self.domain, (4..=24).contains(&self.domain), "4 to 24")?;
        self.adapters.iter().try_for_each(AdapterShape::check)?;
        for a in &self.adapters {
            fits("log clusters of an adapter", a.clusters, a.clusters <= self.clusters, "at most the batch's")?;
            fits("log payout slots of an adapter", a.slots(), a.slots() <= self.domain, "at most the registry's")?;
        }
        let places = self.places().len();
        fits("places", places, places <= 1 << 16, "at most 2^16")?;
        let rows = self.tokens + self.requests;
        let columns = [
            self.inputs().iter().map(|b| b.vars + rows).max().unwrap_or(0),
            self.outputs().iter().map(|b| b.vars + rows).max().unwrap_or(0),
            self.rank() + rows + log(places),
            self.clusters + self.requests + self.slots(),
            2 * self.requests + self.slots(),
            self.tokens + self.requests + self.slots(),
        ];
        let largest = columns.into_iter().max().unwrap_or(0);
        fits("log cells of a column", largest, largest <= MOST_VARS, "at most 28, which a public reference string has")
    }

    /// log₂ of the adapter slots.
    pub fn slots(&self) -> usize {
        log(self.adapters.len())
    }

    /// log₂ of the coordinates of a place: the largest rank.
    pub fn rank(&self) -> usize {
        self.adapters.iter().map(|a| a.rank).max().unwrap_or(0)
    }

    /// All modules of all slots.
    pub fn places(&self) -> Vec<Place> {
        let of = |(slot, a): (usize, &AdapterShape)| (0..a.modules.len()).map(move |module| Place { slot, module });
        self.adapters.iter().enumerate().flat_map(of).collect()
    }

    /// All columns of X.
    pub fn inputs(&self) -> Vec<InputBlock> {
        let mut all = Vec::new();
        for (slot, a) in self.adapters.iter().enumerate() {
            for input in 0..a.inputs {
                let width = a.modules.iter().find(|m| m.input == input).map_or(0, |m| m.d_in);
                let block = |(begin, vars)| InputBlock { slot, input, begin, vars };
                all.extend(blocks(width).into_iter().map(block));
            }
        }
        all
    }

    /// All columns of D; none where the shape has no deltas.
    pub fn outputs(&self) -> Vec<OutputBlock> {
        let mut all = Vec::new();
        for (place, p) in self.places().into_iter().enumerate().filter(|_| self.deltas) {
            let width = self.module(p).map_or(0, |m| m.d_out);
            let block = |(block, (begin, vars))| OutputBlock { place, block, begin, vars };
            all.extend(blocks(width).into_iter().enumerate().map(block));
        }
        all
    }

    /// A place's module.
    pub fn module(&self, place: Place) -> Option<&Module> {
        self.adapters.get(place.slot)?.modules.get(place.module)
    }

    /// Hashes all of it.
    pub(crate) fn describe(&self, hasher: &mut blake3::Hasher) {
        let own = [self.requests, self.tokens, self.clusters, usize::from(self.deltas), self.domain];
        own.into_iter().chain([self.adapters.len()]).for_each(|n| hash_number(hasher, n));
        self.adapters.iter().for_each(|a| a.describe(hasher));
    }
}
