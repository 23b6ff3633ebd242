# Looking after a collector: a backup while it serves, put back in its place; pruning beside it; damage named; a folder
# that may not be written.
. "$ROOT/tests/end-to-end/collector.sh"

# expect CODE WORDS COMMAND...
expect() {
    wanted=$1 words=$2
    shift 2
    code=0
    "$@" >"$work/out" 2>&1 || code=$?
    [ $code = "$wanted" ] || fail "exit $code, not $wanted: $* says $(cat "$work/out")"
    grep -q "$words" "$work/out" || fail "no \"$words\" in: $(cat "$work/out")"
}

send() { # SEQUENCE TIME
    key=$("$make_bundle" --out "$work/$1.jsonl.zst" --sequence "$1" --first $(($1 * 1000)) --count 50 --time "$2")
    code=$(post "$work/$1.jsonl.zst" "$key" "$work/$1.receipt")
    [ "$code" = 201 ] || fail "bundle $1: $code $(cat "$work/$1.receipt")"
}

start
send 1 2026-01-01T00:00:00Z
send 2 2026-01-02T00:00:00Z
expect 0 "and the store" "$collector" backup --data "$work/data" --out "$work/copy"
expect 2 "is there already" "$collector" backup --data "$work/data" --out "$work/copy"
send 3 2026-01-03T00:00:00Z
expect 0 "3 bundles: 0 damaged" "$collector" fsck --data "$work/data"
expect 0 "2 bundles: 0 damaged, 0 left over" "$collector" fsck --data "$work/copy"
stop TERM

# The copy in the folder's place: what it had has the same receipt, what came after is taken again.
mv "$work/data" "$work/lost"
cp -a "$work/copy" "$work/data"
start
for n in 1 2; do
    [ "$(post "$work/$n.jsonl.zst" "$key" "$work/again")" = 200 ] || fail "bundle $n is gone: $(cat "$work/again")"
    cmp -s "$work/$n.receipt" "$work/again" || fail "bundle $n has another receipt"
done
[ "$(post "$work/3.jsonl.zst" "$key" "$work/again")" = 201 ] || fail "bundle 3: $(cat "$work/again")"

# Everything is older than a day, but was received today: rows go, raw files stay until they are old enough.
[ "$(measurements XD)" = 150 ] || fail "$(measurements XD) measurements before pruning"
expect 0 "forgot 150 measurements, removed 0 files" "$collector" prune --data "$work/data" --raw-days 1
[ "$(measurements XD)" = 150 ] || fail "$(measurements XD) measurements after pruning"
expect 0 "0 damaged" "$collector" fsck --data "$work/data"
expect 2 "raw-days" "$collector" prune --data "$work/data" --raw-days 0
stop TERM

# A flipped bit.
file=$(ls "$work"/data/bundles/*.zst | head -n 1)
printf x >>"$file"
expect 1 "damage: bundles/$(basename "$file") is not what was taken in" "$collector" fsck --data "$work/data"
rm "$file"
expect 1 "is missing" "$collector" fsck --data "$work/data"
expect 2 "no collector data" "$collector" fsck --data "$work/nothing"

# A folder that may not be written, which root may always: as another user.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    chmod -R a+rX "$work/copy"
    before=$(find "$work/copy" -type f | sort | xargs sha256sum | sha256sum)
    expect 3 "" setpriv --reuid=65534 --regid=65534 --clear-groups "$collector" serve --data "$work/copy" --listen 127.0.0.1:0
    grep -q "check that\|mend\|writable\|rights" "$work/out" || fail "no advice in: $(cat "$work/out")"
    [ "$before" = "$(find "$work/copy" -type f | sort | xargs sha256sum | sha256sum)" ] || fail "the folder was changed"
fi
echo "all good"
