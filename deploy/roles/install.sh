#!/bin/sh
# Puts the files of a role in place, or takes them away: a plan of what differs, shown or carried out, and
# gone back on when the broker does not come up with it. To be sourced behind roles.sh and broker.sh.
#
# $work/new has the pieces as they are to be (a piece that is not there is to go). A line of $work/plan is
# STAGED|TARGET|MODE|OWNER, with - as STAGED for a file that is to go.

# shellcheck disable=SC2154 # roles.sh sets what is not set here
umask 022
work=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/mdns-mqtt-$tool.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 711 "$work" # the broker's user tries the new pieces
mkdir -m 755 "$work/new" "$work/base"
mkdir -m 700 "$work/old" "$work/secrets"
: >"$work/plan"

# Two at a time could give the same client to two users.
lock() {
    mkdir -p "$root$users_dir"
    exec 9<"$root$users_dir"
    flock 9
}

# --- the plan

plan_file() { # STAGED TARGET MODE OWNER: adds it where it differs from what is there
    if [ "$1" = - ]; then
        [ ! -e "$root$2" ] || echo "$1|$2|$3|$4" >>"$work/plan"
    else
        cmp -s "$1" "$root$2" || echo "$1|$2|$3|$4" >>"$work/plan"
    fi
}
plan_pieces() { # USER
    for piece in $pieces; do
        staged=$work/new/$piece
        [ -f "$staged" ] || staged=-
        case $piece in
        passwd) plan_file "$staged" "$(target_of "$1" "$piece")" 640 root:mosquitto ;;
        *) plan_file "$staged" "$(target_of "$1" "$piece")" 644 root:root ;;
        esac
    done
}
# What the broker needs besides, where it is not there. What is there is the administrator's.
plan_base() { # PREFIX
    is_existing || plan_missing mosquitto/broker.conf "$broker_dir/mosquitto.conf" "$1"
    plan_missing mosquitto/bridge.acl "$broker_dir/bridge.acl" "$1"
    if is_existing; then plan_missing mosquitto/local.acl "$broker_dir/local.acl" "$1"; fi
    [ "$(base_tmpfiles)" ] || plan_missing tmpfiles.d/mdns-mqtt-broker.conf /etc/tmpfiles.d/mdns-mqtt-broker.conf "$1"
}
plan_missing() { # SHIPPED TARGET PREFIX
    [ -f "$root$2" ] && return
    staged=$work/base/$(basename "$1")
    awk -v prefix="$3" '$NF == "mdns/#" { sub(/mdns\/#$/, ""); $0 = $0 prefix "/#" } { print }' "$deploy/$1" >"$staged"
    plan_file "$staged" "$2" 644 root:root
}
plans() { [ -s "$work/plan" ]; }
plans_file() { grep -qF "|$1|" "$work/plan"; } # TARGET

show_plan() {
    while IFS='|' read -r staged target mode owner; do
        case $target in
        *.passwd | "$secrets_dir"/*)
            if [ "$staged" = - ]; then echo "remove $target"; else echo "write $target ($owner, $mode; not shown)"; fi
            continue ;;
        esac
        [ "$staged" != - ] || staged=/dev/null
        installed=$root$target
        [ -e "$installed" ] || installed=/dev/null
        diff -u --label "$installed" --label "$([ "$staged" = /dev/null ] && echo /dev/null || echo "$root$target")" \
            "$installed" "$staged" || true
    done <"$work/plan"
}

# --- carrying it out

# Atomic, so that nobody ever reads half of it.
put_file() { # FILE TARGET MODE OWNER
    mkdir -p "$(dirname "$2")"
    (umask 077 && cp "$1" "$2.new")
    if [ "$(id -u)" = 0 ]; then
        # In the tree of another machine names may have no numbers yet.
        chown "$4" "$2.new" 2>/dev/null || [ "$root" ] || fail "cannot give $2 to $4"
    fi
    chmod "$3" "$2.new"
    mv -f "$2.new" "$2"
}
apply_plan() {
    mkdir -p "$root$users_dir"
    number=0
    while IFS='|' read -r staged target mode owner; do
        number=$((number + 1))
        if [ -e "$root$target" ]; then cp -p "$root$target" "$work/old/$number"; fi
        if [ "$staged" = - ]; then rm -f "$root$target"; else put_file "$staged" "$root$target" "$mode" "$owner"; fi
    done <"$work/plan"
}
roll_back() {
    number=0
    while IFS='|' read -r _ target mode owner; do
        number=$((number + 1))
        if [ -e "$work/old/$number" ]; then
            put_file "$work/old/$number" "$root$target" "$mode" "$owner"
        else
            rm -f "$root$target"
        fi
    done <"$work/plan"
}

# What the broker has to do about the plan, with the least disturbance: nothing, reload, or restart.
broker_step() { # USER
    if [ "$root" ]; then
        echo nothing
    elif plans_file "$(target_of "$1" conf)"; then
        echo restart
    elif plans_file "$(target_of "$1" acl)" || plans_file "$(target_of "$1" passwd)"; then
        echo reload
    else
        echo nothing
    fi
}
broker_command() { # USER: for people to read
    if ! broker_runs; then return; fi
    case $(broker_step "$1") in
    reload) reload_command ;;
    restart) restart_command ;;
    esac
}
broker_follows() { # USER STEP: makes the broker follow what is in place now; says what it does
    case $2 in nothing) return 0 ;; esac
    if ! broker_runs; then
        say 'the broker does not run; it will know when it is started'
        return 0
    fi
    if [ "$2" = reload ]; then
        say "$(reload_command)"
        reload_broker
        return
    fi
    say "$(restart_command) (and start)"
    restart_broker || return 1
    [ ! -f "$root$(target_of "$1" conf)" ] || wait_for test -S "$(socket_directory "$1")/mqtt.sock"
}
