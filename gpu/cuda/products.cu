// Exact products of integer matrices.
#include "ints.cuh"

// out[y][x] = Σ_i a[y][i]·b[x][i], in 128 bits. Neither is of 64 bits without sign, and one has at most 32.
struct IntegerProducts {
  uint64_t threads; // rows·columns
  __int128 *out /*[threads]*/;
  Ints a /*[rows·inner]*/, b /*[columns·inner]*/;
  uint64_t columns, inner;

  static TALEA int64_t value(Small v) { return int64_t(v.negative ? uint64_t(0) - v.magnitude : v.magnitude); }

  TALEA void thread(uint64_t t) const {
    const uint64_t row = t / columns * inner, column = t % columns * inner;
    __int128 sum = 0;
    for (uint64_t i = 0; i < inner; i++) sum += __int128(value(a[row + i])) * value(b[column + i]);
    out[t] = sum;
  }
};
KERNEL(integer_products, IntegerProducts)
