// The same kernels on a host, for tests: memory with guards around it, and launches by name.
#include "kernels.cu"
#include <cstdlib>

namespace {
constexpr size_t GUARD = 64;
constexpr unsigned char FENCE = 0xc5, UNWRITTEN = 0xa5;

bool whole(const unsigned char *guard) {
  for (size_t i = 0; i < GUARD; i++)
    if (guard[i] != FENCE) return false;
  return true;
}
} // namespace

extern "C" {
// Null where there is no memory. New memory has a pattern in it, so that reading before writing shows.
void *talea_host_alloc(size_t bytes) {
  auto *all = static_cast<unsigned char *>(std::aligned_alloc(GUARD, (bytes + GUARD - 1) / GUARD * GUARD + 2 * GUARD));
  if (!all) return nullptr;
  std::memset(all, FENCE, GUARD);
  std::memset(all + GUARD, UNWRITTEN, bytes);
  std::memset(all + GUARD + bytes, FENCE, GUARD);
  return all + GUARD;
}

// False where a kernel wrote past either end.
bool talea_host_free(void *memory, size_t bytes) {
  auto *at = static_cast<unsigned char *>(memory);
  const bool intact = whole(at - GUARD) && whole(at + bytes);
  std::free(at - GUARD);
  return intact;
}

// False where no kernel has this name and that many words of arguments.
bool talea_host_launch(const char *name, const uint64_t *words, size_t count) {
  const auto found = host_kernels().find(name);
  if (found == host_kernels().end() || found->second.words != count) return false;
  found->second.run(words);
  return true;
}
}
