//! Columns of small integers, stacked into chunks, and claims about their multilinear extensions.
//!
//! | symbol | meaning |
//! |---|---|
//! | column f, 2^m values | its multilinear extension f̃ has m variables; x_0 is the lowest bit of a place |
//! | chunk, 2^N coefficients | columns one after another, largest first, so that each begins at a multiple of its size |
//! | claim f̃(r) = v | about the chunk at (r, bits of the column's place), because a column is an aligned cube of it |
//! | slice h of f | the places x + 2^l·h, x < 2^l: a smaller cube, about which there are claims too |
//!
//! A chunk is committed as Σ f_i·[τ^i] + s·[τ^(2^N)] with a random salt s, which hides it and which no cube reaches. Chunks of
//! several sizes are opened together: in a larger cube the salt of a smaller one is a value that no claim is about.

#[cfg(feature = "prove")]
pub mod ints;

use std::ops::Range;

/// A column of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(usize);

/// Where a column lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its name, for messages and digests.
    pub name: &'static str,
    /// Variables: it has 2^vars values.
    pub vars: usize,
    /// The chunk.
    pub chunk: usize,
    /// Place of its first value in the chunk, a multiple of its size.
    pub offset: usize,
}

/// All columns of a key and the chunks that they are stacked in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Variables of every chunk.
    chunks: Vec<usize>,
    columns: Vec<Placed>,
}

/// A column that no chunk can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {name}: found {vars} variables, expected at most the chunk's {chunk_vars}")]
pub struct TooLarge {
    name: &'static str,
    vars: usize,
    chunk_vars: usize,
}

/// The columns of a key while it is being made.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    list: Vec<(&'static str, usize)>,
    /// Columns of the layout that these will join.
    before: usize,
}

/// The size of chunk that costs least for groups of columns with chunks of their own, which one opening serves: that of the largest
/// chunk decides what it costs.
pub fn chunk_vars(groups: &[&Columns]) -> usize {
    let largest = groups.iter().map(|g| g.largest()).max().unwrap_or(0);
    let chunks = |n: usize| groups.iter().fold(0usize, |sum, g| sum.saturating_add(g.cells().div_ceil(1 << n)));
    let cost = |n: &usize| (1usize << n).saturating_add(chunks(*n).saturating_mul(POINT));
    (largest..=LARGEST.max(largest)).min_by_key(cost).unwrap_or(largest)
}

/// What one more chunk costs, in coefficients of an opening. Its point takes some 58,000 cells of the wrap at 15 to 18 µs, a
/// coefficient took 5.3 µs of the opening (both measured on two cores) when this was set; it takes a third to a half of that now
/// where a processor has AVX-512, but circuits and contracts depend on it (benches/NOTES.md).
const POINT: usize = 3 << 16;
/// No column or chunk may have more variables.
pub const MAX_VARS: usize = 32;
/// Chunks beyond this need a reference string that few ceremonies have.
const LARGEST: usize = 21;

impl Columns {
    /// Adds a column of 2^vars values.
    pub fn push(&mut self, name: &'static str, vars: usize) -> ColumnId {
        self.list.push((name, vars));
        ColumnId(self.before + self.list.len() - 1)
    }

    /// Columns that will join a layout, whose ids follow on its own.
    pub fn behind(layout: &Layout) -> Self {
        Self { list: Vec::new(), before: layout.columns.len() }
    }

    /// Columns that will join after these.
    pub fn after(other: &Self) -> Self {
        Self { list: Vec::new(), before: other.before + other.list.len() }
    }

    fn largest(&self) -> usize {
        self.list.iter().map(|c| c.1).max().unwrap_or(0).min(MAX_VARS)
    }

    fn cells(&self) -> usize {
        self.list.iter().fold(0usize, |sum, c| sum.saturating_add(1 << c.1.min(MAX_VARS)))
    }

    /// The size of chunk that costs least, for the wrap and the opening together: a small batch gets a small one.
    pub fn chunk_vars(&self) -> usize {
        chunk_vars(&[self])
    }

    /// Stacks the columns, largest first and otherwise in the order given, into chunks of 2^chunk_vars.
    ///
    /// # Errors
    /// A column larger than a chunk.
    pub fn stack(self, chunk_vars: usize) -> Result<Layout, TooLarge> {
        let chunk_vars = chunk_vars.min(MAX_VARS);
        if let Some((name, vars)) = self.list.iter().copied().find(|c| c.1 > chunk_vars) {
            return Err(TooLarge { name, vars, chunk_vars });
        }
        Ok(self.stacked(chunk_vars))
    }

    fn stacked(self, chunk_vars: usize) -> Layout {
        let (offsets, total) = stack(&self.vars());
        let place = |((name, vars), at): ((&'static str, usize), usize)| Placed {
            name,
            vars,
            chunk: at >> chunk_vars,
            offset: at & ((1 << chunk_vars) - 1),
        };
        let columns = self.list.into_iter().zip(offsets).map(place).collect();
        Layout { chunks: vec![chunk_vars; total.div_ceil(1 << chunk_vars)], columns }
    }

    /// Stacks the columns into chunks of 2^most, or into one that is smaller.
    fn stack_within(self, most: usize) -> Layout {
        let whole = self.cells().max(1).next_power_of_two().trailing_zeros() as usize;
        self.stacked(most.min(whole))
    }

    fn vars(&self) -> Vec<usize> {
        self.list.iter().map(|c| c.1).collect()
    }
}

impl Layout {
    /// Takes over columns that were made to stand [`Columns::behind`] this layout, in chunks of the size that costs least for them;
    /// returns their chunks.
    ///
    /// # Panics
    /// If they were made for another.
    pub fn join(&mut self, other: Columns) -> Range<usize> {
        let most = other.chunk_vars();
        self.join_within(other, most)
    }

    /// The same in chunks of at most 2^most, which holds the largest of the columns.
    ///
    /// # Panics
    /// If they were made for another layout.
    pub fn join_within(&mut self, other: Columns, most: usize) -> Range<usize> {
        assert_eq!(other.before, self.columns.len(), "columns of this layout's key");
        let (first, other) = (self.chunks.len(), other.stack_within(most));
        self.chunks.extend(other.chunks);
        self.columns.extend(other.columns.into_iter().map(|c| Placed { chunk: c.chunk + first, ..c }));
        first..self.chunks.len()
    }

    /// N: variables of the largest chunk, and of the opening.
    pub fn chunk_vars(&self) -> usize {
        self.chunks.iter().copied().max().unwrap_or(0)
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Variables of every chunk; a chunk's salt stands at 2 to their power.
    pub fn chunk_sizes(&self) -> &[usize] {
        &self.chunks
    }

    /// The columns in the order given.
    pub fn columns(&self) -> &[Placed] {
        &self.columns
    }

    /// Where a column lies; an id of this layout always does.
    pub fn place(&self, id: ColumnId) -> Option<&Placed> {
        self.columns.get(id.0)
    }

    /// Hashes all that fixes the layout.
    pub fn describe(&self, hasher: &mut blake3::Hasher) {
        hash_number(hasher, self.chunks.len());
        self.chunks.iter().for_each(|n| hash_number(hasher, *n));
        hash_number(hasher, self.columns.len());
        for c in &self.columns {
            hash_number(hasher, c.name.len());
            hasher.update(c.name.as_bytes());
            [c.vars, c.chunk, c.offset].into_iter().for_each(|n| hash_number(hasher, n));
        }
    }
}

impl ColumnId {
    /// Its place in the list that the layout was made from.
    pub fn index(self) -> usize {
        self.0
    }
}

/// A number as eight bytes.
pub(crate) fn hash_number(hasher: &mut blake3::Hasher, n: usize) {
    hasher.update(&(n as u64).to_le_bytes());
}

/// Places power-of-two sizes one after another, largest first, each at a multiple of itself; returns the places in the
/// order given, and the end.
pub fn stack(vars: &[usize]) -> (Vec<usize>, usize) {
    let mut order: Vec<(usize, usize)> = vars.iter().copied().enumerate().collect();
    order.sort_by_key(|(i, v)| (std::cmp::Reverse(*v), *i));
    let mut end = 0usize;
    let mut places: Vec<(usize, usize)> = order
        .into_iter()
        .map(|(i, v)| {
            let at = end;
            end += 1 << v;
            (i, at)
        })
        .collect();
    places.sort_unstable();
    (places.into_iter().map(|p| p.1).collect(), end)
}

/// A slice of a column and its weight in a sum.
#[derive(Debug, Clone)]
pub struct Term<S> {
    /// The column.
    pub column: ColumnId,
    /// Which of its slices; none for the whole column, of all its variables.
    pub slice: Option<usize>,
    /// The weight.
    pub weight: S,
}

/// What a claim is about.
#[derive(Debug)]
pub(crate) enum About<S> {
    /// A column, at a point of all its variables.
    Column(ColumnId),
    /// Σ weight·slice, of slices of as many variables as the point has.
    Slices(Vec<Term<S>>),
}

/// f̃(r) = v, or Σ_h w_h·f̃_h(r) = v over slices, still to be shown. It cannot be copied: it is moved until an opening
/// discharges it.
#[must_use = "an undischarged claim proves nothing"]
#[derive(Debug)]
pub struct EvalClaim<S> {
    pub(crate) about: About<S>,
    pub(crate) point: Vec<S>,
    pub(crate) value: S,
}

/// Claims on their way to an opening.
#[must_use = "undischarged claims prove nothing"]
#[derive(Debug)]
pub struct Claims<S>(pub(crate) Vec<EvalClaim<S>>);

impl<S: Clone> Claims<S> {
    /// None yet.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes a claim over.
    pub fn push(&mut self, column: ColumnId, point: Vec<S>, value: S) {
        self.0.push(EvalClaim { about: About::Column(column), point, value });
    }

    /// Takes over a claim about a sum of slices.
    pub fn push_slices(&mut self, terms: Vec<Term<S>>, point: Vec<S>, value: S) {
        self.0.push(EvalClaim { about: About::Slices(terms), point, value });
    }

    /// Takes all of another's claims over.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

impl<S: Clone> Default for Claims<S> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_disjoint() {
        let sizes = [("a", 3), ("b", 5), ("c", 5), ("d", 0), ("e", 2), ("f", 4), ("g", 5), ("h", 0), ("i", 1)];
        let mut all = Columns::default();
        for (name, vars) in sizes {
            all.push(name, vars);
        }
        let l = all.clone().stack(6).unwrap();
        let mut cells = vec![0; l.chunks() << l.chunk_vars()];
        for c in l.columns() {
            assert_eq!(c.offset % (1 << c.vars), 0, "{c:?}");
            (0..1 << c.vars).for_each(|i| cells[(c.chunk << 6) + c.offset + i] += 1);
        }
        assert!(cells.iter().all(|n| *n <= 1));
        assert_eq!(l.chunks(), 2);
        let refused = all.stack(4).unwrap_err().to_string();
        assert_eq!(refused, "column b: found 5 variables, expected at most the chunk's 4");
    }

    #[test]
    fn chunks_follow_the_work() {
        let chunk = |sizes: &[usize]| {
            let mut all = Columns::default();
            for vars in sizes {
                all.push("c", *vars);
            }
            all.chunk_vars()
        };
        assert_eq!(chunk(&[3, 3, 2]), 5, "20 cells in one chunk");
        assert_eq!(chunk(&[20]), 20, "no smaller than a column");
        assert_eq!(chunk(&[18; 16]), 20, "2^22 cells: four chunks of 2^20 rather than one of 2^22");
        assert_eq!(chunk(&[20; 64]), 21, "2^26 cells");
        let groups = [&[18usize; 14][..], &[18; 12], &[8, 8], &[16; 14]].map(|sizes| {
            let mut all = Columns::default();
            for vars in sizes {
                all.push("c", *vars);
            }
            all
        });
        assert_eq!(chunk_vars(&groups.each_ref()), 20, "one size for groups that one opening serves");
        let sizes: Vec<usize> = groups.map(|g| g.stack_within(20).chunk_sizes().to_vec()).concat();
        assert_eq!(sizes, [20, 20, 20, 20, 20, 20, 20, 9, 20], "and a smaller one for a small group");
    }
}
