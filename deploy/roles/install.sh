#!/bin/sh
# The files of a role: a plan of what differs, shown, put in place, or gone back on. To be sourced behind
# roles.sh.
#
# $work/new has the pieces as they are to be (a piece that is not there is to go). A line of $work/plan is
# STAGED|TARGET|MODE|OWNER, with - as STAGED for a file that is to go.

# shellcheck disable=SC2154 # roles.sh sets what is not set here
umask 022
work=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/mdns-mqtt-$tool.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
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
    plan_other_kind "$1"
}
# Since 00-mdns-mqtt.conf has come or gone, a listener has its place at the other broker. Left where it was, it
# would be one without the rest of its configuration: that stops a Mosquitto.
plan_other_kind() { # USER, whose conf is planned already; those of all others move as they are
    is_existing || plan_file - "$drop_in" 644 root:root
    moves=
    for granted in "$1" $(granted_users); do
        old=$(other_conf_of "$granted")
        if [ ! -f "$root$old" ] || plans_file "$old"; then continue; fi
        moves=yes
        [ "$granted" = "$1" ] || plan_missing_file "$root$old" "$(target_of "$granted" conf)"
        plan_file - "$old" 644 root:root
    done
    [ "$moves" ] || return 0
    if is_existing; then
        warn "listeners move to this machine's Mosquitto; end the other: systemctl disable --now mdns-mqtt-broker"
    else
        warn "listeners move to the bridge's own broker; the other has them until it is restarted"
    fi
}
# What the broker needs besides, where it is not there. What is there is the administrator's.
plan_base() { # PREFIX
    base=/etc/tmpfiles.d/mdns-mqtt-broker.conf
    plan_shipped mosquitto/bridge.acl "$broker_dir/bridge.acl" "$1"
    if ! is_existing; then
        plan_shipped mosquitto/broker.conf "$broker_dir/mosquitto.conf" "$1"
        [ "$(base_tmpfiles)" ] || plan_shipped tmpfiles.d/mdns-mqtt-broker.conf "$base" "$1"
        return
    fi
    plan_shipped mosquitto/local.acl "$broker_dir/local.acl" "$1"
    # That Mosquitto wants its folders also when the bridge's package, with its own file, has gone.
    plan_shipped tmpfiles.d/mdns-mqtt-broker.conf "$base" "$1"
    ! knows_systemd || plan_shipped systemd/mosquitto.service.d/mdns-mqtt.conf "$drop_in" "$1"
}
plan_shipped() { # SHIPPED TARGET PREFIX
    staged=$work/base/$(basename "$1")
    awk -v prefix="$3" '$NF == "mdns/#" { sub(/mdns\/#$/, ""); $0 = $0 prefix "/#" } { print }' "$deploy/$1" >"$staged"
    plan_missing_file "$staged" "$2"
}
plan_missing_file() { # STAGED TARGET
    [ -f "$root$2" ] || plan_file "$1" "$2" 644 root:root
}
knows_systemd() { # another machine's tree has it at rest
    if [ "$root" ]; then [ -d "$root/lib/systemd/system" ]; else [ -d /run/systemd/system ]; fi
}
plans() { [ -s "$work/plan" ]; }
plans_file() { grep -qF "|$1|" "$work/plan"; } # TARGET
plans_listener() { grep -qE "\|($users_dir/[^|]*\.conf|$conf_d/[^|]*)\|" "$work/plan"; } # anybody's

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

# Atomic, so that nobody ever reads half of it, also when the power fails. No user and no client has a name
# with a ~.
put_file() { # FILE TARGET MODE OWNER
    mkdir -p "${2%/*}"
    (umask 077 && cp "$1" "$2~")
    if is_root; then
        # In the tree of another machine names may have no numbers yet.
        chown "$4" "$2~" 2>/dev/null || [ "$root" ] || fail "cannot give $2 to $4"
    fi
    chmod "$3" "$2~"
    sync "$2~" || true
    mv -f "$2~" "$2"
}
# A listener without its directory and the files that it names stops a Mosquitto. So it comes behind them, and
# goes before them. A password that is there is taken for the one of its hash, so it comes behind that.
order_plan() {
    awk -F'|' -v secrets="$secrets_dir/" '
        { listens = $2 ~ /\.conf$/ && $2 !~ /tmpfiles/; secret = index($2, secrets) == 1 }
        { print ($1 == "-" ? 5 - listens : listens ? 3 : 1 + secret) "|" $0 }' "$work/plan" |
        sort -s -n -t '|' -k 1,1 | cut -d '|' -f 2- >"$work/ordered"
    mv "$work/ordered" "$work/plan"
}
apply_plan() {
    order_plan
    mkdir -p "$root$users_dir"
    number=0
    while IFS='|' read -r staged target mode owner; do
        number=$((number + 1))
        if [ -e "$root$target" ]; then cp -p "$root$target" "$work/old/$number"; fi
        if [ "$staged" = - ]; then rm -f "$root$target"; else put_file "$staged" "$root$target" "$mode" "$owner"; fi
    done <"$work/plan"
}
roll_back() { # with the owners and modes that there were
    number=0
    while IFS='|' read -r _ target _; do
        number=$((number + 1))
        if [ -e "$work/old/$number" ]; then
            cp -p "$work/old/$number" "$root$target~"
            mv -f "$root$target~" "$root$target"
        else
            rm -f "$root$target"
        fi
    done <"$work/plan"
}
