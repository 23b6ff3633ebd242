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
    umount "$STATE" 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf "$WORK"
}
trap cleanup EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

# collector_start FOLDER OPTION...: listening when this returns; its process in $COLLECTOR, its log in FOLDER.log.
collector_start() {
    folder=$1
    shift
    : >"$WORK/$folder.log"
    ${IN_WORLD:-} "$BIN/dialtone-collector" serve --data "$WORK/$folder" "$@" 2>>"$WORK/$folder.log" &
    COLLECTOR=$!
    PIDS="$PIDS $COLLECTOR"
    for _ in $(seq 100); do
        ! grep -q event=listening "$WORK/$folder.log" || return 0
        sleep 0.1
    done
    fail "the collector did not start: $(cat "$WORK/$folder.log")"
}

consent() { "$BIN/dialtone-probe" consent --state "$STATE" --yes-i-understand-the-risks >/dev/null; }

# waits PATTERN [COUNT]: until the probe's log has it so often. PATIENCE: in tenths of a second.
waits() {
    for _ in $(seq "${PATIENCE:-200}"); do
        [ "$(grep -c "$1" "$WORK/probe.log")" -lt "${2:-1}" ] || return 0
        sleep 0.1
    done
    fail "no $1: $(tail -n 5 "$WORK/probe.log")"
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
