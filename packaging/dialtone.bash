# Completion for bash: source it, or put it into /usr/share/bash-completion/completions/. It asks the programs
# themselves, and so knows every command and option that they have.
_dialtone() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} command=
    COMPREPLY=()
    [ "$COMP_CWORD" -gt 1 ] && command=${COMP_WORDS[1]}
    if [ -z "$command" ]; then
        COMPREPLY=($(compgen -W "$("$program" --help 2>/dev/null |
            sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p') --help --version" -- "$word"))
    elif [ "$command" = help ]; then
        COMPREPLY=($(compgen -W "$("$program" --help 2>/dev/null |
            sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')" -- "$word"))
    elif [ "${word:0:1}" = - ]; then
        COMPREPLY=($(compgen -W "$("$program" "$command" --help 2>/dev/null |
            sed -n '/^Options:/,$s/^  \(--[a-z-]*\).*/\1/p')" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -F _dialtone dialtone-probe dialtone-collector dialtone-report
