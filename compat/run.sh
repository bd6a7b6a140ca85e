#!/usr/bin/env bash
# Looks at ringmq, or at the Java peer, as stock RocketMQ clients and tools see it.
#
#   compat/run.sh [--target ringmq|java] [--io auto|ring|net] [--only java,go,mqadmin,operate,hostile,exchange,crash,faults]
#                 [--match NAME-PART] [--rounds N] [--flush ASYNC_FLUSH|SYNC_FLUSH] [--seed N] [--keep] [--ports FIRST-LAST]
#                 [--binary FILE]
#
# Prints PASS or FAIL for each behaviour and a closing line; the exit status is 0 if nothing failed.
# Needs Go, Java 17 and Maven 3.8, which fetch the clients and the peer the first time. TARGET=java is
# the same as --target java; ringmq is built first unless --binary names a program.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=()
target=${TARGET:-ringmq}
binary=''
while (( $# )); do
  case $1 in
    --target) target=${2:?--target ringmq|java}; shift 2 ;;
    --target=*) target=${1#*=}; shift ;;
    --binary) binary=${2:?--binary FILE}; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done

if [[ -z $binary && $target != java ]]; then
  binary=bin/ringmq
  make -s build
fi
program=$(mktemp -t ringmq-compat.XXXXXX)
trap 'rm -f "$program"' EXIT
go build -o "$program" ./compat
"$program" -target "$target" -binary "$binary" "${arguments[@]}"
