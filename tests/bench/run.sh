#!/bin/sh
# Prints the table of figures. Usage: run.sh [NAME...]
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
printf '# %s, %s cores, %s\n' "$(date -u +%Y-%m-%d)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
if [ "${1:-}" = cluster ]; then
    shift
    exec sh "$here/cluster.sh" "$@"
fi
exec "$here/../../build/bin/dialtone-bench" "$@"
