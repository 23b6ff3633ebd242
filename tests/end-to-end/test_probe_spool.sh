#!/bin/sh
# The probe against a real collector: lines wait while it is away, and go once each when it is back. Bundles verify with
# minisign.
NEEDS="minisign zstd age"
. "$(dirname "$0")/probe.sh"
URL=http://127.0.0.1:8047
consent
KEY=$("$BIN/dialtone-probe" keys --state "$STATE" 2>/dev/null)
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\nforeign,b,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\n%s/healthz\nhttp://127.0.0.1:9/\n' $URL >"$WORK/targets.csv"

one_round() {
    probe_run --collector $URL --anchors "$WORK/anchors.csv" --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 \
        --timeout 300ms --no-capture --allow-private-targets --country XD --rounds 1
    sanitizers_said_nothing
}
# The collector is away: the round is done, its bundle waits, and anyone can verify it.
one_round
[ $got = 4 ] || fail "without a collector run exited $got instead of 4: $(tail -n 5 "$WORK/probe.log")"
BUNDLE=$(ls "$STATE"/spool/*.jsonl.zst)
minisign -Vqm "$BUNDLE" -P "$KEY" || fail "minisign does not verify the bundle"
minisign -Vm "$BUNDLE" -P "$KEY" | grep -q 'dialtone:1 seq=1 prev=0*  *start=\|dialtone:1 seq=1 prev=0* start=' ||
    fail "the label is not signed with the bundle"
cp "$BUNDLE" "$WORK/altered.zst"
cp "$BUNDLE.minisig" "$WORK/altered.zst.minisig"
printf x >>"$WORK/altered.zst"
! minisign -Vqm "$WORK/altered.zst" -P "$KEY" 2>/dev/null || fail "an altered bundle verifies"
IDENTITY=$WORK/data/identity.age.txt
lines_kept "$IDENTITY" >"$WORK/seen"
[ -s "$WORK/seen" ] || fail "nothing was written"

[ ! -e "$STATE/recipient.txt" ] || fail "a recipient was learnt from nobody"

collector_start data --listen 127.0.0.1:8047
one_round
[ $got = 0 ] || fail "the second run exited $got: $(tail -n 5 "$WORK/probe.log")"
[ -z "$(ls "$STATE"/spool/*.zst "$STATE"/spool/*.age 2>/dev/null)" ] || fail "bundles still wait"
[ ! -s "$STATE/spool/pending.jsonl" ] || fail "lines still wait"
[ -z "$(ls "$STATE/rejected")" ] || fail "bundles were refused: $(grep refused "$WORK/probe.log" | head -n 2)"

[ -s "$STATE/recipient.txt" ] || fail "nobody was named to seal to"
lines_arrived data
sort -u "$WORK/seen" >"$WORK/kept"
LOST=$(comm -23 "$WORK/kept" "$WORK/arrived" | wc -l)
[ "$LOST" = 0 ] || fail "$LOST lines of $(wc -l <"$WORK/kept") were lost"
kill "$COLLECTOR"
wait "$COLLECTOR" 2>/dev/null || true
echo "$(wc -l <"$WORK/arrived") lines arrived once each, $(wc -l <"$WORK/kept") seen on the disk, $(grep -c bundle_stored "$WORK/data.log") bundles"
