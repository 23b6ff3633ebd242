# Shared by the collector's end-to-end tests: sourced, not run.
set -eu

work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
collector=$BIN/dialtone-collector
make_bundle=$BIN/make-bundle

fail() {
    echo "FAILED: $*" >&2
    [ ! -s "$work/serve.log" ] || tail -n 20 "$work/serve.log" >&2
    exit 1
}

# start [OPTION...]: a collector on a free port; its address is in $base.
start() {
    : >"$work/serve.log" # or the line of the collector before would be read
    "$collector" serve --data "$work/data" --listen 127.0.0.1:0 "$@" 2>"$work/serve.log" &
    server=$!
    waited=0
    until grep -q event=listening "$work/serve.log"; do
        kill -0 "$server" 2>/dev/null || fail "the collector did not start"
        waited=$((waited + 1))
        [ $waited -lt 200 ] || fail "the collector does not listen"
        sleep 0.05
    done
    base=http://127.0.0.1:$(sed -n 's/.*event=listening port=\([0-9]*\).*/\1/p' "$work/serve.log")
}

# stop SIGNAL: and waits for the end; its exit status is in $status.
stop() {
    status=0
    kill "-$1" "$server"
    wait "$server" 2>/dev/null || status=$?
    server=
}

# post FILE KEY ANSWER: prints the HTTP code, "000" where there was no answer.
post() {
    curl -s -o "$3" -w '%{http_code}' --max-time 20 -H "Dialtone-Key: $2" \
        -H "Dialtone-Signature: $(base64 -w0 <"$1.minisig" | tr '+/' '-_' | tr -d '=')" \
        -H 'Content-Type: application/zstd' --data-binary "@$1" "$base/v1/bundles" || true
}

# field NAME FILE: a number or a string of a JSON answer, by its name.
field() {
    printf '%s\n' "$(sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2" | head -n 1)"
}

# measurements REGION: how many the API tells.
measurements() {
    curl -s --max-time 20 "$base/api/v1/regions" | tr '{' '\n' |
        sed -n "s/.*\"region\":\"$1\".*\"asn\":0,\"measurements\":\([0-9]*\).*/\1/p"
}

# expect STATUS WORDS COMMAND...: the exit status, and one line on stderr that holds the words.
expect() {
    wanted=$1 words=$2 status=0
    shift 2
    "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" = "$wanted" ] || fail "exit status $status, not $wanted: $*: $(cat "$work/err")"
    [ "$(wc -l <"$work/err")" = 1 ] || fail "not one line: $*: $(cat "$work/err")"
    grep -q -- "$words" "$work/err" || fail "no '$words' in: $(cat "$work/err")"
}
