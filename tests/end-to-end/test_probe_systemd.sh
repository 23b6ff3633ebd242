#!/bin/sh
# Both units under a real systemd, booted as process 1 of namespaces of its own: installed as their heads say, started
# (Type=notify reached), measured, reloaded, watched (a daemon that hangs is started anew), stopped. Needs root, overlay and
# a cgroup that may be divided; systemd's own rating of the units is printed.
set -eu
: "${BIN:?the folder of the programs}" "${ROOT:=$(cd "$(dirname "$0")/../.." && pwd)}"
skip() { echo "$*: skipped" >&2; exit 77; }
[ -x /lib/systemd/systemd ] || skip "systemd is not installed"
command -v systemd-analyze >/dev/null && command -v pivot_root >/dev/null && command -v nsenter >/dev/null ||
    skip "systemd-analyze, pivot_root or nsenter is missing"
[ "$(id -u)" = 0 ] || skip "only root may boot a system"
# A sanitizer maps memory that the unit's MemoryDenyWriteExecute and MemoryMax do not allow.
if grep -q __asan_init "$BIN/dialtone-probe" && [ -x "$BIN/../../clang/bin/dialtone-collector" ]; then
    BIN=$(cd "$BIN/../../clang/bin" && pwd)
fi
! grep -q __asan_init "$BIN/dialtone-probe" || skip "there is no build without sanitizers"

# --- inside, as what becomes process 1 ---
if [ "${1:-}" = boot ]; then
    mount --make-rprivate /
    mount -t tmpfs -o mode=755 boot "$NEWROOT"
    cd "$NEWROOT"
    mkdir usr etc proc sys dev run tmp var root .upper .work .old
    mount -t overlay -o lowerdir=/usr,upperdir="$NEWROOT/.upper",workdir="$NEWROOT/.work" overlay usr
    ln -s usr/bin bin; ln -s usr/sbin sbin; ln -s usr/lib lib; ln -s usr/lib64 lib64
    chmod 1777 tmp
    mkdir -p etc/systemd/system etc/dialtone etc/ssl/certs var/lib var/log var/tmp
    cp /etc/ld.so.cache /etc/ld.so.conf /etc/nsswitch.conf etc/
    cp -r /etc/ssl/openssl.cnf etc/ssl/ 2>/dev/null || true
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' >etc/passwd
    printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
    echo 0123456789abcdef0123456789abcdef >etc/machine-id
    cp "$BIN"/dialtone-probe "$BIN"/dialtone-probe-daemon "$BIN"/dialtone-collector usr/bin/
    cp "$ROOT"/packaging/*.service etc/systemd/system/
    mkdir packaging
    cp "$ROOT"/packaging/*.sysusers packaging/
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 run run
    mount -t tmpfs -o mode=755 dev dev
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    for node in null:3 zero:5 full:7 random:8 urandom:9; do
        mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"
    done
    mknod -m 666 dev/tty c 5 0
    ln -s null dev/console
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    pivot_root . .old
    umount -l /.old
    exec env -i container=lab PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=basic.target \
        --show-status=no --log-target=journal </dev/null >/dev/null 2>&1
fi

# --- outside ---
WORK=$(mktemp -d)
mkdir "$WORK/root"
UNIFIED=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
GROUP=$UNIFIED/dialtone-systemd-$$
INIT=
cleanup() {
    [ -z "$INIT" ] || kill -9 "$INIT" 2>/dev/null || true
    [ -z "${UNSHARE:-}" ] || wait "$UNSHARE" 2>/dev/null || true
    for _ in $(seq 20); do
        find "$GROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ -d "$GROUP" ] || break
        sleep 0.1
    done
    [ -n "${KEEP:-}" ] || rm -rf "$WORK"
}
trap cleanup EXIT
[ -n "$UNIFIED" ] && mkdir "$GROUP" 2>/dev/null || skip "cgroups cannot be divided here"
BIN=$(cd "$BIN" && pwd) ROOT=$ROOT NEWROOT=$WORK/root GROUP=$GROUP sh -c \
    'echo $$ >"$GROUP/cgroup.procs" && exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh "$0" boot' \
    "$0" 2>"$WORK/boot.log" &
UNSHARE=$!
for _ in $(seq 1200); do
    INIT=$(cat "/proc/$UNSHARE/task/$UNSHARE/children" 2>/dev/null | tr -d ' ')
    [ -z "$INIT" ] || [ "$(cat "/proc/$INIT/comm" 2>/dev/null)" != systemd ] || break
    kill -0 "$UNSHARE" 2>/dev/null || skip "a system cannot be booted here ($(tail -n 1 "$WORK/boot.log"))"
    sleep 0.1
done
inside() { nsenter -t "$INIT" -m -p -n -u -i -C -r -w env -i PATH=/usr/sbin:/usr/bin "$@"; }
journal() { inside journalctl --no-pager -q -n "${1:-15}" 2>/dev/null || true; }
fail() { echo "FAIL: $*" >&2; journal 25 >&2; exit 1; }
. "$ROOT/tests/end-to-end/await.sh"
state_is() { [ "$(inside systemctl show -P "$2" "$1")" = "$3" ]; }
await "systemd did not come up: $(tail -n 1 "$WORK/boot.log")" inside systemctl is-active basic.target
inside ip link set lo up
echo "systemd $(inside systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') is process 1"

# As the heads of the units say.
inside systemd-sysusers /packaging/dialtone-probe.sysusers /packaging/dialtone-collector.sysusers
inside install -d -m 0700 -o dialtone-probe /var/lib/dialtone-probe
inside setpriv --reuid dialtone-probe --regid dialtone-probe --clear-groups dialtone-probe consent \
    --state /var/lib/dialtone-probe --yes-i-understand-the-risks >/dev/null
inside sh -c 'printf "kind,operator,host,port\nforeign,a,127.0.0.1,8047\n" >/etc/dialtone/anchors.csv
printf "url\nhttp://127.0.0.1:8047/healthz\n" >/etc/dialtone/targets.csv
cat >/etc/dialtone/probe.conf <<CONF
collector = http://127.0.0.1:8047
anchors = /etc/dialtone/anchors.csv
targets = /etc/dialtone/targets.csv
resolver = 127.0.0.1:9
allow-private-targets = yes
timeout = 500ms
country = XD
ladder-interval = 1s
upload-interval = 1s
CONF
mkdir -p /etc/systemd/system/dialtone-probe.service.d
printf "[Service]\nWatchdogSec=6\nRestartSec=1\n" >/etc/systemd/system/dialtone-probe.service.d/quick.conf'
inside systemctl daemon-reload
inside systemd-analyze verify dialtone-probe.service dialtone-collector.service 2>"$WORK/verify" || true
! grep 'dialtone' "$WORK/verify" | grep -v 'man dialtone\|(1)' || fail "systemd-analyze verify: $(cat "$WORK/verify")"

inside systemctl start dialtone-collector || fail "the collector did not start: $(journal 10)"
inside systemctl start dialtone-probe || fail "the probe did not start"
state_is dialtone-probe Type notify && state_is dialtone-probe ActiveState active || fail "Type=notify was not reached"
journal_of() { inside journalctl --no-pager -q -u "$1"; }
receipts() { journal_of dialtone-probe | grep -c event=bundle_receipted; }
more_receipts() { [ "$(receipts)" -gt "$RECEIPTS" ]; }
RECEIPTS=0
await "nothing was received" more_receipts
PID=$(inside systemctl show -P MainPID dialtone-probe)
grep_status() { inside sed -n "s/^$1:\t*//p" "/proc/$PID/status"; }
[ "$(grep_status NoNewPrivs)" = 1 ] && [ "$(grep_status Seccomp)" = 2 ] || fail "the daemon is not confined"
[ "$(grep_status CapBnd)" = 0000000000002000 ] || fail "the bounding set is $(grep_status CapBnd)"
inside sh -c "! [ -w /proc/$PID/root/usr ] || ! touch /proc/$PID/root/usr/x 2>/dev/null" || fail "ProtectSystem does not hold"
capture() { inside sh -c 'find /var/lib/dialtone/ -name "*.zst" -exec zstd -dcq {} +' | grep -q '"capture":{"available":true'; }
await "packets are not captured with CAP_NET_RAW" capture

# A reload with a good file, and with a bad one, which changes nothing.
inside sed -i 's/^country = .*/country = XE/' /etc/dialtone/probe.conf
inside systemctl reload dialtone-probe || fail "the reload failed"
told() { journal_of dialtone-probe | grep -q "$1"; }
await "the reload was not told" told event=reloaded
inside sh -c 'echo "ladder-interval = soon" >>/etc/dialtone/probe.conf'
inside systemctl reload dialtone-probe || true
await "a bad reload was not refused" told event=reload_refused
[ "$(inside systemctl show -P MainPID dialtone-probe)" = "$PID" ] || fail "a reload started another process"
inside sed -i '/soon/d' /etc/dialtone/probe.conf

# Pings are kept for longer than the watchdog waits; a daemon that hangs is ended and started anew.
sleep 8
[ "$(inside systemctl show -P NRestarts dialtone-probe)" = 0 ] || fail "the watchdog ended a daemon that lives"
inside kill -STOP "$PID"
restarted() { [ "$(inside systemctl show -P NRestarts dialtone-probe)" -ge 1 ] && state_is dialtone-probe ActiveState active; }
await "the watchdog did not start it anew" restarted
told '[Ww]atchdog timeout' || fail "no watchdog was at work"
RECEIPTS=$(receipts)
await "nothing is measured after the watchdog" more_receipts

SECONDS_BEFORE=$(date +%s)
inside systemctl stop dialtone-probe
state_is dialtone-probe Result success || fail "stop ended with $(inside systemctl show -P Result dialtone-probe)"
echo "stopped in $(($(date +%s) - SECONDS_BEFORE)) s"
inside systemctl stop dialtone-collector
state_is dialtone-collector Result success || fail "the collector's stop: $(inside systemctl show -P Result dialtone-collector)"
inside rm /var/lib/dialtone-probe/consent.json
inside systemctl start dialtone-probe 2>/dev/null || true
state_is dialtone-probe ConditionResult no || fail "it was started without consent"
for unit in dialtone-probe dialtone-collector; do
    inside systemd-analyze security --no-pager "$unit.service" 2>/dev/null | tail -n 1 | sed 's/[^ -~]//g; s/^ */rated: /'
done
echo "installed, started by notify, reloaded, kept by its watchdog, stopped"
