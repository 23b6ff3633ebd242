# Real measurements of other clients, imported twice; a folder that may only be read; judging again.
. "$ROOT/tests/end-to-end/collector.sh"

[ -d "${SHARED_DATA:-/none}/ooni-measurements" ] || exit 77
count=$(ls "$SHARED_DATA"/ooni-measurements/*.json | wc -l)
"$collector" import --data "$work/data" "$SHARED_DATA"/ooni-measurements/*.json >"$work/out" 2>"$work/err" ||
    fail "import: $(cat "$work/err")"
grep -qx "accepted $count, duplicate 0, rejected 0" "$work/out" || fail "$(cat "$work/out")"
"$collector" import --data "$work/data" --format json "$SHARED_DATA"/ooni-measurements/*.json >"$work/out"
grep -qx "{\"accepted\":0,\"duplicate\":$count,\"rejected\":0}" "$work/out" || fail "$(cat "$work/out")"

# The same in one stream.
for file in "$SHARED_DATA"/ooni-measurements/*.json; do
    cat "$file"
    echo
done | gzip >"$work/all.jsonl.gz"
"$collector" import --data "$work/data" "$work/all.jsonl.gz" | grep -qx "accepted 0, duplicate $count, rejected 0" ||
    fail "the same in gzip is counted again"
zcat "$work/all.jsonl.gz" | "$collector" import --data "$work/data" - |
    grep -qx "accepted 0, duplicate $count, rejected 0" || fail "the same from standard input is counted again"
"$collector" detect --data "$work/data" --now 2026-01-01T00:00:00Z | grep -q "judged [1-9]" || fail "detect"

start
curl -s "$base/api/v1/regions" | grep -q '"region":"IR","name":"Iran' || fail "no Iran among the regions"
curl -s "$base/api/v1/measurements?region=RU&outcome=blocked" | grep -q '"subject":"rutor.org"' || fail "no rutor.org"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$base/api/v1/timeline?region=RU&from=2020-01-01T00:00:00Z")" = 200 ] ||
    fail "no timeline"
# An import beside a running collector.
"$collector" import --data "$work/data" "$work/all.jsonl.gz" | grep -qx "accepted 0, duplicate $count, rejected 0" ||
    fail "import beside serve"
stop TERM
