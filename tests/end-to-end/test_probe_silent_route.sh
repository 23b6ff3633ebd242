#!/bin/sh
# Routes that fail without a word: one whose packets vanish, one that takes the connection and never speaks. Each costs
# seconds, the next one is found and remembered, and status says what became of each.
NEEDS="openssl"
. "$(dirname "$0")/probe.sh"
ip addr add 10.99.0.1/32 dev lo
ip link add hole type veth peer name away
ip link set hole up
ip link set away up
ip route add 10.98.0.1/32 dev hole
ip neigh add 10.98.0.1 lladdr 02:00:00:00:00:01 dev hole
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=collector \
    -addext subjectAltName=IP:10.98.0.1,IP:10.99.0.1,DNS:mute.example,DNS:good.example -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
set -- --cert "$WORK/cert.pem" --key "$WORK/key.pem"
collector_start mute "$@" --listen 127.0.0.1:9443
MUTE=$COLLECTOR
collector_start good "$@" --listen 10.99.0.1:8443
kill -STOP "$MUTE" # the kernel goes on taking its connections
printf 'kind,operator,host,port\nforeign,a,10.99.0.1,8443\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:9/\n' >"$WORK/targets.csv"
consent
probe_start --collector https://10.98.0.1:8443 --route direct \
    --route name=mute.example:9443@127.0.0.1 --route name=good.example:8443@10.99.0.1 --ca-file "$WORK/cert.pem" \
    --anchors "$WORK/anchors.csv" --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 --timeout 10s --no-capture \
    --allow-private-targets --country XD --ladder-interval 1s --web-interval 1d --channels-interval 1d \
    --upload-interval 1s --jitter 0
status() { "$BIN/dialtone-probe" status --state "$STATE" 2>/dev/null; }
has_bundle() { ls "$STATE"/spool/*.zst; }
await "no bundle is made" has_bundle
FROM=$(date +%s)
waits event=bundle_receipted 1
TOOK=$(($(date +%s) - FROM))
[ "$TOOK" -le 35 ] || fail "two silent routes cost $TOOK s"
status | grep -q '^route 1 .*direct: fails, timeout' || fail "status does not say that the first is silent: $(status | grep ^route)"
status | grep -q '^route 2 .*mute.example.*: fails, timeout' || fail "status does not say that the second is silent: $(status | grep ^route)"
status | grep -q '^route 3 .*good.example.*: works (used now)' || fail "the third was not found: $(status | grep ^route)"
# Remembered: what follows goes there at once. Three bundles take less than the two silent routes did.
SOON=$(($(said event=bundle_receipted) + 3))
FROM=$(date +%s)
waits event=bundle_receipted $SOON
[ $(($(date +%s) - FROM)) -lt "$TOOK" ] || fail "the way that was found is not remembered: $(($(date +%s) - FROM)) s"
probe_stop
kill -CONT "$MUTE"
sanitizers_said_nothing
echo "found behind two silent routes after $TOOK s, and used from then on"
