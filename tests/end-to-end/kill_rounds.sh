# Runs of uploads into a collector that is killed, and what must hold afterwards: sourced after collector.sh, not run.
# Wants $rounds, $each, $total = both multiplied, and $key; bundle n is $work/n.jsonl.zst, of 20 measurements.

# $total of them, over ten hours.
bundles_make() {
    n=0
    while [ $n -lt $total ]; do
        n=$((n + 1))
        key=$("$make_bundle" --out "$work/$n.jsonl.zst" --sequence $n --first $((n * 100)) --count 20 \
            --time 2026-01-01T0$((n % 10)):00:00Z --subdivision XD-N)
    done
}

# Kills it right behind a receipt, whose collector was started with [OPTION...].
kill_behind_receipt() {
    start "$@"
    [ "$(post "$work/1.jsonl.zst" "$key" "$work/1.receipt")" = 201 ] || fail "not taken: $(cat "$work/1.receipt")"
    stop KILL
}

# The first upload of the round has its receipt, or there will be none.
has_begun() { [ -e "$work/$((round * each + 1)).receipt" ] || ! kill -0 $poster 2>/dev/null; }

# Kills it somewhere in each of $rounds runs of uploads. before_kill is the test's own: it is told the round.
kill_in_rounds() {
    round=0
    while [ $round -lt $rounds ]; do
        start # the folder knows its store
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
        await "no upload in round $round" has_begun
        sleep "0.$((round * 7 % 5 + 1))"
        before_kill $round
        stop KILL
        wait $poster || true
        round=$((round + 1))
    done
}

# Every receipt is given again, to the byte; how many there are is in $receipts.
receipts_check() {
    receipts=0
    for receipt in "$work"/*.receipt; do
        n=$(basename "$receipt" .receipt)
        code=$(post "$work/$n.jsonl.zst" "$key" "$work/again")
        [ "$code" = 200 ] || fail "bundle $n had a receipt and is gone ($code)"
        cmp -s "$receipt" "$work/again" || fail "bundle $n has another receipt now: $(cat "$receipt" "$work/again")"
        receipts=$((receipts + 1))
    done
    [ $receipts -ge 2 ] || fail "only $receipts receipts: nothing was tried"
}

# With the rest posted too, each is counted once, and the log has no gap; "INDEX N" of each is in $work/indexes.
counts_check() {
    n=0
    while [ $n -lt $total ]; do
        n=$((n + 1))
        case $(post "$work/$n.jsonl.zst" "$key" "$work/answer") in
        20?) echo "$(field log_index "$work/answer") $n" >>"$work/indexes" ;;
        *) fail "bundle $n: $(cat "$work/answer")" ;;
        esac
    done
    [ "$(measurements XD)" = $((total * 20)) ] || fail "$(measurements XD) measurements, not $((total * 20))"
    [ "$(cut -d ' ' -f 1 "$work/indexes" | sort -n | tr '\n' ' ')" = "$(seq 0 $((total - 1)) | tr '\n' ' ')" ] ||
        fail "the log has gaps: $(sort -n "$work/indexes" | tr "\n" " ")"
}
