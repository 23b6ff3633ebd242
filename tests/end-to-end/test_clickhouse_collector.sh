# The collector over ClickHouse: killed at any moment, with its server killed too, it has every bundle that it gave a
# receipt for, once; and its reports are those of SQLite, byte for byte.
. "$ROOT/tests/end-to-end/collector.sh"
. "$ROOT/tests/end-to-end/clickhouse.sh"
. "$ROOT/tests/end-to-end/kill_rounds.sh"

rounds=5
each=8
total=$((rounds * each))
bundles_make

expect 2 "no such store" "$collector" import --data "$work/none" --store oracle "$work/1.jsonl.zst"
expect 2 "no address" "$collector" import --data "$work/none" --store clickhouse=nonsense "$work/1.jsonl.zst"

# Kill the collector somewhere in a run of uploads; in the third round its database instead.
before_kill() {
    [ "$1" = 2 ] || return 0
    kill -9 "$database"
    wait "$database" 2>/dev/null || true
    wait $poster || true
    code=$(post "$work/$total.jsonl.zst" "$key" "$work/away")
    [ "$code" = 429 ] || fail "without its database the collector answers $code: $(cat "$work/away")"
    database_start || fail "clickhouse-server does not come back"
}
kill_behind_receipt --store "$store"
kill_in_rounds
start
receipts_check
counts_check
# A second program on the same folder takes turns with the first.
"$collector" import --data "$work/data" --key "$key" "$work/1.jsonl.zst" | grep -qx "accepted 0, duplicate 20, rejected 0" ||
    fail "import beside serve"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"

# The same bundles in the same order in SQLite give the same report.
for n in $(sort -n "$work/indexes" | cut -d ' ' -f 2); do
    echo "$work/$n.jsonl.zst"
done >"$work/order"
"$collector" import --data "$work/embedded" --key "$key" $(cat "$work/order") >/dev/null || fail "import into sqlite"
for folder in data embedded; do
    "$collector" detect --data "$work/$folder" --now 2026-01-02T00:00:00Z >/dev/null || fail "detect"
    "$BIN/dialtone-report" export --data "$work/$folder" --out "$work/$folder.csv" --as csv --now 2026-01-02T00:00:00Z \
        >/dev/null || fail "export of $folder"
    ls "$work/$folder.csv" >"$work/$folder.files"
done
cmp "$work/data.files" "$work/embedded.files" || fail "the exports have other files"
for file in $(cat "$work/data.files"); do
    cmp "$work/data.csv/$file" "$work/embedded.csv/$file" || fail "$file differs"
done
[ "$(wc -l <"$work/data.csv/timeline.csv")" -gt 10 ] || fail "the timeline is empty"
expect 2 "keeps its rows" "$collector" import --data "$work/data" --store sqlite "$work/1.jsonl.zst"
echo "$receipts receipts over $rounds kills, all good"
