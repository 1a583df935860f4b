#!/usr/bin/env bash
# Compiles the kernels for GPUs, prints the registers and spills of each, and fails where a kernel spills or needs more
# registers than it may. Needs no GPU. NVCC names the compiler, or else it is on the path.
#
# A compiler from PyPI, in two lines:
#   python3 -m venv nv && nv/bin/pip install nvidia-{cuda-nvcc,cuda-crt,cuda-runtime,cuda-cccl,nvvm}==13.0.*
#   export NVCC=$(echo "$PWD"/nv/lib/python3*/site-packages/nvidia/cu13/bin/nvcc)
set -euo pipefail
cd "$(dirname "$0")"
# more registers leave fewer threads at a time: half of what an SM can hold at 128
most=136
# sums of sums hold two points and add a third
declare -A more=([bucket_sums]=216)

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
compile() {
  "${NVCC:-nvcc}" -std=c++17 -O3 -cubin -arch="$1" -Xptxas -v -o /dev/null kernels.cu 2>"$logs/$1" || { cat "$logs/$1"; return 1; }
}
compile sm_80 &
compile sm_90
wait $!
bounds=$(for kernel in "${!more[@]}"; do printf '%s=%s ' "$kernel" "${more[$kernel]}"; done)
awk -v most=$most -v bounds="$bounds" '
  BEGIN { n = split(bounds, all, " "); for (i = 1; i <= n; i++) { split(all[i], b, "="); bound[b[1]] = b[2] } }
  /Compiling entry function/ { split($0, q, "\x27"); kernel = q[2]; target = q[4] }
  /bytes stack frame/ { spills = $5 + $9 }
  /Used [0-9]+ registers/ {
    match($0, /Used [0-9]+/); used = substr($0, RSTART + 5, RLENGTH - 5) + 0
    may = (kernel in bound ? bound[kernel] : most) + 0
    bad = spills > 0 || used > may
    printf "%-6s %-18s %3d of %3d registers, %d bytes spilled%s\n", target, kernel, used, may, spills, bad ? "  TOO MANY" : ""
    kernels++; failed += bad
  }
  END { print kernels " kernels, " failed + 0 " over their bound"; exit failed > 0 || kernels == 0 }' "$logs"/sm_*
