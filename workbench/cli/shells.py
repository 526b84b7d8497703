"""Completion scripts for bash, zsh and fish, which ask `workbench __complete` at every tab.

Each hands over the words up to the cursor, the last of them unfinished, and reads lines: a
candidate, or after a tab the text that file names shall stand behind.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.cli.output import say
from workbench.core.arguments import UsageError, nearest

_BASH = r"""# bash completion for workbench; use it with: source <(workbench completion bash)

_workbench() {
    local line=${COMP_LINE:0:COMP_POINT} value prefix cut= file
    local -a words found=()
    # Not COMP_WORDS: bash tears words at every colon, which an endpoint is full of.
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local word=${words[${#words[@]} - 1]}
    local breaks=${COMP_WORDBREAKS//[^:=]/}
    if [[ -n $breaks && $word == *[$breaks]* ]]; then
        cut=${word%"${word##*[$breaks]}"}
    fi
    while IFS= read -r value; do
        if [[ $value == $'\t'* ]]; then
            prefix=${value#$'\t'}
            compopt -o filenames 2>/dev/null
            while IFS= read -r file; do
                found+=("$prefix$file")
            done < <(compgen -f -- "${word#"$prefix"}")
        else
            found+=("${value%%$'\t'*}")
        fi
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    COMPREPLY=("${found[@]#"$cut"}")
    # What ends so is only begun.
    [[ ${#found[@]} == 1 && ${found[0]} == *[:/=] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _workbench workbench
"""

_ZSH = r"""#compdef workbench
# zsh completion for workbench; use it after compinit with: source <(workbench completion zsh)

_workbench() {
    local line value about prefix
    local -a whole begun
    while IFS= read -r line; do
        if [[ $line == $'\t'* ]]; then
            prefix=${line#$'\t'}
            if compset -P "${(b)prefix}"; then
                _files
                return
            fi
            continue
        fi
        value=${line%%$'\t'*}
        about=${line#$value}
        about=${about#$'\t'}
        line=${value//:/\\:}${about:+:$about}
        if [[ $value == *[:/=] ]]; then
            begun+=("$line")
        else
            whole+=("$line")
        fi
    done < <("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    local status_=1
    (( $#whole )) && _describe -t values workbench whole && status_=0
    (( $#begun )) && _describe -t values workbench begun -S '' && status_=0
    return status_
}

if [[ ${funcstack[1]} == _workbench ]]; then
    _workbench "$@"
else
    compdef _workbench workbench
fi
"""

_FISH = r"""# fish completion for workbench; use it with: workbench completion fish | source

function __workbench_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$word" 2>/dev/null)
        if string match -q -- \t'*' $line
            set -l prefix (string sub -s 2 -- $line)
            set -l length (string length -- "$prefix")
            for file in (__fish_complete_path (string sub -s (math $length + 1) -- "$word"))
                printf '%s%s\n' "$prefix" $file
            end
        else
            printf '%s\n' $line
        end
    end
end

complete -c workbench -f -a '(__workbench_complete)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

_HELP = """\
usage: workbench completion bash|zsh|fish

Print a script that completes jobs, options, their values and past targets.

examples
  source <(workbench completion bash)     in ~/.bashrc
  source <(workbench completion zsh)      in ~/.zshrc, after compinit
  workbench completion fish | source      in ~/.config/fish/config.fish"""


def print_script(words: Sequence[str]) -> int:
    """Print the script for a shell; returns the exit status."""
    known = ", ".join(_SCRIPTS)
    if not words:
        raise UsageError(f"completion for which shell? {known}; try: workbench completion bash")
    if words[0] in ("--help", "-h"):
        say(_HELP)
        return 0
    if len(words) > 1 or words[0] not in _SCRIPTS:
        hint = nearest(words[0], list(_SCRIPTS)) or f"; there is {known}"
        raise UsageError(f"completion: no script for {' '.join(words)!r}{hint}")
    say(_SCRIPTS[words[0]])
    return 0
