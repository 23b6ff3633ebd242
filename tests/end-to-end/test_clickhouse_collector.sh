# The collector over ClickHouse: killed at any moment, with its server killed too, it has every bundle that it gave a
# receipt for, once; and its reports are those of SQLite, byte for byte.
. "$ROOT/tests/end-to-end/collector.sh"

program=
for place in /usr/sbin/clickhouse-server /usr/bin/clickhouse-server /usr/local/bin/clickhouse-server; do
    [ ! -x $place ] || program=$place
done
[ -n "$program" ] || {
    echo "skipped: clickhouse-server is not installed"
    exit 77
}
database=
cleanup_all() {
    [ -z "$database" ] || kill -9 "$database" 2>/dev/null || true
    cleanup
}
trap cleanup_all EXIT

mkdir -p "$work/ch/data" "$work/ch/tmp"
cat >"$work/ch/users.xml" <<END
<?xml version="1.0"?><yandex><profiles><default></default></profiles><quotas><default></default></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</default></users></yandex>
END

database_start() {
    "$program" --config-file="$work/ch/config.xml" >/dev/null 2>&1 &
    database=$!
    waited=0
    until [ "$(curl -s --max-time 2 "http://127.0.0.1:$port/" || true)" = Ok. ]; do
        kill -0 "$database" 2>/dev/null || return 1
        waited=$((waited + 1))
        [ $waited -lt 200 ] || return 1
        sleep 0.1
    done
}
# Two ports that are free, as far as one can tell.
port=$((20000 + $$ % 20000))
tries=0
while :; do
    cat >"$work/ch/config.xml" <<END
<?xml version="1.0"?><yandex><logger><level>error</level><log>$work/ch/log</log><errorlog>$work/ch/errors</errorlog>
</logger><listen_host>127.0.0.1</listen_host><http_port>$port</http_port><tcp_port>$((port + 1))</tcp_port>
<path>$work/ch/data/</path><tmp_path>$work/ch/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size></yandex>
END
    database_start && break
    kill -9 "$database" 2>/dev/null || true
    tries=$((tries + 1))
    [ $tries -lt 5 ] || fail "clickhouse-server does not start: $(tail -n 3 "$work/ch/errors")"
    port=$((port + 17))
done
store=clickhouse=http://127.0.0.1:$port/dialtone

rounds=5
each=8
total=$((rounds * each))
n=0
while [ $n -lt $total ]; do
    n=$((n + 1))
    key=$("$make_bundle" --out "$work/$n.jsonl.zst" --sequence $n --first $((n * 100)) --count 20 \
        --time 2026-01-01T0$((n % 10)):00:00Z --subdivision XD-N)
done

expect 2 "no such store" "$collector" import --data "$work/none" --store oracle "$work/1.jsonl.zst"
expect 2 "no address" "$collector" import --data "$work/none" --store clickhouse=nonsense "$work/1.jsonl.zst"

# Kill the collector somewhere in a run of uploads; in the third round its database instead.
start --store "$store"
[ "$(post "$work/1.jsonl.zst" "$key" "$work/1.receipt")" = 201 ] || fail "not taken: $(cat "$work/1.receipt")"
stop KILL
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
    waited=0
    until [ -e "$work/$((round * each + 1)).receipt" ] || [ $waited -ge 100 ]; do # a slow machine's first one
        waited=$((waited + 1))
        sleep 0.1
    done
    sleep "0.$((round * 7 % 5 + 1))"
    if [ $round = 2 ]; then
        kill -9 "$database"
        wait "$database" 2>/dev/null || true
        wait $poster || true
        code=$(post "$work/$total.jsonl.zst" "$key" "$work/away")
        [ "$code" = 429 ] || fail "without its database the collector answers $code: $(cat "$work/away")"
        database_start || fail "clickhouse-server does not come back"
    fi
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
    20?) echo "$(field log_index "$work/answer") $n" >>"$work/indexes" ;;
    *) fail "bundle $n: $(cat "$work/answer")" ;;
    esac
done
[ "$(measurements XD)" = $((total * 20)) ] || fail "$(measurements XD) measurements, not $((total * 20))"
[ "$(cut -d ' ' -f 1 "$work/indexes" | sort -n | tr '\n' ' ')" = "$(seq 0 $((total - 1)) | tr '\n' ' ')" ] ||
    fail "the log has gaps: $(sort -n "$work/indexes" | tr "\n" " ")"
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
