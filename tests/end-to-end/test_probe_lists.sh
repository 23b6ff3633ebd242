#!/bin/sh
# Signed target lists from a real collector, asked for by hand and by a running probe; the volunteer's own beside them.
. "$(dirname "$0")/probe.sh"
mkdir "$WORK/lists"
printf 'url,category_code\nhttp://127.0.0.1:9/global,NEWS\n' >"$WORK/lists/global.csv"
printf 'url,category_code\nhttp://127.0.0.1:9/congo,HUMR\n' >"$WORK/lists/cd.csv"
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\n' >"$WORK/anchors.csv"
collector_start data --listen 127.0.0.1:8047 --targets "$WORK/lists"
consent
cat >"$STATE/probe.conf" <<END
collector = http://127.0.0.1:8047
anchors = $WORK/anchors.csv
resolver = 127.0.0.1:9
no-capture = yes
timeout = 300ms
country = CD
risk = high
upload-interval = 1s
ladder-interval = 1s
lists-interval = 2s
allow-private-targets = yes
END
lists() {
    got=0
    "$BIN/dialtone-probe" lists "$@" >"$WORK/out" 2>"$WORK/err" || got=$?
}
# Before the collector's key is known, nobody's list is taken.
lists update --state "$STATE"
[ $got = 2 ] || fail "without a key: $got: $(cat "$WORK/err")"
[ ! -e "$STATE/targets.json" ] || fail "an unverified list was kept"

probe_start
waits 'event=list_taken serial=1'
grep -q congo "$STATE/targets.json" || fail "the country's list is not in it"
status() { "$BIN/dialtone-probe" status --state "$STATE" --format json; }
has_two_targets() { status | grep -q '"web":{"targets":2,'; }
await "status tells of other targets than two" has_two_targets

# The list changes: the probe takes the newer by itself. It goes back: newer still.
printf 'url,category_code\nhttp://127.0.0.1:9/congo,HUMR\nhttp://127.0.0.1:9/more,HUMR\n' >"$WORK/cd.csv"
mv "$WORK/cd.csv" "$WORK/lists/cd.csv" # at once: half a list is another list
waits 'event=list_taken serial=2'
printf 'url,category_code\nhttp://127.0.0.1:9/congo,HUMR\n' >"$WORK/cd.csv"
mv "$WORK/cd.csv" "$WORK/lists/cd.csv"
waits 'event=list_taken serial=3'
probe_stop

# By hand: nothing newer is nothing wrong. A collector that starts anew gives an older serial: refused, kept as it was.
lists update --state "$STATE"
[ $got = 0 ] || fail "update: $got: $(cat "$WORK/err")"
cp "$STATE/targets.json" "$WORK/kept.json"
rm "$WORK/data/targets.json"
lists update --state "$STATE"
grep -q 'serial 1, and 3 is here already' "$WORK/err" || fail "an older list: $got: $(cat "$WORK/err")"
cmp -s "$STATE/targets.json" "$WORK/kept.json" || fail "an older list was taken"
# Another collector's list, under another key.
lists update --state "$STATE" --collector-key "$("$BIN/dialtone-probe" keys --state "$STATE" 2>/dev/null)"
[ $got = 1 ] || fail "another's list: $got: $(cat "$WORK/err")"
cmp -s "$STATE/targets.json" "$WORK/kept.json" || fail "another's list was taken"

# The volunteer's own.
lists update --state "$STATE" --from "$WORK/lists/global.csv"
[ $got = 0 ] || fail "--from a file: $got: $(cat "$WORK/err")"
lists add http://127.0.0.1:9/own --state "$STATE"
[ $got = 0 ] || fail "add: $got: $(cat "$WORK/err")"
lists update --state "$STATE" --from "$WORK/anchors.csv"
[ $got = 2 ] || fail "what is no list: $got"
lists update --state "$STATE" --from http://127.0.0.1:9/none.csv
[ $got = 4 ] || fail "a dead server: $got"
lists add nonsense --state "$STATE"
[ $got = 2 ] || fail "what is no URL: $got"
grep -q own "$STATE/targets-own.csv" || fail "own lines are gone"
probe_run --rounds 1
[ $got = 0 ] || fail "run: $(tail -n 3 "$WORK/probe.log")"
grep -q 'event=started .*targets=3' "$WORK/probe.log" || fail "not three targets: $(grep started "$WORK/probe.log")"
# Altered on the disk: told, and not used.
sed -i 's/congo/kongo/' "$STATE/targets.json"
probe_run --rounds 1
[ $got = 0 ] || fail "run: $(tail -n 3 "$WORK/probe.log")"
grep -q 'targets.json is not used: the target list is not signed' "$WORK/probe.log" || fail "$(cat "$WORK/probe.log")"
echo "lists are signed, newer, and the volunteer's own beside them"
