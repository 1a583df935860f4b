//! Payout vectors, their openings, and the points of slots on disk.

mod cache;
mod common;
mod openings;
mod vector;
