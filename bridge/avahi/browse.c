/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A question is one Avahi browser: either "which service types are there?" (one a domain, RFC 6763
 * section 9) or "which instances of this type?" (one a type and domain). The first kind creates
 * questions of the second kind, and those hand what they hear to resolve.c.
 *
 * Avahi reports types and instances once for each interface and protocol. One question a type is enough:
 * it is asked on all interfaces, and each answer names its own. Type names are compared without case.
 *
 * A type that is no longer enumerated keeps its question for a while: devices take back the shared
 * enumeration record when they leave, though others still offer the type.
 *
 * Callbacks come from inside libavahi and free nothing; browse_run() does from the thread's loop.
 */
#include "browse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <avahi-client/lookup.h>
#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <uthash.h>

#include "clock.h"
#include "log.h"

/* More types than a busy conference network has; each costs avahi-daemon a query for ever. */
#define TYPES_MAX 1024

#define TYPE_IDLE_MS (10 * 60 * 1000)
#define RETRY_MS 1000
#define RETRY_MAX_MS 60000

struct question {
    UT_hash_handle hh; /* browse::questions, by key */
    struct browse *browse;
    AvahiServiceTypeBrowser *type_browser; /* one of the two, or none while it waits for a retry */
    AvahiServiceBrowser *browser;
    struct pool_client *client; /* that the browser is counted on */
    bool answered;              /* ALL_FOR_NOW was heard, or it failed */
    bool listed;                /* asked for by the configuration */
    bool failed;                /* to be made again at `due_at` */
    bool sweeps;                /* instances that it has not confirmed since it was asked again */
    unsigned char failures;     /* in a row, for the back-off */
    unsigned enumerated;        /* by how many (interface, protocol) the type is known */
    int64_t due_at;             /* retry, or end of an idle type; INT64_MAX: nothing is due */
    const char *type;           /* "" asks for the types themselves; inside `key` */
    const char *domain;         /* inside `key` */
    char key[];                 /* type and domain in lower case, each with its NUL */
};

struct browse {
    struct client_pool *pool;
    struct resolve *resolve;
    const struct filter *filter;
    struct browse_counters *counters;
    struct question *questions;
    unsigned pending;
    bool refusing; /* types, since everything was asked the last time */
    bool complained_of_room, complained_of_failure;
};

#define KEY_MAX (2 * (size_t)AVAHI_DOMAIN_NAME_MAX)

/* Returns the key's length, or 0 if a string is longer than Avahi makes them. */
static unsigned make_key(char key[KEY_MAX], const char *type, const char *domain)
{
    size_t type_size = strlen(type) + 1, domain_size = strlen(domain) + 1;
    if (type_size > AVAHI_DOMAIN_NAME_MAX || domain_size > AVAHI_DOMAIN_NAME_MAX)
        return 0;
    memcpy(key, type, type_size);
    memcpy(key + type_size, domain, domain_size);
    for (size_t i = 0; i < type_size + domain_size; i++)
        key[i] = (char)tolower((unsigned char)key[i]);
    return (unsigned)(type_size + domain_size);
}

static struct question *find(struct browse *browse, const char *type, const char *domain)
{
    char key[KEY_MAX];
    struct question *question = NULL;
    unsigned length = make_key(key, type, domain);
    if (length > 0)
        HASH_FIND(hh, browse->questions, key, length, question);
    return question;
}

static void set_answered(struct question *question)
{
    if (!question->answered)
        question->browse->pending--;
    question->answered = true;
}

static void question_failed(struct question *question, int error)
{
    log_warning_once(
        &question->browse->complained_of_failure, "browsing '%s' in %s: %s; trying again",
        question->type[0] ? question->type : "types", question->domain, avahi_strerror(error));
    question->failed = true;
    question->due_at = clock_now() + backoff_next(&question->failures, RETRY_MS, RETRY_MAX_MS);
    set_answered(question);
}

/* What is the same for both kinds of browser. True if the event is one about a record. */
static bool record_event(struct question *question, AvahiBrowserEvent event, AvahiClient *client)
{
    switch (event) {
    case AVAHI_BROWSER_NEW:
    case AVAHI_BROWSER_REMOVE:
        return !question->failed;
    case AVAHI_BROWSER_ALL_FOR_NOW:
        question->failures = 0;
        set_answered(question);
        if (question->sweeps)
            resolve_sweep(question->browse->resolve, question->type, question->domain);
        question->sweeps = false;
        return false;
    case AVAHI_BROWSER_FAILURE:
        question_failed(question, avahi_client_errno(client));
        return false;
    case AVAHI_BROWSER_CACHE_EXHAUSTED:
        return false;
    }
    return false;
}

static void instance_event(AvahiServiceBrowser *browser, AvahiIfIndex interface,
                           AvahiProtocol protocol, AvahiBrowserEvent event, const char *name,
                           const char *type, const char *domain, AvahiLookupResultFlags flags,
                           void *userdata)
{
    struct question *question = userdata;
    if (!record_event(question, event, avahi_service_browser_get_client(browser)))
        return;
    struct resolve *resolve = question->browse->resolve;
    if (event == AVAHI_BROWSER_NEW)
        resolve_appeared(resolve, interface, protocol, name, type, domain,
                         flags & AVAHI_LOOKUP_RESULT_LOCAL);
    else
        resolve_disappeared(resolve, interface, protocol, name, type, domain);
}

static void type_event(AvahiServiceTypeBrowser *browser, AvahiIfIndex interface,
                       AvahiProtocol protocol, AvahiBrowserEvent event, const char *type,
                       const char *domain, AvahiLookupResultFlags flags, void *userdata);

static void free_browser(struct question *question)
{
    if (question->type_browser)
        avahi_service_type_browser_free(question->type_browser);
    if (question->browser)
        avahi_service_browser_free(question->browser);
    question->type_browser = NULL;
    question->browser = NULL;
    client_pool_give_back(question->client);
    question->client = NULL;
}

static AvahiProtocol asked_protocol(const struct browse *browse)
{
    const struct mdns_options *options = filter_options(browse->filter);
    if (options->ipv4 && options->ipv6)
        return AVAHI_PROTO_UNSPEC;
    return options->ipv4 ? AVAHI_PROTO_INET : AVAHI_PROTO_INET6;
}

/* Asks, or asks again; the browser that was there before is freed after the new one was made. */
static void ask(struct question *question)
{
    struct browse *browse = question->browse;
    struct question old = *question;
    struct pool_client *client = client_pool_take(browse->pool);
    if (!client) {
        question_failed(question, browse->pool->error);
        return;
    }
    AvahiProtocol protocol = asked_protocol(browse);
    question->client = client;
    question->type_browser = NULL;
    question->browser = NULL;
    question->failed = false;
    question->due_at =
        clock_now() + TYPE_IDLE_MS; /* unless somebody wants it; see run_question() */
    if (question->type[0])
        question->browser =
            avahi_service_browser_new(client->client, AVAHI_IF_UNSPEC, protocol, question->type,
                                      question->domain, 0, instance_event, question);
    else
        question->type_browser = avahi_service_type_browser_new(
            client->client, AVAHI_IF_UNSPEC, protocol, question->domain, 0, type_event, question);
    if (!question->browser && !question->type_browser) {
        int error = avahi_client_errno(client->client);
        client_pool_give_back(client);
        if (error == AVAHI_ERR_TOO_MANY_OBJECTS)
            client_pool_mark_full(client);
        question->client = NULL;
        client_pool_failed(browse->pool, error);
        question_failed(question, error);
    }
    free_browser(&old);
}

static struct question *add(struct browse *browse, const char *type, const char *domain)
{
    char key[KEY_MAX];
    unsigned length = make_key(key, type, domain);
    struct question *question = length > 0 ? calloc(1, sizeof *question + length) : NULL;
    if (!question)
        return NULL;
    question->browse = browse;
    memcpy(question->key, key, length);
    question->type = question->key;
    question->domain = question->key + strlen(type) + 1;
    HASH_ADD_KEYPTR(hh, browse->questions, question->key, length, question);
    browse->counters->types = HASH_COUNT(browse->questions);
    browse->pending++;
    ask(question);
    return question;
}

static void drop(struct question *question)
{
    struct browse *browse = question->browse;
    set_answered(question);
    free_browser(question);
    HASH_DEL(browse->questions, question);
    browse->counters->types = HASH_COUNT(browse->questions);
    free(question);
}

static void type_appeared(struct browse *browse, const char *type, const char *domain)
{
    struct question *question = find(browse, type, domain);
    if (!question) {
        if (!avahi_is_valid_service_type_strict(type)) {
            log_debug("type '%s': not one that can be resolved; ignored", type);
            browse->counters->ignored++;
            return;
        }
        if (!filter_wants_type(browse->filter, type, true))
            return;
        if (HASH_COUNT(browse->questions) >= TYPES_MAX) {
            log_warning_once(&browse->complained_of_room,
                             "type '%s' and maybe more: refused, %d types are browsed", type,
                             TYPES_MAX);
            browse->refusing = true;
            browse->counters->refused++;
            return;
        }
        question = add(browse, type, domain);
    }
    if (question)
        question->enumerated++;
}

static void type_disappeared(struct browse *browse, const char *type, const char *domain)
{
    struct question *question = find(browse, type, domain);
    if (question && question->enumerated > 0 && --question->enumerated == 0 && !question->listed)
        question->due_at = clock_now() + TYPE_IDLE_MS;
}

static void type_event(AvahiServiceTypeBrowser *browser, AvahiIfIndex interface,
                       AvahiProtocol protocol, AvahiBrowserEvent event, const char *type,
                       const char *domain, AvahiLookupResultFlags flags, void *userdata)
{
    (void)interface, (void)protocol, (void)flags;
    struct question *question = userdata;
    if (!record_event(question, event, avahi_service_type_browser_get_client(browser)))
        return;
    if (event == AVAHI_BROWSER_NEW)
        type_appeared(question->browse, type, domain);
    else
        type_disappeared(question->browse, type, domain);
}

/* Questions that the options call for, whatever the network enumerates. */
static void list_question(struct browse *browse, const char *type, const char *domain)
{
    struct question *question = find(browse, type, domain);
    if (!question)
        question = add(browse, type, domain);
    if (question)
        question->listed = true;
}

void browse_restart(struct browse *browse, const struct filter *filter)
{
    const struct mdns_options *options = filter_options(filter);
    struct question *question, *next;
    browse->filter = filter;
    browse->refusing = false;
    HASH_ITER(hh, browse->questions, question, next)
    {
        bool wanted = (question->type[0] ? filter_wants_type(filter, question->type, true)
                                         : options->browse && options->enumerate) &&
                      filter_wants_domain(filter, question->domain);
        if (!wanted) {
            drop(question);
            continue;
        }
        question->listed = false;
        question->enumerated = 0; /* the new type browser counts again */
        /* What goes between the new browser's first look and the end of the old one, neither reports. */
        question->sweeps = question->type[0];
        if (question->sweeps)
            resolve_mark_stale(browse->resolve, question->type, question->domain);
        ask(question);
    }
    for (const char *const *domain = options->domains; options->browse && *domain; domain++) {
        if (options->enumerate)
            list_question(browse, "", *domain);
        for (const char *const *type = options->types; *type; type++)
            list_question(browse, *type, *domain);
    }
}

bool browse_has_room_again(const struct browse *browse)
{
    return browse->refusing && HASH_COUNT(browse->questions) <= TYPES_MAX - TYPES_MAX / 10;
}

unsigned browse_pending(const struct browse *browse)
{
    return browse->pending;
}

static void run_question(struct question *question, int64_t now)
{
    if (question->failed)
        ask(question);
    else if (question->listed || question->enumerated > 0)
        question->due_at = INT64_MAX;
    else if (resolve_follows_type(question->browse->resolve, question->type, question->domain))
        question->due_at = now + TYPE_IDLE_MS;
    else
        drop(question);
}

int64_t browse_run(struct browse *browse, int64_t now)
{
    int64_t next_at = INT64_MAX;
    struct question *question, *next;
    HASH_ITER(hh, browse->questions, question, next)
    {
        if (question->due_at > now) {
            if (question->due_at < next_at)
                next_at = question->due_at;
        } else {
            run_question(question, now);
            next_at = now; /* look again: it may be due at another time, or gone */
        }
    }
    return next_at;
}

struct browse *browse_new(struct client_pool *pool, struct resolve *resolve,
                          const struct filter *filter, struct browse_counters *counters)
{
    struct browse *browse = calloc(1, sizeof *browse);
    if (!browse)
        return NULL;
    browse->pool = pool;
    browse->resolve = resolve;
    browse->filter = filter;
    browse->counters = counters;
    return browse;
}

void browse_forget(struct browse *browse)
{
    struct question *question, *next;
    HASH_ITER(hh, browse->questions, question, next)
    {
        HASH_DEL(browse->questions, question);
        free(question);
    }
    browse->pending = 0;
    browse->counters->types = 0;
}

void browse_free(struct browse *browse)
{
    if (!browse)
        return;
    browse_forget(browse);
    free(browse);
}
