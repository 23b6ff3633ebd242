#!/bin/sh
# The probe against a real collector: lines wait while it is away, go when it is back, and twenty times kill -9
# lose none and send none twice. Bundles verify with minisign.
set -eu
: "${BIN:?the folder of the programs}"
for tool in minisign zstd ip unshare age; do
    command -v $tool >/dev/null || { echo "$tool is missing: skipped" >&2; exit 77; }
done
[ -x "$BIN/dialtone-collector" ] || { echo "the collector is not built: skipped" >&2; exit 77; }
if [ "${ALONE:-}" != yes ]; then
    export ALONE=yes
    if unshare -n true 2>/dev/null; then
        exec unshare -n sh "$0"
    elif unshare -rn true 2>/dev/null; then
        exec unshare -rn sh "$0"
    fi
    echo "network namespaces are not permitted here: skipped" >&2
    exit 77
fi
ip link set lo up
WORK=$(mktemp -d)
PIDS=
trap 'for pid in $PIDS; do kill -9 "$pid" 2>/dev/null || true; done; rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
STATE=$WORK/state
URL=http://127.0.0.1:8047
"$BIN/dialtone-probe" consent --state "$STATE" --yes-i-understand-the-risks >/dev/null
KEY=$("$BIN/dialtone-probe" keys --state "$STATE" 2>/dev/null)
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\nforeign,b,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\n%s/healthz\nhttp://127.0.0.1:9/\n' $URL >"$WORK/targets.csv"

# Takes the place of the shell that calls it, so that a background process is the probe itself.
probe() {
    exec "$BIN/dialtone-probe" run --state "$STATE" --collector $URL --anchors "$WORK/anchors.csv" \
        --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 --timeout 300ms --no-capture \
        --allow-private-targets --country XD "$@" 2>>"$WORK/probe.log"
}
collector_start() {
    "$BIN/dialtone-collector" serve --data "$WORK/data" --listen 127.0.0.1:8047 2>>"$WORK/collector.log" &
    COLLECTOR=$!
    PIDS="$PIDS $COLLECTOR"
    for _ in $(seq 100); do
        grep -q event=listening "$WORK/collector.log" && return 0
        sleep 0.1
    done
    fail "the collector did not start: $(cat "$WORK/collector.log")"
}
# All lines on the disk; what is sealed is opened with the collector's identity, behind six lines of key and signature.
# Of the journal only lines with their whole sum count: a last one without it was never written.
TAB=$(printf '\t')
lines_kept() {
    cat "$STATE"/spool/*.jsonl 2>/dev/null | sed -n "s/$TAB[0-9a-f]\{8\}\$//p"
    for f in "$STATE"/spool/*.zst; do [ ! -e "$f" ] || zstd -dcq "$f"; done
    for f in "$STATE"/spool/*.age; do
        [ ! -e "$f" ] || age -d -i "$WORK/data/identity.age.txt" "$f" | tail -n +7 | zstd -dcq
    done
}

# The collector is away: the round is done, its bundle waits, and anyone can verify it.
got=0
(probe --rounds 1) || got=$?
[ $got = 4 ] || fail "without a collector run exited $got instead of 4: $(tail -n 5 "$WORK/probe.log")"
BUNDLE=$(ls "$STATE"/spool/*.jsonl.zst)
minisign -Vqm "$BUNDLE" -P "$KEY" || fail "minisign does not verify the bundle"
minisign -Vm "$BUNDLE" -P "$KEY" | grep -q 'dialtone:1 seq=1 prev=0*  *start=\|dialtone:1 seq=1 prev=0* start=' ||
    fail "the label is not signed with the bundle"
cp "$BUNDLE" "$WORK/altered.zst"
cp "$BUNDLE.minisig" "$WORK/altered.zst.minisig"
printf x >>"$WORK/altered.zst"
! minisign -Vqm "$WORK/altered.zst" -P "$KEY" 2>/dev/null || fail "an altered bundle verifies"
lines_kept >"$WORK/seen"
[ -s "$WORK/seen" ] || fail "nothing was written"

[ ! -e "$STATE/recipient.txt" ] || fail "a recipient was learnt from nobody"

# Killed twenty times, at any moment; the collector comes up half-way.
for round in $(seq 20); do
    [ "$round" != 10 ] || collector_start
    probe --ladder-interval 100ms --web-interval 1s --upload-interval 100ms --jitter 90 &
    PROBE=$!
    PIDS="$PIDS $PROBE"
    sleep "1.$((round * 37 % 60 + 10))"
    kill -9 "$PROBE" 2>/dev/null || fail "the probe ended by itself: $(tail -n 5 "$WORK/probe.log")"
    wait "$PROBE" 2>/dev/null || true
    # A last line without its end was never written; all others count.
    lines_kept | grep '}$' >>"$WORK/seen" || true
done
got=0
(probe --rounds 1) || got=$?
[ $got = 0 ] || fail "the last run exited $got: $(tail -n 5 "$WORK/probe.log")"
[ -z "$(ls "$STATE"/spool/*.zst "$STATE"/spool/*.age 2>/dev/null)" ] || fail "bundles still wait"
[ ! -s "$STATE/spool/pending.jsonl" ] || fail "lines still wait"
[ -z "$(ls "$STATE/rejected")" ] || fail "bundles were refused: $(grep refused "$WORK/probe.log" | head -n 2)"

[ -s "$STATE/recipient.txt" ] || fail "nobody was named to seal to"
find "$WORK/data" -name '*.zst' -exec zstd -dcq {} + | sort >"$WORK/arrived"
[ -s "$WORK/arrived" ] || fail "nothing arrived"
[ -z "$(uniq -d "$WORK/arrived")" ] || fail "lines arrived twice: $(uniq -d "$WORK/arrived" | wc -l)"
sort -u "$WORK/seen" >"$WORK/kept"
LOST=$(comm -23 "$WORK/kept" "$WORK/arrived" | wc -l)
[ "$LOST" = 0 ] || fail "$LOST lines of $(wc -l <"$WORK/kept") were lost"
! grep -q 'AddressSanitizer\|runtime error' "$WORK/probe.log" || fail "$(grep -m1 -A5 'Sanitizer\|runtime error' "$WORK/probe.log")"
kill "$COLLECTOR"
wait "$COLLECTOR" 2>/dev/null || true
echo "$(wc -l <"$WORK/arrived") lines arrived once each, $(wc -l <"$WORK/kept") seen on the disk, $(grep -c bundle_stored "$WORK/collector.log") bundles"
