# A full disk: 507, nothing half-written, and all is well when there is room again. Needs a mount of its own.
. "$ROOT/tests/end-to-end/collector.sh"

if [ "${1:-}" != inside ]; then
    if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
        echo "SKIP: mounting needs root" >&2
        exit 77
    fi
    rm -rf "$work"
    trap - EXIT
    exec unshare -m sh "$0" inside
fi

mkdir "$work/data"
mount -t tmpfs -o size=1500k none "$work/data"
start
n=0
taken=0
code=201
while [ $n -lt 300 ] && [ "$code" = 201 ]; do
    n=$((n + 1))
    key=$("$make_bundle" --out "$work/n.jsonl.zst" --sequence $n --first $((n * 1000)) --count 400)
    code=$(post "$work/n.jsonl.zst" "$key" "$work/answer")
    [ "$code" != 201 ] || taken=$((taken + 1))
done
[ "$code" = 507 ] || fail "not 507 but $code after $n bundles: $(cat "$work/answer")"
[ "$(field error "$work/answer")" = full ] || fail "$(cat "$work/answer")"
[ $taken -ge 1 ] || fail "nothing was taken before"
[ "$(post "$work/n.jsonl.zst" "$key" "$work/answer")" = 507 ] || fail "the second attempt: $(cat "$work/answer")"
[ "$(measurements XD)" = $((taken * 400)) ] || fail "$(measurements XD) measurements of $taken bundles"
[ "$(find "$work/data/bundles" -name '*.zst' | wc -l)" = $taken ] || fail "a refused bundle was kept"
[ -z "$(find "$work/data" -name '*.tmp.*')" ] || fail "a temporary file was left"
mount -o remount,size=20m "$work/data"
[ "$(post "$work/n.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "with room again: $(cat "$work/answer")"
[ "$(measurements XD)" = $(((taken + 1) * 400)) ] || fail "with room again: $(measurements XD)"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
umount "$work/data"
echo "$taken bundles before the disk was full, all good"
