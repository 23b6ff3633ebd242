#!/bin/sh
# kill -9 of the whole daemon at random moments, against a real collector that comes and goes; then the same with the state
# on a disk of 2 MB that is full. Each time its workers end with it and it starts again; nothing that was on the disk is
# lost, nothing comes twice. DIALTONE_PROBE_KILLS and DIALTONE_PROBE_KILLS_FULL say how often.
NEEDS="zstd age df"
APART=-nm
. "$(dirname "$0")/probe.sh"
KILLS=${DIALTONE_PROBE_KILLS:-12}
KILLS_FULL=${DIALTONE_PROBE_KILLS_FULL:-6}
URL=http://127.0.0.1:8047
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\nforeign,b,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\n%s/healthz\nhttp://127.0.0.1:9/\n' $URL >"$WORK/targets.csv"
COLLECTOR=

# probe HOW OPTION...: by probe_start or probe_run.
probe() {
    how=$1
    shift
    $how --collector $URL --anchors "$WORK/anchors.csv" --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 \
        --timeout 300ms --no-capture --allow-private-targets --country XD "$@"
}
collector_up() { [ -n "$COLLECTOR" ] || collector_start "$DATA" --listen 127.0.0.1:8047; }
collector_down() {
    [ -n "$COLLECTOR" ] || return 0
    kill "$COLLECTOR"
    wait "$COLLECTOR" 2>/dev/null || true
    COLLECTOR=
}
# A worker names the anchors that it was given.
workers() { grep -la "$WORK/anchors.csv" /proc/[0-9]*/cmdline 2>/dev/null || true; }
random_below() { awk -v r="$(od -An -N4 -tu4 /dev/urandom)" -v n="$1" 'BEGIN { print r % n }'; }

# Those that nothing ends: a worker that has SIGKILL pending only waits for a processor to die on.
survivors() {
    for worker in $(workers); do
        grep -qs '^ShdPnd:.*[13579bdf]..$' "${worker%cmdline}status" || [ ! -e "$worker" ] || echo "$worker"
    done
}
is_busy() { [ "$(workers | wc -l)" -ge 2 ]; }

# killed ROUND: every third time while it begins, else 0 to 2 s after it has begun, every fourth time at work. $BUSY counts
# the times that it had workers, $ORPHANS those that outlived it by 2 s.
killed() {
    probe probe_start --ladder-interval 100ms --web-interval 1s --upload-interval 100ms --jitter 90
    [ $(($1 % 3)) = 0 ] || waits event=started
    sleep "$(awk -v ms="$(random_below 2000)" 'BEGIN { print ms / 1000 }')"
    [ $(($1 % 4)) != 2 ] || await "no worker is at work" is_busy
    ! is_busy || BUSY=$((BUSY + 1))
    kill -9 "$PROBE" 2>/dev/null || fail "the probe ended by itself: $(tail -n 5 "$WORK/probe.log")"
    wait "$PROBE" 2>/dev/null || true
    PIDS=${PIDS% *}
    sanitizers_said_nothing
    for _ in $(seq 40); do
        [ -n "$(survivors)" ] || return 0
        sleep 0.05
    done
    ORPHANS=$((ORPHANS + 1))
}
# drained WHAT: a last run that ends by itself, with nothing left.
drained() {
    collector_up
    probe probe_run --rounds 1
    sanitizers_said_nothing
    [ $got = 0 ] || fail "$1: the last run exited $got: $(tail -n 5 "$WORK/probe.log")"
    [ -z "$(ls "$STATE"/spool/*.zst "$STATE"/spool/*.age 2>/dev/null)" ] || fail "$1: bundles still wait"
    [ ! -s "$STATE/spool/pending.jsonl" ] || fail "$1: lines still wait"
    [ -z "$(ls "$STATE/rejected")" ] || fail "$1: bundles were refused: $(grep refused "$WORK/probe.log" | head -n 2)"
    collector_down
    lines_arrived "$DATA"
}
# compared WHAT: what was seen on the disk came.
compared() {
    sort -u "$WORK/seen" >"$WORK/kept"
    LOST=$(comm -23 "$WORK/kept" "$WORK/arrived" | wc -l)
    [ "$LOST" = 0 ] || fail "$1: $LOST lines of $(wc -l <"$WORK/kept") were lost"
    [ "$ORPHANS" = 0 ] || fail "$1: workers outlived the daemon $ORPHANS times"
}

consent
DATA=data BUSY=0 ORPHANS=0
: >"$WORK/seen"
for round in $(seq "$KILLS"); do
    case $((round % 4)) in 2) collector_up ;; 0) collector_down ;; esac
    killed "$round"
    lines_kept "$WORK/data/identity.age.txt" | grep '}$' >>"$WORK/seen" || true
done
drained "killed $KILLS times"
compared "killed $KILLS times"
DROPPED=$("$BIN/dialtone-probe" status --state "$STATE" --format json | sed -n 's/.*"dropped_lines":\([0-9]*\).*/\1/p')
[ "$DROPPED" = 0 ] || fail "'$DROPPED' lines of the journal could not be read again"
[ "$BUSY" -gt 0 ] || fail "the daemon was never killed at work"
echo "$KILLS kills, $BUSY of them at work, no orphan: $(wc -l <"$WORK/kept") lines seen on the disk, $(wc -l <"$WORK/arrived") arrived once each"

# Only the journal's lines are promised a place on a full disk; clean results make room for them.
mount -t tmpfs -o size=2m,mode=700 small "$STATE" 2>/dev/null || { echo "file systems cannot be mounted here" >&2; exit 0; }
consent
mkdir -p "$STATE/spool"
DATA=data-full BUSY=0 ORPHANS=0 FULL=0
: >"$WORK/seen"
available() { df -k --output=avail "$STATE" | tail -n 1; }
head -c $((($(available) - 200) * 1024)) /dev/urandom >"$STATE/ballast"
for round in $(seq "$KILLS_FULL"); do
    case $((round % 24)) in 18) collector_up ;; 0) collector_down ;; esac
    is_full=no
    [ "$(available)" -gt 16 ] || is_full=yes
    killed "$round"
    [ "$(available)" -gt 16 ] || is_full=yes
    [ $is_full = no ] || FULL=$((FULL + 1))
    lines_kept "$WORK/data-full/identity.age.txt" | grep '"test_name":"ladder".*}$' >>"$WORK/seen" || true
    # What is left shrinks, so that the probe's own lines fill it; then there is nothing left, however few it wrote.
    [ "$(available)" -le 16 ] ||
        head -c $((($(available) * 1024) / (round > KILLS_FULL / 2 ? 1 : 2))) /dev/urandom >>"$STATE/ballast" 2>/dev/null || true
done
# Whoever filled the disk makes a little room: what waits must all come then.
truncate -s -100K "$STATE/ballast"
drained "killed $KILLS_FULL times on a full disk"
compared "killed $KILLS_FULL times on a full disk"
[ "$FULL" -gt 0 ] || fail "the disk was never full"
echo "$KILLS_FULL kills on 2 MB, $FULL of them on a full disk, no orphan: $(wc -l <"$WORK/kept") lines seen on the disk, $(grep -c '"test_name":"ladder"' "$WORK/arrived") arrived once each"
