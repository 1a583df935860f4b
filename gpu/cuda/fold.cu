// Binding variables, eq-tables, and other work of one place at a time.
#include "ints.cuh"

// out[i] = v[2i] + r·(v[2i+1] − v[2i])
struct Fold {
  uint64_t threads;
  Fr *out /*[threads]*/;
  const Fr *values /*[2·threads]*/;
  Fr r;

  TALEA void thread(uint64_t i) const {
    const Fr first = values[2 * i];
    out[i] = first + r * (values[2 * i + 1] - first);
  }
};
KERNEL(fold, Fold)

// The same of integers: low = (1 − r)·R and high = r·R.
struct FoldInts {
  uint64_t threads;
  Fr *out /*[threads]*/;
  Ints values /*[2·threads]*/;
  Fr low, high;

  TALEA void thread(uint64_t i) const { out[i] = times(low, values[2 * i]) + times(high, values[2 * i + 1]); }
};
KERNEL(fold_ints, FoldInts)

// Two children side by side: out[2i+c] = v[4i+c] + r·(v[4i+2+c] − v[4i+c])
struct FoldChildren {
  uint64_t threads;
  Fr *out /*[threads]*/;
  const Fr *values /*[2·threads]*/;
  Fr r;

  TALEA void thread(uint64_t i) const {
    const uint64_t at = 2 * i - i % 2;
    const Fr first = values[at];
    out[i] = first + r * (values[at + 2] - first);
  }
};
KERNEL(fold_children, FoldChildren)

// One more variable of an eq-table of `threads` values: all[threads+i] = all[i]·r, which all[i] loses.
struct EqStep {
  uint64_t threads;
  Fr *all /*[2·threads]*/;
  Fr r;

  TALEA void thread(uint64_t i) const {
    const Fr whole = all[i], high = r * whole;
    all[threads + i] = high;
    all[i] = whole - high;
  }
};
KERNEL(eq_step, EqStep)

// to[i] += factor·v[i]; `scaled` is the factor times R.
struct AddScaled {
  uint64_t threads;
  Fr *to /*[threads]*/;
  Ints values /*[threads]*/;
  Fr scaled;

  TALEA void thread(uint64_t i) const { to[i] += times(scaled, values[i]); }
};
KERNEL(add_scaled, AddScaled)

// out[i] = 1/v[i], 0 of 0. A thread inverts the product of every threads-th value and takes it apart again.
struct Invert {
  uint64_t threads;
  Fr *out /*[count]*/;
  const Fr *values /*[count]*/;
  uint64_t count;

  TALEA void thread(uint64_t i) const {
    Fr product = Fr::one();
    uint64_t at = i;
    for (; at < count; at += threads) {
      out[at] = product; // of those before
      if (!values[at].is_zero()) product = product * values[at];
    }
    Fr rest = product.inverse();
    while (at > i) {
      at -= threads;
      if (values[at].is_zero()) {
        out[at] = Fr::zero();
      } else {
        out[at] = out[at] * rest;
        rest = rest * values[at];
      }
    }
  }
};
KERNEL(invert, Invert)
