#!/bin/sh
# The broker, as `grant`, `revoke` and deploy/broker see it: directories of the sockets, a trial of a new
# configuration, reload and restart with or without systemd. To be sourced behind roles.sh.
#
# What has no effect on listeners (ACLs, passwords) is read again on SIGHUP; only for a new or changed
# listener Mosquitto has to be started anew. Without systemd, that is done by ending it: whoever runs it
# (deploy/broker, a supervisor) starts it again.

# shellcheck disable=SC2154 # roles.sh sets what is not set here
# shellcheck disable=SC2034 # those who source it use it
bridge_socket=/run/mdns-mqtt-broker/mqtt.sock

# Words, not a function: in the background, $! is to be the program and not a shell.
as_mosquitto="setpriv --reuid=mosquitto --regid=mosquitto --clear-groups"

wait_for() { # CONDITION...: until it holds, for 20 seconds or a little more
    tries=200
    until "$@"; do
        [ "$tries" -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.1
    done
}

# --- directories and sockets

# Without systemd-tmpfiles, this knows the lines that our files have, and no others.
make_directories() { # TMPFILES-FILE...
    if getent passwd mdns-mqtt >/dev/null; then
        wanted=$(cat "$@")
    else
        say "there is no user mdns-mqtt: the bridge's socket is for root alone"
        wanted=$(cat "$@" | grep -v 'u:mdns-mqtt:')
    fi
    if command -v systemd-tmpfiles >/dev/null; then
        echo "$wanted" | systemd-tmpfiles --create -
        return
    fi
    # A line that cannot be had, as of a user that has gone, is not to keep others from theirs.
    echo "$wanted" | {
        made=0
        while read -r kind path mode owner group _ acl; do
            case $kind in
            d) mkdir -p "$path" && chown "$owner:$group" "$path" && chmod "$mode" "$path" ;;
            a) setfacl -b "$path" && setfacl -m "$acl" "$path" ;;
            esac || {
                warn "$path cannot be made as it should be; if its user has gone, revoke what was granted"
                made=1
            }
        done
        return "$made"
    }
}
can_make_directories() { command -v systemd-tmpfiles >/dev/null || command -v setfacl >/dev/null; }

make_all_directories() {
    base=$(base_tmpfiles)
    set -- "$base"
    for file in /etc/tmpfiles.d/mdns-mqtt-*.conf; do
        [ ! -f "$file" ] || [ "$file" = "$base" ] || set -- "$@" "$file"
    done
    make_directories "$@" || warn 'could not make all directories'
}
sockets_there() { # all that the configuration has
    if is_existing; then set -- "$existing" "$conf_d"/mdns-mqtt-*.conf; else
        set -- "$broker_dir/mosquitto.conf" "$users_dir"/*.conf
    fi
    sed -n 's/^listener 0 //p' "$@" 2>/dev/null | while read -r socket; do [ -S "$socket" ] || exit 1; done
}
# As the broker's user: these directories are its own, and root is not to follow what it may put there.
users_sockets() { # WHAT-FIND-DOES...
    $as_mosquitto find /run/mdns-mqtt -mindepth 3 -maxdepth 3 -type s -name mqtt.sock "$@"
}
open_sockets() { users_sockets -exec chmod 0666 {} +; }
remove_sockets() {
    rm -f "$bridge_socket"
    users_sockets -delete
}

# --- trying a configuration

# The configuration as it would be, with each listener at a socket in DIRECTORY and nothing that would reach
# beyond it. An existing broker's other configuration is not tried: it is in use.
trial_configuration() { # DIRECTORY USER NEW: without USER's pieces, but with those in NEW
    if is_existing; then main=$existing others='mdns-mqtt-*.conf' where=$conf_d; else
        main=$broker_dir/mosquitto.conf others='*.conf' where=$users_dir
    fi
    set -- "$1" "$2" "$3" "$root$main"
    [ -f "$4" ] || set -- "$1" "$2" "$3" "$deploy/mosquitto/broker.conf"
    directory=$1 user=$2 new=$3
    shift 3
    for file in "$root$where/"$others; do
        [ ! -f "$file" ] || [ "$file" = "$root$(target_of "$user" conf)" ] || set -- "$@" "$file"
    done
    for granted in $(granted_users); do # whose listeners move
        file=$root$(other_conf_of "$granted")
        if [ "$granted" = "$user" ] || [ -f "$root$(target_of "$granted" conf)" ] || [ ! -f "$file" ]; then continue; fi
        set -- "$@" "$file"
    done
    [ ! -f "$new/conf" ] || set -- "$@" "$new/conf"
    mkdir "$directory"
    echo 'log_dest stderr'
    echo 'user root' # unless it is started as somebody else
    awk -v directory="$directory" -v root="$root" -v new="$new" -v shipped="$deploy/mosquitto" \
        -v acl="$(target_of "$user" acl)" -v passwd="$(target_of "$user" passwd)" '
        $1 == "listener" { print "listener 0 " directory "/" ++n ".sock"; next }
        $1 ~ /^(pid_file|log_dest|log_type|include_dir|persistence|persistence_location|user)$/ { next }
        $1 ~ /_file$/ {
            path = substr($0, index($0, $2))
            if (path == acl) path = new "/acl"
            else if (path == passwd) path = new "/passwd"
            else if ((getline line <(root path)) >= 0) { close(root path); path = root path }
            else { sub(/.*\//, "", path); path = shipped "/" path }
            print $1 " " path
            next
        }
        { print }' "$@"
}
try_configuration() { # DIRECTORY USER NEW: does a Mosquitto start with it?
    if ! command -v mosquitto >/dev/null; then
        say 'not tried: there is no mosquitto here'
        return 0
    fi
    trial_configuration "$1" "$2" "$3" >"$1.conf"
    run_as=
    if is_root && [ -z "$root" ]; then # another machine's files need not be open to this one's users
        run_as=$as_mosquitto
        chown mosquitto "$1"
        [ ! -f "$3/passwd" ] || chgrp mosquitto "$3/passwd"
    fi
    $run_as mosquitto -c "$1.conf" >"$1.log" 2>&1 9>&- & # without the lock
    trial=$!
    started=
    if wait_for trial_said_or_ended "$1.log" && grep -q 'mosquitto version .* running' "$1.log"; then started=yes; fi
    kill -KILL "$trial" 2>/dev/null || true # a SIGTERM right after its start is lost on it
    wait "$trial" 2>/dev/null || true
    [ "$started" ] || {
        warn 'Mosquitto refuses the new configuration:'
        sed 's/^/  /' "$1.log" >&2
        return 1
    }
}
trial_said_or_ended() { grep -qs 'mosquitto version .* running' "$1" || ! kill -0 "$trial" 2>/dev/null; }

# --- the running one

unit() { if is_existing; then echo mosquitto.service; else echo mdns-mqtt-broker.service; fi; }
by_systemd() { [ -d /run/systemd/system ] && systemctl -q is-active "$(unit)"; } # or else by anybody
pid_file() { if is_existing; then echo /run/mosquitto/mosquitto.pid; else echo /run/mdns-mqtt-broker/mosquitto.pid; fi; }
broker_pid() {
    of_file=
    { read -r of_file <"$(pid_file)"; } 2>/dev/null || [ "$of_file" ] || return 1 # Mosquitto ends no line
    { read -r comm <"/proc/$of_file/comm"; } 2>/dev/null && [ "$comm" = mosquitto ] && echo "$of_file"
}
broker_runs() { by_systemd || broker_pid >/dev/null; }
somebody_listens() { # whoever it is
    awk -v path="$bridge_socket" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix
}
reload_command() {
    if by_systemd; then echo "systemctl reload $(unit)"; else echo "kill -HUP $(broker_pid)"; fi
}
restart_command() {
    if by_systemd; then echo "systemctl restart $(unit)"; else echo "kill -TERM $(broker_pid)"; fi
}
reload_broker() {
    if by_systemd; then systemctl reload "$(unit)"; else kill -HUP "$(broker_pid)"; fi
}
restart_broker() {
    if by_systemd; then
        systemctl reset-failed "$(unit)" || true # several grants in a row are no loop of failures
        systemctl restart "$(unit)"
        return
    fi
    before=$(broker_pid) || return 0
    # A SIGTERM right after its start is lost on it, so more than one.
    wait_for ended_after_term "$before" || return 1
    wait_for restarted "$before" || {
        warn "the broker has ended, and nobody has started it again"
        return 1
    }
    wait_for sockets_there && open_sockets
}
# It takes its pid file away at its end.
ended_after_term() {
    [ "$(broker_pid)" = "$1" ] && kill -TERM "$1" 2>/dev/null && sleep 0.1
    [ "$(broker_pid)" != "$1" ]
}
restarted() { pid=$(broker_pid) && [ "$pid" != "$1" ]; }
