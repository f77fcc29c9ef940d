#!/bin/sh
# Carries a plan out, makes the broker follow it, and goes back on it where the broker does not come up. To be
# sourced behind roles.sh, broker.sh and install.sh.
#
# A run that is cut short (SIGKILL, a power failure) leaves files that the broker has not read, and the next
# run sees no difference any more. So what there is to be done is written to $unfinished before the first file
# is changed, and whoever runs next does it, in any case. Its lines:
#
#   restart, or reload
#   forget CLIENT PREFIX

# shellcheck disable=SC2154 # roles.sh sets what is not set here
unfinished=$broker_dir/unfinished

# What the broker has to do about the plan, and about what is unfinished, with the least disturbance: nothing,
# reload, or restart.
broker_step() { # USER
    if [ "$root" ]; then
        echo nothing
    elif plans_listener || plans_drop_in || grep -qsx restart "$unfinished"; then
        echo restart
    elif plans_file "$(target_of "$1" acl)" || plans_file "$(target_of "$1" passwd)" || [ -s "$unfinished" ]; then
        echo reload
    else
        echo nothing
    fi
}
plans_drop_in() { is_existing && plans_file "$drop_in"; }
broker_command() { # STEP: for people to read
    if ! broker_runs; then return; fi
    case $1 in
    reload) reload_command ;;
    restart) restart_command ;;
    esac
}
broker_follows() { # USER STEP: makes the broker follow what is in place now; says what it does
    case $2 in nothing) return 0 ;; esac
    # Its drop-in may be new, which is to hold for a later start, too.
    if [ "$2" = restart ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    if ! broker_runs; then
        ! somebody_listens || fail "a broker runs that is neither $(unit) nor in $(pid_file), as its 'pid_file' should" \
            'say: nothing has changed for those who are connected; make it so, and run this again'
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
    [ ! -f "$(target_of "$1" conf)" ] || wait_for test -S "$(socket_directory "$1")/mqtt.sock"
}

write_down() { # STEP PREFIX CLIENT...: what is to be done, behind what was unfinished before
    {
        cat "$work/unfinished"
        echo "$1"
        prefix=$2
        shift 2
        for client in "$@"; do echo "forget $client $prefix"; done
    } >"$work/to-do"
    put_file "$work/to-do" "$unfinished" 644 root:root
    sync "$broker_dir" || true
}
# Ends what clients advertise: the bridge takes `offline` for it and clears the requests. Where it does not
# run, the requests are cleared all the same, so that it will not find them.
forget_clients() { # ROUNDS: those in $unfinished
    rounds=$1
    set --
    while read -r what client prefix; do
        [ "$what" != forget ] || set -- "$@" -t "$prefix/advertise/$client/+" -t "$prefix/client/$client"
    done <"$unfinished"
    [ $# -gt 0 ] || return 0
    if ! broker_runs || ! [ -S "$bridge_socket" ]; then
        say 'what was advertised ends with the next grant or revoke while the broker runs'
        return 1
    fi
    if ! command -v mosquitto_sub >/dev/null || ! command -v mosquitto_pub >/dev/null; then
        warn 'no mosquitto_pub and mosquitto_sub here: what was advertised stays until it is withdrawn'
        return 0
    fi
    # A second clears some thousand requests, and one that had nothing to clear is the last.
    while [ "$(mosquitto_sub --unix "$bridge_socket" -q 1 "$@" --remove-retained --retained-only -W 1 -F . 2>/dev/null |
        tail -n 1)" ]; do
        rounds=$((rounds - 1))
        [ "$rounds" -gt 0 ] || {
            warn 'what was advertised is not all taken back; the next grant or revoke goes on with it'
            return 1
        }
    done
    while read -r what client prefix; do
        [ "$what" = forget ] || continue
        mosquitto_pub --unix "$bridge_socket" -q 1 -t "$prefix/client/$client" -m offline </dev/null || return 1
    done <"$unfinished"
}

carry_out() { # USER PREFIX STEP CLIENT...: the clients may not advertise any more
    user=$1 prefix=$2 step=$3
    shift 3
    # It takes seconds, and is not to be left half done because somebody has lost patience, or the terminal.
    trap '' HUP INT PIPE TERM
    if [ "$root" ]; then
        apply_plan
        return
    fi
    cat "$unfinished" >"$work/unfinished" 2>/dev/null || true
    [ "$step" = nothing ] || write_down "$step" "$prefix" "$@"
    apply_plan
    if [ "$step" = restart ] || plans_file "$(target_of "$user" tmpfiles)"; then make_all_directories; fi
    [ "$step" != nothing ] || return 0
    # Before a restart as well: the bridge comes back some time after the broker, and then waits for clients.
    if [ "$step" = restart ] && broker_runs; then forget_clients 1 2>/dev/null || true; fi
    if ! broker_follows "$user" "$step"; then
        roll_back
        write_down "$step" "$prefix"
        if broker_follows "$user" "$step" && ! [ -s "$work/unfinished" ]; then rm -f "$unfinished"; fi
        [ $# = 0 ] || warn "what $* advertised has ended"
        fail 'the broker did not come up; all files are as they were'
    fi
    if forget_clients 200; then
        rm -f "$unfinished"
    elif broker_runs; then
        exit 1
    fi
}
