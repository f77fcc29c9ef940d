/* SPDX-License-Identifier: MIT */
#include "browser.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "diagnostic.h"
#include "service_type.h"

/* ---- with `once`, what may never come is not waited for longer than --timeout ---- */

static bool is_starting(const struct browser *browser)
{
    const struct state_record *state = record_tree_bridge(browser->tree);
    return state && state->life == BRIDGE_STARTING;
}

static void give_up(struct browser *browser)
{
    const struct state_record *state = record_tree_bridge(browser->tree);
    if (state)
        diagnostic("the bridge is %s", bridge_life_name(state->life));
    else
        diagnostic("there is no bridge at %s with the prefix %s, or you may not see it",
                   browser->session.place.url, browser->session.options->prefix);
    loop_end(&browser->session.loop, EXIT_NO_BRIDGE);
}

static void check_timeout(struct browser *browser)
{
    bool may_wait =
        browser->session.options->timeout_ms > 0 && clock_now() < browser->session.give_up_at;
    if (browser->session.persistent || record_tree_is_complete(browser->tree))
        return;
    if (may_wait)
        browser->timeout.due = browser->session.give_up_at;
    else if (!is_starting(browser))
        give_up(browser);
}

static void time_is_up(void *context, int64_t now)
{
    (void)now;
    struct browser *browser = context;
    if (record_tree_is_complete(browser->tree))
        loop_end(&browser->session.loop, EXIT_NOT_FOUND);
    else
        give_up(browser);
}

void browser_wait(struct browser *browser)
{
    browser->timeout.due = browser->session.give_up_at;
}

/* ---- from the tree ---- */

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    struct browser *browser = context;
    if (browser->handlers.service)
        browser->handlers.service(browser->context, before, now);
}

static void on_bridge(void *context, const struct state_record *state)
{
    struct browser *browser = context;
    if (browser->handlers.bridge)
        browser->handlers.bridge(browser->context, state);
    if (record_tree_is_settled(browser->tree))
        check_timeout(browser);
}

/*
 * Mosquitto queues a thousand messages for a client at its defaults, and drops the rest silently.
 * Below that nothing is lost, and the bridge's count may be a second old.
 */
#define QUEUE_DEFAULT 1000

static void check_count(const struct browser *browser)
{
    size_t count = record_tree_count(browser->tree),
           wanted = record_tree_bridge(browser->tree)->services;
    bool all = !browser->wanted.domain[0] && !browser->wanted.type[0] && !browser->wanted.name[0];
    if (all && count >= QUEUE_DEFAULT && count < wanted)
        diagnostic("the broker sent %zu of %zu records; its max_queued_messages is too low", count,
                   wanted);
}

static void on_complete(void *context)
{
    struct browser *browser = context;
    check_count(browser);
    browser->timeout.due = NEVER;
    if (browser->handlers.complete)
        browser->handlers.complete(browser->context);
    if (browser->once && browser->timeout.due == NEVER)
        loop_end(&browser->session.loop, EXIT_DONE);
}

static void on_not_online(void *context)
{
    check_timeout(context);
}

static bool matches(const char *wanted, const char *text)
{
    return !*wanted || strcasecmp(wanted, text) == 0;
}

static bool is_wanted(void *context, const struct service_id *id)
{
    const struct browser *browser = context;
    const struct service_id *wanted = &browser->wanted;
    return matches(wanted->domain, id->domain) && matches(wanted->type, id->type) &&
           matches(wanted->name, id->name);
}

/* ---- from the connection ---- */

static void on_message(void *context, const struct mqtt_message *message)
{
    struct browser *browser = context;
    record_tree_message(browser->tree, message->topic, message->payload, message->length);
}

static void on_settled(void *context)
{
    struct browser *browser = context;
    record_tree_settled(browser->tree);
}

static void on_connected(void *context)
{
    struct browser *browser = context;
    if (browser->connection)
        browser->connection(browser->context, true);
}

static void on_lost(void *context)
{
    struct browser *browser = context;
    record_tree_lost(browser->tree);
    if (browser->connection)
        browser->connection(browser->context, false);
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    struct browser *browser = context;
    return session_failed(&browser->session, failure);
}

static void on_refused(void *context, int reason)
{
    struct browser *browser = context;
    diagnostic("the broker refuses the subscription: %s", mqtt_reason_text(reason));
    loop_end(&browser->session.loop, EXIT_REFUSED);
}

/* ---- what is wanted ---- */

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
static bool take_plan(struct service_id *wanted, const struct browser_plan *plan)
{
    bool fits = take_domain(wanted->domain, sizeof wanted->domain, plan->domain) &&
                take_domain(wanted->type, sizeof wanted->type, plan->type) &&
                take_text(wanted->name, sizeof wanted->name, plan->name);
    if (!fits)
        diagnostic("a domain, type or name is empty or too long");
    else if (plan->type && !service_type_is_question(plan->type))
        diagnostic("that is no type; they are such as _http._tcp");
    else
        return true;
    return false;
}

static bool subscribe_services(struct browser *browser, const char *type, const char *name)
{
    char filter[RECORD_TREE_FILTER_SIZE];
    record_tree_service_filter(filter, browser->session.options->prefix, type, name);
    return connection_subscribe(browser->session.connection, filter);
}

/*
 * Where the broker drops messages, it is the last ones: so the state comes first, and the very name before
 * all of its type. A type is announced in small letters, or in the capitals that are wanted: all types
 * would be too much for the broker's queue.
 */
static bool subscribe(struct browser *browser)
{
    char filter[RECORD_TREE_FILTER_SIZE], small[SERVICE_TYPE_MAX + 1];
    const char *type = browser->wanted.type, *name = browser->wanted.name;

    record_tree_state_filter(filter, browser->session.options->prefix);
    for (size_t i = 0; i < sizeof small; i++)
        small[i] = (char)tolower((unsigned char)type[i]);
    return connection_subscribe(browser->session.connection, filter) &&
           (!*name || subscribe_services(browser, type, name)) &&
           subscribe_services(browser, type, NULL) &&
           (strcmp(small, type) == 0 || subscribe_services(browser, small, NULL));
}

enum exit_code browser_open(struct browser *browser, const struct options *options,
                            const struct browser_plan *plan,
                            const struct record_tree_handlers *handlers, void *context)
{
    static const struct record_tree_handlers ours = {on_service, on_bridge, on_complete,
                                                     on_not_online, is_wanted};
    static const struct connection_handlers connection_handlers = {
        .connected = on_connected,
        .settled = on_settled,
        .lost = on_lost,
        .failed = on_failed,
        .message = on_message,
        .subscription_refused = on_refused,
    };

    *browser = (struct browser){.handlers = *handlers, .context = context};
    browser->session.loop.signal_fd = -1;
    if (!take_plan(&browser->wanted, plan))
        return EXIT_USAGE;
    enum exit_code code = session_open(&browser->session, options, &connection_handlers, browser);
    if (code != EXIT_DONE)
        return code;
    session_connect_in_time(&browser->session);
    browser->once = plan->once;
    browser->session.persistent = browser->session.loop.endless = !plan->once;
    browser->session.loop.ends_with_output = true;
    browser->session.loop.context = context;
    loop_add_timer(&browser->session.loop, &browser->timeout, time_is_up, browser);
    browser->tree = record_tree_new(options->prefix, &ours, browser);
    if (browser->tree && subscribe(browser))
        return EXIT_DONE;
    diagnostic("out of memory");
    return EXIT_INTERNAL;
}

void browser_close(struct browser *browser)
{
    session_close(&browser->session, true);
    record_tree_free(browser->tree);
}
