// Sums over places: each thread its own, to be added up by `sums`.
#include "ints.cuh"

// Groups of `from` values each become groups of `to`: out[g·to + j] = Σ_k in[g·from + j + k·to]. threads = groups·to.
struct Sums {
  uint64_t threads;
  Fr *out /*[threads]*/;
  const Fr *in;
  uint64_t from, to;

  TALEA void thread(uint64_t i) const {
    const Fr *group = in + i / to * from;
    Fr sum = Fr::zero();
    for (uint64_t j = i % to; j < from; j += to) sum += group[j];
    out[i] = sum;
  }
};
KERNEL(sums, Sums)

// An eq-table in halves, eq(x) = low[x mod size]·high[x / size]. The number of threads is a multiple of `size`, so that a
// thread's places share a factor of `low`, which it takes out of its sum.
struct Eq {
  const Fr *low /*[size]*/, *high;
  uint64_t size;

  TALEA Fr shared(uint64_t thread) const { return low[thread % size]; }
  TALEA const Fr &own(uint64_t place) const { return high[place / size]; }
};

// Σ_x eq(x)·v[2x + parity]
struct HalfSum {
  uint64_t threads;
  Fr *out /*[threads]*/;
  Eq eq;
  const Fr *values /*[2·places]*/;
  uint64_t places, parity;

  TALEA void thread(uint64_t i) const {
    Fr sum = Fr::zero();
    for (uint64_t x = i; x < places; x += threads) sum += eq.own(x) * values[2 * x + parity];
    out[i] = sum * eq.shared(i);
  }
};
KERNEL(half_sum, HalfSum)

struct HalfSumInts {
  uint64_t threads;
  Fr *out /*[threads]*/;
  Eq eq;
  Ints values /*[2·places]*/;
  uint64_t places, parity;

  TALEA void thread(uint64_t i) const {
    const bool wide = values.wide();
    Dot sum = Dot::zero();
    for (uint64_t x = i; x < places; x += threads) sum.add(eq.own(x), values[2 * x + parity], wide);
    out[i] = sum.finish(wide) * eq.shared(i);
  }
};
KERNEL(half_sum_ints, HalfSumInts)

// The coefficients c_0 and c_2 of Σ_x a(X, x)·b(X, x).
struct ProductRound {
  uint64_t threads;
  Fr *constant /*[threads]*/, *leading /*[threads]*/;
  const Fr *a /*[2·places]*/, *b /*[2·places]*/;
  uint64_t places;

  TALEA void thread(uint64_t i) const {
    Fr at0 = Fr::zero(), top = Fr::zero();
    for (uint64_t x = i; x < places; x += threads) {
      const Fr a0 = a[2 * x], b0 = b[2 * x];
      at0 += a0 * b0;
      top += (a[2 * x + 1] - a0) * (b[2 * x + 1] - b0);
    }
    constant[i] = at0;
    leading[i] = top;
  }
};
KERNEL(product_round, ProductRound)

// Node i adds the fractions 2i and 2i + 1.
struct FractionLayer {
  uint64_t threads;
  Fr *p_out /*[threads]*/, *q_out /*[threads]*/;
  const Fr *p /*[2·threads]*/, *q /*[2·threads]*/;

  TALEA void thread(uint64_t i) const {
    const Fr q0 = q[2 * i], q1 = q[2 * i + 1];
    p_out[i] = p[2 * i] * q1 + p[2 * i + 1] * q0;
    q_out[i] = q0 * q1;
  }
};
KERNEL(fraction_layer, FractionLayer)

// Σ_x eq(x)·(p0·q1 + p1·q0)(X, x) at X = 0, and its leading coefficient; children side by side.
struct FractionRound {
  uint64_t threads;
  Fr *constant /*[threads]*/, *leading /*[threads]*/;
  Eq eq;
  const Fr *p /*[4·places]*/, *q /*[4·places]*/;
  uint64_t places;

  TALEA void thread(uint64_t i) const {
    Fr at0 = Fr::zero(), top = Fr::zero();
    for (uint64_t x = i; x < places; x += threads) {
      const Fr *u = p + 4 * x, *v = q + 4 * x;
      const Fr weight = eq.own(x);
      at0 += weight * (u[0] * v[1] + u[1] * v[0]);
      top += weight * ((u[2] - u[0]) * (v[3] - v[1]) + (u[3] - u[1]) * (v[2] - v[0]));
    }
    constant[i] = at0 * eq.shared(i);
    leading[i] = top * eq.shared(i);
  }
};
KERNEL(fraction_round, FractionRound)

// Of row y, the sum over every parts-th column: out[y·parts + part] = Σ M[y][x]·w[x]. The last row may be short.
// threads = rows·parts.
struct MatrixVector {
  uint64_t threads;
  Fr *out /*[threads]*/;
  Ints matrix /*[count]*/;
  const Fr *w /*[columns]*/;
  uint64_t count, columns, parts;

  TALEA void thread(uint64_t i) const {
    const uint64_t row = i / parts * columns;
    const uint64_t length = count - row < columns ? count - row : columns;
    const bool wide = matrix.wide();
    Dot sum = Dot::zero();
    for (uint64_t x = i % parts; x < length; x += parts) sum.add(w[x], matrix[row + x], wide);
    out[i] = sum.finish(wide);
  }
};
KERNEL(matrix_vector, MatrixVector)

// Of column x, the sum over every parts-th row: out[x·parts + part] = Σ w[y]·M[y][x]. threads = columns·parts.
struct VectorMatrix {
  uint64_t threads;
  Fr *out /*[threads]*/;
  Ints matrix /*[rows·columns]*/;
  const Fr *w /*[rows]*/;
  uint64_t rows, columns, parts;

  TALEA void thread(uint64_t i) const {
    // neighbours in a warp read neighbours in a row
    const uint64_t x = i % columns, part = i / columns;
    const bool wide = matrix.wide();
    Dot sum = Dot::zero();
    for (uint64_t y = part; y < rows; y += parts) sum.add(w[y], matrix[y * columns + x], wide);
    out[x * parts + part] = sum.finish(wide);
  }
};
KERNEL(vector_matrix, VectorMatrix)
