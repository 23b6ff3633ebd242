#!/bin/sh
# A full cut, sixty times faster than life: ten minutes are ten seconds, a climb a minute is one a second. The failures
# seen while it lasted arrive after it, once each, and date its onset and its end to within one climb. With
# DIALTONE_CUT_SCALE=60 it lasts as long as in life (about a quarter of an hour).
NEEDS="zstd nsenter dnsmasq openssl"
. "$(dirname "$0")/probe.sh"
SCALE=${DIALTONE_CUT_SCALE:-1}
PATIENCE=$((1200 * SCALE))
[ "$SCALE" = 1 ] && PACE="--timeout 500ms --jitter 0" || PACE=

# probe 10.1.0.2 -- 10.1.0.1 router (this namespace) 10.2.0.1 -- 10.2.0.2 the world, with its servers on 10.9.0.0/24
unshare -n sleep $((3600 * SCALE)) & HOME_NS=$!
unshare -n sleep $((3600 * SCALE)) & WORLD_NS=$!
PIDS="$PIDS $HOME_NS $WORLD_NS"
is_apart() { [ "$(readlink /proc/$1/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
await "there is no namespace for the home" is_apart $HOME_NS
await "there is no namespace for the world" is_apart $WORLD_NS
at_home() { nsenter -t $HOME_NS -n "$@"; }
in_world() { nsenter -t $WORLD_NS -n "$@"; }
ip link set lo up
ip link add home0 type veth peer name eth0 netns $HOME_NS
ip link add world0 type veth peer name eth0 netns $WORLD_NS
ip addr add 10.1.0.1/24 dev home0
ip addr add 10.2.0.1/24 dev world0
ip link set home0 up
ip link set world0 up
echo 1 >/proc/sys/net/ipv4/ip_forward
at_home ip addr add 10.1.0.2/24 dev eth0
at_home ip link set eth0 up
at_home ip link set lo up
at_home ip route add default via 10.1.0.1
in_world ip link set lo up
in_world ip addr add 10.2.0.2/24 dev eth0
in_world ip link set eth0 up
in_world ip route add default via 10.2.0.1
for n in 1 2 3 4 53; do in_world ip addr add 10.9.0.$n/32 dev lo; done
connect() { ip route replace 10.9.0.0/24 via 10.2.0.2; }
disconnect() { ip route replace blackhole 10.9.0.0/24; }
connect

# The probe's own clock jumps an hour ahead in the cut and an hour back behind it, where a clock can be played (not under
# a sanitizer, which wants to be loaded first). The certificate is from yesterday, so that only dates are at stake.
clock_set() { printf "$1" | dd of="$WORK/clock" conv=notrunc 2>/dev/null; }
RIGHT='\0\0\0\0\0\0\0\0' AHEAD='\0\244\223\326\0\0\0\0' BEHIND='\0\134\154\051\377\377\377\377'
YESTERDAY='\0\240\050\342\353\377\377\377'
clock_set "$YESTERDAY"
PLAYED=
if [ -e "$BIN/liblab-clock.so" ] && ! ldd "$BIN/dialtone-probe" | grep -q libasan; then
    PLAYED="env LD_PRELOAD=$(readlink -f "$BIN/liblab-clock.so") LAB_CLOCK=$WORK/clock"
fi
$PLAYED openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=anchor.example \
    -addext "subjectAltName=DNS:control.example,IP:10.9.0.4" -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
nsenter -t $WORLD_NS -n dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --listen-address=10.9.0.53 \
    --bind-interfaces --address=/control.example/10.9.0.4 2>/dev/null &
PIDS="$PIDS $!"
IN_WORLD="nsenter -t $WORLD_NS -n"
collector_start data --listen 0.0.0.0:443 --cert "$WORK/cert.pem" --key "$WORK/key.pem"
cat >"$WORK/anchors.csv" <<END
kind,operator,host,port
foreign,one,10.9.0.1,443
foreign,two,10.9.0.2,443
foreign,three,10.9.0.3,443
control,four,control.example,443
END
printf 'url\nhttps://control.example/healthz\n' >"$WORK/targets.csv"
consent
clock_set "$RIGHT"
AROUND="nsenter -t $HOME_NS -n $PLAYED"
probe_start --collector https://10.9.0.4 --ca-file "$WORK/cert.pem" --anchors "$WORK/anchors.csv" \
    --targets "$WORK/targets.csv" --resolver 10.9.0.53 --allow-private-targets --no-capture \
    --ladder-interval ${SCALE}s --upload-interval $((2 * SCALE))s $PACE --country XD --asn 64500
now() { date -u +%s.%N | cut -c 1-13; }
waits 'event=connectivity state=working' 1
waits event=bundle_receipted 1
sleep $((2 * SCALE))
CUT=$(now)
disconnect
CUT_DONE=$(now)
sleep $((5 * SCALE))
clock_set "$AHEAD"
sleep $((5 * SCALE))
BACK=$(now)
connect
BACK_DONE=$(now)
waits 'event=connectivity state=full_shutdown' 1
waits 'event=connectivity state=working' 2
clock_set "$BEHIND"
RECEIPTS=$(said event=bundle_receipted)
waits event=bundle_receipted $((RECEIPTS + 3))
probe_stop

# What arrived, by when it was measured.
lines_arrived data/bundles
grep '"test_name":"ladder"' "$WORK/arrived" |
    sed 's/.*"measurement_start_time":"\([^"]*\)".*"connectivity":{"state":"\([a-z_]*\)".*"monotonic_s":\([0-9.]*\).*/\1 \2 \3/' |
    sort >"$WORK/climbs"
[ "$(grep -c full_shutdown "$WORK/climbs")" -ge 4 ] || fail "too few failed climbs arrived: $(cat "$WORK/climbs")"
seconds() { date -u -d "$1" +%s; }
line() { grep "$1" "$WORK/climbs" | "$2" -n 1 | cut -d ' ' -f 1,2; }
FIRST_BAD=$(seconds "$(line full_shutdown head)")
LAST_BAD=$(seconds "$(line full_shutdown tail)")
LAST_GOOD=$(seconds "$(awk '/full_shutdown/ {print last; exit} {last = $1 " " $2}' "$WORK/climbs")")
FIRST_GOOD=$(seconds "$(awk '/full_shutdown/ {bad = NR} {line[NR] = $1 " " $2} END {print line[bad + 1]}' "$WORK/climbs")")
# Climbs are a second apart, take up to one more when they fail, and are told in whole seconds, so that the last good one
# and the first bad one are three seconds apart at most, and a fourth on a machine that is busy with other things. One that
# is busier still climbs more slowly all the time: two seconds more than its longest step elsewhere.
PACE_S=$(while read -r day time state rest; do echo "$(seconds "$day $time") $state"; done <"$WORK/climbs" |
    awk '$2 == state && $1 - last > pace { pace = $1 - last } { last = $1; state = $2 } END { print pace + 0 }')
echo "$SCALE $CUT $BACK $LAST_GOOD $FIRST_BAD $LAST_BAD $FIRST_GOOD $CUT_DONE $BACK_DONE $PACE_S" | awk '{
    printf "cut %.1f s long; onset within [%+.1f, %+.1f] s of it, end within [%+.1f, %+.1f] s\n", $3 - $2, $4 - $2, $5 - $2, $6 - $3, $7 - $3
    width = $1 == 1 ? 4 : $1 + 2
    if ($1 == 1 && width < $10 + 2) width = $10 + 2
    begun = $1 == 1 && $10 > 3 ? $10 : 2.1 # so long ago a climb may have begun that feels the change
    if ($4 > $8 + 0.6 || $5 < $2 - begun || $5 - $4 > width) { print "the onset is not dated"; exit 1 }
    if ($6 > $9 + 0.6 || $7 < $3 - begun || $7 - $6 > width) { print "the end is not dated"; exit 1 }
}' || fail "$(cat "$WORK/climbs")"
if [ -n "$PLAYED" ]; then
    [ "$(said event=clock_jumped)" -ge 2 ] || fail "the jumps were not noticed: $(grep clock "$WORK/probe.log")"
    grep -q '"x_clock_skew_s":"3[56][0-9][0-9]\.' "$WORK/arrived" || fail "no record tells that the clock was an hour ahead"
    echo "through a clock that jumped an hour ahead and two back"
fi
sanitizers_said_nothing
