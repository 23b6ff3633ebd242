# Under load and killed again and again, the collector honours every receipt, and its log only grows.
# DIALTONE_KILLS says how often it is killed (6); the release was tried with 500.
. "$ROOT/tests/end-to-end/collector.sh"

"$BIN/kill-storm" "$collector" "$work/data" "${DIALTONE_KILLS:-6}" || fail "see above"
