#!/bin/sh
# QUIC reachability against a real QUIC server (Debian's ngtcp2-server): its ServerHello, its Retry, its refusal, and a
# port where nobody speaks QUIC.
set -eu
: "${BIN:?the folder of the programs}"
SERVER=$(PATH="$PATH:/usr/sbin" command -v gtlsserver) || { echo "gtlsserver (package ngtcp2-server) is missing: skipped" >&2; exit 77; }
command -v ip >/dev/null || { echo "ip is missing: skipped" >&2; exit 77; }
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
trap 'for pid in $PIDS; do kill "$pid" 2>/dev/null || true; done; rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/key.pem" \
    -out "$WORK/cert.pem" -days 2 -subj /CN=quic.test 2>/dev/null
serve() {
    port=$1
    shift
    "$SERVER" -q "$@" -d "$WORK" 127.0.0.1 "$port" "$WORK/key.pem" "$WORK/cert.pem" >"$WORK/$port.log" 2>&1 &
    PIDS="$PIDS $!"
    for _ in $(seq 100); do
        ! ss -lun | grep -q "127.0.0.1:$port " || return 0
        sleep 0.1
    done
    fail "the server on port $port does not listen: $(cat "$WORK/$port.log")"
}
serve 4431
serve 4432 --validate-addr
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,4431\n' >"$WORK/anchors.csv"

measure() {
    timeout 60 "$BIN/dialtone-probe" measure --test quic_reachability --anchors "$WORK/anchors.csv" \
        --resolver 127.0.0.1:9 --timeout 2s --no-capture --allow-private-targets --format json \
        "https://127.0.0.1:$1/" >"$WORK/out" 2>"$WORK/err" || true
}
holds() { grep -q "$1" "$WORK/out" || fail "no $1 in: $(cat "$WORK/out" "$WORK/err")"; }

measure 4431
holds '"reply":"server_hello"'
holds '"flow_lives":true'
holds '"blocking":"ok"'
holds '"cipher_suite":"TLS_AES_128_GCM_SHA256"'

measure 4432
holds '"reply":"server_hello"'
holds '"flow_lives":true'
# The ClientHello went twice (without and with the server's token), then PING and the farewell.
holds '"datagrams_sent":4'

measure 4433
holds '"failure":"connection_refused"'
holds '"blocking":"unknown"'
