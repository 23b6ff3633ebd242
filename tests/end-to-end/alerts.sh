# Shared by the tests of feeds and alerts: sourced behind collector.sh, not run.

# Six probes in three networks of XD-N: three days of work, then three hours without a network, then work again.
# before | cut | after, each makes and posts its bundles; times end at this hour.
now_s=$(date +%s)
start_s=$((now_s - now_s % 600 - 4 * 86400))
utc() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }

# climbs SEQUENCE COUNT FROM_S INTERVAL STATE: of every probe, as one bundle each.
climbs() {
    for probe in 1 2 3 4 5 6; do
        "$make_bundle" --out "$work/b-$probe-$1.zst" --seed $probe --sequence "$1" --count "$2" \
            --first $((probe * 1000000 + $1 * 100000)) --time "$(utc "$3")" --interval "$4" --country XD --subdivision XD-N \
            --asn $((64500 + probe % 3)) --state "$5" >"$work/made-$probe" || fail "no bundle was made"
        code=$(post "$work/b-$probe-$1.zst" "$(grep -o 'RW[A-Za-z0-9+/=]*' "$work/made-$probe" | head -n 1)" "$work/answer")
        [ "$code" = 201 ] || fail "a bundle was not taken: $code $(cat "$work/answer")"
    done
}
before() { climbs 1 432 "$start_s" 10m working; }
cut_off() { climbs 2 60 $((start_s + 432 * 600)) 3m full_shutdown; }
after() { climbs 3 60 $((start_s + 432 * 600 + 10800)) 10m working; }
