#!/bin/sh
# QUIC reachability against a real QUIC server (Debian's ngtcp2-server): its ServerHello, its Retry, its refusal, and a
# port where nobody speaks QUIC.
SERVER=$(PATH="$PATH:/usr/sbin" command -v gtlsserver) || { echo "gtlsserver (package ngtcp2-server) is missing: skipped" >&2; exit 77; }
NEEDS="ss openssl"
. "$(dirname "$0")/probe.sh"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/key.pem" \
    -out "$WORK/cert.pem" -days 2 -subj /CN=quic.test 2>/dev/null
is_listening() { ss -lun | grep -q "127.0.0.1:$port "; }
serve() {
    port=$1
    shift
    "$SERVER" -q "$@" -d "$WORK" 127.0.0.1 "$port" "$WORK/key.pem" "$WORK/cert.pem" >"$WORK/$port.log" 2>&1 &
    PIDS="$PIDS $!"
    await "the server on port $port does not listen" is_listening
}
serve 4431
serve 4432 --validate-addr
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,4431\n' >"$WORK/anchors.csv"

measure() {
    "$BIN/dialtone-probe" measure --test quic_reachability --anchors "$WORK/anchors.csv" \
        --resolver 127.0.0.1:9 --timeout 20s --no-capture --allow-private-targets --format json \
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
