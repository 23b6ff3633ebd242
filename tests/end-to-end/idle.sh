#!/bin/sh
# Prints what a hosted probe costs while it does nothing but climb, journal and upload: memory, processor, bytes a day.
# Not a test: run it by hand, BIN=build/bin sh tests/end-to-end/idle.sh [SECONDS], for ten minutes or so.
set -eu
: "${BIN:?the folder of the programs}"
SECONDS_IDLE=${1:-600}
if [ "${ALONE:-}" != yes ]; then
    export ALONE=yes
    if unshare -n true 2>/dev/null; then exec unshare -n sh "$0" "$SECONDS_IDLE"; fi
    exec unshare -rn sh "$0" "$SECONDS_IDLE"
fi
ip link set lo up
WORK=$(mktemp -d)
PIDS=
trap 'for pid in $PIDS; do kill "$pid" 2>/dev/null || true; done; rm -rf "$WORK"' EXIT
STATE=$WORK/state
NAMES="a.anchor.example b.anchor.example c.anchor.example d.anchor.example"
# A chain of two RSA certificates, as most sites send.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Anchor Authority" -keyout "$WORK/ca.key" \
    -out "$WORK/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=anchor.example -keyout "$WORK/key.pem" -out "$WORK/cert.csr" 2>/dev/null
printf 'subjectAltName=DNS:*.anchor.example,IP:127.0.0.1\n' >"$WORK/cert.ext"
openssl x509 -req -in "$WORK/cert.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 \
    -extfile "$WORK/cert.ext" -out "$WORK/leaf.pem" 2>/dev/null
cat "$WORK/leaf.pem" "$WORK/ca.pem" >"$WORK/cert.pem"
# As the carried list: three addresses, four controls with TLS, one with plain HTTP.
{
    echo kind,operator,host,port
    for n in 1 2 3; do echo "foreign,o$n,127.0.0.$n,8047"; done
    n=0
    for name in $NAMES; do n=$((n + 1)); echo "control,o$n,$name,8047"; done
    echo control,o5,plain.anchor.example,80
} >"$WORK/anchors.csv"
cat >"$WORK/nginx.conf" <<END
daemon off; pid $WORK/nginx.pid; error_log /dev/null; events {}
http { access_log off; server { listen 127.0.0.1:80; location / { return 204; } } }
END
nginx -c "$WORK/nginx.conf" 2>/dev/null &
PIDS="$PIDS $!"
printf 'url\nhttps://a.anchor.example:8047/healthz\n' >"$WORK/targets.csv"
dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --port=5353 --listen-address=127.0.0.1 \
    --bind-interfaces --address=/anchor.example/127.0.0.1 --user="$(id -un)" 2>/dev/null &
PIDS="$PIDS $!"
"$BIN/dialtone-collector" serve --data "$WORK/data" --listen 0.0.0.0:8047 --cert "$WORK/cert.pem" \
    --key "$WORK/key.pem" 2>"$WORK/collector.log" &
PIDS="$PIDS $!"
sleep 2
"$BIN/dialtone-probe" consent --state "$STATE" --yes-i-understand-the-risks >/dev/null
"$BIN/dialtone-probe" run --state "$STATE" --collector https://127.0.0.1:8047 --ca-file "$WORK/ca.pem" \
    --anchors "$WORK/anchors.csv" --targets "$WORK/targets.csv" --resolver 127.0.0.1:5353 --allow-private-targets \
    --channels-interval 30d --country XD --jitter 0 --no-capture 2>"$WORK/probe.log" &
PROBE=$!
PIDS="$PIDS $PROBE"
sleep 15
ticks() { awk '{print $14 + $15, $16 + $17}' "/proc/$PROBE/stat"; }
START=$(ticks)
BEFORE=$("$BIN/dialtone-probe" status --state "$STATE" --format json)
sleep "$SECONDS_IDLE"
END=$(ticks)
AFTER=$("$BIN/dialtone-probe" status --state "$STATE" --format json)
number() { printf '%s' "$1" | sed "s/.*\"day\":{[^}]*\"$2\":\([0-9]*\).*/\1/"; }
grep -E 'VmHWM|VmRSS|RssAnon|RssFile' "/proc/$PROBE/status"
echo "$START $END $SECONDS_IDLE $(getconf CLK_TCK)" |
    awk '{own = ($3 - $1) / $6; children = ($4 - $2) / $6;
          printf "processor: %.3f s own + %.3f s children in %d s = %.3f%%\n", own, children, $5, 100 * (own + children) / $5}'
for purpose in ladder upload other sum; do
    echo "$purpose $(number "$BEFORE" $purpose) $(number "$AFTER" $purpose) $SECONDS_IDLE" |
        awk '{printf "%-7s %8d bytes, %.2f MB a day\n", $1, $3 - $2, ($3 - $2) / $4 * 86400 / 1e6}'
done
"$BIN/dialtone-probe" status --state "$STATE"
tail -n 3 "$WORK/probe.log"
