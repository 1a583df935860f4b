#!/usr/bin/env bash
# The contracts' own checks. `npm install` comes first.
set -euo pipefail
cd "$(dirname "$0")"
export PATH="$PWD/node_modules/.bin:$PATH"
# fails where a contract has more code than EIP-170 allows
forge build --sizes --skip 'test/**'
forge test
# gas of whole transactions is that of snapshots/Gas.json
FOUNDRY_PROFILE=gas FORGE_SNAPSHOT_CHECK=true forge test
# BatchVerifier is tested from Rust, with proofs
report=../target/forge/coverage.lcov
mkdir -p ../target/forge
forge coverage --no-match-contract 'InvariantsTest|GasTest' --no-match-coverage 'test/|node_modules|BatchVerifier' \
  --report lcov --report-file "$report" >/dev/null
awk -F: -v least=98 '
  $1 == "LF" { lines += $2 } $1 == "LH" { hit += $2 }
  END { share = 100 * hit / lines; printf "coverage: %.1f %% of %d lines\n", share, lines; exit share < least }
' "$report"
if command -v slither >/dev/null; then
  slither .
else
  echo "slither is not installed: slither.md is not checked" >&2
fi
