#!/usr/bin/env bash
# Everything that must hold, in one command.
set -euo pipefail
cd "$(dirname "$0")"
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
# what an auditor builds: the argument's verifier without its prover
cargo clippy -p talea-circuits --locked -- -D warnings
features=()
if command -v c++ >/dev/null; then
  # the kernels of gpu/cuda compiled for the host: single ones, and whole proofs with them
  features=(--features talea-gpu/host-kernels,talea-circuits/host-kernels)
  cargo clippy --workspace --all-targets "${features[@]}" --locked -- -D warnings
else
  echo "there is no C++ compiler: the kernels are not run on the host" >&2
fi
if command -v cargo-deny >/dev/null; then
  cargo fetch --locked
  cargo deny --locked --offline check licenses bans sources
else
  echo "cargo-deny is not installed: licences and sources of dependencies are not checked" >&2
fi
# one build for all that follows
cargo test --workspace "${features[@]}" --locked --no-run
if command -v npm >/dev/null; then
  # exact versions are in package.json; what the compiler makes is compared byte for byte
  npm install --prefix verifier-contracts --no-package-lock --no-audit --no-fund --loglevel=error
  "${CARGO_TARGET_DIR:-target}/debug/talea" contracts build --check
  verifier-contracts/test.sh
else
  echo "npm is not installed: the contracts are not compiled anew" >&2
fi
cargo test --workspace "${features[@]}" --locked
