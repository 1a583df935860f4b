// Sums of multiples of points, by buckets.
//
// A scalar is cut into windows, each a digit between −2^(c−1) and 2^(c−1). A window has a bucket for every size of digit;
// points are sorted into buckets by counting, buckets are summed up in pieces of equal length, whatever their sizes, and
// Σ size·bucket is formed per window. The host puts the windows together. Several columns may have their buckets in one
// array: `first` is where a column's begin.
#include "ints.cuh"

// A kind after those of integers: elements of Fr.
constexpr uint64_t FIELD = 7;
// Points that one thread adds up.
constexpr uint32_t PIECE = 32;
// Counters that one thread adds up.
constexpr uint64_t SCAN = 32;

struct Digit {
  const void *scalars;
  uint64_t kind, bits, windows, first;

  // Calls with the key of its bucket and the sign for every digit of scalar i that is not zero.
  template <class Call> TALEA void each(uint64_t i, Call call) const {
    Fr left;
    bool negative = false;
    if (kind == FIELD) {
      left = static_cast<const Fr *>(scalars)[i].plain();
    } else {
      const Small v = Ints{scalars, kind}[i];
      left = Fr::raw(v.magnitude);
      negative = v.negative;
    }
    const uint32_t half = 1u << (bits - 1);
    uint32_t carry = 0;
    for (uint64_t window = 0; window < windows; window++) {
      const uint32_t digit = (left.w[0] & (2 * half - 1)) + carry;
      carry = digit > half;
      const uint32_t size = carry ? 2 * half - digit : digit;
      if (size) call(first + window * half + size - 1, negative != (carry != 0));
      UNROLL for (int k = 0; k < WORDS - 1; k++) left.w[k] = left.w[k] >> bits | left.w[k + 1] << (32 - bits);
      left.w[WORDS - 1] >>= bits;
    }
  }
};

struct Clear {
  uint64_t threads;
  uint32_t *out /*[threads]*/;

  TALEA void thread(uint64_t i) const { out[i] = 0; }
};
KERNEL(clear, Clear)

// How many digits each bucket has.
struct CountDigits {
  uint64_t threads;
  uint32_t *counts;
  Digit digit;

  TALEA void thread(uint64_t i) const {
    digit.each(i, [&](uint64_t key, bool) { take_ticket(counts + key); });
  }
};
KERNEL(count_digits, CountDigits)

// Puts every digit's point, with its sign in the highest bit, among those of its bucket. Uses the counts up.
struct PlaceDigits {
  uint64_t threads;
  uint32_t *entries, *counts;
  const uint32_t *starts;
  Digit digit;
  uint64_t base; // of scalar 0

  TALEA void thread(uint64_t i) const {
    digit.each(i, [&](uint64_t key, bool negative) {
      const uint32_t place = starts[key] + give_ticket_back(counts + key);
      entries[place] = uint32_t(base + i) | uint32_t(negative) << 31;
    });
  }
};
KERNEL(place_digits, PlaceDigits)

// out[t] = the sum of the t-th SCAN values.
struct ScanSums {
  uint64_t threads;
  uint32_t *out /*[threads]*/;
  const uint32_t *in /*[count]*/;
  uint64_t count;

  TALEA void thread(uint64_t t) const {
    uint32_t sum = 0;
    for (uint64_t i = t * SCAN; i < count && i < (t + 1) * SCAN; i++) sum += in[i];
    out[t] = sum;
  }
};
KERNEL(scan_sums, ScanSums)

// out[i] = the sum of all values before i, given those sums for every SCAN-th i.
struct ScanApply {
  uint64_t threads;
  uint32_t *out /*[count]*/;
  const uint32_t *in /*[count]*/, *before /*[threads]*/;
  uint64_t count;

  TALEA void thread(uint64_t t) const {
    uint32_t sum = before[t];
    for (uint64_t i = t * SCAN; i < count && i < (t + 1) * SCAN; i++) {
      const uint32_t own = in[i];
      out[i] = sum;
      sum += own;
    }
  }
};
KERNEL(scan_apply, ScanApply)

// Pieces of every bucket, and none after the last. threads = buckets + 1.
struct CountPieces {
  uint64_t threads;
  uint32_t *out /*[threads]*/;
  const uint32_t *starts /*[threads]*/;

  TALEA void thread(uint64_t i) const {
    out[i] = i + 1 < threads ? (starts[i + 1] - starts[i] + PIECE - 1) / PIECE : 0;
  }
};
KERNEL(count_pieces, CountPieces)

// The pieces of all buckets in a row: piece t is of the last bucket that begins at or before it.
struct Pieces {
  const uint32_t *pieces /*[buckets + 1]*/, *starts /*[buckets + 1]*/;
  uint64_t buckets;

  // From and to; empty for a thread that has no piece.
  TALEA void range(uint64_t t, uint32_t &from, uint32_t &to) const {
    from = to = 0;
    if (t >= pieces[buckets]) return;
    uint64_t low = 0, high = buckets; // pieces[low] <= t < pieces[high]
    while (high - low > 1) {
      const uint64_t middle = (low + high) / 2;
      if (pieces[middle] <= t) low = middle;
      else high = middle;
    }
    from = starts[low] + uint32_t(t - pieces[low]) * PIECE;
    to = starts[low + 1] - from < PIECE ? starts[low + 1] : from + PIECE;
  }
};

// out[t] = the sum of piece t's points. As many threads as there can be pieces.
struct AddPoints {
  uint64_t threads;
  Xyzz *out /*[threads]*/;
  Pieces pieces;
  const uint32_t *entries;
  const Affine *bases;

  TALEA void thread(uint64_t t) const {
    uint32_t from, to;
    pieces.range(t, from, to);
    if (from == to) return;
    Xyzz sum = Xyzz::infinity();
    for (uint32_t i = from; i < to; i++) {
      const uint32_t entry = entries[i];
      sum.add(bases[entry & 0x7fffffff].negated_if(entry >> 31));
    }
    out[t] = sum;
  }
};
KERNEL(add_points, AddPoints)

// The same of sums of pieces.
struct AddPieces {
  uint64_t threads;
  Xyzz *out /*[threads]*/;
  Pieces pieces;
  const Xyzz *in;

  TALEA void thread(uint64_t t) const {
    uint32_t from, to;
    pieces.range(t, from, to);
    if (from == to) return;
    Xyzz sum = in[from];
    for (uint32_t i = from + 1; i < to; i++) sum.add(in[i]);
    out[t] = sum;
  }
};
KERNEL(add_pieces, AddPieces)

// Σ size·bucket over a run of a window's buckets, by sums of sums from the largest down. threads = windows·runs.
struct BucketSums {
  uint64_t threads;
  Xyzz *out /*[threads]*/;
  const uint32_t *starts;
  const Xyzz *sums; // of bucket k, if it has any point, at starts[k]
  uint64_t buckets, runs, first;

  TALEA void thread(uint64_t t) const {
    const uint64_t length = (buckets + runs - 1) / runs, window = first + t / runs * buckets;
    const uint64_t low = t % runs * length, high = low + length < buckets ? low + length : buckets;
    Xyzz sum = Xyzz::infinity(), all = Xyzz::infinity();
    for (uint64_t b = high; b > low; b--) {
      const uint64_t key = window + b - 1;
      if (starts[key] != starts[key + 1]) sum.add(sums[starts[key]]);
      all.add(sum);
    }
    all.add(sum.times(uint32_t(low)));
    out[t] = all;
  }
};
KERNEL(bucket_sums, BucketSums)

// Groups of `from` points each become groups of `to`, as in `sums`.
struct PointSums {
  uint64_t threads;
  Xyzz *out /*[threads]*/;
  const Xyzz *in;
  uint64_t from, to;

  TALEA void thread(uint64_t i) const {
    const Xyzz *group = in + i / to * from;
    Xyzz sum = group[i % to];
    for (uint64_t j = i % to + to; j < from; j += to) sum.add(group[j]);
    out[i] = sum;
  }
};
KERNEL(point_sums, PointSums)
