/* SPDX-License-Identifier: MIT */
#include "publication.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client_identity.h"
#include "clock.h"
#include "diagnostic.h"

#define ENDING_MS 2000

/* ---- the end ---- */

bool publication_is_ending(const struct publication *p)
{
    return p->exit_code != PUBLICATION_NOT_ENDING;
}

/* Is there nothing left to wait for? */
static bool is_over(const struct publication *p)
{
    const struct status *status = advert_reported(&p->advert);
    bool gone = !status || status->state == STATUS_WITHDRAWN ||
                (status->state == STATUS_FAILED && !status->kept);
    return p->unacknowledged == 0 &&
           (gone || p->refused[PUBLICATION_REQUEST] || p->advert.bridge != ADVERT_BRIDGE_ONLINE);
}

static void check_end(struct publication *p)
{
    if (publication_is_ending(p) && is_over(p))
        loop_end(&p->session.loop, p->exit_code);
}

static void ending_passed(void *context, int64_t now)
{
    (void)now;
    struct publication *p = context;
    loop_end(&p->session.loop, p->exit_code);
}

static void publish(struct publication *p, const char *topic, const char *text)
{
    int number =
        mqtt_publish(p->session.connection->mqtt, topic, (const uint8_t *)text, strlen(text), true);
    p->unacknowledged = number > 0 ? number : 0;
}

/* True: something was published that has to get through. */
static bool publish_end(struct publication *p)
{
    bool published = advert_withdraw(&p->advert);
    if (!p->presence_topic[0] || !mqtt_is_connected(p->session.connection->mqtt))
        return published;
    publish(p, p->presence_topic, "offline");
    return true;
}

void publication_end(struct publication *p, int exit_code)
{
    bool again = publication_is_ending(p);

    if (!again) {
        p->exit_code = exit_code;
        p->ending.due = clock_now() + ENDING_MS;
    }
    if (again || !publish_end(p))
        loop_end(&p->session.loop, p->exit_code);
}

/* ---- from the advert ---- */

static void run_advert(void *context, int64_t now)
{
    struct publication *p = context;
    p->due.due = advert_run(&p->advert, now);
}

static void on_publish(void *context, bool withdraw)
{
    struct publication *p = context;
    publish(p, p->request_topic, withdraw ? "" : p->request);
}

static void on_replaced(void *context)
{
    const struct publication *p = context;
    diagnostic("another program has the same ID and asks for something in our place (%s)",
               p->request_topic);
}

static void on_status(void *context, const struct status *status)
{
    struct publication *p = context;
    if (p->handlers.status)
        p->handlers.status(p->context, status);
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    struct publication *p = context;
    if (p->handlers.bridge && !publication_is_ending(p))
        p->handlers.bridge(p->context, bridge);
}

/* ---- from the connection ---- */

static void on_connected(void *context)
{
    struct publication *p = context;
    memset(p->refused, 0, sizeof p->refused);
    if (p->presence_topic[0])
        publish(p, p->presence_topic, "online");
    advert_connected(&p->advert, clock_now());
    run_advert(p, clock_now());
}

static void on_lost(void *context)
{
    struct publication *p = context;
    advert_lost(&p->advert);
    run_advert(p, clock_now());
    if (publication_is_ending(p))
        loop_end(&p->session.loop, p->exit_code); /* the will takes it back */
    else if (p->handlers.lost)
        p->handlers.lost(p->context);
}

static void on_bridge_known(void *context)
{
    struct publication *p = context;
    if (p->handlers.bridge_known && !publication_is_ending(p))
        p->handlers.bridge_known(p->context);
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    struct publication *p = context;
    return p->handlers.failed(p->context, failure);
}

static void take_bridge_state(struct publication *p, const struct mqtt_message *message)
{
    if (message->length == 0)
        p->bridge_state = (struct state_record){0};
    else if (!state_record_read(&p->bridge_state, message->payload, message->length))
        return;
    advert_bridge_online(&p->advert, p->bridge_state.life == BRIDGE_ONLINE, clock_now());
    on_bridge_known(p);
}

/* Another program of our client has ended, and its "offline" is not true of us. */
static void take_presence(struct publication *p, const struct mqtt_message *message)
{
    if (!publication_is_ending(p) && !message->retain && message->length == strlen("offline") &&
        memcmp(message->payload, "offline", message->length) == 0)
        publish(p, p->presence_topic, "online");
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct publication *p = context;
    struct status status;

    if (strcmp(message->topic, p->state_topic) == 0)
        take_bridge_state(p, message);
    else if (strcmp(message->topic, p->presence_topic) == 0)
        take_presence(p, message);
    else if (status_record_read(&status, message->payload, message->length))
        advert_status(&p->advert, &status, clock_now());
    run_advert(p, clock_now());
    check_end(p);
}

static void refuse(struct publication *p, enum publication_right right, int reason)
{
    bool known = p->refused[right];
    p->refused[right] = true;
    if (!known && p->handlers.refused && !publication_is_ending(p))
        p->handlers.refused(p->context, right, reason);
}

static void on_subscription_refused(void *context, int reason)
{
    refuse(context, PUBLICATION_STATUS, reason);
}

/* That the broker takes an earlier message does not mean that it takes the last one, too. */
static void on_acknowledged(void *context, int number, int reason)
{
    struct publication *p = context;
    bool is_last = number == p->unacknowledged;

    if (is_last)
        p->unacknowledged = 0;
    if (reason >= 0x80) {
        advert_refused(&p->advert, clock_now());
        refuse(p, PUBLICATION_REQUEST, reason);
    } else if (is_last) {
        p->refused[PUBLICATION_REQUEST] = false;
    }
    run_advert(p, clock_now());
    check_end(p);
}

/* ---- life ---- */

static bool make_transaction(char *out, size_t size)
{
    uint8_t bytes[8];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, size - 2 * i, "%02x", bytes[i]);
    return true;
}

static enum exit_code make_request(struct publication *p, const struct request_builder *builder)
{
    static const struct advert_handlers handlers = {on_publish, on_replaced, on_status, on_bridge};
    char transaction[17] = "";
    struct status_error error = {0};

    if (make_transaction(transaction, sizeof transaction))
        p->request = request_builder_build(builder, transaction, &error);
    if (!p->request) {
        diagnostic("%s", error.code ? error.message : "out of memory");
        return error.code ? EXIT_USAGE : EXIT_INTERNAL;
    }
    advert_init(&p->advert, &handlers, p, transaction, builder->lease);
    return EXIT_DONE;
}

static enum exit_code find_owner(struct publication *p, const struct publication_plan *plan)
{
    char host[256] = "", given[TOPIC_CLIENT_MAX + 1];
    const char *problem =
        client_identity_find(p->owner.client, plan->client, p->session.options, &p->session.place);

    if (problem) {
        diagnostic("%s", problem);
        return EXIT_USAGE;
    }
    gethostname(host, sizeof host - 1);
    if (!plan->id) {
        request_builder_id(p->owner.id, plan->request, host);
    } else if (topic_client_parse(given, plan->id)) {
        memcpy(p->owner.id, given, sizeof given);
    } else {
        diagnostic("--id: 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..");
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static void make_topics(struct publication *p, bool presence)
{
    const char *prefix = p->session.options->prefix;
    char path[TOPIC_STATUS_SIZE];

    topic_request_path(path, &p->owner);
    snprintf(p->request_topic, sizeof p->request_topic, "%s/advertise/%s", prefix, path);
    topic_status_path(path, &p->owner);
    snprintf(p->status_topic, sizeof p->status_topic, "%s/advertise/%s", prefix, path);
    snprintf(p->state_topic, sizeof p->state_topic, "%s/bridge/state", prefix);
    if (presence)
        snprintf(p->presence_topic, sizeof p->presence_topic, "%s/client/%s", prefix,
                 p->owner.client);
}

/* The state comes before the statuses, which count while the bridge is online. */
static bool prepare(struct publication *p)
{
    struct connection *connection = p->session.connection;
    bool presence = p->presence_topic[0] != '\0';
    const char *will = presence ? "offline" : "";
    mqtt_set_will(connection->mqtt, presence ? p->presence_topic : p->request_topic,
                  (const uint8_t *)will, strlen(will));
    return connection_subscribe(connection, p->state_topic) &&
           connection_subscribe(connection, p->status_topic) &&
           (!presence || connection_subscribe(connection, p->presence_topic));
}

enum exit_code publication_open(struct publication *p, const struct options *options,
                                const struct publication_plan *plan,
                                const struct publication_handlers *handlers, void *context)
{
    static const struct connection_handlers connection_handlers = {
        .connected = on_connected,
        .settled = on_bridge_known,
        .lost = on_lost,
        .failed = on_failed,
        .message = on_message,
        .acknowledged = on_acknowledged,
        .subscription_refused = on_subscription_refused,
    };

    *p = (struct publication){
        .handlers = *handlers, .context = context, .exit_code = PUBLICATION_NOT_ENDING};
    p->session.loop.signal_fd = -1;
    enum exit_code code = make_request(p, plan->request);
    if (code == EXIT_DONE)
        code = session_open(&p->session, options, &connection_handlers, p);
    if (code == EXIT_DONE)
        code = find_owner(p, plan);
    if (code != EXIT_DONE)
        return code;
    p->session.loop.context = context;
    loop_add_timer(&p->session.loop, &p->due, run_advert, p);
    loop_add_timer(&p->session.loop, &p->ending, ending_passed, p);
    make_topics(p, plan->presence);
    if (prepare(p))
        return EXIT_DONE;
    diagnostic("out of memory");
    return EXIT_INTERNAL;
}

void publication_request(struct publication *p)
{
    advert_request(&p->advert, clock_now());
    run_advert(p, clock_now());
}

void publication_close(struct publication *p)
{
    session_close(&p->session, true);
    free(p->request);
}
