// A CUDA driver without a GPU: it runs the kernels on the host, and fails as FAKE_CUDA says.
//
//   start    cuInit fails                     busy    the device's context cannot be had
//   nothing  cuInit finds no device           image   the kernels do not load
//   none     there are no devices             name    a kernel is missing
//   launch   launches fail                    wrong   a kernel gets one bit wrong
//   later    launches fail after the first 40           memory  there are 256 KiB of it
//   silent   launches after the first 300 do nothing
//   idle     launches after the known answer's do nothing      rubbish  nor do these, and new memory is not zeros
//   lost     every call fails after the first layer of fractions
//   two      a second device has more memory            refuses the same, but its context cannot be had
//
// Where COMPILED names a file that ptx.py wrote, it runs what nvcc made of the kernels.
#include "../../cuda/host.cpp"
#include <cstdio>
#include <mutex>
#include <unistd.h>
#ifdef COMPILED
#include COMPILED
#endif

namespace {
enum Result { OK = 0, NO_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, NO_BINARY = 209, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, UNKNOWN = 999 };
constexpr size_t MEMORY = 256 << 10;

std::mutex one_at_a_time;
std::map<uint64_t, size_t> memory, wiped;
size_t used = 0, launches = 0;
bool lost = false;
// what contexts point to, and how often each is retained
int contexts[2], retained[2];

bool is(const char *mode) {
  const char *chosen = std::getenv("FAKE_CUDA");
  return chosen && !std::strcmp(chosen, mode);
}

bool two() { return is("two") || is("refuses"); }

int number(const void *context) { return int(static_cast<const int *>(context) - contexts); }

// The device whose context is current.
thread_local int current = -1;

// The allocation that all of this lies in, or nothing.
bool inside(uint64_t at, size_t bytes) {
  auto after = memory.upper_bound(at);
  if (after == memory.begin()) return false;
  --after;
  return at + bytes <= after->first + after->second;
}

bool untouched() {
  for (const auto &[at, bytes] : memory) {
    const auto *start = reinterpret_cast<const unsigned char *>(at);
    if (!whole(start - GUARD) || !whole(start + bytes)) return false;
  }
  return true;
}

// Whoever ends has given all memory back, and wiped it.
struct Nothing {
  ~Nothing() {
    if (memory.empty()) return;
    std::fprintf(stderr, "%zu allocations are left on the device\n", memory.size());
    _exit(99);
  }
} nothing_is_left;
} // namespace

extern "C" {
int cuInit(unsigned) { return is("start") ? UNKNOWN : is("nothing") ? NO_DEVICE : OK; }
int cuDeviceGetCount(int *count) {
  *count = is("none") ? 0 : two() ? 2 : 1;
  return OK;
}
int cuDeviceGet(int *device, int ordinal) {
  if (ordinal > (two() ? 1 : 0)) return INVALID_DEVICE;
  *device = ordinal;
  return OK;
}
int cuDeviceGetName(char *name, int length, int device) {
  std::strncpy(name, device ? "another GPU that is none" : "a GPU that is none", length);
  return OK;
}
int cuDeviceGetPCIBusId(char *place, int length, int device) {
  const char *chosen = std::getenv("FAKE_PLACE");
  std::snprintf(place, length, "%d:%s", device, chosen ? chosen : std::to_string(getpid()).c_str());
  return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  if (is("busy") || (is("refuses") && device == 1)) return NO_MEMORY;
  *context = &contexts[device];
  retained[device]++;
  return OK;
}
int cuDevicePrimaryCtxRelease_v2(int device) { return retained[device]-- > 0 ? OK : UNKNOWN; }
int cuCtxSetCurrent(void *context) {
  const int device = number(context);
  if (device < 0 || device > 1 || !retained[device]) return UNKNOWN;
  current = device;
  return OK;
}
#ifndef OLD
int cuMemGetInfo_v2(size_t *free, size_t *total) {
  *total = is("memory") ? MEMORY : size_t(current == 1 ? 2 : 1) << 32;
  *free = *total - used;
  return OK;
}
#endif
int cuMemAlloc_v2(uint64_t *at, size_t bytes) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  if (is("memory") && used + bytes > MEMORY) return NO_MEMORY;
  *at = reinterpret_cast<uint64_t>(talea_host_alloc(bytes));
  // zeros are elements, and infinity: wrong, and nothing tells
  if (is("silent") || is("idle")) std::memset(reinterpret_cast<void *>(*at), 0, bytes);
  memory[*at] = bytes;
  used += bytes;
  return OK;
}
int cuMemFree_v2(uint64_t at) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  const size_t bytes = memory.at(at);
  // nothing is left behind for others
  if (wiped[at] != bytes) return ILLEGAL_ADDRESS;
  wiped.erase(at);
  memory.erase(at);
  used -= bytes;
  return talea_host_free(reinterpret_cast<void *>(at), bytes) ? OK : ILLEGAL_ADDRESS;
}
int cuMemsetD8_v2(uint64_t at, unsigned char value, size_t bytes) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  if (!inside(at, bytes)) return ILLEGAL_ADDRESS;
  std::memset(reinterpret_cast<void *>(at), value, bytes);
  wiped[at] = bytes;
  return OK;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  if (lost || !inside(to, bytes)) return ILLEGAL_ADDRESS;
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return OK;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  if (lost || !inside(from, bytes) || !untouched()) return ILLEGAL_ADDRESS;
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return OK;
}
int cuModuleLoadData(void **module, const void *) {
  *module = &host_kernels();
  return is("image") ? NO_BINARY : OK;
}
int cuModuleGetFunction(void **function, void *, const char *name) {
  const auto found = host_kernels().find(name);
  if (is("name") || found == host_kernels().end()) return NOT_FOUND;
  *function = &*found;
  return OK;
}
int cuLaunchKernel(void *function, unsigned blocks, unsigned y, unsigned z, unsigned block, unsigned by, unsigned bz,
                   unsigned, void *, void **arguments, void **) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  launches++;
  if (lost || is("launch") || (is("later") && launches > 40)) return ILLEGAL_ADDRESS;
  const auto &[name, kernel] = *static_cast<std::pair<const std::string, HostKernel> *>(function);
  const auto *words = static_cast<const uint64_t *>(arguments[0]);
  // enough threads, and no empty block
  if (y * z * by * bz != 1 || !blocks || (words[0] + block - 1) / block != blocks) return UNKNOWN;
  if ((is("silent") && launches > 300) || ((is("idle") || is("rubbish")) && launches > 3)) return OK;
  kernel.run(words);
  lost = lost || (is("lost") && name == "fraction_layer");
  // in the sixth pair: the first ones are infinity, whose words may be anything
  if (is("wrong") && name == "point_operations") reinterpret_cast<Xyzz *>(words[1])[4 * 5].x.w[0] ^= 1;
  return OK;
}
}
