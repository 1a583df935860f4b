// Instructions on 32-bit words that leave a carry behind: the only arithmetic that differs between a GPU and a host.
//
// A GPU has one carry flag, and each function is one instruction on it. A host has `Carry`. Whatever is built of these
// functions is therefore the same code on both, and what a host's tests say of it holds on a GPU.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define TALEA __host__ __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#else
#define TALEA inline
#define UNROLL
#endif

// The carry (or borrow) of the chain under way. Chains must not be interleaved: there is but one flag.
struct Carry {
#ifndef __CUDA_ARCH__
  uint32_t bit = 0;
  uint32_t take(uint64_t sum) {
    bit = uint32_t(sum >> 32);
    return uint32_t(sum);
  }
  uint32_t take_borrow(uint64_t difference) {
    bit = uint32_t(difference >> 32) & 1;
    return uint32_t(difference);
  }
#endif
};

#ifdef __CUDA_ARCH__
// volatile keeps the order of the chain; the compiler itself makes no use of the flag in 32-bit code
#define TALEA_TWO(name, instruction) \
  TALEA uint32_t name(Carry &, uint32_t a, uint32_t b) { \
    uint32_t out; \
    asm volatile(instruction ".u32 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b)); \
    return out; \
  }
#define TALEA_THREE(name, instruction) \
  TALEA uint32_t name(Carry &, uint32_t a, uint32_t b, uint32_t to) { \
    uint32_t out; \
    asm volatile(instruction ".u32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(to)); \
    return out; \
  }
TALEA_TWO(add_cc, "add.cc")
TALEA_TWO(addc_cc, "addc.cc")
TALEA_TWO(addc, "addc")
TALEA_TWO(sub_cc, "sub.cc")
TALEA_TWO(subc_cc, "subc.cc")
TALEA_TWO(subc, "subc")
TALEA_THREE(mad_lo_cc, "mad.lo.cc")
TALEA_THREE(madc_lo_cc, "madc.lo.cc")
TALEA_THREE(madc_hi_cc, "madc.hi.cc")
TALEA_THREE(madc_hi, "madc.hi")
#undef TALEA_TWO
#undef TALEA_THREE
#else
TALEA uint32_t add_cc(Carry &c, uint32_t a, uint32_t b) { return c.take(uint64_t(a) + b); }
TALEA uint32_t addc_cc(Carry &c, uint32_t a, uint32_t b) { return c.take(uint64_t(a) + b + c.bit); }
TALEA uint32_t addc(Carry &c, uint32_t a, uint32_t b) { return a + b + c.bit; }
TALEA uint32_t sub_cc(Carry &c, uint32_t a, uint32_t b) { return c.take_borrow(uint64_t(a) - b); }
TALEA uint32_t subc_cc(Carry &c, uint32_t a, uint32_t b) { return c.take_borrow(uint64_t(a) - b - c.bit); }
TALEA uint32_t subc(Carry &c, uint32_t a, uint32_t b) { return a - b - c.bit; }
TALEA uint32_t mad_lo_cc(Carry &c, uint32_t a, uint32_t b, uint32_t to) { return c.take(uint64_t(a * b) + to); }
TALEA uint32_t madc_lo_cc(Carry &c, uint32_t a, uint32_t b, uint32_t to) { return c.take(uint64_t(a * b) + to + c.bit); }
TALEA uint32_t madc_hi_cc(Carry &c, uint32_t a, uint32_t b, uint32_t to) {
  return c.take((uint64_t(a) * b >> 32) + to + c.bit);
}
TALEA uint32_t madc_hi(Carry &c, uint32_t a, uint32_t b, uint32_t to) {
  return uint32_t(uint64_t(a) * b >> 32) + to + c.bit;
}
#endif
