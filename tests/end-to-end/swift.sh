# An S3-compatible object store of the test's own, OpenStack Swift: sourced after collector.sh, not run. Skips the test
# where it is not installed. The bucket is at $bucket, its key's two lines are in $work/bucket.key.
. "$ROOT/tests/end-to-end/ports.sh"
for program in swift-proxy-server swift-account-server swift-container-server swift-object-server swift-ring-builder \
    memcached; do
    command -v $program >/dev/null || {
        echo "skipped: $program is not installed"
        exit 77
    }
done
swift=$work/swift
mkdir -p "$swift/disks/one"
python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.dialtone", b"1")' "$swift/disks/one" 2>/dev/null || {
    echo "skipped: the file system of $work keeps no extended attributes, which swift needs"
    exit 77
}
swift_pids=
swift_stop() {
    for pid in $swift_pids; do
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    swift_pids=
}
cleanup_all() {
    swift_stop
    cleanup
}
trap cleanup_all EXIT

# service TYPE PORT: its configuration, and its ring of one disk.
service() {
    cat >"$swift/$1-server.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
workers = 0
user = $(id -un)
swift_dir = $swift
devices = $swift/disks
mount_check = false
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
END
    rm -f "$swift/$1.builder" "$swift/$1.ring.gz"
    swift-ring-builder "$swift/$1.builder" create 2 1 1 >/dev/null
    swift-ring-builder "$swift/$1.builder" add --region 1 --zone 1 --ip 127.0.0.1 --port "$2" --device one --weight 1 \
        >/dev/null
    swift-ring-builder "$swift/$1.builder" rebalance >/dev/null
}

# The five servers in the order of their ports, from $swift_port on.
swift_start() {
    swift_pids=
    for type in proxy account container object; do
        "swift-$type-server" "$swift/$type-server.conf" >"$swift/$type.log" 2>&1 &
        swift_pids="$swift_pids $!"
    done
    memcached -u "$(id -un)" -l 127.0.0.1 -p $((swift_port + 4)) -m 8 2>"$swift/memcached.log" &
    swift_pids="$swift_pids $!"
    for _ in $(seq 1200); do
        swift_state
        case $state in *dead*) return 1 ;; *late*) sleep 0.1 ;; *) return 0 ;; esac
    done
    return 1
}
# swift_state: what became of each goes into $state.
swift_state() {
    state= at=$swift_port
    for pid in $swift_pids; do
        if listens "$pid" $at; then
            state="$state ready"
        elif kill -0 "$pid" 2>/dev/null; then
            state="$state late"
        else
            state="$state dead"
        fi
        at=$((at + 1))
    done
}

swift_configure() {
    service account $((swift_port + 1))
    service container $((swift_port + 2))
    service object $((swift_port + 3))
    cat >"$swift/proxy-server.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $swift_port
workers = 0
user = $(id -un)
swift_dir = $swift
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((swift_port + 4))
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_dial_tone = secret-of-the-test .admin
[filter:slo]
use = egg:swift#slo
END
}

tries=0
while :; do
    ports_pick 5
    swift_port=$port
    swift_configure
    swift_start && break
    swift_stop
    tries=$((tries + 1))
    [ $tries -lt 5 ] || fail "swift does not start: $(cat "$swift"/*.log | tail -n 5)"
done
bucket=http://127.0.0.1:$swift_port/evidence
printf 'dial:tone\nsecret-of-the-test\n' >"$work/bucket.key"
chmod 600 "$work/bucket.key"
