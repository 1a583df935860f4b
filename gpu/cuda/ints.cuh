// Small integers of a column, and sums of field elements times them with one reduction at the end.
#pragma once
#include "launch.cuh"

// The types of `Ints`, in its order.
enum Kind : uint64_t { U8, U16, U32, U64, I16, I32, I64 };

struct Small {
  uint64_t magnitude;
  bool negative;

  static TALEA Small of(int64_t v) { return {v < 0 ? uint64_t(0) - uint64_t(v) : uint64_t(v), v < 0}; }
};

struct Ints {
  const void *values;
  uint64_t kind;

  TALEA bool wide() const { return kind == U64 || kind == I64; }
  TALEA Small operator[](uint64_t i) const {
    switch (kind) {
    case U8: return {static_cast<const uint8_t *>(values)[i], false};
    case U16: return {static_cast<const uint16_t *>(values)[i], false};
    case U32: return {static_cast<const uint32_t *>(values)[i], false};
    case U64: return {static_cast<const uint64_t *>(values)[i], false};
    case I16: return Small::of(static_cast<const int16_t *>(values)[i]);
    case I32: return Small::of(static_cast<const int32_t *>(values)[i]);
    default: return Small::of(static_cast<const int64_t *>(values)[i]);
    }
  }
};

// f·v, where `scaled` is f times R: one product takes the integer into Montgomery form and multiplies it.
TALEA Fr times(const Fr &scaled, Small v) {
  const Fr product = scaled * Fr::raw(v.magnitude);
  return v.negative ? -product : product;
}

// A sum of field elements times digits of 32 bits: ten words hold 2^32 terms.
struct Digits {
  uint32_t w[WORDS + 2];

  static TALEA Digits zero() {
    Digits out;
    UNROLL for (int i = 0; i < WORDS + 2; i++) out.w[i] = 0;
    return out;
  }

  TALEA void add(const Fr &weight, uint32_t digit) {
    Carry even;
    w[0] = mad_lo_cc(even, weight.w[0], digit, w[0]);
    w[1] = madc_hi_cc(even, weight.w[0], digit, w[1]);
    UNROLL for (int k = 2; k < WORDS; k += 2) {
      w[k] = madc_lo_cc(even, weight.w[k], digit, w[k]);
      w[k + 1] = madc_hi_cc(even, weight.w[k], digit, w[k + 1]);
    }
    w[WORDS] = addc_cc(even, w[WORDS], 0);
    w[WORDS + 1] = addc(even, w[WORDS + 1], 0);
    Carry odd;
    w[1] = mad_lo_cc(odd, weight.w[1], digit, w[1]);
    w[2] = madc_hi_cc(odd, weight.w[1], digit, w[2]);
    UNROLL for (int k = 3; k < WORDS; k += 2) {
      w[k] = madc_lo_cc(odd, weight.w[k], digit, w[k]);
      w[k + 1] = madc_hi_cc(odd, weight.w[k], digit, w[k + 1]);
    }
    w[WORDS + 1] = addc(odd, w[WORDS + 1], 0);
  }

  // Elements stand in Montgomery form, so their sum does too: its words are taken as they are. Right sides of products
  // need not be reduced: R·low/R + R²·high/R = low + 2^256·high.
  TALEA Fr reduce() const {
    Fr low;
    UNROLL for (int i = 0; i < WORDS; i++) low.w[i] = w[i];
    const Fr high = Fr::raw(w[WORDS] | uint64_t(w[WORDS + 1]) << 32);
    return Fr::one() * low + Fr::montgomery() * high;
  }
};

// Σ weight·integer.
struct Dot {
  Digits low, high;

  static TALEA Dot zero() { return {Digits::zero(), Digits::zero()}; }

  TALEA void add(const Fr &weight, Small v, bool wide) {
    const Fr signed_weight = v.negative ? -weight : weight;
    low.add(signed_weight, uint32_t(v.magnitude));
    if (wide) high.add(signed_weight, uint32_t(v.magnitude >> 32));
  }

  TALEA Fr finish(bool wide) const {
    const Fr sum = low.reduce();
    if (!wide) return sum;
    return sum + high.reduce() * (Fr::montgomery() * Fr::raw(uint64_t(1) << 32));
  }
};
