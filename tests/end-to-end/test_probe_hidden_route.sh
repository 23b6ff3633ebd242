#!/bin/sh
# Where routes are given and none is direct, nothing connects straight to the collector: bundles go by the proxy, and
# neither the own address nor a control is asked for. Where one is direct, both are: the search finds what it looks for.
NEEDS=strace
. "$(dirname "$0")/probe.sh"
for n in 1 4; do ip addr add 10.99.0.$n/32 dev lo; done
collector_start data --listen 127.0.0.1:8047
"$BIN/relay" 10.99.0.4 1080 "$WORK/socks.log" 127.0.0.1 8047 &
PIDS="$PIDS $!"
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:9/\n' >"$WORK/targets.csv"
consent
# round OPTION...: one round and its upload, each connection of daemon and workers in $WORK/connections. Leaks cannot be
# looked for under a tracer.
round() {
    got=0
    env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=connect,sendto -o "$WORK/connections" "$BIN/dialtone-probe" run \
        --state "$STATE" --collector http://10.99.0.1:8047 --anchors "$WORK/anchors.csv" --targets "$WORK/targets.csv" \
        --resolver 127.0.0.1:9 --timeout 300ms --no-capture --allow-private-targets --country XD --rounds 1 \
        --upload-interval 300ms "$@" 2>"$WORK/probe.log" || got=$?
    [ $got = 0 ] || fail "run exited $got: $(tail -n 5 "$WORK/probe.log")"
    [ "$(said event=bundle_receipted)" -gt 0 ] || fail "nothing was uploaded: $(tail -n 5 "$WORK/probe.log")"
}
straight() { grep -c 'inet_addr("10.99.0.1")' "$WORK/connections" || [ $? = 1 ]; }
round --route socks5=10.99.0.4:1080
grep -q 'inet_addr("10.99.0.4")' "$WORK/connections" || fail "the proxy was not connected to"
[ "$(straight)" = 0 ] || fail "it connected straight to the collector: $(grep -m1 10.99.0.1 "$WORK/connections")"
[ "$(said event=no_control)" = 1 ] || fail "that there is no control is not told"
round --route direct --route socks5=10.99.0.4:1080
[ "$(straight)" -gt 0 ] || fail "the search does not find a straight connection"
[ "$(said event=no_control)" = 0 ] || fail "there is a control, and it says that there is none"
sanitizers_said_nothing
echo "by the proxy alone, then straight too"
