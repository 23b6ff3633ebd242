# OONI's own protocol: a report is opened, measurements are sent, it is closed; they are kept, counted once, told as unsigned.
. "$ROOT/tests/end-to-end/collector.sh"

start --bin 10s
now=$(date -u '+%Y-%m-%d %H:%M:%S')
call() { # PATH [CURL OPTION...]
    path=$1
    shift
    code=$(curl -s -o "$work/answer" -w '%{http_code}' --max-time 120 "$@" "$base$path")
}
measurement() { # NUMBER
    printf '{"format":"json","content":{"annotations":{},"data_format_version":"0.2.0","input":"https://www.example.org/","measurement_start_time":"%s","probe_asn":"AS64500","probe_cc":"XD","probe_ip":"203.0.113.77","report_id":"%s","software_name":"miniooni","software_version":"3.19.0","test_keys":{"n":%s,"accessible":true,"blocking":false,"control_failure":null},"test_name":"web_connectivity","test_runtime":0.5,"test_start_time":"%s","test_version":"0.4.3"}}' \
        "$now" "$id" "$1" "$now"
}
call /report -d '{"data_format_version":"0.2.0","format":"json","probe_asn":"AS64500","probe_cc":"XD","software_name":"miniooni","software_version":"3.19.0","test_name":"web_connectivity","test_start_time":"2026-01-01 00:00:00","test_version":"0.4.3"}'
[ "$code" = 200 ] || fail "no report: $code $(cat "$work/answer")"
id=$(field report_id "$work/answer")
case $id in *_webconnectivity_XD_64500_n1_*) ;; *) fail "the id: $id" ;; esac

measurement 1 >"$work/one"
call "/report/$id" --data-binary "@$work/one"
[ "$code" = 200 ] || fail "refused: $code $(cat "$work/answer")"
grep -Eq '"measurement_uid":"[0-9]{14}\.[0-9]{6}_XD_webconnectivity_[0-9a-f]{16}"' "$work/answer" || fail "$(cat "$work/answer")"
call "/report/$id" --data-binary "@$work/one"
[ "$code" = 200 ] || fail "again: $code"
measurement 2 >"$work/two"
zstd -q -f "$work/two" -o "$work/two.zst"
call "/report/$id" -H 'Content-Encoding: zstd' --data-binary "@$work/two.zst"
[ "$code" = 200 ] || fail "zstd: $code $(cat "$work/answer")"
call "/report/$id/close" -X POST -H 'Content-Length: 0'
[ "$code" = 200 ] || fail "close: $code"
[ "$(measurements XD)" = 2 ] || fail "counted $(measurements XD), not 2"
curl -s "$base/api/v1/measurements?region=XD" >"$work/rows"
[ "$(grep -o '"is_signed":false' "$work/rows" | wc -l)" = 2 ] || fail "not told as unsigned: $(cat "$work/rows")"
! grep -q '"is_signed":true' "$work/rows" || fail "told as signed"

# What is refused.
refuse() { # CODE PATH [CURL OPTION...]
    wanted=$1
    shift
    call "$@"
    [ "$code" = "$wanted" ] || fail "$code, not $wanted: $* $(cat "$work/answer")"
}
refuse 400 /report -d '{}'
refuse 400 "/report/nonsense" --data-binary "@$work/one"
refuse 400 "/report/$id" -d 'nonsense'
refuse 400 "/report/20200101T000000Z_webconnectivity_XD_64500_n1_abcdefghijklmnop" --data-binary "@$work/one"
refuse 404 "/report/$id/reopen" -d ''
refuse 405 "/report/$id"
refuse 415 "/report/$id" -H 'Content-Encoding: br' --data-binary "@$work/one"
head -c 50000000 /dev/zero | zstd -q --content-size >"$work/bomb.zst"
refuse 413 "/report/$id" -H 'Content-Encoding: zstd' --data-binary "@$work/bomb.zst"
head -c 5000 /dev/zero | tr '\0' '[' >"$work/deep"
refuse 400 "/report/$id" --data-binary "@$work/deep"
sed 's/AS64500/AS64501/' "$work/one" >"$work/other"
refuse 400 "/report/$id" --data-binary "@$work/other"
[ "$(measurements XD)" = 2 ] || fail "something refused was counted"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
for file in "$work"/data/bundles/*.zst; do
    ! zstd -dcq "$file" | grep -q '203\.0\.113\.77' || fail "a caller's address was written down"
done
! grep -r '203\.0\.113\.77' "$work/data" "$work/serve.log" || fail "a caller's address was written down"
"$collector" verify --log --data "$work/data" | grep -q '^good: 2 entries, 2 bundles' || fail "the log"

start --no-reports
refuse 403 /report -d '{}'
stop TERM
