#!/bin/sh
# What a volunteer's machine does wrong: each is told in one line with the right exit status, and harms nothing.
APART=-nm
. "$(dirname "$0")/probe.sh"
# The process that holds the key for months speaks no TLS, HTTP or DNS, captures nothing and matches no patterns.
if command -v ldd >/dev/null; then
    LINKED=$(ldd "$BIN/dialtone-probe-daemon" | grep -E 'lib(curl|ssl|cares|pcap|maxminddb|pcre2)' || true)
    [ -z "$LINKED" ] || fail "the daemon links $LINKED"
fi
CONF=$STATE/probe.conf
consent
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:9/\n' >"$WORK/targets.csv"

good() {
    cat <<END
# a comment
[probe]
collector = http://127.0.0.1:8047
anchors = $WORK/anchors.csv
targets = $WORK/targets.csv
resolver = 127.0.0.1:9
no-capture = yes
timeout = 300ms
ladder-interval = 1s
END
}
sums() { (cd "$1" && find . -type f ! -name lock -exec sha256sum {} + | sort); }

# refused STATUS WORDS ARGUMENT...: run ends so, in one line that holds the words, and the state is as it was.
refused() {
    want=$1 words=$2 got=0
    shift 2
    sums "$STATE" >"$WORK/before"
    timeout 100 "$BIN/dialtone-probe" run "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || got=$?
    [ "$got" = "$want" ] || fail "exit $got, not $want: $words: $(cat "$WORK/err")"
    [ "$(wc -l <"$WORK/err")" = 1 ] || fail "not one line: $(cat "$WORK/err")"
    grep -qe "$words" "$WORK/err" || fail "no '$words' in: $(cat "$WORK/err")"
    [ ! -s "$WORK/out" ] || fail "something on standard output: $(cat "$WORK/out")"
    sums "$STATE" >"$WORK/after"
    [ -z "$(comm -23 "$WORK/before" "$WORK/after")" ] || fail "what was in the state changed: $words"
}
# conf WORDS LINE...: with these lines behind the good ones, the file is refused.
conf() {
    words=$1
    shift
    { good; printf '%s\n' "$@"; } >"$CONF"
    refused 2 "$words" --state "$STATE"
}
conf 'probe.conf line 10: there is no setting "colector": did you mean "collector"' 'colector = http://127.0.0.1:1'
conf 'probe.conf line 11: upload-interval = soon: type a duration' '' 'upload-interval = soon'
conf 'probe.conf line 10: country = Congo: type an ISO 3166-1 code' 'country = Congo'
conf 'probe.conf line 10: it is no setting; write name = value' 'what is this'
conf 'probe.conf line 10: it has no value' 'country ='
conf 'probe.conf line 10: no-capture = perhaps: write yes or no' 'no-capture = perhaps'
conf 'probe.conf line 11: the section above it is not known' '[server]' 'country = CD'
conf 'probe.conf line 10: it is longer than 190 bytes' "network = $(printf '%0200d' 1)"
conf 'probe.conf line 10: it is no text in UTF-8' "$(printf 'network = \377')"
conf 'probe.conf line 10: metered = perhaps: type yes, no or auto' 'metered = perhaps'
conf 'probe.conf line 10: spool-limit = 0: type a whole number from 1' 'spool-limit = 0'
{ good; echo 'anchors = /nonexistent'; } >"$CONF"
refused 2 '/nonexistent' --state "$STATE"
{ good; echo 'targets = /nonexistent'; } >"$CONF"
refused 2 'the targets cannot be used' --state "$STATE"
refused 2 'Cannot open /nonexistent.conf' --state "$STATE" --config /nonexistent.conf
good | grep -v collector >"$CONF"
refused 2 'type --collector' --state "$STATE"
good >"$CONF"
refused 2 'type --state' --config "$CONF"

# No consent; consent to an earlier text; a folder of a newer program; a damaged mark.
refused 2 "dialtone-probe consent --state $WORK/none" --state "$WORK/none" --config "$CONF"
cp "$STATE/consent.json" "$WORK/consent.json"
sed -i 's/"text_version":[0-9]*/"text_version":0/' "$STATE/consent.json"
refused 2 "dialtone-probe consent --state $STATE" --state "$STATE"
cp "$WORK/consent.json" "$STATE/consent.json"
echo 999 >"$STATE/format"
refused 2 'made by a newer dialtone-probe' --state "$STATE"
echo nonsense >"$STATE/format"
refused 2 'format is damaged' --state "$STATE"
rm "$STATE/format"
printf '{' >"$STATE/chain.json"
echo 2 >"$STATE/format"
refused 2 'chain.json is damaged' --state "$STATE"
rm -f "$STATE/chain.json" "$STATE/format"

# The state of another user: neither harmed, nor taken for one without consent.
if command -v setpriv >/dev/null && setpriv --reuid 65534 true 2>/dev/null; then
    chmod 755 "$WORK"
    for mode in 700 711; do
        chmod $mode "$STATE"
        got=0
        setpriv --reuid 65534 --regid 65534 --clear-groups timeout 100 "$BIN/dialtone-probe" run --state "$STATE" --config "$CONF" \
            >"$WORK/out" 2>"$WORK/err" || got=$?
        grep -q 'Permission denied' "$WORK/err" && [ "$(wc -l <"$WORK/err")" = 1 ] && [ "$got" != 0 ] ||
            fail "another's state: exit $got: $(cat "$WORK/err")"
    done
    chmod 700 "$STATE"
fi

# A disk that turned read-only, with the folder on it.
mkdir "$WORK/disk"
mount -t tmpfs -o size=4m none "$WORK/disk"
cp -a "$STATE" "$WORK/disk/state"
mount -o remount,bind,ro "$WORK/disk"
got=0
timeout 100 "$BIN/dialtone-probe" run --state "$WORK/disk/state" >"$WORK/out" 2>"$WORK/err" || got=$?
[ "$got" = 3 ] || fail "a read-only disk: exit $got, not 3: $(cat "$WORK/err")"
[ "$(wc -l <"$WORK/err")" = 1 ] || fail "a read-only disk: not one line: $(cat "$WORK/err")"
grep -q 'Read-only file system; make the folder and its disk writable' "$WORK/err" || fail "$(cat "$WORK/err")"
umount "$WORK/disk"

# A state of the first version: lines and a chain without what came later are taken over, none is lost.
mkdir -p "$STATE/spool"
printf '%s\n' '{"test_name":"web_connectivity","measurement_start_time":"2026-01-02 03:04:05","old":"line"}' \
    >"$STATE/spool/pending.jsonl"

# It runs; a second one on the same folder does not, and the first goes on.
probe_start
waits event=connectivity
[ "$(cat "$STATE/format")" = 2 ] || fail "the folder was not marked"
grep -q '"old":"line"' "$STATE"/spool/*.jsonl || [ -n "$(ls "$STATE"/spool/*.zst)" ] || fail "a line of the old state is lost"
got=0
timeout 100 "$BIN/dialtone-probe" run --state "$STATE" >"$WORK/out" 2>"$WORK/err" || got=$?
[ "$got" = 2 ] || fail "a second probe exited $got, not 2: $(cat "$WORK/err")"
[ "$(wc -l <"$WORK/err")" = 1 ] || fail "a second probe: not one line: $(cat "$WORK/err")"
grep -q 'another dialtone-probe holds' "$WORK/err" || fail "$(cat "$WORK/err")"
kill -0 "$PROBE" || fail "the first probe ended"

# Status, from the probe itself; its socket is for its owner alone.
"$BIN/dialtone-probe" status --state "$STATE" >"$WORK/out" || fail "status exited $?"
grep -q '^running  *yes' "$WORK/out" || fail "$(cat "$WORK/out")"
[ "$(stat -c %a "$STATE/status.sock")" = 600 ] || fail "the socket is open to others"
"$BIN/dialtone-probe" status --state "$STATE" --format json | grep -q '"running":true' || fail "status --format json"

# A reload with a bad file: one clear line, and the old settings stay; with a good one: the new.
{ good; echo 'jitter = much'; } >"$CONF"
kill -HUP "$PROBE"
waits event=reload_refused
grep -q 'probe.conf line 10: jitter = much: type a whole number' "$WORK/probe.log" || fail "$(cat "$WORK/probe.log")"
{ good; echo 'anchors = /nonexistent'; } >"$CONF"
kill -HUP "$PROBE"
waits event=reload_refused 2
good | sed 's/ladder-interval = 1s/ladder-interval = 2s/' >"$CONF"
kill -HUP "$PROBE"
waits event=reloaded
kill -0 "$PROBE" || fail "the probe ended"

# It stops in order, and status says so.
probe_stop
"$BIN/dialtone-probe" status --state "$STATE" | grep -q '^running  *no' || fail "status says it runs"
[ ! -e "$STATE/status.sock" ] || fail "the socket stayed"
sanitizers_said_nothing
echo "each trouble is told in one line"
