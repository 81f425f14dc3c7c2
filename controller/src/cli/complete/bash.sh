# Completes NAME in bash. Selectors hold `=`, `:` and `@`, at which bash breaks words: they are put together again to be completed, and
# what stands before the last break is taken off the answers.
_NAME_complete() {
    local IFS=$'\013' rest=$COMP_LINE words=() word trimmed i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        if [[ $i -eq 0 || $trimmed != "$rest" ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        rest=${trimmed#"$word"}
    done
    local last=$((${#words[@]} - 1))
    local quote=${words[last]:0:1}
    if [[ $quote == [\'\"] ]]; then
        words[last]=${words[last]:1}
    else
        quote=
        words[last]=${words[last]//\\/}
    fi
    local before=${words[last]%"${2//\\/}"} answers answer
    [[ -n $quote ]] && before=
    # Not an unquoted list: a glob among the answers would become the names of files.
    IFS=$'\013' read -r -d '' -a answers < <(
        _CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$last VAR=bash COMPLETER -- "${words[@]}" 2>/dev/null
    )
    COMPREPLY=()
    for answer in "${answers[@]}"; do
        answer=${answer#"$before"}
        if [[ -z $quote && $answer != -* ]]; then
            printf -v answer %q "$answer"
            answer=${answer//\\,/,}
        fi
        COMPREPLY+=("$answer")
    done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:,\<\>~] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o bashdefault -o nosort -F _NAME_complete BIN 2>/dev/null ||
    complete -o bashdefault -F _NAME_complete BIN
