#!/usr/bin/env bash
# Makes cmd/ringmq/default.pgo, from which the Go compiler knows the hot path: what it puts in line, and
# which calls it guesses. One CPU profile of the broker for each load below, on a machine with nothing else to do.
#
#   bench/pgo.sh      or  make pgo       about 90 seconds
set -euo pipefail
go=${GO:-go}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
broker=
trap '[[ -z $broker ]] || kill $broker; rm -rf "$work"' EXIT
"$go" build -trimpath -pgo=off -o "$work/ringmq" ./cmd/ringmq
main=26911 debug=26919 # of the broker
profiles=()

# start OPTION…: a broker on an empty store.
start() {
  rm -rf "$work/store"
  "$work/ringmq" broker -o listenPort=$main -o debugPort=$debug -o brokerIP1=127.0.0.1 -o "storePathRootDir=$work/store" "$@" >"$work/log" 2>&1 &
  broker=$!
  until (: <"/dev/tcp/127.0.0.1/$main") 2>/dev/null; do
    kill -0 $broker 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
  done
}

stop() {
  kill $broker
  wait $broker || true
  broker=
}

# load SECONDS COMMAND…: a profile of the broker under that load of ringmq bench.
load() {
  local seconds=$1 profile=$work/${#profiles[@]}.pprof
  shift
  echo "$*" >&2
  "$work/ringmq" bench "$@" --broker 127.0.0.1:$main --warmup 1s --duration $((seconds + 2))s >/dev/null 2>"$work/load" &
  sleep 1.5
  "$go" tool pprof -proto -output "$profile" "http://127.0.0.1:$debug/debug/pprof/profile?seconds=$seconds" >/dev/null 2>&1
  wait $! || { cat "$work/load" >&2; exit 1; }
  profiles+=("$profile")
}

start # ASYNC_FLUSH
load 12 send --conns 16 --window 32 --size 1024
load 3 pull --conns 8
load 8 send --conns 16 --window 32 --size 128
load 3 send --conns 16 --window 32 --size 1024 --header rocketmq
load 6 send --conns 16 --window 8 --size 128 --batch 32
load 4 send --conns 64 --window 1 --size 1024
stop
start -o flushDiskType=SYNC_FLUSH
load 6 send --conns 64 --window 32 --size 1024
stop
start -o ringIO=off
load 4 send --conns 16 --window 32 --size 1024
stop
"$go" tool pprof -proto -output cmd/ringmq/default.pgo "${profiles[@]}" >/dev/null
"$go" tool pprof -top -nodecount 12 cmd/ringmq/default.pgo >&2
