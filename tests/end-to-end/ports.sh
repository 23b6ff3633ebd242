# Ports on loopback for servers that cannot be asked for a free one: sourced, not run.

# listeners PORT: the sockets that listen on it.
listeners() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$(printf :%04X "$1")" '$4 == "0A" && substr($2, index($2, ":")) == port { print $10 }'
}

# ports_pick COUNT: the first of so many that nobody listens on goes into $port. They lie below those that the kernel
# gives away, so that no connection gets one by chance while the server starts.
ports_pick() {
    while :; do
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        taken=
        for offset in $(seq 0 $(($1 - 1))); do taken=$taken$(listeners $((port + offset))); done
        [ -n "$taken" ] || return 0
    done
}

# listens PID PORT: whether this process listens there; that somebody answers may be another test's server.
listens() {
    for socket in $(listeners "$2"); do
        ! ls -l "/proc/$1/fd" 2>/dev/null | grep -qF "socket:[$socket]" || return 0
    done
    return 1
}
