# The feeds of a running collector and of a report: the same events in every format, filtered alike, told in words that
# give nobody away.
. "$ROOT/tests/end-to-end/collector.sh"
. "$ROOT/tests/end-to-end/alerts.sh"

# get PARAMETERS: into $work/feed, with its head; the code must be $1 where it is given after.
get() {
    code=$(curl -s -D "$work/head" -o "$work/feed" -w '%{http_code}' --max-time 120 "$base/api/v1/events?$1")
    [ "$code" = "${2:-200}" ] || fail "$1: $code, not ${2:-200}: $(cat "$work/feed")"
}
type_is() { grep -qi "^content-type: $1" "$work/head" || fail "not $1: $(cat "$work/head")"; }
holds() { grep -qF -- "$1" "$work/feed" || fail "no '$1' in: $(cat "$work/feed")"; }
lacks() { if grep -qF -- "$1" "$work/feed"; then fail "'$1' stands in: $(cat "$work/feed")"; fi; }
count() { grep -oF -- "$1" "$work/feed" | wc -l; }

start --public-url https://collector.example.org
get format=rss
[ "$(count '<item>')" = 0 ] || fail "a feed of nothing holds something"
get format=atom
get format=cap
before
cut_off
found() { get "region=XD-N&state=confirmed" && grep -q '"id"' "$work/feed"; }
await "the shutdown was not found" found
type_is application/json
id=$(field id "$work/feed")
after
ended() { get "id=$id" && grep -q '"end":\["2' "$work/feed"; }
await "the end was not found" ended

get "region=XD&state=confirmed&format=rss"
type_is application/rss+xml
[ "$(count '<item>')" = 2 ] || fail "the country and its subdivision are not told: $(count '<item>') items"
holds "https://collector.example.org/api/v1/events?id=$id"
holds "Exercise: Full shutdown in XD-N: confirmed, ended"
get "region=XD-N&state=confirmed&format=atom"
type_is application/atom+xml
[ "$(count '<entry>')" = 1 ] || fail "not one entry"
holds "Ruled out: a power cut"
holds "who ordered it, if anyone."
get "format=cap&id=$id"
type_is application/cap+xml
holds '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
holds "<sender>dialtone@collector.example.org</sender>"
holds "<status>Exercise</status>"
holds "<msgType>Update</msgType>"
holds "<references>dialtone@collector.example.org,dialtone-$id-1,"
holds "<urgency>Past</urgency>"
holds "<certainty>Observed</certainty>"
get "format=cap&region=XD-N&state=confirmed"
[ "$(count '<alert ')" = 1 ] || fail "not one alert in the list"

# Filters that fit nothing, and those that are none.
for nothing in region=UA asn=64500 kind=dns_failure from=2099-01-01T00:00:00Z to=2001-01-01T00:00:00Z id=none; do
    get "state=confirmed&format=rss&$nothing"
    [ "$(count '<item>')" = 0 ] || fail "$nothing lets something through"
done
get "asn=0&kind=dns_failure,full_shutdown&region=UA,XD-N&state=confirmed&format=rss"
[ "$(count '<item>')" = 1 ] || fail "lists of filters do not add up"
for wrong in format=pdf region=Atlantis asn=x kind=magic state=ok from=now id=0123456789012345678901234567890; do
    get "$wrong" 400
    holds '"error":"malformed"'
done
for wrong in region=%ff%fe region=XD%0d%0aX-Evil:1 kind=%22 asn=1,,2 "region=$(printf 'UA,%.0s' $(seq 40))UA"; do
    get "$wrong" 400
    holds '"error":"malformed"'
    lacks X-Evil
done
get "format=cap&id=none" 404

# What has not changed is not sent again.
get "format=rss"
tag=$(sed -n 's/^ETag: \("[0-9a-f]*"\)\r$/\1/Ip' "$work/head")
[ -n "$tag" ] || fail "no ETag"
code=$(curl -s -o /dev/null -w '%{http_code}' -H "If-None-Match: $tag" "$base/api/v1/events?format=rss")
[ "$code" = 304 ] || fail "sent again though it has not changed: $code"
code=$(curl -s -o /dev/null -w '%{http_code}' --head "$base/api/v1/events?format=rss")
[ "$code" = 200 ] || fail "HEAD: $code"

# A caller that names us by something else cannot put it into a feed.
stop TERM
start
code=$(curl -s -o "$work/feed" -w '%{http_code}' -H 'Host: a"><script>' "$base/api/v1/events?format=rss")
[ "$code" = 200 ] || [ "$code" = 400 ] || fail "a strange Host: $code"
lacks "<script"

# A probe's key never shows, in any format.
for format in json rss atom cap; do
    get "format=$format"
    for key in "$work"/data/probes/*.pub; do
        lacks "$(basename "$key" .pub)"
    done
done
stop TERM

# The same from a report.
"$BIN/dialtone-report" export --data "$work/data" --out "$work/rss" --as rss >/dev/null
cp "$work/rss/events.rss" "$work/feed"
holds "<title>Exercise: Full shutdown in XD-N: confirmed, ended</title>"
"$BIN/dialtone-report" export --data "$work/data" --out "$work/cap" --as cap >/dev/null
# How many revisions there are depends on when the detector looked.
newest=$(ls "$work/cap" | sed -n "s/^$id-\([0-9]*\)\.xml\$/\1/p" | sort -n | tail -n 1)
[ "${newest:-0}" -ge 2 ] || fail "the end is no revision of its own: $(ls "$work/cap")"
cp "$work/cap/$id-$newest.xml" "$work/feed"
holds "<msgType>Update</msgType>"
holds "<status>Exercise</status>"
cp "$work/cap/$id-1.xml" "$work/feed"
holds "<msgType>Alert</msgType>"
"$BIN/dialtone-report" site --data "$work/data" --out "$work/site" >/dev/null
grep -q 'rel="alternate" type="application/atom+xml" href="feed.xml"' "$work/site/index.html" || fail "no link to the feed"
cp "$work/site/feed.xml" "$work/feed"
holds "href=\"event/$id.html\""
[ -e "$work/site/event/$id.html" ] || fail "the feed links to a page that is not there"
echo "every format tells the same"
