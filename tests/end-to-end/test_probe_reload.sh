#!/bin/sh
# Reloads by the dozen put nothing off: climbs, rounds and uploads go on as they are due. Of settings that change while
# they are being checked the last ones count; what only a new start can change is told.
. "$(dirname "$0")/probe.sh"
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8047\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:8047/healthz\n' >"$WORK/targets.csv"
CONF=$WORK/probe.conf
# settings LINE...: indented, as people write them.
settings() {
    cat >"$CONF.new" <<END
[probe]
    collector = http://127.0.0.1:8047
    anchors = $WORK/anchors.csv
    targets = $WORK/targets.csv
	resolver = 127.0.0.1:9
    no-capture = yes
    allow-private-targets = yes
    timeout = 300ms
    jitter = 0
    ladder-interval = 1s
    web-interval = 4s
    upload-interval = 2s
    channels-interval = 30d
END
    printf '    %s\n' "$@" >>"$CONF.new"
    mv "$CONF.new" "$CONF"
}
consent
collector_start data --listen 127.0.0.1:8047
settings 'country = XD'
probe_start --config "$CONF"
waits event=round_done
CLIMBS=$("$BIN/dialtone-probe" status --state "$STATE" --format json | sed 's/.*"climbs":\([0-9]*\).*/\1/')
ROUNDS=$(said event=round_done) BUNDLES=$(said event=bundle_receipted)
# Far more often than any interval, until two rounds and two bundles came through all the same. A slow machine reads its
# settings slowly.
for _ in $(seq 2000); do
    kill -HUP "$PROBE" || fail "it ended: $(tail -n 3 "$WORK/probe.log")"
    sleep 0.05
    [ "$(said event=round_done)" -lt $((ROUNDS + 2)) ] || [ "$(said event=bundle_receipted)" -lt $((BUNDLES + 2)) ] ||
        [ "$(said event=reloaded)" -lt 10 ] || break
done
[ "$(said event=round_done)" -ge $((ROUNDS + 2)) ] || fail "no round while it was reloaded"
[ "$(said event=bundle_receipted)" -ge $((BUNDLES + 2)) ] || fail "nothing was uploaded while it was reloaded"
RELOADS=$(said event=reloaded)
[ "$RELOADS" -ge 10 ] || fail "reloaded $RELOADS times only"
[ "$("$BIN/dialtone-probe" status --state "$STATE" --format json | sed 's/.*"climbs":\([0-9]*\).*/\1/')" -gt "$CLIMBS" ] ||
    fail "it did not climb while it was reloaded"

# Changed while the one before is being checked: the last word counts.
last_word() {
    settings 'country = XD'
    kill -HUP "$PROBE"
    settings "$1"
    kill -HUP "$PROBE"
    await "the last settings were not read: $2" grep -q "$2" "$WORK/probe.log"
}
last_word 'country = Utopia' 'country = Utopia: type an ISO 3166-1 code'
# Whom bundles are sealed to is settled when the spool is opened.
last_word 'seal-to = age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p' 'seal-to cannot change while the probe runs: restart it'
last_word 'user = nobody' 'user cannot change while the probe runs: restart it'
# One that hangs: what was written last is told.
kill -STOP "$PROBE"
"$BIN/dialtone-probe" status --state "$STATE" >"$WORK/out" 2>&1 || fail "the status of a daemon that hangs: $(cat "$WORK/out")"
grep -q '^running  *yes' "$WORK/out" || fail "$(cat "$WORK/out")"
kill -CONT "$PROBE"
probe_stop
sanitizers_said_nothing
echo "$RELOADS reloads; rounds, climbs and uploads went on"
