# TLS: a good certificate serves; plain HTTP and an old version on that port do not stop it.
. "$ROOT/tests/end-to-end/collector.sh"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
start --cert "$work/cert.pem" --key "$work/key.pem"
grep -q tls=yes "$work/serve.log" || fail "no TLS"
plain=$base
base=https${base#http}
export CURL_CA_BUNDLE="$work/cert.pem"
curl -s "$base/healthz" | grep -q ok || fail "no answer over TLS"
[ "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$plain/healthz" || true)" = 000 ] || fail "plain HTTP is answered"
key=$("$make_bundle" --out "$work/1.jsonl.zst" --count 1000)
[ "$(post "$work/1.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "$(cat "$work/answer")"
[ "$(measurements XD)" = 1000 ] || fail "measurements over TLS"
if openssl s_client -connect "${base#https://}" -tls1_1 </dev/null >/dev/null 2>&1; then
    fail "TLS 1.1 is spoken"
fi
curl -s "$base/healthz" | grep -q ok || fail "not alive any more"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
