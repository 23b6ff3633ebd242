#!/bin/sh
# With nothing but a loopback interface, nothing is called reachable and nothing is called blocked; and quickly.
set -eu
: "${BIN:?the folder of the programs}" "${SHARED_DATA:=/nonexistent}"
if unshare -n true 2>/dev/null; then
    ALONE="unshare -n"
elif unshare -rn true 2>/dev/null; then
    ALONE="unshare -rn"
else
    echo "network namespaces are not permitted here: skipped" >&2
    exit 77
fi
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
PROBE=$BIN/dialtone-probe

run() {
    got=0
    timeout 250 "$@" >"$WORK/out" 2>"$WORK/err" || got=$?
}

LIST=$SHARED_DATA/test-lists/global.csv
if [ ! -r "$LIST" ]; then
    LIST=$WORK/list.csv
    echo "url,category_code" >"$LIST"
    i=0
    while [ $i -lt 60 ]; do
        echo "https://site$i.example/,NEWS" >>"$LIST"
        i=$((i + 1))
    done
fi
run $ALONE "$PROBE" measure --targets "$LIST" --limit 50
[ $got = 4 ] || fail "measure exited $got instead of 4: $(tail -n 3 "$WORK/err")"
[ "$(wc -l <"$WORK/out")" = 50 ] || fail "$(wc -l <"$WORK/out") records instead of 50"
count() { grep -c "\"x_dialtone\":{\"verdict\":{\"blocking\":\"$1\"" "$WORK/out" || true; }
[ "$(count ok)" = 0 ] || fail "$(count ok) targets are called ok without a network"
[ "$(count blocked)" = 0 ] || fail "$(count blocked) targets are called blocked without a network"
[ $(($(count offline) + $(count unknown))) = 50 ] || fail "verdicts are missing"
! grep -q '"accessible":true' "$WORK/out" || fail "a record says accessible without a network"
grep -q '^50 targets: 0 ok, 0 blocked' "$WORK/err" || fail "the summary is missing: $(tail -n 1 "$WORK/err")"

run $ALONE "$PROBE" check
[ $got = 4 ] || fail "check exited $got instead of 4"
grep -q '^WhatsApp *offline' "$WORK/out" || fail "check does not say offline channel by channel"
tail -n 1 "$WORK/out" | grep -q radio || fail "check does not say what is left"
run $ALONE "$PROBE" check --format json
[ $got = 4 ] || fail "check --format json exited $got instead of 4"
grep -q '"connectivity":"no_link"' "$WORK/out" || fail "check names no connectivity: $(cat "$WORK/out")"
! grep -q '"outcome":"works"' "$WORK/out" || fail "a channel works without a network"

# Usage: one line, exit 2, nothing on standard output.
usage() {
    run $ALONE "$PROBE" "$@"
    [ $got = 2 ] || fail "$* exited $got instead of 2"
    [ "$(wc -l <"$WORK/err")" = 1 ] || fail "$*: not one line: $(cat "$WORK/err")"
    [ ! -s "$WORK/out" ] || fail "$*: something on standard output"
}
usage measure not-a-url
usage measure http://
usage measure "$(printf 'http://a.example/\001')"
usage measure --test nothing http://a.example/
usage measure --test ladder http://a.example/
usage measure --limit 0 http://a.example/
usage measure --targets /nonexistent.csv
usage measure --country Ukraine http://a.example/
usage measure --resolver resolver.example http://a.example/
usage measure --ca-file /nonexistent.pem http://a.example/
usage check http://a.example/
usage check --channels /nonexistent.csv
usage check --format both
usage run
usage nonsense

# Broken lines of a list are skipped and counted.
printf 'url,category_code\nhttp://a.example/,NEWS\nno url,NEWS\nftp://b.example/,NEWS\n' >"$WORK/broken.csv"
run $ALONE "$PROBE" measure --targets "$WORK/broken.csv" --format json
[ $got = 4 ] || fail "a list with broken lines exited $got instead of 4"
[ "$(wc -l <"$WORK/out")" = 1 ] || fail "not one record"
grep -q '^dialtone-probe: 2 lines of .* skipped' "$WORK/err" || fail "skipped lines were not counted"

# Every command explains itself.
for command in check measure run consent keys status; do
    run "$PROBE" "$command" --help
    [ $got = 0 ] || fail "$command --help exited $got"
    grep -q '^examples:' "$WORK/out" || fail "$command --help has no examples"
    grep -q 'exit status:' "$WORK/out" || fail "$command --help names no exit status"
done
echo "offline is told as offline"
