# Raw bundles in S3-compatible object storage: moved there, brought back, checked there, forgotten there; what is wrong with
# address, key and server is told, and loses nothing.
. "$ROOT/tests/end-to-end/collector.sh"
. "$ROOT/tests/end-to-end/swift.sh"

send() { # SEQUENCE
    key=$("$make_bundle" --out "$work/$1.jsonl.zst" --sequence "$1" --first $(($1 * 1000)) --count 50 \
        --time "2026-01-0$1T00:00:00Z")
    code=$(post "$work/$1.jsonl.zst" "$key" "$work/$1.receipt")
    [ "$code" = 201 ] || fail "bundle $1: $code $(cat "$work/$1.receipt")"
}

# offload [OPTION...]: prints what it says.
offload() {
    "$collector" offload --data "$work/data" --age 0 "$@" 2>&1
}
kept() {
    find "$work/data/bundles" -type f | wc -l
}

start
for n in 1 2 3; do send $n; done
[ "$(kept)" = 6 ] || fail "$(kept) files for three bundles"

# A bucket that is not there, a key that is wrong, one that others may read, an address in the clear.
expect 2 "type --to" "$collector" offload --data "$work/data"
expect 2 "no address of a bucket" "$collector" offload --data "$work/data" --to https://127.0.0.1 --key "$work/bucket.key"
expect 2 "in the clear" "$collector" offload --data "$work/data" --to http://192.0.2.1/evidence --key "$work/bucket.key"
expect 2 "make the bucket" "$collector" offload --data "$work/data" --to "$bucket" --key "$work/bucket.key"
printf 'dial:tone\nanother\n' >"$work/wrong.key"
chmod 600 "$work/wrong.key"
expect 2 "SignatureDoesNotMatch.*check the key" "$collector" offload --data "$work/data" --to "$bucket" \
    --key "$work/wrong.key"
chmod 644 "$work/wrong.key"
expect 2 "wrong.key" "$collector" offload --data "$work/data" --to "$bucket" --key "$work/wrong.key"
[ "$(kept)" = 6 ] && [ ! -e "$work/data/raw" ] || fail "a refused bucket changed the folder"

curl -sf -X PUT -H "X-Auth-Token: $(curl -sf -D - -o /dev/null -H 'X-Auth-User: dial:tone' \
    -H 'X-Auth-Key: secret-of-the-test' "http://127.0.0.1:$swift_port/auth/v1.0" | tr -d '\r' |
    sed -n 's/^X-Auth-Token: //ip')" "http://127.0.0.1:$swift_port/v1/AUTH_dial/evidence" || fail "no bucket"
said=$(offload --to "$bucket" --key "$work/bucket.key") || fail "offload: $said"
[ "${said%,*}" = "moved 6 files" ] && [ "$(kept)" = 0 ] || fail "offload says $said; $(kept) files are left"
[ "$(stat -c %a "$work/data/raw.key")" = 600 ] || fail "the key may be read by others"

# The same bundle again has the same receipt; evidence is served from there; fsck and verify read it there.
[ "$(post "$work/1.jsonl.zst" "$key" "$work/again")" = 200 ] || fail "bundle 1 again: $(cat "$work/again")"
cmp -s "$work/1.receipt" "$work/again" || fail "another receipt"
curl -s --max-time 120 "$base/api/v1/measurements?limit=1" >"$work/list"
id=$(field id "$work/list")
[ "$(curl -s -o "$work/evidence" -w '%{http_code}' --max-time 120 "$base/api/v1/evidence?id=$id")" = 200 ] ||
    fail "no evidence of '$id': $(cat "$work/evidence")"
"$collector" fsck --data "$work/data" >"$work/out" || fail "fsck: $(cat "$work/out")"
grep -q "3 bundles: 0 damaged" "$work/out" || fail "fsck: $(cat "$work/out")"
"$collector" verify --log --data "$work/data" >"$work/out" 2>&1 || fail "verify --log: $(cat "$work/out")"
offload >/dev/null
[ "$(kept)" = 0 ] || fail "$(kept) files stay that were brought back"

# A file that was altered in the folder does not take the place of the good one in the bucket.
[ "$(curl -s -o "$work/evidence" -w '%{http_code}' --max-time 120 "$base/api/v1/evidence?id=$id")" = 200 ] || fail "no evidence"
file=$(find "$work/data/bundles" -name '*.zst')
spoil "$file" 40
expect 1 "is not what was taken in" "$collector" offload --data "$work/data" --age 0
[ -e "$file" ] && [ "$(kept)" = 1 ] || fail "$(kept) files are left of an altered one"
rm "$file"
"$collector" fsck --data "$work/data" >"$work/out" || fail "fsck: $(cat "$work/out")"

# The server away: nothing is lost, nothing is called damaged, and bundles are still taken.
swift_stop
send 4
expect 3 "cannot be asked" "$collector" offload --data "$work/data" --age 0
[ "$(kept)" = 2 ] || fail "$(kept) files while the object store is away"
expect 3 "cannot be asked" "$collector" fsck --data "$work/data"
code=$(curl -s -o "$work/evidence" -w '%{http_code}' --max-time 120 "$base/api/v1/evidence?id=$id")
[ "$code" = 503 ] || fail "evidence while the object store is away: $code $(cat "$work/evidence")"
swift_start || fail "swift does not start again"
said=$(offload) || fail "offload: $said"
[ "${said%,*}" = "moved 2 files" ] || fail "offload says $said"

# A collector does it by itself: what is old enough at its start, and then every minute.
send 5
stop TERM
[ "$(kept)" = 2 ] || fail "$(kept) files: what is younger than a minute must stay"
touch -d '2 minutes ago' "$work"/data/bundles/*
start
is_moved() { [ "$(kept)" = 0 ]; }
await "a collector that serves moves nothing" is_moved

# An object that was altered there.
hash=$(field bundle "$work/1.receipt")
object=$(find "$swift/disks" -name '*.data' -size +300c | head -n 1)
spoil "$object" 40
code=0
"$collector" fsck --data "$work/data" >"$work/out" 2>"$work/err" || code=$?
[ $code != 0 ] || fail "an altered object was not noticed"
stop TERM
echo "all good"
