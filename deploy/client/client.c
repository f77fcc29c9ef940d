/* Browses TYPE and advertises WISH, as set below. Needs libmosquitto 2 (libmosquitto-dev) and proto/client_record.h.
 * Run: cc -I../../proto -o client client.c -lmosquitto && ./client. Broker: MQTT_SOCKET, MQTT_URL or 127.0.0.1. */
#include "client_record.h"
#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#define TYPE "_http._tcp"
#define WISH "{\"name\":\"Web app\",\"type\":\"" TYPE "\",\"port\":8080,\"lease\":30}"
static char services[] = "mdns/service/+/" TYPE "/#", state[] = "mdns/bridge/state", presence[] = "mdns/client/web",
            request[] = "mdns/advertise/web/app", status[] = "mdns/advertise/web/app/status";
static const char *const keys[] = {"state", "name", "interface", "host", "port", "addresses", "txt", "error", "reason", NULL};
static struct client_known known[256]; /* services, the bridge's state and the status of our wish */
enum { KNOWN_MAX = sizeof known / sizeof known[0] };

static void say(struct mosquitto *client, const char *topic, const char *text, int qos) {
    mosquitto_publish(client, NULL, topic, (int)strlen(text), text, qos, true);
}

static void on_connect(struct mosquitto *client, void *unused, int result) {
    char *const topics[] = {services, status, state};
    (void)unused;
    fprintf(stderr, "%s\n", mosquitto_connack_string(result));
    client_known_connected(known, KNOWN_MAX);
    mosquitto_subscribe_multiple(client, NULL, 3, topics, 1, 0, NULL);
    say(client, presence, "online", 1);
    say(client, request, WISH, 1);
}

static void on_message(struct mosquitto *client, void *unused, const struct mosquitto_message *message) {
    const struct client_known *it;
    (void)client, (void)unused;
    client_known_take(known, KNOWN_MAX, keys, message->topic, message->payload, (size_t)message->payloadlen);
    for (enum client_event event; (event = client_known_next(known, KNOWN_MAX, &it)) != CLIENT_NO_EVENT;)
        printf("%.*s %s %s\n", (int)strcspn(it->topic + 5, "/"), it->topic + 5, client_event_name(event), it->text);
    fflush(stdout);
}

int main(void) {
    const char *path = getenv("MQTT_SOCKET"), *url = getenv("MQTT_URL");
    char host[256] = "127.0.0.1", port[6] = "1883";
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL); /* they are waited for below */
    if (url && sscanf(url, "mqtt://%255[^:]:%5[0-9]", host, port) < 1) return EXIT_FAILURE;
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_will_set(client, presence, 7, "offline", 1, true);
    mosquitto_connect_async(client, path ? path : host, path ? 0 : (int)strtol(port, NULL, 10), 60);
    mosquitto_loop_start(client);
    while (sigtimedwait(&ends, NULL, &(struct timespec){.tv_sec = 10}) < 0) say(client, request, WISH, 0); /* renewal */
    say(client, presence, "offline", 1); /* a clean end voids the will */
    mosquitto_disconnect(client);
    mosquitto_loop_stop(client, false);
    mosquitto_destroy(client);
}
