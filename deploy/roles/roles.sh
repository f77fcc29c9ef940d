#!/bin/sh
# What `grant` and `revoke` have in common: where things are, who is who, and, in one place, the text of
# every file that a role consists of. To be sourced.
#
# A user's role is these pieces, and nothing else (USER.acl also says which role it is):
#
#   conf      the broker's listener, a unix socket of the user's own
#   acl       what may be done there
#   passwd    with --password: the hashed passwords of the containers
#   tmpfiles  the directories of the socket, at boot
#   cdi       the device for `podman run --device mdns-mqtt/broker=USER`
#
# The broker is the bridge's own, or, where /etc/mosquitto/conf.d/00-mdns-mqtt.conf is there, the one that
# the machine has already. Only the place of `conf` and the way to restart it are different then, and for
# systemd its unit has a drop-in.

# shellcheck disable=SC2034 # those who source it use them
tool=$(basename "$0")
root=            # --root: the tree that is written to, if it is not this machine
broker_dir=/etc/mdns-mqtt-broker
users_dir=$broker_dir/users
secrets_dir=$broker_dir/secrets
conf_d=/etc/mosquitto/conf.d
existing=$conf_d/00-mdns-mqtt.conf
drop_in=/etc/systemd/system/mosquitto.service.d/mdns-mqtt.conf
pieces='conf acl passwd tmpfiles cdi'

# Whether or not there is still somebody to hear it.
say() { echo "$tool: $*" || true; }
warn() { echo "$tool: $*" >&2 || true; }
me=$(id -u)
is_root() { [ "$me" = 0 ]; }
has() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac } # WORDS WORD
fail() {
    warn "$*"
    exit 1
}
usage() { # STATUS
    sed -n '2,/^set/{/^set/d;/^# shellcheck/d;s/^# \{0,1\}//p;}' "$0"
    exit "$1"
}

# --- names

# The specification's rule for CLIENT (proto/README.md, section 2).
valid_name() {
    case $1 in
    '' | . | .. | *[!A-Za-z0-9._-]*) return 1 ;;
    esac
    [ ${#1} -le 64 ]
}
valid_user() { # as above, and not what would be taken for a hidden file or for files of ours
    case $1 in .* | broker | bridge) return 1 ;; esac
    valid_name "$1"
}
passwd_entry() { # USER
    { if [ "$root" ]; then cat "$root/etc/passwd"; else getent passwd -- "$1"; fi; } | line_of "$1" # and no uid
}
line_of() { awk -F: -v name="$1" '$1 == name'; } # NAME; of a file like /etc/passwd
uid_of() { passwd_entry "$1" | cut -d: -f3; }
group_of() { passwd_entry "$1" | cut -d: -f4; }

subuid_of() { # USER CONTAINER-UID: the uid on the host of a user in USER's containers
    if [ "$2" = 0 ]; then
        uid_of "$1"
        return
    fi
    awk -F: -v user="$1" -v uid="$(uid_of "$1")" -v left="$2" '
        ($1 == user || $1 == uid) && !found {
            if (left <= $3) { printf "%.0f\n", $2 + left - 1; found = 1 } else left -= $3
        }
        END { exit !found }' "$root/etc/subuid" 2>/dev/null
}

# --- what is there

# The prefix of bridge.conf (or its default), unless --prefix was given.
configured_prefix() {
    awk -F= '
        /^[ \t]*\[/ { records = ($0 ~ /^[ \t]*\[records\]/) }
        records && /^[ \t]*prefix[ \t]*[=:]/ { sub(/^[^=:]*[=:][ \t]*/, ""); sub(/[ \t]+;.*/, ""); sub(/[ \t]+$/, ""); value = $0 }
        END { print value == "" ? "mdns" : value }' "$root/etc/mdns-mqtt-bridge/bridge.conf" 2>/dev/null || echo mdns
}
is_existing() { [ -f "$root$existing" ]; }
granted_users() {
    for acl in "$root$users_dir"/*.acl; do
        [ -f "$acl" ] || continue
        acl=${acl##*/}
        echo "${acl%.acl}"
    done
}
# The first line of an ACL: "# ROLE for USER as CLIENT...".
role_in() { sed -n '1s/^# \([a-z]*\) for .*/\1/p' "$1" 2>/dev/null; }
clients_in() { sed -n '1s/^# [a-z]* for [^ ]* as //p' "$1" 2>/dev/null || true; } # of no file: none

target_of() { # USER PIECE
    case $2 in
    conf) if is_existing; then echo "$conf_d/mdns-mqtt-$1.conf"; else echo "$users_dir/$1.conf"; fi ;;
    acl) echo "$users_dir/$1.acl" ;;
    passwd) echo "$users_dir/$1.passwd" ;;
    tmpfiles) echo "/etc/tmpfiles.d/mdns-mqtt-$1.conf" ;;
    cdi) echo "/etc/cdi/mdns-mqtt-$1.json" ;;
    esac
}
# Where the listener would be at the other kind of broker, and is where that was the one until now.
other_conf_of() { # USER
    if is_existing; then echo "$users_dir/$1.conf"; else echo "$conf_d/mdns-mqtt-$1.conf"; fi
}
# The tmpfiles.d file of the directories that users' are below.
base_tmpfiles() {
    for file in /etc/tmpfiles.d/mdns-mqtt-broker.conf /usr/lib/tmpfiles.d/mdns-mqtt-broker.conf \
        /usr/local/lib/tmpfiles.d/mdns-mqtt-broker.conf; do
        [ ! -f "$root$file" ] || { echo "$root$file"; return; }
    done
}
socket_directory() { echo "/run/mdns-mqtt/$1/s"; } # USER; what containers mount

# --- the pieces' text

conf_text() { # USER PASSWORD?
    echo "# Written by grant for the containers of $1."
    echo "listener 0 $(socket_directory "$1")/mqtt.sock"
    # Who takes all connections that the broker has file descriptors for would lock everybody else out.
    echo 'max_connections 100'
    if [ "$2" ]; then
        echo 'allow_anonymous false'
        echo "password_file $(target_of "$1" passwd)"
    else
        echo 'allow_anonymous true'
    fi
    echo "acl_file $(target_of "$1" acl)"
}

# Lines of `topic` alone: they hold for who gives no user name. With `pattern` lines, or `user` lines where
# there are no passwords, a user name that nobody has checked would be believed.
rights_text() { # PREFIX ROLE CLIENT...
    prefix=$1 role=$2
    shift 2
    echo "topic read $prefix/service/#"
    echo "topic read $prefix/bridge/#"
    [ "$role" = advertise ] || return 0
    for client in "$@"; do
        # One level below CLIENT and no deeper: status records are the bridge's.
        echo "topic write $prefix/advertise/$client/+"
        echo "topic read $prefix/advertise/$client/#"
        echo "topic readwrite $prefix/client/$client"
    done
}
acl_text() { # PREFIX ROLE USER PASSWORD? CLIENT...
    prefix=$1 role=$2 user=$3 password=$4
    shift 4
    echo "# $role for $user as $*"
    if [ "$password" ]; then
        for client in "$@"; do
            echo "user $client"
            rights_text "$prefix" "$role" "$client"
        done
    else
        rights_text "$prefix" "$role" "$@"
    fi
}

# The outer directory lets in the user and the broker; the inner one everybody, for in a container, where
# it is mounted without the outer one, users are any of the subordinate ids. Mosquitto makes sockets 0770,
# so they are opened after each start (the unit does, and deploy/broker). Where nobody does, the default
# ACL still lets in the user, who is root in the container, and the ids that --container-uid names.
tmpfiles_text() { # USER CONTAINER-UID...
    user=$1
    shift
    outer=/run/mdns-mqtt/$user
    acl=d:u:$user:rw,d:m::rw
    for uid in "$@"; do
        acl=$acl,d:u:$(subuid_of "$user" "$uid"):rw
    done
    echo "# Written by grant for the containers of $user."
    echo "d $outer 0750 root mosquitto -"
    echo "a $outer - - - - u:$user:x,m::rx"
    echo "d $outer/s 0755 mosquitto mosquitto -"
    echo "a $outer/s - - - - $acl"
}
# A device's name begins and ends with a letter or a digit.
cdi_name_valid() { case $1 in [!A-Za-z0-9]* | *[!A-Za-z0-9]) return 1 ;; esac }
cdi_text() { # USER CLIENT...
    env='"MQTT_SOCKET=/run/mdns-mqtt/mqtt.sock"'
    [ $# -ne 2 ] || env="$env,\"MDNS_MQTT_CLIENT=$2\"" # one of several, a container has to choose itself
    cat <<JSON
{"cdiVersion":"0.5.0","kind":"mdns-mqtt/broker","devices":[{"name":"$1","containerEdits":{
 "env":[$env],
 "mounts":[{"hostPath":"$(socket_directory "$1")","containerPath":"/run/mdns-mqtt","options":["bind","ro","nosuid","nodev","noexec"]}]}}]}
JSON
}
