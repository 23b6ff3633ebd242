#!/bin/sh
# Captures of real censors, and of the same paths with an innocent name.
set -eu
: "${BIN:?the folder of the programs}" "${SHARED_DATA:=/nonexistent}"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
replay() {
    got=0
    "$BIN/dialtone-probe" replay "$@" >"$WORK/out" 2>"$WORK/err" || got=$?
}
echo 'no capture' >"$WORK/no.pcap"
replay "$WORK/no.pcap"
[ $got = 2 ] && [ "$(wc -l <"$WORK/err")" = 1 ] || fail "what is no capture: $got: $(cat "$WORK/err")"
replay
[ $got = 2 ] || fail "no file: $got"
PCAPS=$SHARED_DATA/pcaps/centrace
[ -d "$PCAPS" ] || { echo "no captures here: skipped" >&2; exit 77; }
for server in 222.138.4.221_archive.org 188.65.24.82_www.nifty.org; do
    replay "$PCAPS/${server}_example.com.pcap"
    [ $got = 0 ] || fail "$server with an innocent name: $got: $(cat "$WORK/out")"
done
replay "$PCAPS/222.138.4.221_archive.org_archive.org.pcap"
[ $got = 1 ] || fail "archive.org: $got"
grep -q 'PSH+ACK→RST+ACK;RST+ACK  *strong.*other TTL' "$WORK/out" || fail "$(cat "$WORK/out")"
replay "$PCAPS/222.138.4.221_archive.org_archive.org.pcap" --format json
grep -q '"tampering":{"signature":"PSH+ACK→RST+ACK;RST+ACK","confidence":"strong","injected":\[' "$WORK/out" || fail "$(head -c 400 "$WORK/out")"
# Cut anywhere, it is told what came before, in order.
for bytes in 0 10 24 30 100 3000; do
    head -c $bytes "$PCAPS/222.138.4.221_archive.org_archive.org.pcap" >"$WORK/cut.pcap"
    replay "$WORK/cut.pcap"
    case $got in 0 | 1 | 2) ;; *) fail "cut at $bytes: $got: $(cat "$WORK/err")" ;; esac
    ! grep -q 'AddressSanitizer\|runtime error' "$WORK/err" || fail "$(cat "$WORK/err")"
done
echo "captures are read as they were made"
