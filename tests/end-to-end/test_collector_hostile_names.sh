# Names that hold paths, SQL, HTML and formulas: kept as they were signed, harmless wherever they are shown.
. "$ROOT/tests/end-to-end/collector.sh"

# One measurement a line: INPUT, TEST NAME, METHOD, SUBDIVISION.
line() {
    printf '{"annotations":{"x_subdivision":"%s","network_type":"<b>wired</b>"},"data_format_version":"0.2.0","input":"%s","measurement_start_time":"2026-01-01 00:00:%02d","probe_asn":"AS64500","probe_cc":"XD","probe_ip":"127.0.0.1","probe_network_name":"<script>alert(3)</script>","report_id":"../../%s","resolver_asn":"AS0","resolver_ip":"127.0.0.2","resolver_network_name":"","software_name":"<script>alert(4)</script>","software_version":"0.1.0","test_name":"%s","test_start_time":"2026-01-01 00:00:00","test_version":"0.1.0","test_runtime":0.5,"test_keys":{"n":%d,"x_dialtone":{"verdict":{"blocking":"blocked","layer":"http","method":"%s","confidence":"certain"}}}}\n' \
        "$4" "$1" "$n" "$n" "$2" "$n" "$3"
    n=$((n + 1))
}
n=0
{
    line 'https://www.example.org/<script>alert(1)</script>' web_connectivity block_page XD-N
    line "https://www.example.org/'; DROP TABLE bundles; --" web_connectivity block_page XD-N
    line 'https://<img src=x onerror=alert(2)>/' web_connectivity block_page XD-N
    line 'https://../../../../etc/passwd/' web_connectivity block_page XD-N
    line '=HYPERLINK(\"http://evil.example\",\"x\")' web_connectivity block_page XD-N
    line '@SUM(1+1)*cmd|calc' web_connectivity block_page XD-N
    line 'https://www.example.org/\u0000hidden' web_connectivity block_page XD-N
    line 'https://www.example.org/\r\nSet-Cookie: x=1' web_connectivity block_page XD-N
    line 'https://www.example.org/\u202egnp.exe' web_connectivity block_page XD-N
    line 'https://www.example.org/' '<script>alert(5)</script>' block_page XD-N
    line 'https://www.example.org/' "x'); DROP TABLE measurements; --" block_page XD-N
    line 'https://www.example.org/' ../../../tmp/x block_page XD-N
    line 'https://www.example.org/' web_connectivity '<img onerror=alert(6)>' XD-N
    line 'https://www.example.org/' web_connectivity '../../x' "XD-'/**/"
    line 'https://www.example.org/' web_connectivity block_page '../../../x'
} >"$work/lines"
cp "$work/lines" "$work/kept"
start --bin 10s --site "$work/site"
sent=0
while read -r text; do # each alone: what is no record is refused, and what is one must be harmless
    sent=$((sent + 1))
    printf '%s\n' "$text" >"$work/one"
    key=$("$make_bundle" --out "$work/$sent.jsonl.zst" --lines "$work/one" --sequence "$sent")
    code=$(post "$work/$sent.jsonl.zst" "$key" "$work/answer")
    case $code in 201 | 400) ;; *) fail "$code: $text: $(cat "$work/answer")" ;; esac
done <"$work/lines"
# Two more probes, so that the region is shown at all.
for seed in 11 12 13; do
    key=$("$make_bundle" --out "$work/s$seed.jsonl.zst" --seed $seed --subdivision XD-N --first ${seed}00)
    [ "$(post "$work/s$seed.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "bundle of $seed"
done
stored=$(measurements XD)
[ "$stored" -ge 40 ] || fail "only $stored were stored"

# The interface: JSON is told as JSON, CSV starts no formula, nothing ends a header.
curl -s -D "$work/head" "$base/api/v1/measurements?region=XD&limit=1000" >"$work/rows"
grep -qi '^content-type: application/json' "$work/head" && grep -qi '^x-content-type-options: nosniff' "$work/head" ||
    fail "the type: $(cat "$work/head")"
grep -qi '^content-security-policy: default-src .none.' "$work/head" || fail "no policy: $(cat "$work/head")"
grep -q 'DROP TABLE bundles' "$work/rows" || fail "the input was changed"
curl -s -D "$work/head" "$base/api/v1/measurements?region=XD&limit=1000&format=csv" >"$work/csv"
! grep -qi 'set-cookie' "$work/head" || fail "a name wrote a header"
! tr ',' '\n' <"$work/csv" | grep -E '^"?[=@+]' || fail "a formula"
grep -q "'=HYPERLINK" "$work/csv" || fail "the formula was not kept as text"
for query in "region=XD'%20OR%201=1" 'region=../../etc' "region=XD&subject=%27;DROP%20TABLE%20bundles" \
    'region=XD&test_name=%00' 'region=XD&subject=%3Cscript%3Ealert(9)%3C/script%3E' 'limit=1;DELETE' 'region=%ff%fe'; do
    code=$(curl -s -o "$work/answer" -w '%{http_code}' "$base/api/v1/measurements?$query")
    case $code in 200 | 400) ;; *) fail "$code: $query: $(cat "$work/answer")" ;; esac
    ! grep -q '"id"' "$work/answer" || fail "$query finds something"
done
[ "$(measurements XD)" = "$stored" ] || fail "rows are gone"
for path in /../../../../etc/passwd /..%2f..%2fetc/passwd /%2e%2e/%2e%2e/etc/passwd '/index.html%00.txt' /.ssh/id '/a\..\b'; do
    code=$(curl -s -o "$work/answer" -w '%{http_code}' --path-as-is "$base$path")
    case $code in 404 | 400) ;; *) fail "$code: $path" ;; esac
    ! grep -q root: "$work/answer" || fail "a file outside was sent: $path"
done

# The pages: nothing a browser would run, nothing written outside.
"$BIN/dialtone-report" site --data "$work/data" --out "$work/site" >/dev/null 2>"$work/err" || fail "no site: $(cat "$work/err")"
grep -rlE '<script|onerror=[^&]*>|<img src=x' "$work/site" --include='*.html' >"$work/out" && fail "run by a browser: $(cat "$work/out")"
grep -rqE 'alert\(' "$work/site" --include='*.html' || echo "note: none of the names is shown on a page"
curl -s -D "$work/head" -o "$work/answer" "$base/index.html"
for header in "content-security-policy: default-src 'none'; style-src 'self'" 'x-content-type-options: nosniff' \
    'referrer-policy: no-referrer'; do
    grep -qi "^$header" "$work/head" || fail "no $header: $(cat "$work/head")"
done
grep -qi "frame-ancestors 'none'" "$work/head" || fail "it may be framed"
! grep -qi "unsafe-inline\|access-control" "$work/head" || fail "the policy is not strict: $(cat "$work/head")"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
# Each line is still the very line.
count=$(for file in "$work"/data/bundles/*.zst; do zstd -dcq "$file"; done | grep -cF -f "$work/kept" || true)
[ "$count" -ge 10 ] || fail "only $count lines are as they were signed"
