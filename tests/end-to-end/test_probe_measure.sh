#!/bin/sh
# measure and check against a real server and a real control, in a network of its own: what works is ok, what the
# control cannot reach either is down, and a channel is only as good as all its pages.
. "$(dirname "$0")/probe.sh"
collector_start data --listen 127.0.0.1:8047 --allow-private-targets
WORKS=http://127.0.0.1:8047/healthz
GONE=http://127.0.0.1:9/
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\n' >"$WORK/anchors.csv"
printf 'channel,kind,url\nGood,radio,%s\nHalf,radio,%s\nHalf,radio,%s\n' $WORKS $WORKS $GONE >"$WORK/channels.csv"
printf 'channel,kind,url\nGood,radio,%s\n' $WORKS >"$WORK/good.csv"

run() {
    command=$1
    shift
    got=0
    "$BIN/dialtone-probe" "$command" --anchors "$WORK/anchors.csv" --resolver 127.0.0.1:9 --timeout 20s \
        --allow-private-targets --country XD "$@" >"$WORK/out" 2>"$WORK/err" || got=$?
}
expect() { [ $got = "$1" ] || fail "exit status $got instead of $1: $(cat "$WORK/out" "$WORK/err" | tail -n 5)"; }

CONTROL="--control http://127.0.0.1:8047/v1/control"
run measure $CONTROL --format text $WORKS $GONE
expect 0
grep -q "^$WORKS  *ok " "$WORK/out" || fail "a working page is not ok: $(cat "$WORK/out")"
grep -q "^$GONE  *down " "$WORK/out" || fail "a page that is gone for all is not down: $(cat "$WORK/out")"
grep -q '^2 targets: 1 ok, 0 blocked, 1 down' "$WORK/out" || fail "the summary is wrong: $(tail -n 1 "$WORK/out")"

run measure $CONTROL $WORKS
expect 0
[ "$(wc -l <"$WORK/out")" = 1 ] || fail "not one record on standard output"
grep -q '"probe_cc":"XD"' "$WORK/out" || fail "the record is not placed where --country says"
grep -q '"probe_ip":"127.0.0.1"' "$WORK/out" || fail "the record has another probe_ip"
grep -q '"accessible":true' "$WORK/out" || fail "OONI's own key does not say accessible"

# Without a control, a failure is unknown: neither blocked nor fine.
run measure $GONE
expect 3
grep -q '^1 targets: 0 ok, 0 blocked, 0 down, 0 offline, 1 unknown' "$WORK/err" || fail "$(tail -n 2 "$WORK/err")"

# A reader that goes away ends it in one line.
got=0
"$BIN/dialtone-probe" measure --anchors "$WORK/anchors.csv" --resolver 127.0.0.1:9 --format json \
    --allow-private-targets $WORKS 2>"$WORK/err" >/dev/full || got=$?
[ $got = 3 ] && grep -q 'cannot write' "$WORK/err" || fail "a full output exited $got: $(cat "$WORK/err")"

run check $CONTROL --channels "$WORK/channels.csv" --format json
expect 1
grep -q '"channel":"Good","kind":"radio","outcome":"works"' "$WORK/out" || fail "$(cat "$WORK/out")"
grep -q '"channel":"Half","kind":"radio","outcome":"down"' "$WORK/out" || fail "$(cat "$WORK/out")"
run check $CONTROL --channels "$WORK/channels.csv"
expect 1
tail -n 1 "$WORK/out" | grep -q 'What works here.*: Good\.$' || fail "the last line names not what works: $(tail -n 1 "$WORK/out")"
run check $CONTROL --channels "$WORK/good.csv"
expect 0
echo "measure and check tell what works, what is down and what is unknown"
