#!/bin/sh
# Three quick rows of the reference table pass, and two of them with a wrong expectation do not. 77 where the table is
# absent or namespaces are not allowed.
set -u
lab="$BIN/dialtone-lab"
table="$SHARED_DATA/ooni-cases.csv"
[ -r "$table" ] || { echo "skipped: there is no $table"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tmp"
export TMPDIR="$folder/tmp"

for name in successWithHTTP dnsBlockingNXDOMAIN dnsBlockingAndroidDNSCacheNoData; do
    "$lab" reference --only "$name" "$table" || exit $?
done

# Conditions of our own, put together from all kinds of rules.
"$lab" reference --short "$ROOT/tests/lab/tables/combinations.csv" || exit $?

sed -e '/^successWithHTTP,/s/,null,false,true,/,null,dns,true,/' -e '/^dnsBlockingNXDOMAIN,/s/,33,2,0,/,33,3,0,/' \
    "$table" >"$folder/wrong.csv"
cmp -s "$table" "$folder/wrong.csv" && { echo "the copy is not wrong"; exit 1; }
for wanted in 'successWithHTTP blocking: expected dns, was false' 'dnsBlockingNXDOMAIN x_dns_flags: expected 3, was 2'; do
    "$lab" reference --only "${wanted%% *}" "$folder/wrong.csv" >"$folder/out"
    status=$?
    [ $status -eq 1 ] && grep -qF "${wanted#* }" "$folder/out" || {
        echo "a wrong expectation gave status $status:"
        cat "$folder/out"
        exit 1
    }
done

# The same as one document.
"$lab" reference --format json --only successWithHTTP "$folder/wrong.csv" >"$folder/out"
status=$?
[ $status -eq 1 ] && grep -q '"required_passed":0' "$folder/out" || { echo "json: $status"; cat "$folder/out"; exit 1; }

# What is wrong with a file is said in one line, before anything runs.
"$lab" reference "$folder/absent.csv" 2>"$folder/out"
status=$?
[ $status -eq 2 ] && [ "$(wc -l <"$folder/out")" -eq 1 ] || { echo "an absent file gave $status"; cat "$folder/out"; exit 1; }
printf 'name,input_url,rules,expected_blocking\nx,http://a.lab/,Nonsense(),null\n' >"$folder/bad.csv"
"$lab" reference "$folder/bad.csv" 2>"$folder/out"
status=$?
[ $status -eq 2 ] && [ "$(wc -l <"$folder/out")" -eq 1 ] || { echo "a bad file gave $status"; cat "$folder/out"; exit 1; }

[ -z "$(ls "$TMPDIR")" ] || { echo "something was left behind:"; ls "$TMPDIR"; exit 1; }
