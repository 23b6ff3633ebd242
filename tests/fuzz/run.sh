#!/bin/sh
# Fuzzes each target for a while, from its committed seeds. Usage: run.sh [SECONDS_EACH] [TARGET...]
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
programs=$here/../../build/fuzz/fuzzers
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- $(cd "$programs" && ls fuzz_* | sed 's/^fuzz_//')
failed=0
for name in "$@"; do
    [ -x "$programs/fuzz_$name" ] || { echo "fuzz: there is no target '$name'" >&2; exit 2; }
    found=$here/../../build/fuzz/found/$name
    mkdir -p "$found"
    printf '%-20s ' "$name"
    if "$programs/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$found/" "$found" "$here/corpus/$name" >"$found.log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: *//p' "$found.log" | sed 's/$/ inputs, clean/'
    else
        echo "FAILED; see build/fuzz/found/$name.log"
        failed=1
    fi
done
exit $failed
