#!/bin/sh
# Three ClickHouse nodes with a ZooKeeper and three collectors, all on loopback and all stopped again. Bundles are posted
# twice each, to two collectors, while one node and one collector are killed and come back: each measurement counts once,
# and every receipt names what is there. Then the rows that each node reads for one question, with one shard and with three.
#   cluster.sh [MEASUREMENTS]     (20000; in thousands)
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
bin=${BIN:-$here/../../build/bin}
count=${1:-20000}
bundles=$((count / 1000))
work=$(mktemp -d /tmp/dialtone-cluster-XXXXXX)
base=$((20000 + $$ % 400 * 20))
pids=""

fail() {
    echo "cluster: $*" >&2
    for log in "$work"/collector*.log "$work"/*/errors "$work"/zookeeper.log; do
        [ -s "$log" ] && { echo "--- $log" >&2; tail -n 5 "$log" >&2; }
    done
    exit 1
}

stop_all() {
    for pid in $pids; do kill -9 "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [ -n "${DIALTONE_KEEP:-}" ] || rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

server=/usr/sbin/clickhouse-server
[ -x "$server" ] || server=/usr/bin/clickhouse-server
[ -x "$server" ] || fail "clickhouse-server is not installed; ./dev bench cluster installs it"
[ -e /usr/share/java/zookeeper.jar ] || fail "zookeeper is not installed; ./dev bench cluster installs it"

http() { echo $((base + $1)); }
tcp() { echo $((base + 3 + $1)); }
between() { echo $((base + 6 + $1)); }
collector() { echo $((base + 9 + $1)); }
keeper=$((base + 14))

# ask NODE SQL
ask() { curl -sS --max-time 60 --data-binary "$2" "http://127.0.0.1:$(http "$1")/"; }

# wait_for SECONDS COMMAND...
wait_for() {
    left=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.1
    done
}

keeper_start() {
    mkdir -p "$work/zookeeper"
    cat >"$work/zoo.cfg" <<END
tickTime=1000
dataDir=$work/zookeeper
clientPort=$keeper
clientPortAddress=127.0.0.1
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=srvr
END
    java -Xmx256m -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$work/zoo.cfg" >"$work/zookeeper.log" 2>&1 &
    pids="$pids $!"
}

# node_of NODE SHARD: the place of a node in the list of servers
replica_of() { printf '<replica><host>127.0.0.1</host><port>%s</port></replica>' "$(tcp "$1")"; }

# node_make FOLDER NODE SHARD
node_make() {
    mkdir -p "$work/$1/data" "$work/$1/tmp"
    cat >"$work/$1/users.xml" <<END
<?xml version="1.0"?><yandex><profiles><default><max_threads>2</max_threads><log_queries>1</log_queries>
<background_pool_size>4</background_pool_size></default></profiles><quotas><default></default></quotas>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></default></users></yandex>
END
    cat >"$work/$1/config.xml" <<END
<?xml version="1.0"?><yandex><logger><level>error</level><log>$work/$1/log</log><errorlog>$work/$1/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host><http_port>$(http "$2")</http_port><tcp_port>$(tcp "$2")</tcp_port>
<interserver_http_host>127.0.0.1</interserver_http_host><interserver_http_port>$(between "$2")</interserver_http_port>
<path>$work/$1/data/</path><tmp_path>$work/$1/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size><keep_alive_timeout>60</keep_alive_timeout>
<zookeeper><node><host>127.0.0.1</host><port>$keeper</port></node><session_timeout_ms>6000</session_timeout_ms></zookeeper>
<distributed_ddl><path>/clickhouse/$3/ddl</path></distributed_ddl>
<query_log><database>system</database><table>query_log</table><flush_interval_milliseconds>500</flush_interval_milliseconds></query_log>
<macros><shard>$3</shard><replica>r$2</replica></macros>
<remote_servers>
<replicas><shard><internal_replication>true</internal_replication>$(replica_of 1)$(replica_of 2)$(replica_of 3)</shard></replicas>
<shards><shard><internal_replication>true</internal_replication>$(replica_of 1)</shard><shard>
<internal_replication>true</internal_replication>$(replica_of 2)</shard><shard>
<internal_replication>true</internal_replication>$(replica_of 3)</shard></shards></remote_servers></yandex>
END
}

# node_start FOLDER NODE: its id goes into node_NODE
node_start() {
    "$server" --config-file="$work/$1/config.xml" >/dev/null 2>&1 &
    eval "node_$2=$!"
    pids="$pids $!"
}
node_wait() { wait_for 60 ask "$1" "SELECT 1" || fail "ClickHouse node $1 does not answer"; }

# collector_start N STORE
collector_start() {
    "$bin/dialtone-collector" serve --data "$work/data$1" --listen "127.0.0.1:$(collector "$1")" --store "$2" \
        >>"$work/collector$1.log" 2>&1 &
    eval "collector_$1=$!"
    pids="$pids $!"
}
# end PID...: killed, and gone, with its ports and its locks
end() {
    kill -9 "$@"
    wait "$@" 2>/dev/null || true
}

collector_wait() {
    wait_for 90 curl -sf "http://127.0.0.1:$(collector "$1")/healthz" || fail "collector $1 does not answer"
}

receipts() { cat "$work"/receipts.* 2>/dev/null | wc -l; }

# receipts_wait NUMBER: until so many receipts are there, or the poster ended
receipts_wait() {
    while [ "$(receipts)" -lt "$1" ] && kill -0 "$poster" 2>/dev/null; do sleep 0.2; done
}

servers() { # DATABASE?cluster=NAME
    echo "clickhouse=http://127.0.0.1:$(http 1)/$1,http://127.0.0.1:$(http 2)/$1,http://127.0.0.1:$(http 3)/$1"
}

# A node that starts before its keeper serves crashes.
keeper_serves() { printf srvr | curl -s --max-time 1 "telnet://127.0.0.1:$keeper" | grep -q Mode; }

keeper_start
wait_for 60 keeper_serves || fail "ZooKeeper does not answer"
for n in 1 2 3; do node_make "node$n" $n all; node_start "node$n" $n; done
for n in 1 2 3; do node_wait $n; done
store=$(servers 'dialtone?cluster=replicas')
collector_start 1 "$store"
collector_wait 1
for n in 2 3; do collector_start $n "$store"; done
for n in 2 3; do collector_wait $n; done
echo "cluster: $bundles bundles of 1000, each posted twice, to three collectors"

began=$(date +%s)
"$bin/post-twice" "$bundles" "$work/receipts" "http://127.0.0.1:$(collector 1)" "http://127.0.0.1:$(collector 2)" \
    "http://127.0.0.1:$(collector 3)" 2>"$work/poster.log" &
poster=$!
pids="$pids $poster"

receipts_wait $((bundles * 2 / 5))
echo "cluster: $(receipts) receipts; node 2 and collector 3 are killed"
end "$node_2" "$collector_3"
receipts_wait $((bundles * 4 / 5))
echo "cluster: $(receipts) receipts; both come back"
node_start node2 2
node_wait 2
collector_start 3 "$store"
collector_wait 3
receipts_wait $((bundles * 6 / 5))
echo "cluster: $(receipts) receipts; node 1 and collector 1 are killed, and come back at once"
end "$node_1" "$collector_1"
node_start node1 1
collector_start 1 "$store"
node_wait 1
collector_wait 1
wait "$poster" || { cat "$work/poster.log" >&2; fail "not every bundle got its receipts"; }
took=$(($(date +%s) - began))
echo "cluster: all posted in $took s: $((bundles * 2000 / (took > 0 ? took : 1))) measurements/s, duplicates included"

# Everything that follows is asked of each node, when it has what the others have: an empty queue alone may mean that it has
# not yet read of what there is to fetch.
settled() {
    [ "$(ask "$1" "SELECT sum(queue_size) + sum(is_readonly) + sum(greatest(toInt64(log_max_index) + 1 - toInt64(log_pointer), 0)) FROM system.replicas")" = 0 ]
}
for n in 1 2 3; do
    wait_for 60 settled $n || fail "node $n does not catch up"
    counted=$(ask $n "SELECT uniqExact(identity) FROM dialtone.entries WHERE line >= 0")
    [ "$counted" = $((bundles * 1000)) ] || fail "node $n counts $counted measurements"
    ask $n "SELECT DISTINCT log, lower(hex(identity)), log_index FROM dialtone.entries WHERE line < 0 FORMAT TSV" |
        tr '\t' ' ' | LC_ALL=C sort >"$work/stored$n"
    LC_ALL=C sort -u "$work"/receipts.* >"$work/receipted"
    LC_ALL=C comm -23 "$work/receipted" "$work/stored$n" >"$work/missing"
    [ ! -s "$work/missing" ] || fail "node $n lacks $(wc -l <"$work/missing") receipted bundles: $(head -n 3 "$work/missing")"
    gaps=$(ask $n "SELECT countIf(n != top + 1) FROM (SELECT log, uniqExact(log_index) AS n, max(log_index) AS top,
        uniqExact(identity) AS bundles FROM dialtone.entries WHERE line < 0 GROUP BY log HAVING n != top + 1 OR bundles != n)")
    [ "$gaps" = 0 ] || fail "node $n has a log with gaps"
done
for n in 1 2 3; do
    seen=$(curl -sS "http://127.0.0.1:$(collector $n)/api/v1/regions" | tr '{' '\n' |
        sed -n 's/.*"region": *"XD",.*"measurements": *\([0-9]*\).*/\1/p' | head -n 1)
    echo "cluster: collector $n tells $seen measurements of the country"
    [ "$seen" = $((bundles * 1000)) ] || fail "collector $n counts '$seen'"
done
echo "cluster: $((bundles * 1000)) measurements count once on every node; $(wc -l <"$work/receipted") receipts hold; logs have no gaps"

# Rows read for one question: all on one node, and a third on each of three.
# The log of the node that is asked counts the rows of all; those of the others are their own.
rows_read() {
    ask "$1" "SELECT sum(read_rows) FROM system.query_log WHERE type = 2 AND query LIKE '%uniqExact(probe) AS asked%'
        AND query NOT LIKE '%query_log%'"
}
question="SELECT count(), uniqExact(probe) AS asked FROM sharded.entries WHERE line >= 0"
for n in 1 2 3; do end "$(eval echo "\$collector_$n")" "$(eval echo "\$node_$n")"; done
for n in 1 2 3; do node_make "shard$n" $n "s$n"; sed -i "s|/clickhouse/s$n/ddl|/clickhouse/shards/ddl|" "$work/shard$n/config.xml"; node_start "shard$n" $n; done
for n in 1 2 3; do node_wait $n; done
collector_start 4 "$(servers 'sharded?cluster=shards')"
collector_wait 4
"$bin/post-twice" "$((bundles < 100 ? bundles : 100))" "$work/sharded" "http://127.0.0.1:$(collector 4)" || fail "the shards refuse bundles"
ask 1 "$question" >/dev/null
sleep 2
whole=$(ask 1 "SELECT count() FROM sharded.entries")
second=$(rows_read 2)
third=$(rows_read 3)
first=$(($(rows_read 1) - second - third))
echo "cluster: one question over $whole rows on three shards: the nodes read $first, $second and $third"
for rows in $first $second $third; do
    [ "$rows" -gt $((whole / 5)) ] && [ "$rows" -lt $((whole / 2)) ] || fail "the rows are not spread over the nodes"
done
