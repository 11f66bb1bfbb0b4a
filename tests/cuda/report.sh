#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One run on a machine with a GPU: builds, compares bits, looks for faults, measures, and writes
# docs/gpu/DEVICE-DATE.md. Status 1 if something that must hold does not.
#   tests/cuda/report.sh [BUILD]      BUILD is build/release by default; CMake's options in $NWR_CMAKE
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${1:-build/release}
jobs=$(nproc)

device=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1)
[ -n "$device" ] || { echo "there is no GPU here: nvidia-smi names none" >&2; exit 1; }
log=$(mktemp)
# shellcheck disable=SC2086
if ! { cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNWR_CUDA=ON ${NWR_CMAKE:-} &&
  cmake --build "$build" -j "$jobs" --target noisewright noisewright-cuda cuda_tests conformance_c \
    cuda_curand cuda_bench example_cuda_stream; } >"$log" 2>&1; then
  tail -40 "$log"
  exit 1
fi

mkdir -p docs/gpu
page=docs/gpu/$(tr -cs 'A-Za-z0-9' '-' <<<"$device" | sed 's/^-//; s/-$//')-$(date +%F).md
status=0

# section TITLE MUST COMMAND...: the command and what it prints; MUST is "must" or "may".
section() {
  local title=$1 must=$2 out rc
  shift 2
  out=$("$@" 2>&1)
  rc=$?
  {
    printf '\n## %s\n\n' "$title"
    printf '`%s`' "$*"
    if [ $rc = 0 ]; then echo ': status 0'; elif [ $rc = 77 ]; then echo ': skipped'; else echo ": **status $rc**"; fi
    echo
    if grep -q '^|' <<<"$out"; then echo "$out"; else printf '```\n%s\n```\n' "$(tail -25 <<<"$out")"; fi
  } >>"$page"
  echo "$title: status $rc"
  if [ "$must" = must ] && [ $rc != 0 ]; then status=1; fi
}

parity=("$build/tests/cuda_tests" --gtest_brief=1)
sanitized() { compute-sanitizer --tool "$1" --error-exitcode 1 "$build/tests/cuda_tests" --gtest_brief=1 --gtest_filter='On/Parity*'; }
export NWR_TEST_DEVICE=cuda
{
  printf '# %s\n\n' "$device"
  printf '%s, commit %s. Made by `tests/cuda/report.sh`.\n\n' "$(date -u '+%F %H:%M UTC')" \
    "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem --format=csv | sed 's/^/    /'
  nvcc --version | tail -2 | sed 's/^/    /'
} >"$page"

section "The CPU's bits through the API" must "${parity[@]}"
section "The conformance cases on the device" must \
  bash tests/conformance/compare "$build/tests/conformance/conformance_c --device cuda"
section "A sampling loop in a CUDA graph" must "$build/examples/example_cuda_stream"
section "Philox beside cuRAND's" must "$build/tests/cuda/cuda_curand"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do
    section "compute-sanitizer, $tool" must sanitized "$tool"
  done
else
  printf '\n## compute-sanitizer\n\nIt is not installed.\n' >>"$page"
fi
section "Times" may "$build/tests/cuda/cuda_bench"
section "PyTorch on the same work" may python3 tests/cuda/peers.py
rm -f "$log"
echo "$page"
exit $status
