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
[ "$(curl -s --max-time 60 -o /dev/null -w '%{http_code}' "$plain/healthz" || true)" = 000 ] || fail "plain HTTP is answered"
key=$("$make_bundle" --out "$work/1.jsonl.zst" --count 1000)
[ "$(post "$work/1.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "$(cat "$work/answer")"
[ "$(measurements XD)" = 1000 ] || fail "measurements over TLS"
if openssl s_client -connect "${base#https://}" -tls1_1 </dev/null >/dev/null 2>&1; then
    fail "TLS 1.1 is spoken"
fi
curl -s "$base/healthz" | grep -q ok || fail "not alive any more"

# A new certificate is taken up on SIGHUP; files that are none leave the old one in use.
cp "$work/cert.pem" "$work/old.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$work/new.key" -out "$work/new.pem" 2>/dev/null
mv "$work/new.key" "$work/key.pem"
mv "$work/new.pem" "$work/cert.pem"
reload() {
    count=$(grep -c event=reloaded "$work/serve.log" || true)
    kill -HUP "$server"
    await "SIGHUP is not heard" is_heard
}
is_heard() { [ "$(grep -c event=reloaded "$work/serve.log")" -gt "$count" ]; }
reload
curl -s --cacert "$work/cert.pem" "$base/healthz" | grep -q ok || fail "the new certificate is not served"
if curl -s --cacert "$work/old.pem" "$base/healthz" >/dev/null; then
    fail "the old certificate is still served"
fi
echo broken >"$work/key.pem"
reload
grep -q "event=reloaded certificate=usage" "$work/serve.log" || fail "a broken key is not told"
curl -s --cacert "$work/cert.pem" "$base/healthz" | grep -q ok || fail "a broken key stopped the service"
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
