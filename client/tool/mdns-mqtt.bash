# bash completion for mdns-mqtt. It asks the tool itself, so it knows what the tool knows.
# shellcheck shell=bash

# Service types that are on the network now. What devices announce is anything: only what the shell would take
# for a word and nothing else goes on the command line, and never through `compgen -W`, which expands it.
_mdns_mqtt_types() { # TOOL WORD
    local type
    "$1" browse -t --json --timeout 2 2>/dev/null |
        sed -n 's/.*"type":"\(_[A-Za-z0-9_-]*\._[a-z]*\)".*/\1/p' | sort -u |
        while read -r type; do
            [[ $type != "$2"* ]] || echo "$type"
        done
}

_mdns_mqtt() {
    local tool=$1 word=$2 before=$3 command=${COMP_WORDS[1]} words
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words=$("$tool" --help 2>/dev/null | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$word")
        return
    fi
    case $before in
    --broker)
        mapfile -t COMPREPLY < <(compgen -W 'unix:/// mqtt:// mqtts://' -- "$word")
        return ;;
    --*-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return ;;
    --prefix | --username | --timeout | --name | --port | --container-port | --txt | --subtype | --lease | \
        --client | --id | --domain | -d)
        return ;;
    --)
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
        return ;;
    esac
    if [[ $word == -* ]]; then
        words=$("$tool" "$command" --help 2>/dev/null | sed -n 's/^  .*\(--[a-z][a-z-]*\).*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $command =~ ^(browse|resolve|watch)$ || $before == --type ]]; then
        mapfile -t COMPREPLY < <(_mdns_mqtt_types "$tool" "$word")
    fi
}

complete -F _mdns_mqtt mdns-mqtt
