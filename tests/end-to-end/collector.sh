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
. "$ROOT/tests/end-to-end/await.sh"

# serve LOG OPTION...: a collector on a free port; its process in $server, its address in $base. The log is emptied before,
# for the shell behind & may open it late: until then, the line of the collector before would be read.
serve() {
    log=$1
    shift
    : >"$log"
    "$collector" serve --listen 127.0.0.1:0 "$@" 2>>"$log" &
    server=$!
    for _ in $(seq 1200); do
        kill -0 "$server" 2>/dev/null || break
        base=http://127.0.0.1:$(sed -n 's/.*event=listening port=\([0-9]*\).*/\1/p' "$log")
        [ "$base" = http://127.0.0.1: ] || return 0
        sleep 0.1
    done
    fail "the collector does not listen: $(tail -n 5 "$log")"
}
# start [OPTION...]: the collector of the test.
start() { serve "$work/serve.log" --data "$work/data" "$@"; }

# log_await: until the log has been read after a start; until then the collector asks to come again.
log_await() { await "the log is not read" curl -sf --max-time 20 "$base/api/v1/log/leaves?limit=1"; }

# stop SIGNAL: and waits for the end; its exit status is in $status.
stop() {
    status=0
    kill "-$1" "$server"
    wait "$server" 2>/dev/null || status=$?
    server=
}

# post FILE KEY ANSWER: prints the HTTP code, "000" where there was no answer.
post() {
    curl -s -o "$3" -w '%{http_code}' --max-time 120 -H "Dialtone-Key: $2" \
        -H "Dialtone-Signature: $(base64 -w0 <"$1.minisig" | tr '+/' '-_' | tr -d '=')" \
        -H 'Content-Type: application/zstd' --data-binary "@$1" "$base/v1/bundles" || true
}

# field NAME FILE: a number or a string of a JSON answer, by its name.
field() {
    printf '%s\n' "$(sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2" | head -n 1)"
}

# measurements REGION: how many the API tells.
measurements() {
    curl -s --max-time 120 "$base/api/v1/regions" | tr '{' '\n' |
        sed -n "s/.*\"region\":\"$1\".*\"asn\":0,\"measurements\":\([0-9]*\).*/\1/p"
}

# spoil FILE OFFSET: changes that byte, whatever it was.
spoil() {
    byte=$(od -An -tu1 -j"$2" -N1 "$1")
    printf "\\$(printf %03o $(((byte + 1) % 256)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
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
