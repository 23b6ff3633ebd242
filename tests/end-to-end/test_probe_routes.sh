#!/bin/sh
# Each route to the collector is blocked in turn: the upload finds the next, and status says so. With all blocked, a
# courier delivers. Nothing is lost, nothing counted twice, and nothing on the disk or the stick can be read.
NEEDS="zstd openssl curl age"
. "$(dirname "$0")/probe.sh"
for n in 1 2 3 4 5; do ip addr add 10.99.0.$n/32 dev lo; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=collector \
    -addext subjectAltName=IP:10.99.0.1,IP:10.99.0.5,DNS:alt.example -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
PIN=sha256//$(openssl x509 -in "$WORK/cert.pem" -pubkey -noout | openssl pkey -pubin -outform DER |
    openssl dgst -sha256 -binary | openssl base64)

age-keygen -o "$WORK/identity.txt" 2>/dev/null
# The first collector stands behind 10.99.0.1 and .2; both proxies reach it where the probe cannot.
set -- --cert "$WORK/cert.pem" --key "$WORK/key.pem"
collector_start one "$@" --listen 0.0.0.0:8443 --identity "$WORK/identity.txt"
collector_start two "$@" --listen 10.99.0.5:9443 --identity none
"$BIN/relay" 10.99.0.3 3128 "$WORK/http.log" 127.0.0.1 8443 &
PIDS="$PIDS $!"
"$BIN/relay" 10.99.0.4 1080 "$WORK/socks.log" 127.0.0.1 8443 &
PIDS="$PIDS $!"
KEY_TWO=$(curl -s --cacert "$WORK/cert.pem" https://10.99.0.5:9443/v1/keys | sed 's/.*"key":"\([^"]*\)".*/\1/')
[ -n "$KEY_TWO" ] || fail "the second collector names no key"

consent
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8443\nforeign,b,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:9/\n' >"$WORK/targets.csv"
cat >"$WORK/probe.conf" <<END
state = $STATE
collector = https://10.99.0.1:8443
route = direct
route = name=alt.example@10.99.0.2
route = proxy=http://somebody:secret@10.99.0.3:3128
route = socks5=10.99.0.4:1080
route = collector=https://10.99.0.5:9443,$KEY_TWO
pin = $PIN
END
# probe HOW OPTION...: by probe_start or probe_run.
probe() {
    how=$1
    shift
    $how --config "$WORK/probe.conf" --ca-file "$WORK/cert.pem" --anchors "$WORK/anchors.csv" \
        --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 --timeout 300ms --no-capture --allow-private-targets \
        --country XD --control http://127.0.0.1:9/v1/control "$@"
}
status() { "$BIN/dialtone-probe" status --state "$STATE" 2>/dev/null; }
told() { status | grep -q "$1"; }
probe probe_start --ladder-interval 200ms --web-interval 1d --channels-interval 1d --upload-interval 300ms
await "the direct route was not used" told '^route 1 .*direct: works (used now)'
await "the spool is not sealed" told 'MiB, sealed$'

# Each address that is taken away blocks one route; the others are tried in their order.
ip addr del 10.99.0.1/32 dev lo
await "the other name was not used" told '^route 2 .*name=alt.example@10.99.0.2: works (used now)'
status | grep -q '^route 1 .*direct: fails, ' || fail "status does not say that the direct route fails"
ip addr del 10.99.0.2/32 dev lo
await "the HTTP proxy was not used" told '^route 3 .*proxy=10.99.0.3:3128: works (used now)'
grep -q '^connect 10.99.0.1$' "$WORK/http.log" || fail "the HTTP proxy was not asked for the collector"
ip addr del 10.99.0.3/32 dev lo
await "SOCKS5 was not used" told '^route 4 .*socks5=10.99.0.4:1080: works (used now)'
grep -q '^socks5-' "$WORK/socks.log" || fail "the SOCKS5 proxy was not asked"
ip addr del 10.99.0.4/32 dev lo
await "the other collector was not used" told '^route 5 .*collector=https://10.99.0.5:9443: works (used now)'
find "$WORK/two/sealed" -name '*.age' | grep -q . || fail "the other collector keeps nothing of what it cannot open"
if status | grep -q secret; then fail "status tells the proxy's password"; fi

# All are blocked: a courier goes. The daemon runs on meanwhile.
ip addr del 10.99.0.5/32 dev lo
has_sealed() { ls "$STATE"/spool/*.age; }
await "nothing waits for the courier" has_sealed
if ls "$STATE"/spool/*.jsonl.zst >/dev/null 2>&1; then fail "a bundle lies open in the spool"; fi
"$BIN/dialtone-probe" export --state "$STATE" "$WORK/stick" >"$WORK/export.out" || fail "export: $(cat "$WORK/export.out")"
[ -s "$WORK/stick/README-COURIER.txt" ] || fail "the courier has no README"
ls "$WORK"/stick/*.jsonl.zst.age >"$WORK/carried" || fail "nothing is on the stick"
if grep -rqa 'measurement_start_time\|dialtone:1 ' "$WORK/stick" "$STATE"/spool/*.age; then fail "the stick can be read"; fi
status | grep -q '([1-9][0-9]* given to a courier)' || fail "status does not say what was exported: $(status)"
"$BIN/dialtone-collector" import --data "$WORK/one" --identity "$WORK/identity.txt" --receipts "$WORK/stick/receipts" "$WORK"/stick/*.age \
    >"$WORK/import.out" 2>&1 || fail "import: $(cat "$WORK/import.out")"
# A receipt that another signed takes nothing away.
for receipt in "$WORK"/stick/receipts/*.json; do
    sed "s/\"key\":\"[^\"]*\"/\"key\":\"$(printf %s "$KEY_TWO" | sed 's/[\/&]/\\&/g')\"/" "$receipt"
done >"$WORK/forged.jsonl"
got=0
"$BIN/dialtone-probe" import-receipts --state "$STATE" "$WORK/forged.jsonl" >"$WORK/receipts.out" 2>&1 || got=$?
[ $got = 1 ] || fail "forged receipts: exit $got: $(cat "$WORK/receipts.out")"
for name in $(sed 's/.*\///; s/\.jsonl.*//' "$WORK/carried"); do
    ls "$STATE/spool/$name"-*.age >/dev/null || fail "a forged receipt deleted $name"
done
"$BIN/dialtone-probe" import-receipts --state "$STATE" "$WORK/stick/receipts" >"$WORK/receipts.out" 2>&1 ||
    fail "import-receipts: $(cat "$WORK/receipts.out")"
for name in $(sed 's/.*\///; s/\.jsonl.*//' "$WORK/carried"); do
    if ls "$STATE/spool/$name"-*.age >/dev/null 2>&1; then fail "$name was receipted and is still there"; fi
done

# The way is free again: what was not carried goes by itself, and all of it is there once.
ip addr add 10.99.0.1/32 dev lo
await "the direct route was not found again" told '^route 1 .*direct: works (used now)'
probe_stop
lines_pending | grep '}$' | sort -u >"$WORK/left" || true
# What the other collector kept goes to the one that can open it; where an answer was lost it has it already.
"$BIN/dialtone-collector" import --data "$WORK/one" --identity "$WORK/identity.txt" "$WORK"/two/sealed/*.age \
    >"$WORK/import.out" 2>&1 || fail "import of what the other kept: $(cat "$WORK/import.out")"
lines_arrived one/bundles
for file in "$STATE"/spool/*.age; do
    [ ! -e "$file" ] || age -d -i "$WORK/identity.txt" "$file" | tail -n +7 | zstd -dcq
done >>"$WORK/left"
sort -u "$WORK/arrived" "$WORK/left" >"$WORK/all"
# Every climb is one line, and each says how many came before it in its process: none is missing by count.
CLIMBS=$("$BIN/dialtone-probe" status --state "$STATE" | sed -n 's/^last climb .*(\([0-9]*\) since start)/\1/p')
LINES=$(grep -c '"test_name":"ladder"' "$WORK/all")
[ "$LINES" -ge "$CLIMBS" ] || fail "$LINES climbs are there of $CLIMBS"
sanitizers_said_nothing
# A server with another key than the pinned one gets nothing, whatever its certificate says.
sed "s|^pin = .*|pin = sha256//$(printf x | openssl dgst -sha256 -binary | openssl base64)|; /^route = [^d]/d" \
    "$WORK/probe.conf" >"$WORK/wrong.conf"
mv "$WORK/wrong.conf" "$WORK/probe.conf"
probe probe_run --rounds 1
[ $got = 4 ] || fail "with a wrong pin run exited $got: $(tail -n 5 "$WORK/probe.log")"
grep -q 'upload_failed.*status=bad_signature' "$WORK/probe.log" || fail "the wrong key was not told: $(cat "$WORK/probe.log")"

echo "$LINES climbs once each, $(wc -l <"$WORK/carried") bundles by courier, five routes in turn"
