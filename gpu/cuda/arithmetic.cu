// One operation per thread: what tests hold against arkworks, and the known answer that a device must give.
#include "launch.cuh"

template <class F> struct FieldOperations {
  uint64_t threads;
  F *out /*[6·threads]*/;
  const F *a /*[threads]*/, *b /*[threads]*/;

  TALEA void thread(uint64_t i) const {
    const F x = a[i], y = b[i];
    F *to = out + 6 * i;
    to[0] = x + y;
    to[1] = x - y;
    to[2] = x * y;
    to[3] = -x;
    to[4] = x.inverse();
    to[5] = x.plain();
  }
};
KERNEL(fr_operations, FieldOperations<Fr>)
KERNEL(fq_operations, FieldOperations<Fq>)

struct PointOperations {
  uint64_t threads;
  Xyzz *out /*[4·threads]*/;
  const Affine *a /*[threads]*/, *b /*[threads]*/;

  TALEA void thread(uint64_t i) const {
    Xyzz *to = out + 4 * i;
    // mixed and general sums, the general one of points whose denominators are not one
    to[0] = Xyzz::of(a[i]);
    to[0].add(b[i]);
    to[1] = Xyzz::of(a[i]).doubled();
    Xyzz twice = Xyzz::of(b[i]).doubled();
    to[2] = to[1];
    to[2].add(twice);
    to[3] = to[0].times(uint32_t(0x9000000b));
  }
};
KERNEL(point_operations, PointOperations)
