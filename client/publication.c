/* SPDX-License-Identifier: MIT */
#include "publication.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "say.h"
#include "who.h"

#define ENDING_MS 2000

/* ---- the end ---- */

/* Is there nothing left to wait for? */
static bool is_over(const struct publication *p)
{
    const struct advert *advert = &p->advert;
    bool answered = !advert->told || advert->last.state == STATUS_WITHDRAWN ||
                    (advert->last.state == STATUS_FAILED && !advert->last.kept);
    return p->last_acknowledged &&
           (answered || p->refused || advert->bridge != ADVERT_BRIDGE_ONLINE);
}

static void check_end(struct publication *p)
{
    if (p->ends && is_over(p))
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
    p->last_number = connection_publish(p->session.connection, topic, text, strlen(text), true);
    p->last_acknowledged = p->last_number < 0;
}

void publication_end(struct publication *p, int exit_code)
{
    bool again = p->ends, said = false;

    p->exit_code = again ? p->exit_code : exit_code;
    p->ends = true;
    if (!again) {
        said = advert_withdraw(&p->advert);
        if (p->presence && connection_is_up(p->session.connection)) {
            publish(p, p->presence_topic, "offline");
            said = true;
        }
        p->ending.due = clock_now() + ENDING_MS;
    }
    if (!said)
        loop_end(&p->session.loop, p->exit_code);
}

/* ---- from the advert ---- */

static void run_advert(void *context, int64_t now)
{
    struct publication *p = context;
    p->due.due = advert_run(&p->advert, now);
}

static void on_ask(void *context, bool withdraw)
{
    struct publication *p = context;
    publish(p, p->request_topic, withdraw ? "" : p->request);
}

static void on_replaced(void *context)
{
    const struct publication *p = context;
    say("another program has the same ID and asks for something in our place (%s)",
        p->request_topic);
}

static void on_news(void *context, const struct status *status)
{
    struct publication *p = context;
    if (p->handlers.news)
        p->handlers.news(p->context, status);
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    struct publication *p = context;
    if (p->handlers.bridge && !p->ends)
        p->handlers.bridge(p->context, bridge);
}

/* ---- from the connection ---- */

static void on_connected(void *context)
{
    struct publication *p = context;
    p->refused = p->deaf = false;
    if (p->presence)
        publish(p, p->presence_topic, "online");
    advert_connected(&p->advert, clock_now());
    run_advert(p, clock_now());
}

static void on_lost(void *context)
{
    struct publication *p = context;
    advert_lost(&p->advert);
    run_advert(p, clock_now());
    if (p->ends)
        loop_end(&p->session.loop, p->exit_code); /* the will has said it for us */
    else if (p->handlers.lost)
        p->handlers.lost(p->context);
}

static void tell_state(void *context)
{
    struct publication *p = context;
    if (p->handlers.state && !p->ends)
        p->handlers.state(p->context);
}

static bool on_failed(void *context, const struct connection_failure *failure)
{
    struct publication *p = context;
    return p->handlers.failed(p->context, failure);
}

static void take_state(struct publication *p, const struct message *message)
{
    bool there = message->length > 0;
    if (!there)
        p->state = (struct state_record){0};
    else if (!state_record_read(&p->state, message->payload, message->length))
        return;
    advert_state(&p->advert, there ? &p->state : NULL, clock_now());
    tell_state(p);
}

/* Another program of our client has gone, and its will has spoken for us, too. */
static void take_presence(struct publication *p, const struct message *message)
{
    if (!p->ends && !message->retained && message->length == strlen("offline") &&
        memcmp(message->payload, "offline", message->length) == 0)
        publish(p, p->presence_topic, "online");
}

static void on_message(void *context, const struct message *message)
{
    struct publication *p = context;
    struct status status;

    if (strcmp(message->topic, p->state_topic) == 0)
        take_state(p, message);
    else if (strcmp(message->topic, p->presence_topic) == 0)
        take_presence(p, message);
    else if (status_record_read(&status, message->payload, message->length))
        advert_status(&p->advert, &status, clock_now());
    run_advert(p, clock_now());
    check_end(p);
}

static void tell_refusal(struct publication *p, enum publication_right right, int reason)
{
    if (p->handlers.refused && !p->ends)
        p->handlers.refused(p->context, right, reason);
}

static void on_subscription_refused(void *context, int reason)
{
    struct publication *p = context;
    if (!p->deaf)
        tell_refusal(p, PUBLICATION_HEAR, reason);
    p->deaf = true;
}

static void on_acknowledged(void *context, int number, int reason)
{
    struct publication *p = context;

    bool refuses = reason >= 0x80, is_news = refuses && !p->refused;

    p->last_acknowledged |= number == p->last_number;
    if (refuses || number == p->last_number)
        p->refused = refuses;
    if (refuses)
        advert_refused(&p->advert, clock_now());
    if (is_news)
        tell_refusal(p, PUBLICATION_ASK, reason);
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

static enum exit_code make_request(struct publication *p, const struct wish *wish)
{
    static const struct advert_handlers handlers = {on_ask, on_replaced, on_news, on_bridge};
    char transaction[17] = "";
    struct status_error error = {0};

    if (make_transaction(transaction, sizeof transaction))
        p->request = wish_request(wish, transaction, &error);
    if (!p->request) {
        say("%s", error.code ? error.message : "out of memory");
        return error.code ? EXIT_USAGE : EXIT_INTERNAL;
    }
    advert_init(&p->advert, &handlers, p, transaction, wish->lease);
    return EXIT_DONE;
}

static enum exit_code find_owner(struct publication *p, const struct publication_plan *plan)
{
    char host[256] = "", given[TOPIC_CLIENT_MAX + 1];
    const char *problem =
        who_client(p->owner.client, plan->client, p->session.options, &p->session.place);

    if (problem) {
        say("%s", problem);
        return EXIT_USAGE;
    }
    gethostname(host, sizeof host - 1);
    if (!plan->id) {
        wish_id(p->owner.id, plan->wish, host);
    } else if (topic_client_parse(given, plan->id)) {
        memcpy(p->owner.id, given, sizeof given);
    } else {
        say("--id: 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..");
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static void make_topics(struct publication *p)
{
    const char *prefix = p->session.options->prefix;
    char path[TOPIC_STATUS_SIZE];

    topic_request_path(path, &p->owner);
    snprintf(p->request_topic, sizeof p->request_topic, "%s/advertise/%s", prefix, path);
    topic_status_path(path, &p->owner);
    snprintf(p->status_topic, sizeof p->status_topic, "%s/advertise/%s", prefix, path);
    snprintf(p->state_topic, sizeof p->state_topic, "%s/bridge/state", prefix);
    snprintf(p->presence_topic, sizeof p->presence_topic, "%s/client/%s", prefix, p->owner.client);
}

/* The state comes before the statuses, which count or not by what it says. */
static bool prepare(struct publication *p)
{
    struct connection *connection = p->session.connection;
    bool will = p->presence ? connection_set_will(connection, p->presence_topic, "offline", true)
                            : connection_set_will(connection, p->request_topic, "", true);
    return will && connection_subscribe(connection, p->state_topic) &&
           connection_subscribe(connection, p->status_topic) &&
           (!p->presence || connection_subscribe(connection, p->presence_topic));
}

enum exit_code publication_open(struct publication *p, const struct options *options,
                                const struct publication_plan *plan,
                                const struct publication_handlers *handlers, void *context)
{
    static const struct connection_handlers connection_handlers = {
        .connected = on_connected,
        .settled = tell_state,
        .lost = on_lost,
        .failed = on_failed,
        .message = on_message,
        .acknowledged = on_acknowledged,
        .subscription_refused = on_subscription_refused,
    };

    *p =
        (struct publication){.handlers = *handlers, .context = context, .presence = plan->presence};
    p->session.loop.signal_fd = -1;
    enum exit_code code = make_request(p, plan->wish);
    if (code == EXIT_DONE)
        code = session_open(&p->session, options, &connection_handlers, p);
    if (code == EXIT_DONE)
        code = find_owner(p, plan);
    if (code != EXIT_DONE)
        return code;
    p->session.loop.context = context;
    loop_add_timer(&p->session.loop, &p->due, run_advert, p);
    loop_add_timer(&p->session.loop, &p->ending, ending_passed, p);
    make_topics(p);
    if (prepare(p))
        return EXIT_DONE;
    say("out of memory");
    return EXIT_INTERNAL;
}

void publication_want(struct publication *p)
{
    advert_want(&p->advert, clock_now());
    run_advert(p, clock_now());
}

void publication_close(struct publication *p)
{
    session_close(&p->session, true);
    free(p->request);
}
