# Whatever the order in which bundles arrive, and in how many pieces: the same states and the same events.
. "$ROOT/tests/end-to-end/collector.sh"

"$collector" simulate --probes 8 --regions 1 --days 12 --seed 5 --bundles "$work/fleet" >/dev/null 2>&1 ||
    fail "no fleet was simulated"

# told DATA: what a reader is told of the region, without numbers of revisions, when they were made, and the ids, which
# an event keeps from when it was first told.
told() {
    mv "$1" "$work/data"
    start
    region=$(curl -s "$base/api/v1/regions" | sed 's/.*"region":"\([A-Z]*\)".*/\1/')
    curl -s "$base/api/v1/events?region=$region" | tr '{' '\n' | sed 's/"id":"[^"]*",//; s/"revision":[0-9]*,//; s/"revised":"[^"]*",*//' | sort
    curl -s "$base/api/v1/timeline?region=$region&from=2025-12-01T00:00:00Z" | tr '{' '\n'
    stop KILL
    mv "$work/data" "$1"
}

# By probe, each at once.
for folder in "$work"/fleet/*/; do
    key=$(grep "^$(basename "$folder")," "$work/fleet/probes.csv" | cut -d, -f2)
    "$collector" import --data "$work/whole" --key "$key" "$folder"*.zst >/dev/null || fail "import of $folder"
done
# Bundle by bundle, backwards.
find "$work/fleet" -name '*.zst' | sed 's|.*/\([^/]*\)/\([^/]*\)$|\2 \1|' | sort -r | while read -r file probe; do
    key=$(grep "^$probe," "$work/fleet/probes.csv" | cut -d, -f2)
    "$collector" import --data "$work/pieces" --key "$key" "$work/fleet/$probe/$file" >/dev/null || fail "$probe $file"
done

told "$work/whole" >"$work/told.whole"
told "$work/pieces" >"$work/told.pieces"
grep -q '"bin":' "$work/told.whole" || fail "no states: $(head -c 300 "$work/told.whole")"
cmp "$work/told.whole" "$work/told.pieces" || fail "$(diff "$work/told.whole" "$work/told.pieces" | head -n 6)"
echo "$(grep -c '"bin":' "$work/told.whole") states, $(grep -c '"kind":' "$work/told.whole") events, the same both ways"
