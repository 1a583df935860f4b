// Leaves of trees of fractions.
#include "ints.cuh"

// One column of a form: `factor` has at most 31 bits and a sign, so that every sum fits 128 bits.
struct Term {
  Ints values;
  int64_t factor;
};

struct Fraction {
  Fr *p, *q;
};

// p[i] = 1 and q[i] = table[v_i], where v = Σ factor·values + constant; beyond the table, q[i] = table[0] − v_i.
struct IndexLeaves {
  uint64_t threads;
  Fraction out /*[threads]*/;
  const Fr *table /*[size]*/;
  uint64_t size;
  uint64_t low, high; // of the constant's 128 bits
  const Term *terms /*[count], each of [threads] values*/;
  uint64_t count;

  TALEA void thread(uint64_t i) const {
    __uint128_t sum = __uint128_t(high) << 64 | low;
    for (uint64_t t = 0; t < count; t++) {
      const Term term = terms[t];
      const Small v = term.values[i];
      const bool negative = v.negative != (term.factor < 0);
      const __uint128_t product = __uint128_t(v.magnitude) * Small::of(term.factor).magnitude;
      sum = negative ? sum - product : sum + product;
    }
    out.p[i] = Fr::one();
    if (sum < size) {
      out.q[i] = table[uint64_t(sum)];
      return;
    }
    const bool below = uint64_t(sum >> 64) >> 63;
    const __uint128_t magnitude = below ? -sum : sum;
    Fr words = Fr::raw(uint64_t(magnitude));
    words.w[2] = uint32_t(uint64_t(magnitude >> 64));
    words.w[3] = uint32_t(uint64_t(magnitude >> 96));
    const Fr size_of_it = Fr::montgomery() * words;
    out.q[i] = below ? table[0] + size_of_it : table[0] - size_of_it;
  }
};
KERNEL(index_leaves, IndexLeaves)

// −count/table
struct TableLeaves {
  uint64_t threads;
  Fraction out /*[threads]*/;
  Ints counts /*[threads]*/;
  const Fr *table /*[threads]*/;

  TALEA void thread(uint64_t i) const {
    out.p[i] = -times(Fr::montgomery(), counts[i]);
    out.q[i] = table[i];
  }
};
KERNEL(table_leaves, TableLeaves)

// 0/1
struct EmptyLeaves {
  uint64_t threads;
  Fraction out /*[threads]*/;

  TALEA void thread(uint64_t i) const {
    out.p[i] = Fr::zero();
    out.q[i] = Fr::one();
  }
};
KERNEL(empty_leaves, EmptyLeaves)

// p[2i + 1] += factor·q[2i + 1]
struct Mix {
  uint64_t threads;
  Fr *p /*[2·threads]*/;
  const Fr *q /*[2·threads]*/;
  Fr factor;

  TALEA void thread(uint64_t i) const { p[2 * i + 1] += factor * q[2 * i + 1]; }
};
KERNEL(mix, Mix)
