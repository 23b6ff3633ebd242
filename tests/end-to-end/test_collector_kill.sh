# Killed at any moment, the collector has every bundle that it gave a receipt for, once.
. "$ROOT/tests/end-to-end/collector.sh"

rounds=6
each=12
total=$((rounds * each))
n=0
while [ $n -lt $total ]; do
    n=$((n + 1))
    key=$("$make_bundle" --out "$work/$n.jsonl.zst" --sequence $n --first $((n * 100)) --count 20)
done

# Kill right behind a receipt, then kill somewhere in a run of uploads.
start
[ "$(post "$work/1.jsonl.zst" "$key" "$work/1.receipt")" = 201 ] || fail "not taken: $(cat "$work/1.receipt")"
stop KILL
round=0
while [ $round -lt $rounds ]; do
    start
    (
        n=$((round * each))
        while [ $n -lt $((round * each + each)) ]; do
            n=$((n + 1))
            code=$(post "$work/$n.jsonl.zst" "$key" "$work/$n.answer")
            case $code in
            20?) mv "$work/$n.answer" "$work/$n.receipt" ;;
            *) exit 0 ;;
            esac
        done
    ) &
    poster=$!
    waited=0
    until [ -e "$work/$((round * each + 1)).receipt" ] || [ $waited -ge 100 ]; do # a slow machine's first one
        waited=$((waited + 1))
        sleep 0.1
    done
    sleep "0.$((round * 7 % 5 + 1))"
    stop KILL
    wait $poster || true
    round=$((round + 1))
done

start
receipts=0
for receipt in "$work"/*.receipt; do
    n=$(basename "$receipt" .receipt)
    code=$(post "$work/$n.jsonl.zst" "$key" "$work/again")
    [ "$code" = 200 ] || fail "bundle $n had a receipt and is gone ($code)"
    cmp -s "$receipt" "$work/again" || fail "bundle $n has another receipt now: $(cat "$receipt" "$work/again")"
    receipts=$((receipts + 1))
done
[ $receipts -ge 2 ] || fail "only $receipts receipts: nothing was tried"
n=0
while [ $n -lt $total ]; do
    n=$((n + 1))
    case $(post "$work/$n.jsonl.zst" "$key" "$work/answer") in
    20?) field log_index "$work/answer" >>"$work/indexes" ;;
    *) fail "bundle $n: $(cat "$work/answer")" ;;
    esac
done
[ "$(measurements XD)" = $((total * 20)) ] || fail "$(measurements XD) measurements, not $((total * 20))"
[ "$(sort -n "$work/indexes" | tr '\n' ' ')" = "$(seq 0 $((total - 1)) | tr '\n' ' ')" ] || fail "the log has gaps: $(sort -n "$work/indexes" | tr "\n" " ")"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
echo "$receipts receipts over $rounds kills, all good"
