#!/bin/sh
# What stands between probe and server resets, drops or ends a connection: the live record names the signature, points at
# the forged packets, and holds no address of the probe.
set -eu
: "${BIN:?the folder of the programs}"
lab=$BIN/dialtone-lab
[ -x "$lab" ] || { echo "the lab is not built: skipped" >&2; exit 77; }
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

# measure RULE URL: one record, by a probe behind the rule.
measure() {
    got=0
    "$lab" shell --collector --rule "$1" -- sh -c '"$0" measure --ca-file "$LAB/ca.pem" --anchors "$LAB/anchors.csv" \
        --resolver 130.192.3.21 --control https://162.55.247.208/v1/control --timeout 6s --format json --country XD "$1"; :' \
        "$BIN/dialtone-probe" "$2" >"$WORK/out" 2>"$WORK/err" || got=$?
    [ $got != 77 ] || { echo "namespaces are not permitted here: skipped" >&2; exit 77; }
    grep '"test_name":"web_connectivity"' "$WORK/out" >"$WORK/record" || fail "no record: $(tail -n 5 "$WORK/err")"
    ! grep -q '"capture":{"available":false' "$WORK/record" || { echo "no capture here: skipped" >&2; exit 77; }
    ! grep -q '130\.192\.91\.211\|2a01:e0a:91::211' "$WORK/record" || fail "the probe's own address is in the record"
}
# expect RULE URL SIGNATURE
expect() {
    measure "$1" "$2"
    grep -q "\"tampering\":\[{\"signature\":\"$3\"," "$WORK/record" ||
        fail "$1: not $3: $(grep -o '"tampering":.\{0,200\}' "$WORK/record" || echo none)"
}
expect 'ResetTrafficForTLSSNI(SNI="www.example.com")' https://www.example.com/ 'PSH+ACK→RST+ACK'
[ "$(grep -o '"injected":\[[0-9,]*\]' "$WORK/record" | head -n 1)" != '"injected":[]' ] || fail "no packet is named as injected"
expect 'DropTrafficForTLSSNI(SNI="www.example.com")' https://www.example.com/ 'SYN;ACK→∅'
expect 'DropTrafficForServerEndpoint(ServerIPAddress=93.184.216.34 ServerPort=443)' https://www.example.com/ 'SYN→∅'
measure 'ResetTrafficForTLSSNI(SNI="www.example.com")' https://www.wiki.lab/
! grep -q '"tampering"' "$WORK/record" || fail "a connection that nobody touched is called tampered with"
echo "reset, dropped and refused connections are named as such in live records"
