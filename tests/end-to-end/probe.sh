# Shared by the probe's end-to-end tests: sourced, not run. A script may set before: NEEDS, the tools that it cannot do
# without; APART, the namespaces that it wants of its own (-n; -nm with mounts).
set -eu
: "${BIN:?the folder of the programs}"
for tool in ip unshare ${NEEDS:-}; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: skipped" >&2; exit 77; }
done
[ -x "$BIN/dialtone-collector" ] || { echo "the collector is not built: skipped" >&2; exit 77; }
if [ "${ALONE:-}" != yes ]; then
    export ALONE=yes
    if unshare "${APART:--n}" true 2>/dev/null; then
        exec unshare "${APART:--n}" sh "$0"
    elif unshare -r "${APART:--n}" true 2>/dev/null; then
        exec unshare -r "${APART:--n}" sh "$0"
    fi
    echo "namespaces are not permitted here: skipped" >&2
    exit 77
fi
ip link set lo up
WORK=$(mktemp -d)
STATE=$WORK/state
PIDS=
cleanup() {
    for pid in $PIDS; do kill -9 "$pid" 2>/dev/null || true; done
    umount "$STATE" "$WORK/disk" 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf "$WORK"
}
trap cleanup EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
. "$(dirname "$0")/await.sh"

# collector_start FOLDER OPTION...: listening when this returns; its process in $COLLECTOR, its log in FOLDER.log.
collector_start() {
    folder=$1
    shift
    : >"$WORK/$folder.log"
    ${IN_WORLD:-} "$BIN/dialtone-collector" serve --data "$WORK/$folder" "$@" 2>>"$WORK/$folder.log" &
    COLLECTOR=$!
    PIDS="$PIDS $COLLECTOR"
    for _ in $(seq "${PATIENCE:-1200}"); do
        ! grep -q event=listening "$WORK/$folder.log" || return 0
        kill -0 "$COLLECTOR" 2>/dev/null || break
        sleep 0.1
    done
    fail "the collector did not start: $(cat "$WORK/$folder.log")"
}

consent() { "$BIN/dialtone-probe" consent --state "$STATE" --yes-i-understand-the-risks >/dev/null; }

# probe_start OPTION...: `run` in the background, with a log of its own in probe.log; its process in $PROBE. The log is
# emptied before, for the shell behind & may open it late: until then, waits would read what the run before said.
# AROUND, if set, stands before the program.
probe_start() {
    : >"$WORK/probe.log"
    ${AROUND:-} "$BIN/dialtone-probe" run --state "$STATE" "$@" 2>>"$WORK/probe.log" &
    PROBE=$!
    PIDS="$PIDS $PROBE"
}

# probe_run OPTION...: the same until it ends by itself; its exit status in $got.
probe_run() {
    got=0
    "$BIN/dialtone-probe" run --state "$STATE" "$@" 2>"$WORK/probe.log" || got=$?
}

# probe_stop: asks it to end, which must end well.
probe_stop() {
    kill "$PROBE" || fail "the probe ended by itself: $(tail -n 5 "$WORK/probe.log")"
    got=0
    wait "$PROBE" || got=$?
    [ $got = 0 ] || fail "the probe ended with $got: $(tail -n 5 "$WORK/probe.log")"
}

# said PATTERN: how often the probe's log has it.
said() { grep -c "$1" "$WORK/probe.log" || [ $? = 1 ]; }

# waits PATTERN [COUNT]: until the probe's log has it so often; a probe that has ended is not waited for.
waits() {
    for _ in $(seq "${PATIENCE:-1200}"); do
        is_alive=yes
        kill -0 "$PROBE" 2>/dev/null || is_alive=no
        times=$(said "$1") || fail "the probe's log cannot be read"
        [ "$times" -lt "${2:-1}" ] || return 0
        [ $is_alive = yes ] || break
        sleep 0.1
    done
    fail "no $1, the probe alive: $is_alive: $(tail -n 5 "$WORK/probe.log")"
}

# All lines on the disk; what is sealed is opened with the identity, behind six lines of key and signature. Of the journal
# only lines with their whole sum count: a last one without it was never written.
TAB=$(printf '\t')
lines_pending() { cat "$STATE"/spool/*.jsonl 2>/dev/null | sed -n "s/$TAB[0-9a-f]\{8\}\$//p"; }
# lines_kept IDENTITY
lines_kept() {
    lines_pending
    for file in "$STATE"/spool/*.zst; do [ ! -e "$file" ] || zstd -dcq "$file"; done
    for file in "$STATE"/spool/*.age; do
        [ ! -e "$file" ] || age -d -i "$1" "$file" | tail -n +7 | zstd -dcq
    done
}

# lines_arrived FOLDER: into $WORK/arrived, each of them once.
lines_arrived() {
    find "$WORK/$1" -name '*.zst' -exec zstd -dcq {} + | sort >"$WORK/arrived"
    [ -s "$WORK/arrived" ] || fail "nothing arrived"
    [ -z "$(uniq -d "$WORK/arrived")" ] || fail "lines arrived twice: $(uniq -d "$WORK/arrived" | wc -l), as $(uniq -d "$WORK/arrived" | head -n 1)"
}

sanitizers_said_nothing() {
    ! grep -q 'AddressSanitizer\|runtime error' "$WORK/probe.log" ||
        fail "$(grep -m1 -A5 'Sanitizer\|runtime error' "$WORK/probe.log")"
}
