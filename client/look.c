/* SPDX-License-Identifier: MIT */
#include "look.h"

#include <string.h>

#include "clock.h"
#include "say.h"

/* ---- one who looks once cannot wait for what may never come ---- */

static bool is_starting(const struct look *look)
{
    const struct state_record *state = tree_bridge(look->tree);
    return state && state->life == BRIDGE_STARTING;
}

static void give_up(struct look *look)
{
    const struct state_record *state = tree_bridge(look->tree);
    if (state)
        say("the bridge is %s", bridge_life_name(state->life));
    else
        say("there is no bridge at %s with the prefix %s, or you may not see it",
            look->session.place.url, look->session.options->prefix);
    loop_end(&look->session.loop, EXIT_NO_BRIDGE);
}

static void check_patience(struct look *look)
{
    bool may_wait = look->session.options->timeout_ms > 0 && clock_now() < look->session.give_up_at;
    if (look->session.persistent || tree_is_complete(look->tree))
        return;
    if (may_wait)
        look->patience.due = look->session.give_up_at;
    else if (!is_starting(look))
        give_up(look);
}

static void patience_ended(void *context, int64_t now)
{
    (void)now;
    struct look *look = context;
    if (tree_is_complete(look->tree))
        loop_end(&look->session.loop, EXIT_NOT_FOUND);
    else
        give_up(look);
}

void look_wait(struct look *look)
{
    look->waiting = true;
    look->patience.due = look->session.give_up_at;
}

/* ---- from the tree ---- */

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    struct look *look = context;
    if (look->handlers.service)
        look->handlers.service(look->context, before, now);
}

static void on_bridge(void *context, const struct state_record *state)
{
    struct look *look = context;
    if (look->handlers.bridge)
        look->handlers.bridge(look->context, state);
    if (tree_is_settled(look->tree))
        check_patience(look);
}

/*
 * Mosquitto queues a thousand messages for a client at its defaults, and drops the rest without a
 * word. Below that nothing is lost, and the bridge's count may be a second old.
 */
#define QUEUE_DEFAULT 1000

static void check_count(const struct look *look)
{
    size_t count = tree_count(look->tree), wanted = tree_bridge(look->tree)->services;
    if (look->all && count >= QUEUE_DEFAULT && count < wanted)
        say("the broker sent %zu of %zu records; its max_queued_messages is too low", count,
            wanted);
}

static void on_complete(void *context)
{
    struct look *look = context;
    check_count(look);
    if (look->handlers.complete)
        look->handlers.complete(look->context);
    if (look->once && !look->waiting)
        loop_end(&look->session.loop, EXIT_DONE);
}

static void on_not_online(void *context)
{
    check_patience(context);
}

/* ---- from the connection ---- */

static void on_message(void *context, const struct message *message)
{
    struct look *look = context;
    tree_message(look->tree, message->topic, message->payload, message->length);
}

static void on_settled(void *context)
{
    struct look *look = context;
    tree_settled(look->tree);
}

static void on_connected(void *context)
{
    struct look *look = context;
    if (look->link)
        look->link(look->context, true);
}

static void on_lost(void *context)
{
    struct look *look = context;
    tree_lost(look->tree);
    if (look->link)
        look->link(look->context, false);
}

static bool on_failed(void *context, const struct connection_failure *failure)
{
    struct look *look = context;
    return session_failed(&look->session, failure);
}

static void on_refused(void *context, int reason)
{
    struct look *look = context;
    say("the broker refuses the subscription: %s", connection_reason_text(reason));
    loop_end(&look->session.loop, EXIT_REFUSED);
}

static bool fits(const char *text, size_t max)
{
    return !text || (*text && strlen(text) <= max);
}

/* The state first: where the broker drops messages, it is the last ones. */
static bool subscribe(struct look *look, const struct look_wish *wish)
{
    char filter[TREE_FILTER_SIZE];
    const char *prefix = look->session.options->prefix;

    tree_state_filter(filter, prefix);
    if (!connection_subscribe(look->session.connection, filter))
        return false;
    tree_service_filter(filter, prefix, wish->domain, wish->type, wish->name);
    return connection_subscribe(look->session.connection, filter);
}

enum exit_code look_open(struct look *look, const struct options *options,
                         const struct look_wish *wish, const struct tree_handlers *handlers,
                         void *context)
{
    static const struct tree_handlers ours = {on_service, on_bridge, on_complete, on_not_online};
    static const struct connection_handlers connection_handlers = {
        .connected = on_connected,
        .settled = on_settled,
        .lost = on_lost,
        .failed = on_failed,
        .message = on_message,
        .subscription_refused = on_refused,
    };

    *look = (struct look){.handlers = *handlers, .context = context};
    look->session.loop.signal_fd = -1;
    if (!fits(wish->domain, SERVICE_DOMAIN_MAX) || !fits(wish->type, SERVICE_TYPE_MAX) ||
        !fits(wish->name, SERVICE_NAME_MAX)) {
        say("a domain, type or name is empty or too long");
        return EXIT_USAGE;
    }
    enum exit_code code = session_open(&look->session, options, &connection_handlers, look);
    if (code != EXIT_DONE)
        return code;
    session_connect_in_time(&look->session);
    look->once = wish->once;
    look->session.persistent = look->session.loop.endless = !wish->once;
    look->all = !wish->domain && !wish->type && !wish->name;
    look->session.loop.ends_with_output = true;
    look->session.loop.context = context;
    loop_add_timer(&look->session.loop, &look->patience, patience_ended, look);
    look->tree = tree_new(options->prefix, &ours, look);
    if (look->tree && subscribe(look, wish))
        return EXIT_DONE;
    say("out of memory");
    return EXIT_INTERNAL;
}

int look_run(struct look *look)
{
    return loop_run(&look->session.loop);
}

void look_close(struct look *look)
{
    session_close(&look->session, true);
    tree_free(look->tree);
}
