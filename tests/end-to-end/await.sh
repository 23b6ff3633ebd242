# Shared by all end-to-end tests: sourced, not run. Wants a function fail.

# await WHAT COMMAND...: until the command succeeds; WHAT is what is wrong where it never does. Two minutes are no bar for
# the program: they end a test that hangs. PATIENCE: in tenths of a second.
await() {
    what=$1
    shift
    for _ in $(seq "${PATIENCE:-1200}"); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "$what"
}
