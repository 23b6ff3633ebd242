#!/bin/sh
# Nothing runs without consent; consent, keys and rotation do what they say; one daemon a folder.
set -eu
: "${BIN:?the folder of the programs}"
command -v minisign >/dev/null || { echo "minisign is missing: skipped" >&2; exit 77; }
WORK=$(mktemp -d)
DAEMON=
trap '[ -z "$DAEMON" ] || kill "$DAEMON" 2>/dev/null || true; rm -rf "$WORK"' EXIT
STATE=$WORK/state

fail() { echo "FAIL: $*" >&2; exit 1; }
. "$(dirname "$0")/await.sh"

# expect STATUS COMMAND...: exit status, and at most one line of complaint; none of it from a sanitizer.
expect() {
    want=$1
    shift
    got=0
    "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
    [ "$got" = "$want" ] || fail "$* exited $got instead of $want: $(cat "$WORK/err")"
}
one_line() { [ "$(wc -l <"$WORK/err")" = 1 ] || fail "not one line: $(cat "$WORK/err")"; }

expect 2 "$BIN/dialtone-probe" run --state "$STATE" --collector http://127.0.0.1:9
one_line
grep -q "dialtone-probe consent --state $STATE" "$WORK/err" || fail "the refusal does not say what to type"
[ ! -e "$STATE" ] || fail "a refused run made its folder"
expect 2 "$BIN/dialtone-probe" keys --state "$STATE"
one_line

# Declined, half-answered, and no answer at all: nothing is written.
for answer in 'no\n' 'yes\nyes\n' 'yes\nno\nVolunter\n' 'yes\nno\n' 'yes\n' ''; do
    got=0
    printf "$answer" | LC_ALL=C "$BIN/dialtone-probe" consent --state "$STATE" >"$WORK/out" 2>"$WORK/err" || got=$?
    [ "$got" = 2 ] || fail "consent with '$answer' exited $got"
    [ ! -e "$STATE" ] || fail "consent with '$answer' wrote something"
done

printf 'yes\nno\nvolunteer\n' | LC_ALL=C "$BIN/dialtone-probe" consent --state "$STATE" >"$WORK/out" 2>"$WORK/err" ||
    fail "consent was refused: $(cat "$WORK/err")"
grep -q "against the law" "$WORK/err" || fail "the risks were not told"
[ "$(stat -c %a "$STATE")" = 700 ] || fail "the state folder is open to others"
[ "$(stat -c %a "$STATE/key.pem")" = 600 ] || fail "the key is open to others"
# In each language, chosen by the flag or by the environment; a wrong answer is told in it.
for try in 'fr:oui:non:volontaire' 'ar:نعم:لا:متطوع' 'es:sí:no:voluntaria' 'ru:да:нет:доброволец' 'uk:так:ні:доброволець' \
    'sw:ndiyo:hapana:kujitolea'; do
    code=${try%%:*}
    printf '%s\n' "$try" | tr ':' '\n' | tail -n +2 >"$WORK/answers"
    "$BIN/dialtone-probe" consent --state "$WORK/state.$code" --language $code <"$WORK/answers" >/dev/null 2>"$WORK/err" ||
        fail "consent in $code was refused: $(tail -n 1 "$WORK/err")"
    LANG=${code}_XX.UTF-8 LC_ALL= LC_MESSAGES= "$BIN/dialtone-probe" consent --state "$WORK/other" </dev/null \
        >/dev/null 2>"$WORK/err.lang" || true
    head -n 3 "$WORK/err" >"$WORK/head" && head -n 3 "$WORK/err.lang" | cmp -s - "$WORK/head" ||
        fail "LANG does not choose $code"
done
[ ! -e "$WORK/other" ] || fail "consent without an answer wrote something"
expect 2 "$BIN/dialtone-probe" consent --state "$WORK/other" --language tlh
one_line
# A folder of other things is not made a probe's: it would be closed to others. Settings may have been written before.
mkdir -m 755 "$WORK/home" "$WORK/prepared"
echo diary >"$WORK/home/diary"
expect 2 "$BIN/dialtone-probe" consent --state "$WORK/home" --yes-i-understand-the-risks
one_line
[ "$(ls -A "$WORK/home")" = diary ] && [ "$(stat -c %a "$WORK/home")" = 755 ] || fail "another's folder was changed"
echo 'collector = https://collector.example.org' >"$WORK/prepared/probe.conf"
expect 0 "$BIN/dialtone-probe" consent --state "$WORK/prepared" --yes-i-understand-the-risks
[ "$(stat -c %a "$WORK/prepared")" = 700 ] || fail "the probe's folder is open to others"
cp "$STATE/key.pem" "$WORK/key.before"
expect 0 "$BIN/dialtone-probe" consent --state "$STATE"
cmp -s "$STATE/key.pem" "$WORK/key.before" || fail "a second consent changed the key"

OLD=$("$BIN/dialtone-probe" keys --state "$STATE" 2>/dev/null)
[ "$(printf '%s' "$OLD" | wc -c)" = 56 ] || fail "keys prints more than the key: $OLD"
NEW=$("$BIN/dialtone-probe" keys --state "$STATE" rotate 2>/dev/null)
[ "$OLD" != "$NEW" ] || fail "the key did not change"
[ "$NEW" = "$("$BIN/dialtone-probe" keys --state "$STATE" show 2>/dev/null)" ] || fail "the new key was not kept"
[ "$(stat -c %a "$STATE/key.pem")" = 600 ] || fail "the new key is open to others"
STATEMENT=$(ls "$STATE"/rotations/*.json)
minisign -Vqm "$STATEMENT" -P "$OLD" || fail "minisign does not verify the rotation with the old key"
grep -q "$NEW" "$STATEMENT" || fail "the statement does not name the new key"

# One daemon a folder. It looks for its collector on a port where nothing listens, inside this machine only.
printf 'kind,operator,host,port\nforeign,nobody,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:9/\n' >"$WORK/targets.csv"
"$BIN/dialtone-probe" run --state "$STATE" --collector http://127.0.0.1:9 --anchors "$WORK/anchors.csv" \
    --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 --no-capture 2>"$WORK/daemon.err" &
DAEMON=$!
await "the daemon did not start" test -s "$STATE/status.json"
expect 2 "$BIN/dialtone-probe" run --state "$STATE" --collector http://127.0.0.1:9
one_line
expect 2 "$BIN/dialtone-probe" keys --state "$STATE" rotate
one_line
expect 0 "$BIN/dialtone-probe" status --state "$STATE"
grep -q '^running *yes' "$WORK/out" || fail "status does not see the daemon: $(cat "$WORK/out")"
kill -TERM "$DAEMON"
got=0
wait "$DAEMON" || got=$?
DAEMON=
[ "$got" = 0 ] || fail "the daemon exited $got on SIGTERM: $(cat "$WORK/daemon.err")"
grep -q 'event=stopped' "$WORK/daemon.err" || fail "the daemon did not stop in order"
expect 0 "$BIN/dialtone-probe" status --state "$STATE" --format json
grep -q '"running":false' "$WORK/out" || fail "status takes a stopped daemon for a running one"
echo "consent, keys, rotation, lock and SIGTERM hold"
