# A clickhouse-server of the test's own: sourced after collector.sh, not run. Skips the test where none is installed.
. "$ROOT/tests/end-to-end/ports.sh"
program=
for place in /usr/sbin/clickhouse-server /usr/bin/clickhouse-server /usr/local/bin/clickhouse-server; do
    [ ! -x $place ] || program=$place
done
[ -n "$program" ] || {
    echo "skipped: clickhouse-server is not installed"
    exit 77
}
database=
cleanup_all() {
    [ -z "$database" ] || kill -9 "$database" 2>/dev/null || true
    cleanup
}
trap cleanup_all EXIT

mkdir -p "$work/ch/data" "$work/ch/tmp"
cat >"$work/ch/users.xml" <<END
<?xml version="1.0"?><yandex><profiles><default></default></profiles><quotas><default></default></quotas><users>
<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</default></users></yandex>
END

database_start() {
    "$program" --config-file="$work/ch/config.xml" >/dev/null 2>&1 &
    database=$!
    for _ in $(seq 1200); do
        kill -0 "$database" 2>/dev/null || return 1
        ! listens "$database" "$port" ||
            [ "$(curl -s --max-time 20 "http://127.0.0.1:$port/" || true)" != Ok. ] || return 0
        sleep 0.1
    done
    return 1
}
tries=0
while :; do
    ports_pick 2
    cat >"$work/ch/config.xml" <<END
<?xml version="1.0"?><yandex><logger><level>error</level><log>$work/ch/log</log><errorlog>$work/ch/errors</errorlog>
</logger><listen_host>127.0.0.1</listen_host><http_port>$port</http_port><tcp_port>$((port + 1))</tcp_port>
<path>$work/ch/data/</path><tmp_path>$work/ch/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size></yandex>
END
    database_start && break
    kill -9 "$database" 2>/dev/null || true
    tries=$((tries + 1))
    [ $tries -lt 5 ] || fail "clickhouse-server does not start: $(tail -n 3 "$work/ch/errors")"
done
store=clickhouse=http://127.0.0.1:$port/dialtone
