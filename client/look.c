/* SPDX-License-Identifier: MIT */
#include "look.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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
    bool all = !look->wanted.domain[0] && !look->wanted.type[0] && !look->wanted.name[0];
    if (all && count >= QUEUE_DEFAULT && count < wanted)
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

static bool matches(const char *wanted, const char *text)
{
    return !*wanted || strcasecmp(wanted, text) == 0;
}

static bool wants(void *context, const struct service_id *id)
{
    const struct look *look = context;
    const struct service_id *wanted = &look->wanted;
    return matches(wanted->domain, id->domain) && matches(wanted->type, id->type) &&
           matches(wanted->name, id->name);
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

/* ---- what is wished for ---- */

bool look_type_is_valid(const char *type)
{
    do {
        size_t length = strcspn(type, ".");
        if (*type != '_' || length < 2 || length > 63)
            return false;
        type += length + (type[length] == '.');
    } while (*type);
    return true;
}

/* NULL is "". False: it is empty or too long. */
static bool take_text(char *out, size_t size, const char *text)
{
    return !text || (*text && (size_t)snprintf(out, size, "%s", text) < size);
}

/* The same of a domain or a type. */
static bool take_domain(char *out, size_t size, const char *domain)
{
    bool taken = take_text(out, size, domain);
    size_t length = strlen(out);
    if (length > 1 && out[length - 1] == '.')
        out[length - 1] = '\0';
    return taken;
}

/* Says what is wrong with it. */
static bool take_wish(struct service_id *wanted, const struct look_wish *wish)
{
    bool fits = take_domain(wanted->domain, sizeof wanted->domain, wish->domain) &&
                take_domain(wanted->type, sizeof wanted->type, wish->type) &&
                take_text(wanted->name, sizeof wanted->name, wish->name);
    if (!fits)
        say("a domain, type or name is empty or too long");
    else if (wish->type && !look_type_is_valid(wish->type))
        say("that is no type; they are such as _http._tcp");
    else
        return true;
    return false;
}

static bool subscribe_services(struct look *look, const char *type, const char *name)
{
    char filter[TREE_FILTER_SIZE];
    tree_service_filter(filter, look->session.options->prefix, type, name);
    return connection_subscribe(look->session.connection, filter);
}

/*
 * Where the broker drops messages, it is the last ones: so the state comes first, and the very name before
 * all of its type. A type is announced in small letters, or in the capitals that are asked for: all types
 * would be too much for the broker's queue.
 */
static bool subscribe(struct look *look)
{
    char filter[TREE_FILTER_SIZE], small[SERVICE_TYPE_MAX + 1];
    const char *type = look->wanted.type, *name = look->wanted.name;

    tree_state_filter(filter, look->session.options->prefix);
    for (size_t i = 0; i < sizeof small; i++)
        small[i] = (char)tolower((unsigned char)type[i]);
    return connection_subscribe(look->session.connection, filter) &&
           (!*name || subscribe_services(look, type, name)) &&
           subscribe_services(look, type, NULL) &&
           (strcmp(small, type) == 0 || subscribe_services(look, small, NULL));
}

enum exit_code look_open(struct look *look, const struct options *options,
                         const struct look_wish *wish, const struct tree_handlers *handlers,
                         void *context)
{
    static const struct tree_handlers ours = {on_service, on_bridge, on_complete, on_not_online,
                                              wants};
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
    if (!take_wish(&look->wanted, wish))
        return EXIT_USAGE;
    enum exit_code code = session_open(&look->session, options, &connection_handlers, look);
    if (code != EXIT_DONE)
        return code;
    session_connect_in_time(&look->session);
    look->once = wish->once;
    look->session.persistent = look->session.loop.endless = !wish->once;
    look->session.loop.ends_with_output = true;
    look->session.loop.context = context;
    loop_add_timer(&look->session.loop, &look->patience, patience_ended, look);
    look->tree = tree_new(options->prefix, &ours, look);
    if (look->tree && subscribe(look))
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
