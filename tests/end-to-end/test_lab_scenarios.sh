#!/bin/sh
# Two scenarios in the lab: a page that loads, and a name that the path resets. 77 where namespaces are not allowed.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tmp"
export TMPDIR="$folder/tmp"

for name in clean tls_reset; do
    "$BIN/dialtone-lab" scenario "$ROOT/tests/lab/scenarios/$name.scenario"
    status=$?
    [ $status -eq 0 ] || exit $status
done

# A wrong expectation must fail, or the two above have shown nothing.
printf 'title a wrong expectation\nmeasure https://www.wiki.lab/\nexpect blocking=blocked\n' >"$folder/wrong.scenario"
"$BIN/dialtone-lab" scenario "$folder/wrong.scenario" >"$folder/out"
status=$?
[ $status -eq 1 ] || { echo "a wrong expectation gave status $status"; exit 1; }
grep -q 'blocking: expected blocked, was ok' "$folder/out" || { cat "$folder/out"; exit 1; }

# What is wrong with a file is said in one line.
printf 'rule Nonsense()\nmeasure x\n' >"$folder/bad.scenario"
"$BIN/dialtone-lab" scenario "$folder/bad.scenario" 2>"$folder/out"
status=$?
[ $status -eq 2 ] && [ "$(wc -l <"$folder/out")" -eq 1 ] || { echo "a bad file gave status $status"; cat "$folder/out"; exit 1; }

# Nothing is left behind.
[ -z "$(ls "$TMPDIR")" ] || { echo "something was left behind:"; ls "$TMPDIR"; exit 1; }
