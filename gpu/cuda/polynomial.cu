// Vectors of coefficients, lowest first.
#include "launch.cuh"

struct Zeros {
  uint64_t threads;
  Fr *out /*[threads]*/;

  TALEA void thread(uint64_t i) const { out[i] = Fr::zero(); }
};
KERNEL(zeros, Zeros)

struct Copy {
  uint64_t threads;
  Fr *out /*[threads]*/;
  const Fr *in /*[threads]*/;

  TALEA void thread(uint64_t i) const { out[i] = in[i]; }
};
KERNEL(copy, Copy)

// v[i]^(2^count), by as many products of which none can begin before the one before it ends.
struct Squarings {
  uint64_t threads;
  Fr *values /*[threads]*/;
  uint64_t count;

  TALEA void thread(uint64_t i) const {
    Fr value = values[i];
    for (uint64_t k = 0; k < count; k++) value = value.squared();
    values[i] = value;
  }
};
KERNEL(squarings, Squarings)

// to[i] += factor·from[i]
struct AddVector {
  uint64_t threads;
  Fr *to /*[threads]*/;
  const Fr *from /*[threads]*/;
  Fr factor;

  TALEA void thread(uint64_t i) const { to[i] += factor * from[i]; }
};
KERNEL(add_vector, AddVector)

// Of row y, the sum over every parts-th column: out[y·parts + part] = Σ F[y][x]·w[x]. The last row may be short.
struct RowSums {
  uint64_t threads; // rows·parts
  Fr *out /*[threads]*/;
  const Fr *values /*[count]*/, *w /*[columns]*/;
  uint64_t count, columns, parts;

  TALEA void thread(uint64_t i) const {
    const uint64_t row = i / parts * columns;
    const uint64_t length = count - row < columns ? count - row : columns;
    Fr sum = Fr::zero();
    for (uint64_t x = i % parts; x < length; x += parts) sum += values[row + x] * w[x];
    out[i] = sum;
  }
};
KERNEL(row_sums, RowSums)

// Division by X^threads − α: a thread goes down the coefficients of its power modulo X^threads, by Horner's rule.
struct Divide {
  uint64_t threads;
  Fr *quotient /*[count − threads]*/, *remainder /*[threads]*/;
  const Fr *values /*[count]*/;
  uint64_t count; // more than threads
  Fr alpha;

  TALEA void thread(uint64_t i) const {
    Fr sum = Fr::zero();
    for (uint64_t row = (count - 1 - i) / threads + 1; row-- > 0;) {
      const uint64_t at = row * threads + i;
      if (at < count - threads) quotient[at] = sum;
      sum = sum * alpha + values[at];
    }
    remainder[i] = sum;
  }
};
KERNEL(divide, Divide)

// out[t] = Σ in[t·length + i]·x^i over the t-th piece.
struct PieceValues {
  uint64_t threads;
  Fr *out /*[threads]*/;
  const Fr *in /*[count]*/;
  uint64_t count, length;
  Fr x;

  TALEA void thread(uint64_t t) const {
    const uint64_t low = t * length, high = low + length < count ? low + length : count;
    Fr sum = Fr::zero();
    for (uint64_t i = high; i > low; i--) sum = sum * x + in[i - 1];
    out[t] = sum;
  }
};
KERNEL(piece_values, PieceValues)

// out[i] = Σ_{j ≥ i} in[j]·x^{j − i}, given that sum for the beginning of every piece but the first.
struct Suffixes {
  uint64_t threads;
  Fr *out /*[count]*/;
  const Fr *in /*[count]*/, *pieces /*[threads]*/;
  uint64_t count, length;
  Fr x;

  TALEA void thread(uint64_t t) const {
    const uint64_t low = t * length, high = low + length < count ? low + length : count;
    Fr sum = t + 1 < threads ? pieces[t + 1] : Fr::zero();
    for (uint64_t i = high; i > low; i--) {
      sum = sum * x + in[i - 1];
      out[i - 1] = sum;
    }
  }
};
KERNEL(suffixes, Suffixes)
