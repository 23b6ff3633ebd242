#!/bin/sh
# Writes the man pages of the three programs from what they say of themselves, so that the two cannot differ.
# usage: packaging/man.sh BIN OUT
set -eu
BIN=${1:?the folder of the programs} OUT=${2:?the folder for the pages}
mkdir -p "$OUT"

# Text as it stands: a backslash, and a dot or a quote at the beginning of a line, mean something to roff.
verbatim() { printf '.nf\n'; sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\\&\\1/"; printf '.fi\n'; }

for program in dialtone-probe dialtone-collector dialtone-report; do
    [ -x "$BIN/$program" ] || { echo "$BIN/$program is missing: build it first" >&2; exit 2; }
    summary=$("$BIN/$program" --help | sed -n "1s/^$program: //p")
    version=$("$BIN/$program" --version | sed "s/^$program //")
    commands=$("$BIN/$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | grep -v '^help$')
    {
        printf '.TH %s 1 "" "dialtone %s" "Dialtone"\n' "$(echo $program | tr a-z- A-Z_ | tr _ -)" "$version"
        printf '.SH NAME\n%s \\- %s\n' "$(echo $program | sed 's/-/\\-/g')" "$summary"
        printf '.SH SYNOPSIS\n'
        "$BIN/$program" --help | sed -n 's/^Usage: //p' | verbatim
        printf '.SH DESCRIPTION\n'
        "$BIN/$program" --help | sed '1,/^Usage:/d' | verbatim
        for command in $commands; do
            printf '.SH %s\n' "$(echo "$command" | tr a-z A-Z)"
            "$BIN/$program" "$command" --help | verbatim
        done
        printf '.SH EXIT STATUS\n0 nothing wrong; 1 what it was asked to look for was found; 2 usage or configuration; '
        printf '3 our own failure; 4 offline\n'
    } >"$OUT/$program.1.tmp"
    mv "$OUT/$program.1.tmp" "$OUT/$program.1"
done
