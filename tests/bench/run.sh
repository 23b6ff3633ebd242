#!/bin/sh
# Prints the table of figures. Usage: run.sh [NAME...]
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
printf '# %s, %s cores, %s\n' "$(date -u +%Y-%m-%d)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
if [ "${1:-}" = cluster ]; then
    shift
    exec sh "$here/cluster.sh" "$@"
fi

# A ClickHouse of our own for the benches that hold a store against it, where it is installed and none is named.
server=/usr/sbin/clickhouse-server
[ -x "$server" ] || server=/usr/bin/clickhouse-server
work=
pid=
cleanup() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT INT TERM
if [ -z "${DIALTONE_BENCH_CLICKHOUSE:-}" ] && [ -x "$server" ] && command -v curl >/dev/null; then
    work=$(mktemp -d)
    . "$here/../end-to-end/ports.sh"
    ports_pick 2
    cat >"$work/users.xml" <<END
<?xml version="1.0"?><yandex><profiles><default></default></profiles><quotas><default></default></quotas>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></default></users></yandex>
END
    cat >"$work/config.xml" <<END
<?xml version="1.0"?><yandex><logger><level>error</level><log>$work/log</log><errorlog>$work/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host><http_port>$port</http_port><tcp_port>$((port + 1))</tcp_port>
<path>$work/data/</path><tmp_path>$work/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size></yandex>
END
    "$server" --config-file="$work/config.xml" >/dev/null 2>&1 &
    pid=$!
    waited=0
    until listens "$pid" "$port"; do
        waited=$((waited + 1))
        [ $waited -lt 150 ] && kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    if listens "$pid" "$port"; then
        export DIALTONE_BENCH_CLICKHOUSE="http://127.0.0.1:$port/default"
    fi
fi
"$here/../../build/bin/dialtone-bench" "$@"
