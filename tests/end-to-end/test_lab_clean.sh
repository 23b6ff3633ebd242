#!/bin/sh
# Sixty clean targets on a lossy link: none is called blocked; and where a censor hinders them, the same command says so.
# 77 where namespaces are not allowed.
set -u
lab="$BIN/dialtone-lab"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tmp"
export TMPDIR="$folder/tmp"

"$lab" clean --targets 60 || exit $?

"$lab" clean --targets 4 --rule 'CloseConnectionForServerEndpoint(ServerIPAddress=23.40.7.0/24)' 2>"$folder/err" >/dev/null
[ $? -eq 2 ] && grep -q ServerIPAddress "$folder/err" || { echo "a wrong rule was not refused:"; cat "$folder/err"; exit 1; }
"$lab" clean --targets 12 --format json --rule 'ResetTrafficForString(String="clean.lab")' >"$folder/out" 2>"$folder/err"
status=$?
[ $status -eq 1 ] && ! grep -q '"blocked":0' "$folder/out" && grep -q BLOCKED "$folder/err" || {
    echo "hindered targets gave status $status:"
    cat "$folder/out" "$folder/err"
    exit 1
}
[ -z "$(ls "$TMPDIR")" ] || { echo "something was left behind:"; ls "$TMPDIR"; exit 1; }
