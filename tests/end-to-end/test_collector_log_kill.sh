# Killed while bundles come in and checkpoints are told: every checkpoint that was ever heard is extended by the last one,
# and every receipted bundle is in the log. DIALTONE_KILLS sets how often.
. "$ROOT/tests/end-to-end/collector.sh"

kills=${DIALTONE_KILLS:-4}
has_heard_more() { [ "$(ls "$work/heard" | wc -l)" -gt "$heard" ]; }
key=$("$make_bundle" --out "$work/any.jsonl.zst")
mkdir "$work/heard" "$work/receipts"
n=0
round=0
while [ $round -lt "$kills" ]; do
    start
    log_await
    first=$n
    heard=$(ls "$work/heard" | wc -l)
    n=$((n + 400))
    (
        i=$first
        while [ $i -lt $n ]; do
            i=$((i + 1))
            "$make_bundle" --out "$work/b.jsonl.zst" --sequence $i --first $((i * 10)) --count 2 >/dev/null
            case $(post "$work/b.jsonl.zst" "$key" "$work/b.answer") in
            20?) mv "$work/b.answer" "$work/receipts/$i" ;;
            *) exit 0 ;;
            esac
        done
    ) &
    poster=$!
    (
        while curl -sf --max-time 60 -o "$work/now" "$base/api/v1/log"; do
            size=$(sed -n 2p "$work/now")
            cmp -s "$work/now" "$work/heard/$size" || mv "$work/now" "$work/heard/$size.$round"
            [ -e "$work/heard/$size" ] || mv "$work/heard/$size.$round" "$work/heard/$size"
        done
    ) &
    asker=$!
    await "no bundle is taken in round $round" test -e "$work/receipts/$((first + 1))"
    await "no new checkpoint is told in round $round" has_heard_more
    sleep "1.$((round * 7 % 10))"
    stop KILL
    wait $poster || true
    wait $asker || true
    round=$((round + 1))
done
start
log_await
collector_key=$(curl -s "$base/v1/keys" | sed 's/.*"key":"\([^"]*\)".*/\1/')
verify="$collector verify --log --collector $base --key $collector_key"
heard=0
for checkpoint in "$work"/heard/*; do
    $verify --checkpoint "$checkpoint" >"$work/out" 2>&1 || fail "$(cat "$checkpoint"): $(cat "$work/out")"
    heard=$((heard + 1))
done
[ $heard -ge 2 ] || fail "only $heard checkpoints were heard: nothing was tried"
receipts=0
for receipt in "$work"/receipts/*; do
    hash=$(field bundle "$receipt")
    curl -s "$base/api/v1/log/proof?bundle=$hash" >"$work/out"
    [ "$(field index "$work/out")" = "$(field log_index "$receipt")" ] || fail "receipted, and not there: $(cat "$receipt" "$work/out")"
    receipts=$((receipts + 1))
done
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
"$collector" verify --log --data "$work/data" >"$work/out" 2>&1 || fail "the log: $(cat "$work/out")"
echo "$kills kills: $heard checkpoints heard and $receipts receipts, all kept; $(head -n 1 "$work/out")"
