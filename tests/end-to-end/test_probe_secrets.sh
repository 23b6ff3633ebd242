#!/bin/sh
# Neither the probe's key nor its public address stands in the spool, or in a core of the process that parses foreign
# bytes; and none of its processes opens a file outside the paths that are declared.
set -eu
: "${BIN:?the folder of the programs}"
for tool in ip unshare gdb strace strings nginx age openssl curl; do
    command -v $tool >/dev/null || { echo "$tool is missing: skipped" >&2; exit 77; }
done
[ -x "$BIN/dialtone-collector" ] || { echo "the collector is not built: skipped" >&2; exit 77; }
# Sanitizers open files and keep freed memory of their own; ./dev test has a build without them beside.
if grep -q __asan_init "$BIN/dialtone-probe" && [ -x "$BIN/../../clang/bin/dialtone-collector" ]; then
    BIN=$(cd "$BIN/../../clang/bin" && pwd)
fi
if grep -q __asan_init "$BIN/dialtone-probe"; then
    echo "there is no build without sanitizers: skipped" >&2
    exit 77
fi
if [ "${ALONE:-}" != yes ]; then
    export ALONE=yes
    if unshare -n true 2>/dev/null; then
        exec unshare -n sh "$0"
    fi
    echo "network namespaces and debuggers are not permitted here: skipped" >&2
    exit 77
fi
ip link set lo up
WORK=$(mktemp -d)
PIDS=
# The web server ends its workers where it is asked to, and leaves them where it is killed.
trap 'for pid in $PIDS; do kill "$pid" 2>/dev/null || true; done; sleep 0.3; for pid in $PIDS; do kill -9 "$pid" 2>/dev/null || true; done; [ -n "${KEEP:-}" ] || rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
. "$(dirname "$0")/await.sh"
STATE=$WORK/state
OWN=203.0.113.77
# A machine with both families has an address in each; the collector tells either to whoever comes by it.
OWN6=2001:db8:77:1:a:b:c:d
LISTEN6=
! ip -6 addr show dev lo | grep -q '::1/128' || LISTEN6='listen [::1]:8080;'
# The address in the forms that servers use, told in a page, a header and a cookie.
HEX=cb00714d
REVERSED=77.113.0.203
BASE64=$(printf '{"ip":"%s"}' $OWN | openssl base64)
mkdir -p "$WORK/pages"
printf '<html>you are %s, ip-203-0-113-77.isp.example, %s, %s, %s, %s</html>' $OWN $HEX $REVERSED "$BASE64" \
    "${LISTEN6:+$OWN6}" >"$WORK/pages/me"
head -c 3000000 /dev/zero | tr '\0' 'a' >"$WORK/pages/slow"
cat >"$WORK/nginx.conf" <<END
daemon off; pid $WORK/nginx.pid; error_log $WORK/nginx.log; worker_processes 1; user root;
events {}
http {
    access_log off;
    map \$server_addr \$own { default $OWN; ::1 $OWN6; }
    client_body_temp_path $WORK/body; proxy_temp_path $WORK/proxy; fastcgi_temp_path $WORK/f; uwsgi_temp_path $WORK/u;
    scgi_temp_path $WORK/s;
    server {
        listen 127.0.0.1:8080; $LISTEN6
        location = /v1/whoami { default_type application/json; return 200 '{"cc":"XD","asn":64500,"address":"\$own"}'; }
        location = /me { root $WORK/pages; add_header X-Client-Ip $OWN; add_header Set-Cookie "t=$BASE64"; }
        location = /slow { root $WORK/pages; limit_rate 1k; }
        location / { proxy_pass http://127.0.0.1:8047; }
    }
}
END
nginx -c "$WORK/nginx.conf" >>"$WORK/nginx.log" 2>&1 &
PIDS="$PIDS $!"
"$BIN/dialtone-collector" serve --data "$WORK/data" --listen 127.0.0.1:8047 >"$WORK/collector.log" 2>&1 &
PIDS="$PIDS $!"
await "the collector does not listen" grep -q event=listening "$WORK/collector.log"
await "the web server does not serve" curl -sf -o /dev/null http://127.0.0.1:8080/me
"$BIN/dialtone-probe" consent --state "$STATE" --yes-i-understand-the-risks >/dev/null
printf 'kind,operator,host,port\nforeign,a,127.0.0.1,8080\nforeign,b,127.0.0.1,9\n' >"$WORK/anchors.csv"
printf 'url\nhttp://127.0.0.1:8080/me\nhttp://127.0.0.1:8080/slow\n' >"$WORK/targets.csv"
# probe OPTION...: takes the place of the shell that calls it. TRACER goes before it.
TRACER=
probe() {
    exec $TRACER "$BIN/dialtone-probe" run --state "$STATE" --collector http://localhost:8080 --anchors "$WORK/anchors.csv" \
        --targets "$WORK/targets.csv" --resolver 127.0.0.1:9 --no-capture --allow-private-targets --country XD \
        --ladder-interval 1h --channels-interval 1d "$@" >>"$WORK/probe.log" 2>&1
}
# 1. The parser is looked into while it reads the slow page, after it has read the one that tells the address.
probe --timeout 5m --web-interval 5m --upload-interval 1h &
PROBE=$!
PIDS="$PIDS $PROBE"
reads_slow_page() {
    WORKER=
    for process in $(cat /proc/$PROBE/task/$PROBE/children); do
        if tr '\0' ' ' <"/proc/$process/cmdline" | grep -q 'worker measure'; then WORKER=$process; fi
    done
    [ -n "$WORKER" ] && cat "$STATE"/spool/pending*.jsonl | grep -q '8080/me"'
}
await "the page that tells the address was not measured" reads_slow_page
grep -qa 'scrubbed' "$STATE"/spool/pending*.jsonl || fail "the page that tells the address was not measured: $(tail -n 3 "$WORK/probe.log")"
[ -n "$WORKER" ] && [ -e "/proc/$WORKER" ] || fail "the parser is gone before it could be looked into"
grep -qa 'worker measure' "/proc/$WORKER/cmdline" || tr '\0' ' ' <"/proc/$WORKER/cmdline" | grep -q 'worker measure' || fail "not the parser"
gdb -p "$WORKER" -batch -ex "generate-core-file $WORK/core" >"$WORK/gdb.out" 2>&1 || true
[ -s "$WORK/core" ] || { echo "no core can be taken here: skipped: $(tail -n 1 "$WORK/gdb.out")" >&2; exit 77; }
cp -r "$STATE/spool" "$WORK/spool.before"
strings -n 6 "$WORK/core" >"$WORK/strings"
[ "$(wc -l <"$WORK/strings")" -gt 1000 ] || fail "the core holds nothing to look at"
grep -q '8080/slow' "$WORK/strings" || fail "the core is not of the process that reads the slow page"
# The key: as its file has it, and its 32 bytes in hexadecimal, looked for in the core's own bytes.
SECRET=$(openssl pkey -in "$STATE/key.pem" -outform DER | tail -c 32 | od -An -tx1 | tr -d ' \n')
PEM=$(sed -n 2p "$STATE/key.pem")
find_in() { # find_in FILE: what must not be there
    for form in "$OWN" "$OWN6" 203-0-113-77 "$REVERSED" "$HEX" "$BASE64" "$PEM" "$SECRET"; do
        if strings -n 6 "$1" | grep -qiF -- "$form"; then echo "$form"; fi
    done
    if od -An -v -tx1 "$1" | tr -d ' \n' | grep -q "$SECRET"; then echo "the key's bytes"; fi
}
FOUND=$(find_in "$WORK/core")
[ -z "$FOUND" ] || fail "the core holds: $FOUND"
for file in "$WORK"/spool.before/*; do
    FOUND=$(find_in "$file")
    [ -z "$FOUND" ] || fail "$file holds: $FOUND"
done
# That these would be found if they were there: the daemon holds the key, and the page's file the address.
gdb -p "$PROBE" -batch -ex "generate-core-file $WORK/core.daemon" >"$WORK/gdb.out" 2>&1 || true
find_in "$WORK/core.daemon" | grep -q "key's bytes" || fail "the search does not find the key where it is"
find_in "$WORK/pages/me" | grep -q "$OWN" || fail "the search does not find the address where it is"
kill "$PROBE"
wait "$PROBE" 2>/dev/null || true

# 2. Every file that daemon and workers open is one that is declared (docs/probe-safety.md).
printf 'url\nhttp://127.0.0.1:8080/me\n' >"$WORK/targets.csv"
TRACER="strace -f -qq -e trace=open,openat,openat2,creat,rename,unlink,mkdir,rmdir,symlink,link,truncate -o $WORK/strace"
probe --timeout 2s --web-interval 5m --upload-interval 500ms --rounds 1 &
wait $! || true
[ "$(wc -l <"$WORK/strace")" -gt 50 ] || fail "nothing was traced: $(tail -n 3 "$WORK/probe.log")"
grep -q 'bundle_receipted' "$WORK/probe.log" || fail "nothing was uploaded under strace: $(tail -n 3 "$WORK/probe.log")"
# Opened, and not only tried or named (O_PATH, to name it to Landlock): a path that is not there is nobody's.
PROGRAMS=$(dirname "$(readlink -f "$BIN/dialtone-probe")")
grep -v ' = -1 \|O_PATH' "$WORK/strace" | sed -n 's/[^"]*"\([^"]*\)".*/\1/p' | sort -u >"$WORK/opened"
grep -vE "^($STATE|$STATE/.*|$WORK/(anchors|targets)\.csv|$BIN/.*|$PROGRAMS/.*)\$" "$WORK/opened" |
    grep -vE '^(/etc/(resolv\.conf|hosts|nsswitch\.conf|host\.conf|gai\.conf|services|protocols|ld\.so\.cache|localtime)|/etc/(ssl|pki|ca-certificates)(/.*)?|/(usr/)?lib(64)?/.*|/usr/share/(zoneinfo|ca-certificates)(/.*)?|/usr/local/share/ca-certificates(/.*)?|/usr/lib/ssl/.*|/sys/(class|devices|kernel/mm)(/.*)?|/proc/(self|net|sys|[0-9]+)(/.*)?|/proc/(cpuinfo|meminfo)|/dev/(null|urandom)|/run/(systemd/resolve|resolvconf|NetworkManager)(/.*)?|[^/].*)$' >"$WORK/undeclared" || true
[ ! -s "$WORK/undeclared" ] || fail "opened outside the declared paths: $(head -n 5 "$WORK/undeclared")"
# Nothing but the state folder is written, and by the daemon alone.
grep -v ' = -1 ' "$WORK/strace" | grep -E 'O_WRONLY|O_RDWR|O_CREAT|rename|unlink|mkdir|creat' | grep -v "\"$STATE\|/dev/null\|resumed" >"$WORK/written" || true
[ ! -s "$WORK/written" ] || fail "written outside the state folder: $(head -n 3 "$WORK/written")"
echo "core of $(du -k "$WORK/core" | cut -f1) KiB, $(wc -l <"$WORK/opened") paths opened, all declared"
