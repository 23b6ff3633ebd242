# A simulated fleet, once judged in memory and once by way of signed bundles and a fresh collector: the same events, of the
# same kinds and states, in the same bins; and its truth alone scores as its truth and events do.
. "$ROOT/tests/end-to-end/collector.sh"

cat >"$work/scenario.json" <<'END'
{"probes": 10, "regions": 1, "days": 9, "seed": 5, "random": false, "late_share": 0, "never_share": 0, "incidents": [
{"kind": "full_shutdown", "from": 100, "until": 105}, {"kind": "power_cut", "from": 130, "until": 133},
{"kind": "mobile_shutdown", "from": 150, "until": 157}, {"kind": "operator_outage", "network": 0, "from": 170, "until": 175},
{"kind": "international_cut", "from": 190, "until": 194}]}
END
"$collector" simulate --scenario "$work/scenario.json" --truth "$work/truth.json" --events "$work/events.json" \
    --bundles "$work/fleet" >/dev/null 2>&1 || fail "no fleet was simulated"

"$collector" evaluate --truth "$work/truth.json" --events "$work/events.json" >"$work/score.given" || fail "evaluate"
"$collector" evaluate --truth "$work/truth.json" >"$work/score.again" || fail "evaluate without events"
cmp "$work/score.given" "$work/score.again" || fail "the truth alone scores otherwise"
grep -q 'recall, full shutdowns *1.000 .* 1 of 1' "$work/score.given" || fail "$(cat "$work/score.given")"

for folder in "$work"/fleet/*/; do
    key=$(grep "^$(basename "$folder")," "$work/fleet/probes.csv" | cut -d, -f2)
    "$collector" import --data "$work/data" --key "$key" "$folder"*.zst >/dev/null || fail "import of $folder"
done
"$collector" detect --data "$work/data" >/dev/null || fail "detect"
start
curl -s "$base/api/v1/events?region=XS-000" >"$work/stored.json"
stop TERM

# Kind, state, network and the four bounds; those in memory are exact, those of the API are whole bins around them.
value() { # NAME LINE
    printf '%s\n' "$2" | sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"
}
bin_of() { # TIME ROUNDING (0 down, 1 up)
    seconds=$(date -u -d "$1" +%s)
    date -u -d "@$(((seconds + $2 * 599) / 600 * 600))" +%Y-%m-%dT%H:%M:%SZ
}
grep '"view": *"final"' "$work/events.json" | while read -r line; do
    asn=$(value asn "$line")
    echo "$(value kind "$line") $(value state "$line") $([ "$asn" = null ] && echo 0 || echo "$asn")" \
        "$(bin_of "$(value onset_earliest "$line")" 0) $(bin_of "$(value onset_latest "$line")" 1)" \
        "$(bin_of "$(value end_earliest "$line")" 0) $(bin_of "$(value end_latest "$line")" 1)"
done | sort >"$work/of.memory"
tr '{' '\n' <"$work/stored.json" | grep '"kind"' |
    sed 's/.*"kind":"\([a-z_]*\)".*"asn":\([0-9]*\).*"state":"\([a-z]*\)".*"onset":\["\([^"]*\)","\([^"]*\)"\],"end":\["\([^"]*\)","\([^"]*\)"\].*/\1 \3 \2 \4 \5 \6 \7/' |
    sort >"$work/of.bundles"
[ "$(wc -l <"$work/of.memory")" -ge 4 ] || fail "too few events: $(cat "$work/of.memory")"
cmp "$work/of.memory" "$work/of.bundles" || fail "$(diff "$work/of.memory" "$work/of.bundles")"
echo "$(wc -l <"$work/of.memory") events, the same in memory and by way of bundles"
