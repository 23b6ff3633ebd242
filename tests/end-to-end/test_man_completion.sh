#!/bin/sh
# The man pages hold every command that the programs have, and completion offers it.
set -eu
: "${BIN:?the folder of the programs}" "${ROOT:?the sources}"
for program in dialtone-probe dialtone-collector dialtone-report; do
    [ -x "$BIN/$program" ] || { echo "$program is not built: skipped" >&2; exit 77; }
done
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
sh "$ROOT/packaging/man.sh" "$BIN" "$WORK/man"
for program in dialtone-probe dialtone-collector dialtone-report; do
    page=$WORK/man/$program.1
    if command -v man >/dev/null 2>&1; then
        man --warnings -E UTF-8 -l -Tutf8 "$page" >"$WORK/text" 2>"$WORK/warnings" </dev/null ||
            fail "$program.1 cannot be read: $(cat "$WORK/warnings")"
        ! grep -q 'macro\|escape' "$WORK/warnings" || fail "$program.1: $(head -n 3 "$WORK/warnings")"
    fi
    for command in $("$BIN/$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | grep -v '^help$'); do
        grep -q "^.SH $(echo "$command" | tr a-z A-Z)\$" "$page" || fail "$program.1 says nothing of $command"
    done
done
grep -q 'ladder\\-interval DURATION' "$WORK/man/dialtone-probe.1" || fail "options are missing"
if command -v bash >/dev/null 2>&1; then
    offered() {
        PATH="$BIN:$PATH" bash -c ". '$ROOT/packaging/dialtone.bash'
            COMP_WORDS=($1); COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1)); _dialtone; echo \"\${COMPREPLY[*]}\""
    }
    [ "$(offered 'dialtone-probe consen')" = consent ] || fail "no consent: $(offered 'dialtone-probe consen')"
    [ "$(offered 'dialtone-probe run --ladder-i')" = --ladder-interval ] || fail "no --ladder-interval"
    [ "$(offered 'dialtone-collector serv')" = serve ] || fail "no serve"
fi
echo "pages and completion say what the programs say"
