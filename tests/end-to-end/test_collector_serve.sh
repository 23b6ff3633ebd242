# A bundle in, a receipt out: signed, the same again, and verifiable with minisign.
. "$ROOT/tests/end-to-end/collector.sh"

key=$("$make_bundle" --out "$work/1.jsonl.zst" --count 5)
start --bin 10s --targets "$ROOT/tests/end-to-end/tools/targets.csv"

[ "$(post "$work/1.jsonl.zst" "$key" "$work/first")" = 201 ] || fail "not 201: $(cat "$work/first")"
[ "$(post "$work/1.jsonl.zst" "$key" "$work/again")" = 200 ] || fail "not 200: $(cat "$work/again")"
cmp "$work/first" "$work/again" || fail "the second receipt differs"
[ "$(field bundle "$work/first")" = "$(sha256sum "$work/1.jsonl.zst" | cut -c1-64)" ] || fail "the receipt's hash"
[ "$(measurements XD)" = 5 ] || fail "measurements were counted wrong: $(measurements XD)"

# The receipt's signature is minisign's, over the compact text of its member.
sed 's/^{"receipt":\({[^}]*}\).*/\1/' "$work/first" | tr -d '\n' >"$work/receipt"
field signature "$work/first" | tr -- '-_' '+/' | sed 's/$/===/' | base64 -d 2>/dev/null >"$work/receipt.minisig" || true
if command -v minisign >/dev/null 2>&1; then
    minisign -Vm "$work/receipt" -P "$(field key "$work/first")" >/dev/null || fail "minisign refuses the receipt"
fi
[ "$(stat -c %a "$work/data/collector.key")" = 600 ] || fail "others may read the collector's key"
[ ! -e "$work/data/bundles/$(field bundle "$work/first").jsonl.zst" ] && fail "the raw bundle was not kept"
cmp "$work/1.jsonl.zst" "$work/data/bundles/$(field bundle "$work/first").jsonl.zst"
cmp "$work/1.jsonl.zst.minisig" "$work/data/bundles/$(field bundle "$work/first").jsonl.zst.minisig"

# What is refused, and how.
refuse() {
    code=$1 word=$2
    shift 2
    got=$(curl -s -o "$work/answer" -w '%{http_code}' --max-time 120 "$@" "$base/v1/bundles")
    [ "$got" = "$code" ] || fail "$got, not $code: $(cat "$work/answer")"
    [ "$(field error "$work/answer")" = "$word" ] || fail "no $word: $(cat "$work/answer")"
    [ -n "$(field detail "$work/answer")" ] || fail "no detail: $(cat "$work/answer")"
}
signature=$(base64 -w0 <"$work/1.jsonl.zst.minisig" | tr '+/' '-_' | tr -d '=')
other=$("$make_bundle" --out "$work/other.jsonl.zst" --seed 2 --first 100)
"$make_bundle" --out "$work/bad.jsonl.zst" --sequence 2 --bad-line >/dev/null
"$make_bundle" --out "$work/twice.jsonl.zst" --sequence 1 --first 200 >/dev/null
head -c 5000000 /dev/zero >"$work/huge"
refuse 400 malformed -H "Dialtone-Key: $key" -H "Dialtone-Signature: $signature" -d ''
refuse 401 bad_signature -H "Dialtone-Signature: $signature" --data-binary "@$work/1.jsonl.zst"
refuse 401 bad_signature -H "Dialtone-Key: $key" --data-binary "@$work/1.jsonl.zst"
refuse 401 bad_signature -H "Dialtone-Key: $other" -H "Dialtone-Signature: $signature" --data-binary "@$work/1.jsonl.zst"
refuse 401 bad_signature -H "Dialtone-Key: $key" -H "Dialtone-Signature: $signature" --data-binary "@$work/other.jsonl.zst"
refuse 413 too_large -H "Dialtone-Key: $key" -H "Dialtone-Signature: $signature" --data-binary "@$work/huge"
refuse 415 unsupported -H "Dialtone-Key: $key" -H "Dialtone-Signature: $signature" -d 'not a bundle'
refuse 415 unsupported -H 'Content-Encoding: gzip' -H "Dialtone-Key: $key" -H "Dialtone-Signature: $signature" \
    --data-binary "@$work/1.jsonl.zst"
[ "$(post "$work/bad.jsonl.zst" "$key" "$work/answer")" = 400 ] || fail "a bad line was taken"
grep -q 'line 11' "$work/answer" || fail "the bad line is not named: $(cat "$work/answer")"
[ "$(post "$work/twice.jsonl.zst" "$key" "$work/answer")" = 409 ] || fail "a sequence number was taken twice"
[ "$(measurements XD)" = 5 ] || fail "something refused was counted"
[ "$(find "$work/data/bundles" -type f | wc -l)" = 2 ] || fail "something refused was kept"

# The other routes.
curl -s "$base/healthz" | grep -q '"status":"ok"' || fail "not healthy"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$base/none")" = 404 ] || fail "an unknown path"
[ "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "$base/v1/bundles")" = 405 ] || fail "a wrong method"
curl -s -D "$work/head" "$base/v1/targets?cc=CD" >"$work/targets"
grep -q '"url":"https://www.example.org/","category":"NEWS"' "$work/targets" || fail "targets: $(cat "$work/targets")"
grep -q '"serial":1,"issued":"20[0-9TZ:-]*","country":"CD"' "$work/targets" || fail "no serial: $(cat "$work/targets")"
tag=$(tr -d '\r' <"$work/head" | sed -n 's/^ETag: //p')
[ "$(curl -s -o /dev/null -w '%{http_code}' -H "If-None-Match: $tag" "$base/v1/targets?cc=CD")" = 304 ] ||
    fail "the list is sent again though it is the same"
tr -d '\r' <"$work/head" | sed -n 's/^Dialtone-Signature: //p' | tr -- '-_' '+/' | sed 's/$/===/' |
    base64 -d 2>/dev/null >"$work/targets.minisig" || true
if command -v minisign >/dev/null 2>&1; then
    minisign -Vm "$work/targets" -P "$(tr -d '\r' <"$work/head" | sed -n 's/^Dialtone-Key: //p')" >/dev/null ||
        fail "minisign refuses the target list"
fi

# The caller's address goes to the caller alone.
curl -s --interface 127.9.8.7 "$base/v1/whoami" | grep -q '"address":"127.9.8.7"' || fail "whoami"
"$make_bundle" --out "$work/2.jsonl.zst" --sequence 3 --first 300 >/dev/null
curl -s -o /dev/null --interface 127.9.8.7 -d x "$base/v1/bundles"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
! grep -r '127\.9\.8\.7' "$work/data" "$work/serve.log" || fail "a caller's address was written down"

# The evidence behind a row is the very line.
start
id=$(curl -s "$base/api/v1/measurements?region=XD&limit=1" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
[ "$(curl -s "$base/api/v1/measurements/$id" | sha256sum | cut -c1-64)" = "$id" ] ||
    fail "the evidence is another line: id $id: $(curl -s "$base/api/v1/measurements/$id" | head -c 300)"
[ "$(curl -s "$base/api/v1/measurements?id=$id" | sha256sum | cut -c1-64)" = "$id" ] || fail "the evidence by ?id="
stop TERM
