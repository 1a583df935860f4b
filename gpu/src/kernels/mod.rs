//! The kernels of `cuda/`, each with a wrapper that says what it computes and stands for its lengths.
//!
//! | module | wraps |
//! |---|---|
//! | [`arithmetic`] | single operations: what a device must know before it is trusted |

pub mod arithmetic;
