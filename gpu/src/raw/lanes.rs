//! Instructions that not every x86-64 has.

use std::arch::{
    is_x86_feature_detected,
    x86_64::{_MM_HINT_T0, _mm_prefetch},
};

use crate::msm::lanes::{self, Scratch};
use crate::msm::pairs::{Pair, Point};

/// [`lanes::add`] where the processor can, None elsewhere.
pub(crate) fn add(from: &[Point], to: &mut [Point], pairs: &mut Vec<Pair>, scratch: &mut Scratch) -> Option<bool> {
    if !is_x86_feature_detected!("avx512f") || !is_x86_feature_detected!("avx512ifma") {
        return None;
    }
    // SAFETY: the processor has the instructions that the function is compiled for.
    Some(unsafe { lanes::add(from, to, pairs, scratch) })
}

/// Asks for a value's memory before it is read.
pub(crate) fn prefetch<T>(value: &T) {
    let first = std::ptr::from_ref(value).cast::<i8>();
    let last = first.wrapping_add(size_of::<T>().saturating_sub(1));
    // SAFETY: a hint for memory that is borrowed here.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(first);
        _mm_prefetch::<_MM_HINT_T0>(last);
    }
}
