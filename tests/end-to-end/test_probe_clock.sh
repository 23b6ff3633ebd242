#!/bin/sh
# A machine whose clock is an hour ahead, and that has not met its collector: what it measures meanwhile is told as of that
# clock, without a bound. From the first contact on nothing lies open on the disk, times are the collector's, and each record
# says how far the machine's clock is off and how sure that is.
NEEDS="zstd age"
# A clock cannot be played under a sanitizer, which wants to be loaded first; ./dev test has a build without beside.
: "${BIN:?the folder of the programs}"
if grep -q __asan_init "$BIN/dialtone-probe" && [ -e "$BIN/../../clang/bin/liblab-clock.so" ]; then
    BIN=$(cd "$BIN/../../clang/bin" && pwd)
fi
. "$(dirname "$0")/probe.sh"
if grep -q __asan_init "$BIN/dialtone-probe" || [ ! -e "$BIN/liblab-clock.so" ]; then
    echo "there is no build without sanitizers, or no played clock: skipped" >&2
    exit 77
fi
printf '\0\244\223\326\0\0\0\0' >"$WORK/clock" # 3600 s
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:8047/healthz\n' >"$WORK/targets.csv"
consent
START=$(date -u +%s)
AROUND="env LD_PRELOAD=$(readlink -f "$BIN/liblab-clock.so") LAB_CLOCK=$WORK/clock"
probe_start --collector http://127.0.0.1:8047 --anchors "$WORK/anchors.csv" --targets "$WORK/targets.csv" \
    --resolver 127.0.0.1:9 --timeout 300ms --no-capture --allow-private-targets --country XD \
    --ladder-interval 500ms --web-interval 1d --upload-interval 1s --jitter 0
lies_open() { ls "$STATE"/spool/*.jsonl.zst; }
await "without a collector no bundle lies open" lies_open
sleep 1
collector_start data --listen 127.0.0.1:8047
waits event=bundle_receipted 4
! lies_open 2>/dev/null || fail "a bundle lies open after the first contact"
"$BIN/dialtone-probe" status --state "$STATE" --format json | grep -q '"is_sealed_at_rest":true' || fail "status does not say that it is sealed"
waits event=bundle_receipted 8
probe_stop
END=$(date -u +%s)
lines_arrived data/bundles
grep '"test_name":"ladder"' "$WORK/arrived" >"$WORK/climbs"
grep -v x_clock_ "$WORK/climbs" >"$WORK/before" || fail "nothing is from before the first contact"
grep x_clock_ "$WORK/climbs" >"$WORK/after" || fail "no record says how far the clock is off"
# seconds FILE: the records' times.
seconds() {
    sed 's/.*"measurement_start_time":"\([^"]*\)".*/\1/' "$1" | while read -r time; do date -u -d "$time" +%s; done
}
seconds "$WORK/before" | awk -v from="$START" -v to="$END" '
    $1 < from + 3600 - 1 || $1 > to + 3600 + 1 { print "before: " $1; bad = 1 } END { exit bad }' ||
    fail "times before the first contact are not the machine's"
sed 's/.*"x_clock_bound_s":"\([-0-9.]*\)".*/\1/' "$WORK/after" >"$WORK/bounds"
seconds "$WORK/after" | paste -d ' ' - "$WORK/bounds" | awk -v from="$START" -v to="$END" '
    $1 < from - 1 - $2 || $1 > to + 1 + $2 { print "after: " $0; bad = 1 } END { exit bad }' ||
    fail "times after the first contact are not right"
# How far the clock is off, and how sure that is: within 4 s, or within what the slowest answer of a slow machine allows.
sed 's/.*"x_clock_skew_s":"\([-0-9.]*\)".*/\1/' "$WORK/after" | paste -d ' ' - "$WORK/bounds" | awk '
    $2 <= 0 || $1 < 3600 - $2 - 1 || $1 > 3600 + $2 + 1 { print "skew: " $1 " bound: " $2; bad = 1 }
    NR == 1 || $2 < best { best = $2 } END { exit bad || best > 4 }' || fail "skew and bound are not told"
echo "an hour ahead: $(wc -l <"$WORK/before") climbs before the first contact, $(wc -l <"$WORK/after") after it, all sealed and dated"
