// What makes a kernel of a struct.
//
// A kernel is a struct of its arguments, all of 8 bytes or field elements, the number of threads first, with a member
// `thread(i)` that does the work of thread i and nothing that another thread must see before the launch ends. On a GPU the
// threads run at once; a host runs them one after the other. So sums are formed in two launches: each thread its own, then
// sums of those. A launch takes the words of the struct, which is how one caller serves all kernels on both.
#pragma once
#include "curve.cuh"

#ifdef __CUDACC__
constexpr int BLOCK = 128;

#define KERNEL(name, Arguments) \
  static_assert(sizeof(Arguments) % 8 == 0, "arguments travel as words of 8 bytes"); \
  extern "C" __global__ void __launch_bounds__(BLOCK) name(const Arguments a) { \
    const uint64_t i = blockIdx.x * uint64_t(BLOCK) + threadIdx.x; \
    if (i < a.threads) a.thread(i); \
  }
#else
#include <cstring>
#include <map>
#include <string>

struct HostKernel {
  uint64_t words;
  void (*run)(const uint64_t *);
};
inline std::map<std::string, HostKernel> &host_kernels() {
  static std::map<std::string, HostKernel> all;
  return all;
}

#define KERNEL(name, Arguments) \
  static_assert(sizeof(Arguments) % 8 == 0, "arguments travel as words of 8 bytes"); \
  static const bool name##_is_known = host_kernels() \
      .emplace(#name, HostKernel{sizeof(Arguments) / 8, [](const uint64_t *words) { \
        Arguments a; \
        std::memcpy(static_cast<void *>(&a), words, sizeof a); \
        for (uint64_t i = 0; i < a.threads; i++) a.thread(i); \
      }}).second;
#endif

// Adds one and says what was there before.
TALEA uint32_t take_ticket(uint32_t *counter) {
#ifdef __CUDA_ARCH__
  return atomicAdd(counter, 1u);
#else
  return (*counter)++;
#endif
}

// Takes one off and says what is left.
TALEA uint32_t give_ticket_back(uint32_t *counter) {
#ifdef __CUDA_ARCH__
  return atomicSub(counter, 1u) - 1;
#else
  return --*counter;
#endif
}
