#!/usr/bin/env bash
# Measures ringmq and the Java broker in turn, in one run (A B A B), and writes docs/benchmarks.md.
#
#   bench/peer.sh [rounds]        default 3; nothing else should run on the machine
#
# The Java broker gets 60 s of load to warm up and the best tuning found for it
# (sendMessageThreadPoolNums=1). Both keep running between the rounds, so neither starts cold; only
# the one that is measured has load.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
work=$(mktemp -d)
out=docs/benchmarks.md
java_port=${JAVA_PORT:-23911} java_ns=${JAVA_NS:-23876} our_port=${OUR_PORT:-24911} our_ns=${OUR_NS:-24876}
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

make -s build
now_ms() { date +%s%3N; }
wait_port() { until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 0.01; done; }
rss_anon() { awk '/^RssAnon/ {printf "%.0f", $2/1024}' "/proc/$1/status"; }
rss() { awk '/^VmRSS/ {printf "%.0f", $2/1024}' "/proc/$1/status"; }
send() { bin/ringmq bench send -b "127.0.0.1:$1" --pid "$2" --json "${@:3}"; }

compat/peer/peer namesrv -p "$java_ns" >"$work/java-ns.log" 2>&1 & pids+=($!)
wait_port "$java_ns"
begin=$(now_ms)
compat/peer/peer broker -n "127.0.0.1:$java_ns" -p "$java_port" -s "$work/java" sendMessageThreadPoolNums=1 >"$work/java.log" 2>&1 & java_pid=$!; pids+=($java_pid)
wait_port "$java_port"; until send "$java_port" "$java_pid" --conns 1 --window 1 --warmup 0s --duration 0.01s >/dev/null 2>&1; do :; done
java_start=$(($(now_ms) - begin)); java_idle=$(rss "$java_pid")

begin=$(now_ms)
bin/ringmq standalone --data "$work/ours" --broker-port "$our_port" --namesrv-port "$our_ns" >"$work/ours.log" 2>&1 & our_pid=$!; pids+=($our_pid)
wait_port "$our_port"; until send "$our_port" "$our_pid" --conns 1 --window 1 --warmup 0s --duration 0.01s >/dev/null 2>&1; do :; done
our_start=$(($(now_ms) - begin)); our_idle=$(rss "$our_pid")

echo "warming the Java broker for 60 s" >&2
send "$java_port" "$java_pid" --warmup 0s --duration 60s >/dev/null

# row NAME ARGS...: measures both in turn, rounds times; one JSON line each.
row() {
  local name=$1; shift
  for ((i = 0; i < rounds; i++)); do
    echo "{\"row\":\"$name\",\"who\":\"java\",\"r\":$(send "$java_port" "$java_pid" "$@")}" >>"$work/results"
    echo "{\"row\":\"$name\",\"who\":\"ringmq\",\"r\":$(send "$our_port" "$our_pid" "$@")}" >>"$work/results"
  done
  echo "$name: done" >&2
}
row "1 KiB, 16 × 32" --conns 16 --window 32 --duration 10s
row "1 KiB, 64 × 32" --conns 64 --window 32 --duration 10s
row "1 KiB, 1 × 1" --conns 1 --window 1 --duration 5s
row "128 B, 16 × 32" --conns 16 --window 32 --size 128 --duration 10s
row "16 KiB, 16 × 32" --conns 16 --window 32 --size 16384 --duration 5s
row "batch 32 × 128 B, 16 × 8" --conns 16 --window 8 --size 128 --batch 32 --duration 5s

machine="$(nproc) cores ($(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo)), Linux $(uname -r)"
bin/ringmq bench table --machine "$machine" --commit "$(git rev-parse --short HEAD)" --date "$(date +%F)" --rounds "$rounds" \
  --fact "start to first acknowledged message|$java_start ms|$our_start ms" \
  --fact "resident memory before load|$java_idle MiB|$our_idle MiB" \
  --fact "resident anonymous memory after the load|$(rss_anon "$java_pid") MiB|$(rss_anon "$our_pid") MiB" \
  <"$work/results" >"$out"
cat "$out"
