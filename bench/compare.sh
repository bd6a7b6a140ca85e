#!/usr/bin/env bash
# Runs the Go micro-benchmarks on the path of a message, here and at another commit in turn, and
# prints what changed with its significance (benchstat).
#
#   bench/compare.sh REF [REGEXP [COUNT]]      or  make bench-compare REF=… BENCH=… COUNT=…
#
# encode        internal/message     Encode, Seal      header decode, both   internal/wire   DecodeSend
# append        engine               Append, Stage     answers               internal/wire   SendAnswers, EncodeSendResponse
# dispatch      consumequeue, index  Put               pull assembly         engine, server  Get, Pull
# turn          server               Turn              transport             internal/transport  Echo
set -euo pipefail
ref=${1:?"usage: bench/compare.sh REF [REGEXP [COUNT]]"} regexp=${2:-.} count=${3:-6}
go=${GO:-go}
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
packages=(internal/message internal/wire consumequeue index engine server)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'git worktree remove --force "$work/tree" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/tree" "$ref"

# once TREE FILE: each benchmark once, in the packages that the tree has.
once() {
  local have=()
  for p in "${packages[@]}"; do
    if compgen -G "$1/$p/*_test.go" >/dev/null; then have+=("./$p"); fi
  done
  (cd "$1" && "$go" test -run '^$' -bench "$regexp" -benchmem -benchtime "${BENCHTIME:-0.5s}" "${have[@]}") >>"$2"
}
for ((i = 1; i <= count; i++)); do
  echo "round $i of $count" >&2
  once "$work/tree" "$work/old.txt"
  once . "$work/new.txt"
done
"$go" run "$benchstat" "$ref=$work/old.txt" "tree=$work/new.txt"
