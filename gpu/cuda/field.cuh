// The scalar field Fr of BN254 and its base field Fq, in Montgomery form, in eight words of 32 bits, lowest first: the bytes
// that arkworks has in memory.
//
// Both primes are below 2^254, so sums of two elements fit eight words, and products need no word beyond the ninth.
#pragma once
#include "limbs.cuh"

constexpr int WORDS = 8;

// The constants of a prime p; R = 2^256.
struct FrPrime {
  static TALEA uint32_t p(int i) {
    constexpr uint32_t words[WORDS] = {0xf0000001, 0x43e1f593, 0x79b97091, 0x2833e848,
                                       0x8181585d, 0xb85045b6, 0xe131a029, 0x30644e72};
    return words[i];
  }
  // R mod p, which is one
  static TALEA uint32_t one(int i) {
    constexpr uint32_t words[WORDS] = {0x4ffffffb, 0xac96341c, 0x9f60cd29, 0x36fc7695,
                                       0x7879462e, 0x666ea36f, 0x9a07df2f, 0x0e0a77c1};
    return words[i];
  }
  // R² mod p, which is R
  static TALEA uint32_t square(int i) {
    constexpr uint32_t words[WORDS] = {0xae216da7, 0x1bb8e645, 0xe35c59e3, 0x53fe3ab1,
                                       0x53bb8085, 0x8c49833d, 0x7f4e44a5, 0x0216d0b1};
    return words[i];
  }
  // −1/p mod 2^32
  static constexpr uint32_t INVERSE = 0xefffffff;
};

struct FqPrime {
  static TALEA uint32_t p(int i) {
    constexpr uint32_t words[WORDS] = {0xd87cfd47, 0x3c208c16, 0x6871ca8d, 0x97816a91,
                                       0x8181585d, 0xb85045b6, 0xe131a029, 0x30644e72};
    return words[i];
  }
  static TALEA uint32_t one(int i) {
    constexpr uint32_t words[WORDS] = {0xc58f0d9d, 0xd35d438d, 0xf5c70b3d, 0x0a78eb28,
                                       0x7879462c, 0x666ea36f, 0x9a07df2f, 0x0e0a77c1};
    return words[i];
  }
  static TALEA uint32_t square(int i) {
    constexpr uint32_t words[WORDS] = {0x538afa89, 0xf32cfc5b, 0xd44501fb, 0xb5e71911,
                                       0x0a417ff6, 0x47ab1eff, 0xcab8351f, 0x06d89f71};
    return words[i];
  }
  static constexpr uint32_t INVERSE = 0xe4866389;
};

template <class Prime> struct alignas(8) Field {
  uint32_t w[WORDS];

  static TALEA Field zero() {
    Field out;
    UNROLL for (int i = 0; i < WORDS; i++) out.w[i] = 0;
    return out;
  }
  static TALEA Field one() {
    Field out;
    UNROLL for (int i = 0; i < WORDS; i++) out.w[i] = Prime::one(i);
    return out;
  }
  // R: the factor that brings a plain number into Montgomery form
  static TALEA Field montgomery() {
    Field out;
    UNROLL for (int i = 0; i < WORDS; i++) out.w[i] = Prime::square(i);
    return out;
  }
  // The words as they are, which need not be below p: good as the right side of a product and for nothing else.
  static TALEA Field raw(uint64_t low) {
    Field out = zero();
    out.w[0] = uint32_t(low);
    out.w[1] = uint32_t(low >> 32);
    return out;
  }

  TALEA bool is_zero() const {
    uint32_t any = 0;
    UNROLL for (int i = 0; i < WORDS; i++) any |= w[i];
    return any == 0;
  }
  TALEA bool operator==(const Field &b) const {
    uint32_t any = 0;
    UNROLL for (int i = 0; i < WORDS; i++) any |= w[i] ^ b.w[i];
    return any == 0;
  }

  // Takes p off once where that leaves no borrow.
  TALEA Field reduced() const {
    Field less;
    Carry c;
    less.w[0] = sub_cc(c, w[0], Prime::p(0));
    UNROLL for (int i = 1; i < WORDS; i++) less.w[i] = subc_cc(c, w[i], Prime::p(i));
    const bool below = subc(c, 0, 0) != 0;
    Field out;
    UNROLL for (int i = 0; i < WORDS; i++) out.w[i] = below ? w[i] : less.w[i];
    return out;
  }

  TALEA Field operator+(const Field &b) const {
    Field sum;
    Carry c;
    sum.w[0] = add_cc(c, w[0], b.w[0]);
    UNROLL for (int i = 1; i < WORDS - 1; i++) sum.w[i] = addc_cc(c, w[i], b.w[i]);
    sum.w[WORDS - 1] = addc(c, w[WORDS - 1], b.w[WORDS - 1]);
    return sum.reduced();
  }

  TALEA Field operator-(const Field &b) const {
    Field out;
    Carry c;
    out.w[0] = sub_cc(c, w[0], b.w[0]);
    UNROLL for (int i = 1; i < WORDS; i++) out.w[i] = subc_cc(c, w[i], b.w[i]);
    const uint32_t mask = subc(c, 0, 0); // all ones where b is larger
    Carry back;
    out.w[0] = add_cc(back, out.w[0], Prime::p(0) & mask);
    UNROLL for (int i = 1; i < WORDS - 1; i++) out.w[i] = addc_cc(back, out.w[i], Prime::p(i) & mask);
    out.w[WORDS - 1] = addc(back, out.w[WORDS - 1], Prime::p(WORDS - 1) & mask);
    return out;
  }

  TALEA Field operator-() const { return zero() - *this; }
  TALEA Field doubled() const { return *this + *this; }
  TALEA Field squared() const { return *this * *this; }

  // Montgomery's product a·b/R. The left side is below p; the right side may be any eight words.
  //
  // Row i adds a·b[i] and the multiple m·p that makes the lowest word zero, then drops that word. A product of two words
  // spans two, so products of even and of odd words of `a` are kept apart: each kind is one chain of carries. Dropping a
  // word makes even places odd, so the two sums swap roles from row to row.
  TALEA Field operator*(const Field &b) const {
    uint32_t even[WORDS], odd[WORDS];
    UNROLL for (int i = 0; i < WORDS; i++) even[i] = odd[i] = 0;
    UNROLL for (int i = 0; i < WORDS; i += 2) {
      row(even, odd, b.w[i]);
      row(odd, even, b.w[i + 1]);
    }
    // the lowest word of `odd` is the one to drop
    Field sum;
    Carry c;
    sum.w[0] = add_cc(c, even[0], odd[1]);
    UNROLL for (int i = 1; i < WORDS - 1; i++) sum.w[i] = addc_cc(c, even[i], odd[i + 1]);
    sum.w[WORDS - 1] = addc(c, even[WORDS - 1], 0);
    return sum.reduced();
  }
  TALEA void operator+=(const Field &b) { *this = *this + b; }

private:
  // On entry `low` has the places 0..8, and `shifted`, whose word 0 is zero, the places −1..7; on return `low` has the places
  // 0..8 with word 0 zero, and `shifted` the places 1..9.
  TALEA void row(uint32_t (&low)[WORDS], uint32_t (&shifted)[WORDS], uint32_t by) const {
    Carry c;
    // word 1 of `shifted` is at place 0; its carry belongs to place 1, where the odd products begin
    low[0] = add_cc(c, low[0], shifted[1]);
    UNROLL for (int k = 0; k < WORDS - 2; k += 2) {
      shifted[k] = madc_lo_cc(c, w[k + 1], by, shifted[k + 2]);
      shifted[k + 1] = madc_hi_cc(c, w[k + 1], by, shifted[k + 3]);
    }
    shifted[WORDS - 2] = madc_lo_cc(c, w[WORDS - 1], by, 0);
    shifted[WORDS - 1] = madc_hi(c, w[WORDS - 1], by, 0);
    chain(low, shifted[WORDS - 1], by, [&](int k) { return w[k]; });

    const uint32_t m = low[0] * Prime::INVERSE;
    uint32_t none = 0;
    chain(shifted, none, m, [](int k) { return Prime::p(k + 1); });
    chain(low, shifted[WORDS - 1], m, [](int k) { return Prime::p(k); });
  }

  // to += by·Σ of(k)·2^(32k) over even k; what is carried out goes to `above`.
  template <class Of> static TALEA void chain(uint32_t (&to)[WORDS], uint32_t &above, uint32_t by, Of of) {
    Carry c;
    to[0] = mad_lo_cc(c, of(0), by, to[0]);
    to[1] = madc_hi_cc(c, of(0), by, to[1]);
    UNROLL for (int k = 2; k < WORDS; k += 2) {
      to[k] = madc_lo_cc(c, of(k), by, to[k]);
      to[k + 1] = madc_hi_cc(c, of(k), by, to[k + 1]);
    }
    above = addc(c, above, 0);
  }

public:
  // The plain number, out of Montgomery form.
  TALEA Field plain() const { return *this * raw(1); }

  // 1/a, and 0 for 0: a^(p−2), from the highest bit down.
  TALEA Field inverse() const {
    Field out = one();
#ifdef __CUDA_ARCH__
#pragma unroll 1
#endif
    for (int bit = 253; bit >= 0; bit--) {
      out = out.squared();
      // both primes end in a word above 2: p − 2 differs from p there alone
      const uint32_t word = Prime::p(bit / 32) - (bit < 32 ? 2 : 0);
      if (word >> bit % 32 & 1) out = out * *this;
    }
    return out;
  }
};

using Fr = Field<FrPrime>;
using Fq = Field<FqPrime>;
