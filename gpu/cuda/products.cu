// Exact products of integer matrices.
#include "ints.cuh"

// out[y][x] = Σ_i a[y][i]·b(x, i), which must fit; b(x, i) is at x·across + i·along.
struct IntegerProducts {
  uint64_t threads; // rows·columns
  int64_t *out /*[threads]*/;
  const int32_t *a /*[rows·inner]*/;
  const int16_t *b /*[columns·inner]*/;
  uint64_t columns, inner, across, along;

  TALEA void thread(uint64_t t) const {
    const uint64_t row = t / columns * inner, column = t % columns * across;
    int64_t sum = 0;
    for (uint64_t i = 0; i < inner; i++) sum += int64_t(a[row + i]) * b[column + i * along];
    out[t] = sum;
  }
};
KERNEL(integer_products, IntegerProducts)
