//! Seeded matrices, and what follows from them.

use crate::number::Number;

/// Largest |X|.
pub const X_MAX: i64 = (1 << 19) - 1;
/// Largest |A| and |B|.
pub const WEIGHT_MAX: i64 = (1 << 15) - 1;
/// Largest ‖A[ρ]‖₁.
pub const L1_MAX: i64 = 1 << 24;
/// |U| is below this.
pub const U_BOUND: i64 = 1 << 27;
/// Largest rank.
pub const RANK_MAX: usize = 1 << 8;

/// Sizes of one adapted module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Features that go in.
    pub d_in: usize,
    /// Coordinates between.
    pub rank: usize,
    /// Outputs.
    pub d_out: usize,
}

impl Shape {
    /// `64x4x64`.
    pub fn name(self) -> String {
        format!("{}x{}x{}", self.d_in, self.rank, self.d_out)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): eight lines that anybody can write again.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number of −bound..=bound: 64 bits modulo 2·bound + 1, less bound.
    pub fn within(&mut self, bound: i64) -> i64 {
        (self.draw() % (2 * bound as u64 + 1)) as i64 - bound
    }
}

/// All cells of the relation for some rows of one module; row-major.
///
/// Fields are public so that [`crate::lies`] can change them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Sizes.
    pub shape: Shape,
    /// Rows of X.
    pub rows: usize,
    /// rows × d_in.
    pub x: Vec<i64>,
    /// rank × d_in.
    pub a: Vec<i64>,
    /// d_out × rank.
    pub b: Vec<i64>,
    /// rows × rank.
    pub u: Vec<Number>,
    /// rows × rank.
    pub rem: Vec<i64>,
    /// rows × d_out.
    pub d: Vec<Number>,
}

impl Witness {
    /// Of a seed: A, then B, then X, each row-major, each entry one draw. |A| is at most min(2^15 − 1, ⌊2^24/d_in⌋), which
    /// bounds the rows' norms.
    pub fn drawn(shape: Shape, rows: usize, seed: u64) -> Self {
        let mut n = SplitMix64::new(seed);
        let a_max = WEIGHT_MAX.min(L1_MAX / shape.d_in as i64);
        let mut matrix = |len: usize, bound: i64| (0..len).map(|_| n.within(bound)).collect::<Vec<_>>();
        let a = matrix(shape.rank * shape.d_in, a_max);
        let b = matrix(shape.d_out * shape.rank, WEIGHT_MAX);
        let x = matrix(rows * shape.d_in, X_MAX);
        Self::new(shape, rows, x, a, b)
    }

    /// Everything at its bound, signs alternating over rows and coordinates: the largest |Uacc|, |U| and |D| there are.
    pub fn extreme(shape: Shape, rows: usize) -> Self {
        let a_max = WEIGHT_MAX.min(L1_MAX / shape.d_in as i64);
        let sign = |i: usize| if i.is_multiple_of(2) { 1 } else { -1 };
        let a = (0..shape.rank * shape.d_in).map(|i| a_max * sign(i / shape.d_in)).collect();
        let b = (0..shape.d_out * shape.rank).map(|i| WEIGHT_MAX * sign(i % shape.rank)).collect();
        let x = (0..rows * shape.d_in).map(|i| X_MAX * sign(i / shape.d_in)).collect();
        Self::new(shape, rows, x, a, b)
    }

    /// Of matrices.
    ///
    /// # Panics
    /// If sizes do not agree or an entry is outside its bound.
    pub fn new(shape: Shape, rows: usize, x: Vec<i64>, a: Vec<i64>, b: Vec<i64>) -> Self {
        assert!(shape.rank <= RANK_MAX && rows > 0, "sizes of a module");
        let within = |values: &[i64], len: usize, bound: i64| {
            assert!(values.len() == len && values.iter().all(|v| v.abs() <= bound), "entries within {bound}");
        };
        within(&x, rows * shape.d_in, X_MAX);
        within(&a, shape.rank * shape.d_in, WEIGHT_MAX);
        within(&b, shape.d_out * shape.rank, WEIGHT_MAX);
        assert!(a.chunks(shape.d_in).all(|row| row.iter().map(|v| v.abs()).sum::<i64>() <= L1_MAX), "norms of A");
        let mut all = Self { shape, rows, x, a, b, u: Vec::new(), rem: Vec::new(), d: Vec::new() };
        all.project();
        all.expand();
        assert!(all.u.iter().all(|u| u.integer().is_some_and(|u| u.abs() < U_BOUND.into())), "the bound of U");
        all
    }

    /// U and rem of X and A.
    pub fn project(&mut self) {
        let d_in = self.shape.d_in;
        let rounded = |x: &[i64], a: &[i64]| x.iter().zip(a).map(|(x, a)| x * a).sum::<i64>() + (1 << 15);
        let sums: Vec<i64> =
            self.x.chunks(d_in).flat_map(|x| self.a.chunks(d_in).map(move |a| rounded(x, a))).collect();
        self.u = sums.iter().map(|sum| Number::from(sum >> 16)).collect();
        self.rem = sums.iter().map(|sum| sum & 0xffff).collect();
    }

    /// D of U and B.
    pub fn expand(&mut self) {
        let rank = self.shape.rank;
        let dot = |u: &[Number], b: &[i64]| {
            u.iter().zip(b).fold(Number::from(0), |sum, (u, b)| sum.plus(u.times((*b).into())))
        };
        self.d = self.u.chunks(rank).flat_map(|u| self.b.chunks(rank).map(move |b| dot(u, b))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        let mut n = SplitMix64::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([n.draw(), n.draw(), n.draw()], expected, "the reference's first outputs");
    }

    /// The worked example of docs/semantics.md §4 and §5.
    #[test]
    fn the_semantics_own_example() {
        let shape = Shape { d_in: 3, rank: 1, d_out: 2 };
        let w = Witness::new(shape, 1, vec![65536, 131_072, -262_144], vec![32767, -16384, 8192], vec![32767, -16384]);
        assert_eq!(w.u, [Number::from(-32769)]);
        assert_eq!(w.d, [-32769 * 32767, 32769 * 16384].map(Number::from));
    }

    #[test]
    fn ties_round_up() {
        let shape = Shape { d_in: 1, rank: 1, d_out: 1 };
        let u = |x| {
            let w = Witness::new(shape, 1, vec![x], vec![1], vec![1]);
            (w.u[0].integer().unwrap(), w.rem[0])
        };
        assert_eq!([u(32767), u(32768), u(-32768), u(-32769)], [(0, 65535), (1, 0), (0, 0), (-1, 65535)]);
    }

    #[test]
    fn the_extremes_reach_their_bounds() {
        let w = Witness::extreme(Shape { d_in: 512, rank: 2, d_out: 2 }, 2);
        let u = w.u[0].integer().unwrap();
        assert!(u > 133_950_000 && u < 1 << 27, "{u}: 512·(2^19 − 1)·(2^15 − 1)/2^16, near 2^27");
        assert!(w.d[0].integer().unwrap() > 1 << 42);
    }
}
