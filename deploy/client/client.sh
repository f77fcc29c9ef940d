#!/bin/sh
# Browses TYPE, and advertises NAME, of this type, at PORT of the host. Needs mosquitto-clients 2 and jq.
# Run: sh client.sh TYPE CLIENT ID NAME PORT. Broker: MQTT_SOCKET, MQTT_URL (mqtt://HOST:PORT) or the usual places.
set -u
prefix=mdns lease=30 usual=/run/mdns-mqtt/mqtt.sock
services=$prefix/service/+/$1/# state=$prefix/bridge/state request=$prefix/advertise/$2/$3 presence=$prefix/client/$2
wish=$(jq -cn --arg type "$1" --arg name "$4" --argjson port "$5" --argjson lease "$lease" \
    '{$name, $type, $port, $lease}') || exit

socket=${MQTT_SOCKET:-} host=${MQTT_URL:-mqtt://127.0.0.1:1883}
[ "$socket" ] || [ "${MQTT_URL:-}" ] || [ ! -S "$usual" ] || socket=$usual
host=${host#mqtt://}
if [ "$socket" ]; then
    set -- --unix "$socket" # from here on, "$@" says where the broker is
else
    set -- -h "${host%:*}" -p "${host##*:}"
fi

# Reads "TOPIC<tab>PAYLOAD", and the messages of mosquitto_sub -d, one of which says that it has connected.
# shellcheck disable=SC2016 # the variables are those of jq
news='def update($topic; $record):
  (.known[$topic] // {}) as $old
  | ($record | {state, name, interface, host, port, addresses, txt, error, reason, warnings}
     | with_entries(select(.value != null))) as $new
  | if $new == {} then del(.known[$topic]) else .known[$topic] = $new end
  | if $new == $old then . else .news += [
      ($topic | ltrimstr($prefix) | split("/")[1])
      + (if $new == {} then " remove " elif $old == {} then " add " else " change " end)
      + (if $new == {} then $old else $new end | tojson)] end;
foreach (inputs / "\t") as [$topic, $payload] ({}; .news = []
  | if $topic | test("^Client [^ ]+ received CONNACK \\(0\\)$") then
      .unconfirmed = .known # what does not come again before the bridge is online went while we were away
    elif $payload == null then .
    else ([$payload | fromjson? | objects][0] // {}) as $record
      | del(.unconfirmed[$topic])
      | update($topic; if $record.state == "gone" then {} else $record end)
      | if $topic == $state and $record.state == "online" then
          reduce (.unconfirmed // {} | keys[]) as $gone (.; update($gone; {})) | .unconfirmed = {}
        else . end
    end; .news[])'

pipe=$(mktemp -u)
mkfifo -m 600 "$pipe" || exit
exec 3<>"$pipe"
rm "$pipe"
jq -nrR --unbuffered --arg prefix "$prefix" --arg state "$state" "$news" <&3 &
jq=$! sub=
trap 'kill "$jq" ${sub:+"$sub"} "$!" 2>/dev/null; mosquitto_pub "$@" -q 1 -r -t "$presence" -m offline; exit 0' TERM INT

while :; do # a round is a third of the lease: renews it, and says all again when the broker was away
    if [ ! "$sub" ] || ! kill -0 "$sub" 2>/dev/null; then
        mosquitto_sub "$@" -q 1 -d -F '%t\t%p' -t "$services" -t "$request/status" -t "$state" \
            --will-topic "$presence" --will-payload offline --will-qos 1 --will-retain >&3 &
        sub=$!
    fi
    mosquitto_pub "$@" -q 1 -r -t "$presence" -m online
    mosquitto_pub "$@" -q 1 -r -t "$request" -m "$wish"
    sleep $((lease / 3)) &
    wait $!
done
