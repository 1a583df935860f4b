// The group G1 of BN254: y² = x³ + 3 over Fq.
//
// Sums are formed in XYZZ coordinates, x = X/ZZ and y = Y/ZZZ with ZZ³ = ZZZ², the cheapest for adding affine points. Every
// sum is complete: infinity on either side, equal points, opposite points.
#pragma once
#include "field.cuh"

// 64 bytes; infinity is (0, 0), which the curve does not pass through.
struct Affine {
  Fq x, y;

  TALEA bool is_infinity() const { return x.is_zero() && y.is_zero(); }
  TALEA Affine negated_if(bool yes) const { return {x, yes ? -y : y}; }
};

struct Xyzz {
  Fq x, y, zz, zzz; // infinity: zz = 0

  static TALEA Xyzz infinity() { return {Fq::zero(), Fq::zero(), Fq::zero(), Fq::zero()}; }
  static TALEA Xyzz of(const Affine &p) {
    if (p.is_infinity()) return infinity();
    return {p.x, p.y, Fq::one(), Fq::one()};
  }
  TALEA bool is_infinity() const { return zz.is_zero(); }

  // No point has order two, so y is never zero here.
  TALEA Xyzz doubled() const {
    if (is_infinity()) return *this;
    const Fq u = y.doubled(), v = u.squared(), w = u * v, s = x * v;
    const Fq xx = x.squared(), slope = xx.doubled() + xx;
    const Fq x3 = slope.squared() - s.doubled();
    return {x3, slope * (s - x3) - w * y, v * zz, w * zzz};
  }

  TALEA void add(const Affine &p) {
    if (p.is_infinity()) return;
    if (is_infinity()) {
      *this = of(p);
      return;
    }
    const Fq across = p.x * zz - x, rise = p.y * zzz - y;
    if (across.is_zero()) {
      *this = rise.is_zero() ? of(p).doubled() : infinity();
      return;
    }
    join(across, rise, x, y);
  }

  TALEA void add(const Xyzz &p) {
    if (p.is_infinity()) return;
    if (is_infinity()) {
      *this = p;
      return;
    }
    const Fq ours = x * p.zz, height = y * p.zzz;
    const Fq across = p.x * zz - ours, rise = p.y * zzz - height;
    if (across.is_zero()) {
      *this = rise.is_zero() ? doubled() : infinity();
      return;
    }
    join(across, rise, ours, height);
    zz = zz * p.zz;
    zzz = zzz * p.zzz;
  }

  // by·P, by double and add.
  TALEA Xyzz times(uint32_t by) const {
    Xyzz out = infinity();
    for (int bit = 31; bit >= 0; bit--) {
      out = out.doubled();
      if (by >> bit & 1) out.add(*this);
    }
    return out;
  }

private:
  // The chord through two points whose difference is (across, rise) over the common denominator, the first at
  // (from_x, from_y).
  TALEA void join(const Fq &across, const Fq &rise, const Fq &from_x, const Fq &from_y) {
    const Fq square = across.squared(), cube = across * square, at = from_x * square;
    const Fq x3 = rise.squared() - cube - at.doubled();
    y = rise * (at - x3) - from_y * cube;
    x = x3;
    zz = zz * square;
    zzz = zzz * cube;
  }
};
