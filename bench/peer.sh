#!/usr/bin/env bash
# Measures ringmq beside the Java broker and writes docs/benchmarks.md; see `bench/peer.sh -help`.
set -euo pipefail
cd "$(dirname "$0")/.."
make -s build
exec "${GO:-go}" run ./bench/peer "$@"
