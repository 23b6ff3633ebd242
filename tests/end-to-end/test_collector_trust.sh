# Who may send: enrolment by invitation, revocation heeded by a running collector, sequence gaps listed, the log proved;
# sealed bundles with the key at hand, and with the key elsewhere.
. "$ROOT/tests/end-to-end/collector.sh"

probes="$collector probes --data $work/data"
base64url() {
    base64 -w0 | tr '+/' '-_' | tr -d '='
}
json() {
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1
}

# A probe's key, by invitation only. make-bundle signs statements too.
key=$("$make_bundle" --out "$work/1.jsonl.zst")
start --bin 10s --enrolment invitation
code=$($probes invite --label Goma --uses 1)
[ ${#code} = 32 ] || fail "no code: $code"
[ "$(post "$work/1.jsonl.zst" "$key" "$work/answer")" = 403 ] || fail "a stranger was let in: $(cat "$work/answer")"
enrol() {
    printf '{"dialtone_enrolment":1,"key":"%s","time":"%s","invitation":"%s"}' "$key" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
        "$1" >"$work/said"
    "$make_bundle" --sign "$work/said" >"$work/said.minisig"
    curl -s -o "$work/answer" -w '%{http_code}' -H "Dialtone-Key: $key" \
        -H "Dialtone-Signature: $(base64url <"$work/said.minisig")" --data-binary "@$work/said" "$base/v1/probes"
}
[ "$(enrol 0123)" = 403 ] || fail "a wrong code enrols: $(cat "$work/answer")"
[ "$(enrol "$code")" = 201 ] || fail "the code does not enrol: $(cat "$work/answer")"
[ "$(enrol "$code")" = 200 ] || fail "enrolled twice: $(cat "$work/answer")"
[ "$(post "$work/1.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "an enrolled key is refused: $(cat "$work/answer")"
[ "$(curl -s -o "$work/answer" -w '%{http_code}' -d '{}' "$base/v1/probes")" = 401 ] || fail "an unsigned statement"

# A bundle that never came, and one that names another before it.
"$make_bundle" --out "$work/4.jsonl.zst" --sequence 4 --first 40 >/dev/null
"$make_bundle" --out "$work/5.jsonl.zst" --sequence 5 --first 50 >/dev/null
for n in 4 5; do
    [ "$(post "$work/$n.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "bundle $n: $(cat "$work/answer")"
done
$probes list --format json >"$work/list"
name=$(json probe <"$work/list")
grep -q '"standing":"enrolled".*"bundles":3,"measurements":30,"missing":2,"breaks":1' "$work/list" ||
    fail "the list: $(cat "$work/list")"
grep -q '"label":"Goma".*"used":1' "$work/list" || fail "the invitation: $(cat "$work/list")"
$probes show "$name" | grep -q 'never came    2 to 3' || fail "the gap: $($probes show "$name")"
$probes | grep -q "^$name  enrolled" || fail "the table: $($probes)"

# How far its word goes: whole until the operator says otherwise.
grep -q '"forks":0,"weight":1.0,"suggested_weight":0.[0-9]*' "$work/list" || fail "the weight: $(cat "$work/list")"
$probes weigh "$name" 0.25 --reason 'one owner' >"$work/out" 2>&1 || fail "weigh: $(cat "$work/out")"
$probes weigh AS64500 0 >/dev/null 2>&1 || fail "weigh a network"
$probes list --format json | grep -q '"weight":0.25.*"networks":\[{"asn":64500,"weight":0.0' || fail "$($probes list --format json)"
$probes | grep -q '^network  AS64500  weighs 0.00' || fail "the table: $($probes)"
for weight in 1.5 1x nan half ''; do
    expect 2 "from 0" $probes weigh "$name" "$weight"
done
expect 2 "AS64500" $probes weigh AS0 1
expect 2 "AS64500" $probes weigh nonsense 1
$probes weigh "$name" 1 >/dev/null 2>&1 && $probes weigh AS64500 1 >/dev/null 2>&1 || fail "weigh back"

# Thrown out while the collector runs; what it has a receipt for keeps it.
$probes revoke "$name" --reason stolen 2>/dev/null >/dev/null
"$make_bundle" --out "$work/6.jsonl.zst" --sequence 6 --first 60 >/dev/null
sleep 2.5
[ "$(post "$work/6.jsonl.zst" "$key" "$work/answer")" = 403 ] || fail "a revoked key sends: $(cat "$work/answer")"
[ "$(post "$work/5.jsonl.zst" "$key" "$work/answer")" = 200 ] || fail "the receipt is gone: $(cat "$work/answer")"
"$collector" import --data "$work/data" --key "$key" "$work/6.jsonl.zst" >"$work/out" 2>&1 && fail "imported all the same"
[ "$(find "$work/data/bundles" -name '*.zst' | wc -l)" = 3 ] || fail "something refused was kept"
$probes restore "$name" >/dev/null
sleep 2.5
[ "$(post "$work/6.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "not taken again: $(cat "$work/answer")"

# The log: what is in it, that it grew, and what was altered.
verify="$collector verify --log --collector $base --key $(curl -s "$base/v1/keys" | json key)"
$verify --bundle "$work/1.jsonl.zst" --bundle "$work/6.jsonl.zst" --save "$work/old" >"$work/out" || fail "verify --log"
grep -q 'entry 0 of 4' "$work/out" && grep -q 'entry 3 of 4' "$work/out" || fail "no proof: $(cat "$work/out")"
"$make_bundle" --out "$work/7.jsonl.zst" --sequence 7 --first 70 >/dev/null
expect 1 "404" $verify --bundle "$work/7.jsonl.zst"
[ "$(post "$work/7.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "bundle 7"
$verify --bundle "$work/7.jsonl.zst" --checkpoint "$work/old" --save "$work/new" >"$work/out" || fail "growth"
grep -q 'only grew, from 4 to 5' "$work/out" || fail "no growth: $(cat "$work/out")"
expect 1 "not signed" "$collector" verify --log --collector "$base" --key "$key"
sed 's/^5$/9/' "$work/new" >"$work/forged"
expect 1 "no checkpoint signed" $verify --checkpoint "$work/forged"
$verify --checkpoint "$work/old" --checkpoint "$work/new" >"$work/out" || fail "two kept: $(cat "$work/out")"
[ "$(grep -c 'only grew' "$work/out")" = 2 ] || fail "not both were proved: $(cat "$work/out")"
"$collector" verify --log --data "$work/data" >"$work/out" || fail "the folder's log: $(cat "$work/out")"
grep -q '^good: 5 entries, 5 bundles' "$work/out" || fail "the folder's log: $(cat "$work/out")"
"$collector" verify --log --data "$work/data" --checkpoint "$work/old" | grep -q '1 checkpoints from elsewhere are of this' ||
    fail "a kept checkpoint against the folder"

# A second log under the same key, shown to others: two checkpoints of one size prove it, wherever they come from.
other=$work/other
mkdir "$other"
cp "$work/data/collector.key" "$other/"
"$make_bundle" --out "$work/9.jsonl.zst" --sequence 9 --first 90 >/dev/null
(
    work=$work/second server=
    trap '[ -z "$server" ] || kill -9 "$server"' EXIT
    mkdir "$work"
    serve "$work/serve.log" --data "$other" --bin 10s
    for n in 1 4 5 9; do
        post "$work/../$n.jsonl.zst" "$key" "$work/answer" >>"$work/codes"
    done
    log_await
    curl -s "$base/api/v1/log" >"$work/note"
    stop TERM
)
[ "$(cat "$work/second/codes")" = 201201201201 ] || fail "the second collector: $(cat "$work/second/codes")"
[ "$(sed -n 2p "$work/second/note")" = 4 ] || fail "the second log: $(cat "$work/second/note")"
its=$("$collector" verify --log --collector "$base" 2>&1 | sed -n "s/^the collector's key is \([^,]*\),.*/\1/p")
for where in "--collector $base" "--data $work/data" ""; do
    expect 1 "SPLIT" "$collector" verify --log $where --key "$its" --checkpoint "$work/old" --checkpoint "$work/second/note"
    [ "$(grep -c '^SPLIT: 4 entries, root [0-9a-f]\{64\}: ' "$work/out")" = 2 ] || fail "not both: $(cat "$work/out")"
done
cp "$work/new" "$work/kept"
expect 1 "SPLIT" $verify --checkpoint "$work/second/note" --save "$work/kept" # of another size: it does not extend it
cmp "$work/new" "$work/kept" || fail "the kept checkpoint was lost"
cmp "$work/new" "$work/kept.split" || fail "what the collector told was not kept"
expect 1 "SPLIT" "$collector" verify --log --data "$work/data" --checkpoint "$work/second/note"
"$collector" verify --log --key "$its" --checkpoint "$work/old" --checkpoint "$work/new" | grep -q '^2 checkpoints of 2 sizes' ||
    fail "two of one log"
expect 2 "several --checkpoint" "$collector" verify --log --key "$its" --checkpoint "$work/old"
: >"$work/empty"
expect 1 "it is empty" $verify --checkpoint "$work/empty"

# Sealed to the collector's key, by Debian's age; again; and altered.
sealed_bundle() { # FILE KEY OUT
    { printf 'untrusted comment: key\n%s\n' "$2" && cat "$1.minisig" "$1"; } >"$work/plain"
    age -r "$recipient" -o "$3" "$work/plain"
}
if command -v age >/dev/null 2>&1; then
    recipient=$(curl -s "$base/v1/keys" | json recipient)
    "$make_bundle" --out "$work/8.jsonl.zst" --sequence 8 --first 80 >/dev/null
    sealed_bundle "$work/8.jsonl.zst" "$key" "$work/8.age"
    send() {
        curl -s -o "$work/answer" -w '%{http_code}' --data-binary "@$1" "$base/v1/bundles"
    }
    [ "$(send "$work/8.age")" = 201 ] || fail "sealed: $(cat "$work/answer")"
    [ "$(field bundle "$work/answer")" = "$(sha256sum "$work/8.jsonl.zst" | cut -c1-64)" ] || fail "the receipt's hash"
    [ "$(post "$work/8.jsonl.zst" "$key" "$work/answer")" = 200 ] || fail "sealed and open are not the same bundle"
    cp "$work/8.age" "$work/altered.age"
    spoil "$work/altered.age" 300
    [ "$(send "$work/altered.age")" = 401 ] || fail "altered: $(cat "$work/answer")"
fi
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"

# One byte of a kept bundle, one entry of the store: named.
victim=$(sha256sum "$work/4.jsonl.zst" | cut -c1-64)
spoil "$work/data/bundles/$victim.jsonl.zst" 60
expect 1 "entry 1: bundles/$victim" "$collector" verify --log --data "$work/data"

# A shutdown that two probes tell of; where one of them turns out to be stolen, its word counts no more.
cut="--state full_shutdown --count 60 --interval 10s --time 2026-01-01T00:10:00Z --country XD --subdivision XD-N"
well="--state working --count 60 --interval 10s --time 2026-01-01T00:00:00Z --country XD --subdivision XD-N"
rm -rf "$work/data"
for seed in 21 22; do
    its=$("$make_bundle" --out "$work/w$seed.jsonl.zst" --seed $seed --asn 645$seed $well)
    "$make_bundle" --out "$work/c$seed.jsonl.zst" --seed $seed --asn 645$seed --sequence 2 --first 1000 $cut >/dev/null
    "$collector" import --data "$work/data" --bin 10m --key "$its" "$work/w$seed.jsonl.zst" "$work/c$seed.jsonl.zst" \
        >/dev/null 2>&1 || fail "import of $seed"
done
rows() {
    "$collector" detect --data "$work/data" --now 2026-01-01T02:00:00Z >"$work/out" 2>&1 || true
    start
    curl -s "$base/api/v1/timeline?region=XD&from=2026-01-01T00:00:00Z&to=2026-01-01T02:00:00Z" >"$work/timeline"
    stop TERM
}
rows
grep -q '"bin":"2026-01-01T00:10:00Z","state":"[a-z]*","expected":[0-9.]*,"seen":2' "$work/timeline" ||
    fail "two probes are not seen: $(cat "$work/timeline")"
$probes weigh AS64521 0 >/dev/null 2>&1 || fail "weigh"
rows
grep -q '"bin":"2026-01-01T00:10:00Z","state":"[a-z]*","expected":[0-9.]*,"seen":1' "$work/timeline" ||
    fail "a network without weight still counts: $(cat "$work/timeline")"
$probes weigh AS64521 1 >/dev/null 2>&1 || fail "weigh back"
$probes revoke "$($probes list --format json | json probe)" --from 2026-01-01T00:10:00Z >/dev/null 2>&1
rows
grep -q '"bin":"2026-01-01T00:10:00Z","state":"[a-z]*","expected":[0-9.]*,"seen":1' "$work/timeline" ||
    fail "a revoked key still counts: $(cat "$work/timeline")"

# The event's page, and what it brings to be checked without anybody: signature, line, place in the log.
$probes restore "$($probes list --format json | json probe)" >/dev/null
its=$("$make_bundle" --out "$work/w23.jsonl.zst" --seed 23 --asn 64523 $well)
"$make_bundle" --out "$work/c23.jsonl.zst" --seed 23 --asn 64523 --sequence 2 --first 1000 $cut >/dev/null
"$collector" import --data "$work/data" --key "$its" "$work/w23.jsonl.zst" "$work/c23.jsonl.zst" >/dev/null || fail "import"
rows
site="$BIN/dialtone-report site --data $work/data --out $work/site --now 2026-01-01T02:00:00Z"
$site >/dev/null || fail "no site"
page=$(grep -l 'Check it yourself' "$work"/site/event/*.html | head -n 1)
[ -n "$page" ] || fail "no event has evidence"
grep -q 'tlog-proof' "$page" && fail "a proof, and no checkpoint was ever told"
start
log_await
collector_key=$(curl -s "$base/v1/keys" | json key)
curl -s "$base/api/v1/log" >/dev/null
stop TERM
$site >/dev/null || fail "no site"
[ "$(wc -c <"$page")" -lt 100000 ] || fail "the page is too large"
grep -q 'Some of the measurements behind it' "$page" || fail "no measurements are named"
grep -q "verify --log --key $collector_key" "$page" || fail "the page does not tell how to verify the proof"
grep -q "$(basename "$page")" "$work/site/region/XD.html" "$work/site/feed.xml" || fail "nothing links to the page"
bundle=$(basename "$work"/site/evidence/*.tlog-proof .tlog-proof)
prove="$collector verify --log --key $collector_key --bundle $work/site/evidence/$bundle"
$prove --proof "$work/site/evidence/$bundle.tlog-proof" >"$work/out" || fail "the proof does not hold"
grep -q 'entry [0-9]* of the log of dialtone/.* of 6 entries' "$work/out" || fail "the proof: $(cat "$work/out")"
expect 1 "does not prove" "$collector" verify --log --key "$its" --bundle "$work/site/evidence/$bundle" \
    --proof "$work/site/evidence/$bundle.tlog-proof"
expect 1 "does not prove" "$collector" verify --log --key "$collector_key" --bundle "$work/1.jsonl.zst" \
    --proof "$work/site/evidence/$bundle.tlog-proof"
expect 1 "is no proof" $prove --proof "$work/out"
expect 2 "--bundle FILE" "$collector" verify --log --key "$collector_key" --proof "$work/out"

# The identity elsewhere: kept as it came, opened by decrypt, counted once.
command -v age >/dev/null 2>&1 || exit 0
rm -rf "$work/data"
age-keygen -o "$work/away.txt" 2>/dev/null
recipient=$(age-keygen -y "$work/away.txt")
start --bin 10s --identity none --recipient "$recipient"
[ "$(curl -s "$base/v1/keys" | json recipient)" = "$recipient" ] || fail "another recipient is told"
[ ! -e "$work/data/identity.age.txt" ] || fail "an identity was made"
sealed_bundle "$work/1.jsonl.zst" "$key" "$work/1.age"
sealed_bundle "$work/4.jsonl.zst" "$key" "$work/4.jsonl.zst.age"
[ "$(send "$work/1.age")" = 201 ] || fail "not kept: $(cat "$work/answer")"
cp "$work/answer" "$work/first"
[ "$(field sealed "$work/first")" = "$(sha256sum "$work/1.age" | cut -c1-64)" ] || fail "the sealed receipt"
[ "$(send "$work/1.age")" = 200 ] || fail "not the same again"
cmp "$work/first" "$work/answer" || fail "the second receipt differs"
head -c 200 "$work/4.jsonl.zst.age" >"$work/cut.age"
[ "$(send "$work/cut.age")" = 201 ] || fail "what cannot be read cannot be judged"
stop TERM
"$collector" decrypt --data "$work/data" --identity "$work/away.txt" >"$work/out" 2>"$work/err" && fail "a cut file opens"
grep -qx 'opened 1, duplicate 0, rejected 1' "$work/out" || fail "decrypt: $(cat "$work/out" "$work/err")"
[ "$(find "$work/data/sealed" -maxdepth 1 -type f | wc -l)" = 0 ] || fail "opened, and still waiting"
[ "$(find "$work/data/sealed/rejected" -type f | wc -l)" = 1 ] || fail "the cut file was not put aside"
"$collector" verify --log --data "$work/data" | grep -q '^good: 1 entries' || fail "not in the log"
"$collector" decrypt --identity "$work/away.txt" --out "$work/opened" "$work/4.jsonl.zst.age" || fail "decrypt FILE"
cmp "$work/opened"/*/4.jsonl.zst "$work/4.jsonl.zst" || fail "another bundle came out"
"$collector" import --data "$work/data" "$work/opened"/*/4.jsonl.zst >"$work/out" || fail "import of what was opened"
grep -q 'accepted 10' "$work/out" || fail "import: $(cat "$work/out")"
age-keygen -o "$work/wrong.txt" 2>/dev/null
expect 1 "4.jsonl.zst.age" "$collector" decrypt --identity "$work/wrong.txt" --out "$work/none" "$work/4.jsonl.zst.age"
expect 2 "decrypt" "$collector" decrypt --data "$work/data" --out "$work/none"
expect 2 "--enrolment" "$collector" serve --data "$work/data" --enrolment maybe
expect 2 "recipient" "$collector" serve --data "$work/data" --recipient "$recipient"
expect 2 "age1" "$collector" serve --data "$work/data" --identity none --recipient nonsense
expect 2 "16 hexadecimal" $probes revoke nonsense
expect 2 "probes: type" $probes bless
expect 2 "nothing was heard" $probes show 0123456789abcdef

# A probe enrols itself, and links the key that follows.
rm -rf "$work/data"
probe="$BIN/dialtone-probe keys --state $work/probe"
"$BIN/dialtone-probe" consent --state "$work/probe" --yes-i-understand-the-risks >/dev/null 2>&1 || fail "no consent"
start --bin 10s --enrolment invitation
expect 2 "wants an invitation" $probe enrol --collector "$base"
$probe enrol --collector "$base" --invitation "$($probes invite)" >/dev/null || fail "the probe does not enrol"
$probe rotate >/dev/null 2>&1 || fail "no rotation"
$probe link "$work/probe"/rotations/*.json --collector "$base/" >/dev/null || fail "not linked"
[ "$($probes list --format json | grep -o '"standing":"enrolled"' | wc -l)" = 2 ] || fail "$($probes)"
stop TERM
expect 4 "does not answer" $probe enrol --collector "$base"
expect 2 "needs a collector" $probe enrol

# Clocks that cannot be right, and keys in too much of a hurry.
rm -rf "$work/data"
start --bin 10s --key-rate 1
for year in 2014 2036; do
    key=$("$make_bundle" --out "$work/clock.jsonl.zst" --time $year-01-01T00:00:00Z)
    [ "$(post "$work/clock.jsonl.zst" "$key" "$work/answer")" = 400 ] || fail "$year: $(cat "$work/answer")"
    grep -q 'times cannot be true' "$work/answer" || fail "$year: $(cat "$work/answer")"
done
[ -z "$(find "$work/data/bundles" -type f)" ] || fail "something refused was kept"
sent=0
while [ $sent -lt 4 ]; do
    sent=$((sent + 1))
    key=$("$make_bundle" --out "$work/$sent.jsonl.zst" --sequence $sent --first $((sent * 10)))
    [ "$(post "$work/$sent.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "bundle $sent: $(cat "$work/answer")"
done
"$make_bundle" --out "$work/5.jsonl.zst" --sequence 5 --first 500 >/dev/null
[ "$(post "$work/5.jsonl.zst" "$key" "$work/answer")" = 429 ] || fail "no end to it: $(cat "$work/answer")"
[ "$(post "$work/1.jsonl.zst" "$key" "$work/answer")" = 200 ] || fail "what it has is not told: $(cat "$work/answer")"
key=$("$make_bundle" --out "$work/other.jsonl.zst" --seed 2)
[ "$(post "$work/other.jsonl.zst" "$key" "$work/answer")" = 201 ] || fail "another key waits too: $(cat "$work/answer")"
stop TERM
