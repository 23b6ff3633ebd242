# Killed at any moment, the collector has every bundle that it gave a receipt for, once.
. "$ROOT/tests/end-to-end/collector.sh"
. "$ROOT/tests/end-to-end/kill_rounds.sh"

rounds=6
each=12
total=$((rounds * each))
before_kill() {
    :
}
bundles_make
kill_behind_receipt
kill_in_rounds
start
receipts_check
counts_check
stop TERM
[ "$status" = 0 ] || fail "SIGTERM: exit status $status"
echo "$receipts receipts over $rounds kills, all good"
