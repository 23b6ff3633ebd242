# Bad input: one clear line, the documented exit status, nothing stored.
. "$ROOT/tests/end-to-end/collector.sh"

import="$collector import --data $work/data"
key=$("$make_bundle" --out "$work/good.jsonl.zst")
other=$("$make_bundle" --out "$work/other.jsonl.zst" --seed 2)

: >"$work/empty"
head -c 200 "$work/good.jsonl.zst" >"$work/cut.jsonl.zst"
cp "$work/good.jsonl.zst.minisig" "$work/cut.jsonl.zst.minisig"
"$make_bundle" --out "$work/flipped.jsonl.zst" >/dev/null
spoil "$work/flipped.jsonl.zst" 100
"$make_bundle" --out "$work/bad.jsonl.zst" --bad-line >/dev/null
printf 'nonsense\n' >"$work/nonsense"
head -c 100000000 /dev/zero | zstd -q >"$work/bomb.zst"
head -c 100000000 /dev/zero | gzip >"$work/bomb.gz"
mkdir "$work/folder"

expect 1 empty $import "$work/empty"
expect 1 signature $import --key "$key" "$work/cut.jsonl.zst"
expect 1 signature $import --key "$key" "$work/flipped.jsonl.zst"
expect 1 signature $import --key "$other" "$work/good.jsonl.zst"
expect 1 "not known" $import "$work/good.jsonl.zst"
expect 1 "line 11" $import --key "$key" "$work/bad.jsonl.zst"
expect 1 "line 1" $import "$work/nonsense"
expect 1 "longer than" $import "$work/bomb.zst"
expect 1 "longer than" $import "$work/bomb.gz"
expect 2 "no-such-file" $import "$work/no-such-file"
expect 2 "folder" $import "$work/folder"
expect 2 "name the files" $import
expect 2 "--data" "$collector" import "$work/good.jsonl.zst"
expect 2 "--key" $import --key nonsense "$work/good.jsonl.zst"
expect 2 "--bin" $import --bin soon "$work/good.jsonl.zst"
expect 2 "--format" $import --format xml "$work/good.jsonl.zst"
expect 2 "import" "$collector" improt "$work/good.jsonl.zst"
expect 2 "--data" "$collector" serve
expect 2 "no file" "$collector" serve --data "$work/data" "$work/good.jsonl.zst"
expect 2 "--cert" "$collector" serve --data "$work/data" --cert "$work/good.jsonl.zst"
expect 2 "certificate" "$collector" serve --data "$work/data" --cert "$work/empty" --key "$work/empty"
expect 2 "--listen" "$collector" serve --data "$work/data" --listen nowhere
expect 2 "plain HTTP" "$collector" serve --data "$work/data" --listen 0.0.0.0:0
expect 2 "mmdb" "$collector" serve --data "$work/data" --geo-db "$work/empty"
expect 2 "--now" "$collector" detect --data "$work/data" --now yesterday
expect 1 "signature" "$collector" verify --key "$key" "$work/flipped.jsonl.zst"
expect 1 "signature" "$collector" verify --key "$other" "$work/good.jsonl.zst"
expect 2 "no-such" "$collector" verify --key "$key" "$work/no-such.jsonl.zst"
expect 2 "minisig" "$collector" verify --key "$key" "$work/nonsense"
expect 2 "name the bundles" "$collector" verify
"$collector" verify --key "$key" "$work/good.jsonl.zst" | grep -q good || fail "a good bundle is not verified"

# A path that cannot be a folder, and a store that is none.
expect 3 "empty" "$collector" import --data "$work/empty/data" "$work/good.jsonl.zst"
mkdir "$work/broken"
head -c 8192 /dev/zero | tr '\0' x >"$work/broken/store.sqlite"
expect 3 "store" "$collector" import --data "$work/broken" "$work/nonsense"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null 2>&1; then
    mkdir "$work/locked"
    chmod 755 "$work" "$work/locked"
    chmod 644 "$work"/*.zst "$work"/*.minisig
    expect 3 "ermission" setpriv --reuid 65534 --regid 65534 --clear-groups \
        "$collector" import --data "$work/locked" --key "$key" "$work/good.jsonl.zst"
fi

[ -z "$(find "$work/data/bundles" -type f)" ] || fail "something refused was kept"
"$collector" import --data "$work/data" --format json --key "$key" "$work/good.jsonl.zst" "$work/nonsense" \
    >"$work/out" 2>/dev/null && fail "a rejected file gives 0"
grep -qx '{"accepted":10,"duplicate":0,"rejected":1}' "$work/out" || fail "the summary: $(cat "$work/out")"
