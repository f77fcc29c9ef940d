/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * Each registration has a number, one request, the name that it has now, a state, and an entry group while
 * it is REGISTERING or ESTABLISHED:
 *
 *     WAITING ------> REGISTERING ------> ESTABLISHED
 *        ^             |       ^              |
 *        |  collision, |       |              | collision, or has to be registered
 *        |  next name  |       |              | anew, or makes way
 *        +-------------+       +--------- RETURNING
 *
 * A collision of what is established means the same name once more after a while: churn of the host's own
 * addresses can look like a conflict to Avahi 0.8. A collision before it is established means the next name,
 * "x #2" after "x", or FAILED. What has FAILED or is withdrawn leaves the table.
 *
 * Collisions come in two ways: at once, from the call that adds the service, where the name is taken on
 * this host; and later, as the group's state, where it is taken on the network. One routine serves both,
 * and a third: Avahi lets two groups with identical records pass, so whether another registration holds the
 * name is asked here first.
 *
 * TXT data have a revision: what is asked for, and what the group has. Where they differ, the group is
 * updated in place; if Avahi refuses that, the request is registered anew, and fails if that is refused, too.
 *
 * A group is freed and made again, never reset: Avahi holds back a group that is registered again and again.
 * Avahi's cost is quadratic in what it probes and announces at the same time, so at most REGISTERING_MAX are
 * between commit and established; the others wait in the order in which they came.
 *
 * Callbacks note what Avahi said of a group and nothing else; registrations_run() acts on it from the thread's
 * loop.
 */
#include "registrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <uthash.h>

#include "clock.h"
#include "entry_group.h"
#include "log.h"

#define REGISTERING_MAX 50
#define RENAMES_MAX 32 /* in a row */
#define SAME_NAME_AGAIN_MS 2000
#define INTERFACES_MS 5000 /* between two looks at those of requests for one interface */

enum state {
    WAITING,     /* to be registered at `due_at`, under a name that it did not have yet */
    REGISTERING, /* committed: Avahi probes for the name, which is held for it among our own */
    ESTABLISHED, /* on the network */
    RETURNING, /* to be registered again at `due_at`, under the name that it had, which is still held */
};

static const char *const state_names[] = {"waiting", "registering", "established", "returning"};

_Static_assert(sizeof state_names / sizeof *state_names == RETURNING + 1, "a name for each state");

#define NOTHING_NOTED (-1)

struct registration {
    UT_hash_handle hh; /* registrations::first */
    struct registrations *table;
    uint32_t number;
    uint32_t replaces;   /* another number, or 0 */
    uint32_t revision;   /* of the TXT data in `request` */
    uint32_t registered; /* revision that the group has */
    enum state state;
    unsigned renames; /* since it was established */
    int64_t due_at;   /* in WAITING and RETURNING: not before */
    int noted;        /* AvahiEntryGroupState that a callback has left to be acted on */
    struct entry_group group;
    char name[SERVICE_NAME_MAX + 1];
    struct request request;
};

struct registrations {
    struct client_pool *pool;
    struct event_sink sink;
    struct registration *first; /* hash, by number; in order of arrival */
    unsigned registering;       /* how many are */
    bool busy;                  /* something is to be done at the next run */
    bool host_ready;            /* the pool's, as of the last run */
    int64_t next_at;            /* the earliest `due_at`, as of the last run that did something */
    int64_t interfaces_at;      /* next look at those of requests for one interface */
};

static struct registration *find(struct registrations *table, uint32_t number)
{
    struct registration *r;
    HASH_FIND(hh, table->first, &number, sizeof number, r);
    return r;
}

static void report(const struct registration *r, struct registration_event said)
{
    struct mdns_event *event = calloc(1, sizeof *event);
    if (!event)
        return;
    event->kind = MDNS_REGISTRATION;
    event->registration = said;
    event->registration.number = r->number;
    event->registration.revision = r->revision;
    memcpy(event->registration.name, r->name, sizeof r->name);
    event_sink_put(&r->table->sink, event);
}

/* Reports ESTABLISHED, and PENDING once for each name and each time that it is not established any more. */
static void set_state(struct registration *r, enum state state)
{
    enum state before = r->state;
    r->table->busy = true;
    if (state == before)
        return;
    log_debug("registration %u '%s'.%s: %s -> %s", r->number, r->name, r->request.type,
              state_names[before], state_names[state]);
    r->table->registering += (state == REGISTERING) - (before == REGISTERING);
    r->state = state;
    if (state == ESTABLISHED)
        report(r, (struct registration_event){.state = REGISTRATION_ESTABLISHED});
    else if (before == ESTABLISHED || (before == WAITING && state == REGISTERING))
        report(r, (struct registration_event){.state = REGISTRATION_PENDING});
}

/* Gives up the group, which says goodbye for it; `state` is WAITING or RETURNING. */
static void wait_until(struct registration *r, enum state state, int64_t due_at)
{
    entry_group_free(&r->group);
    r->noted = NOTHING_NOTED;
    r->due_at = due_at;
    set_state(r, state);
}

static void drop(struct registration *r, const char *how)
{
    log_debug("registration %u '%s'.%s: %s -> %s", r->number, r->name, r->request.type,
              state_names[r->state], how);
    entry_group_free(&r->group);
    r->table->registering -= r->state == REGISTERING;
    r->table->busy = true;
    HASH_DEL(r->table->first, r);
    free(r);
}

/* ---- What may come of it ---- */

static void fail(struct registration *r, enum registration_failure failure, const char *message)
{
    struct registration_event said = {.state = REGISTRATION_FAILED, .failure = failure};
    snprintf(said.message, sizeof said.message, "%s", message);
    report(r, said);
    drop(r, "failed");
}

static void refused(struct registration *r, int error)
{
    if (error == AVAHI_ERR_INVALID_INTERFACE)
        fail(r, REGISTRATION_NO_INTERFACE, "there is no such interface");
    else
        fail(r, REGISTRATION_REFUSED, avahi_strerror(error));
}

/*
 * Avahi is gone or hangs, which is noticed here before libavahi says so. Nothing has failed: the
 * connections are made anew, and everything is tried on these.
 */
static bool is_connection_error(int error)
{
    return error == AVAHI_ERR_DISCONNECTED || error == AVAHI_ERR_NO_DAEMON ||
           error == AVAHI_ERR_DBUS_ERROR || error == AVAHI_ERR_TIMEOUT ||
           error == AVAHI_ERR_BAD_STATE || error == AVAHI_ERR_TOO_MANY_CLIENTS;
}

/* False where there is none that may be tried. */
static bool take_next_name(struct registration *r)
{
    /* Avahi 0.8 counts on behind a number without a bound; nine digits would overflow. */
    const char *number = strrchr(r->name, '#');
    if (r->renames == RENAMES_MAX || (number && strlen(number + 1) >= 8 &&
                                      strspn(number + 1, "0123456789") == strlen(number + 1)))
        return false;
    char *next = avahi_alternative_service_name(r->name);
    bool fits = next && strlen(next) <= SERVICE_NAME_MAX;
    if (fits)
        memcpy(r->name, next, strlen(next) + 1);
    avahi_free(next);
    r->renames++;
    return fits;
}

static void collided(struct registration *r, int64_t now)
{
    if (r->state == ESTABLISHED)
        wait_until(r, RETURNING, now + SAME_NAME_AGAIN_MS);
    else if (!r->request.rename)
        fail(r, REGISTRATION_CONFLICT, "the name is taken");
    else if (take_next_name(r))
        wait_until(r, WAITING, now);
    else
        fail(r, REGISTRATION_CONFLICT, "the name and all that are like it are taken");
}

/* Brings the group's TXT data up to date. False where it is not established now, or the connection broke. */
static bool update_txt(struct registration *r, int64_t now)
{
    int error =
        r->registered == r->revision ? 0 : entry_group_update_txt(&r->group, r->name, &r->request);
    if (error == 0)
        r->registered = r->revision;
    else if (is_connection_error(error))
        client_pool_break(r->table->pool, error);
    else
        wait_until(r, RETURNING, now);
    return error == 0;
}

/* ---- Registering ---- */

static void group_changed(AvahiEntryGroup *group, AvahiEntryGroupState state, void *userdata)
{
    struct registration *r = userdata;
    if (r->group.group != group) /* called from within avahi_entry_group_new() */
        return;
    r->noted = (int)state;
    r->table->busy = true;
}

/* As DNS compares names (RFC 1035 section 2.3.3), types included. */
static bool same_name(const struct registration *a, const struct registration *b)
{
    return strcasecmp(a->name, b->name) == 0 && strcasecmp(a->request.type, b->request.type) == 0;
}

static bool is_taken_by_another(const struct registration *r)
{
    for (const struct registration *other = r->table->first; other; other = other->hh.next)
        if (other != r && other->number != r->replaces && other->state != WAITING &&
            same_name(other, r))
            return true;
    return false;
}

static bool is_replaced(const struct registration *r)
{
    for (const struct registration *other = r->table->first; other; other = other->hh.next)
        if (other->replaces == r->number)
            return true;
    return false;
}

static bool is_due(const struct registration *r, int64_t now)
{
    if (r->state != WAITING && r->state != RETURNING)
        return false;
    if (r->due_at > now) {
        r->table->next_at = earlier(r->table->next_at, r->due_at);
        return false;
    }
    return r->table->registering < REGISTERING_MAX && !is_replaced(r);
}

static void start(struct registration *r, int64_t now)
{
    struct registrations *table = r->table;
    struct registration *replaced = find(table, r->replaces);
    if (entry_group_interface(&r->request) == 0) {
        refused(r, AVAHI_ERR_INVALID_INTERFACE); /* before anything makes way for it */
        return;
    }
    if (is_taken_by_another(r)) {
        collided(r, now);
        return;
    }
    if (replaced && replaced->group.group && same_name(replaced, r))
        wait_until(replaced, RETURNING, now);
    int error =
        entry_group_register(&r->group, table->pool, r->name, &r->request, group_changed, r);
    if (error == AVAHI_ERR_COLLISION) {
        collided(r, now);
    } else if (is_connection_error(error)) {
        client_pool_break(table->pool, error);
    } else if (error != 0) {
        refused(r, error);
    } else {
        r->registered = r->revision;
        if (r->request.interface[0])
            table->interfaces_at = earlier(table->interfaces_at, now + INTERFACES_MS);
        set_state(r, REGISTERING);
    }
}

/* ---- The loop's side ---- */

static void run_one(struct registration *r, int64_t now)
{
    int noted = r->noted;
    r->noted = NOTHING_NOTED;
    if (noted == AVAHI_ENTRY_GROUP_COLLISION) {
        collided(r, now);
    } else if (noted == AVAHI_ENTRY_GROUP_FAILURE) {
        refused(r, avahi_client_errno(avahi_entry_group_get_client(r->group.group)));
    } else if (noted == AVAHI_ENTRY_GROUP_ESTABLISHED && r->state == REGISTERING) {
        r->renames = 0;
        if (update_txt(r, now))
            set_state(r, ESTABLISHED);
    } else if (r->state == ESTABLISHED && r->registered != r->revision) {
        if (update_txt(r, now))
            report(r, (struct registration_event){.state = REGISTRATION_ESTABLISHED});
    } else if (is_due(r, now)) {
        start(r, now);
    }
}

/* What has a group is to be registered again. */
static void register_all_again(struct registrations *table)
{
    for (struct registration *r = table->first; r; r = r->hh.next)
        if (r->state == REGISTERING || r->state == ESTABLISHED)
            wait_until(r, RETURNING, 0);
}

/* One that was removed and made again has another number, and what was registered for it is nowhere. */
static void look_at_interfaces(struct registrations *table, int64_t now)
{
    if (now < table->interfaces_at)
        return;
    table->interfaces_at = INT64_MAX;
    for (struct registration *r = table->first; r; r = r->hh.next) {
        if (!r->group.group || !r->request.interface[0])
            continue;
        table->interfaces_at = now + INTERFACES_MS;
        AvahiIfIndex interface = entry_group_interface(&r->request);
        if (interface != 0 && interface != r->group.interface)
            wait_until(r, RETURNING, 0);
    }
}

int64_t registrations_run(struct registrations *table, int64_t now)
{
    struct registration *r, *next;
    /* The host takes another name: what was registered points to the old one. */
    if (table->host_ready && !table->pool->host_ready)
        register_all_again(table);
    table->busy |= table->host_ready != table->pool->host_ready;
    table->host_ready = table->pool->host_ready;
    if (!table->host_ready)
        return INT64_MAX;
    look_at_interfaces(table, now);
    if (table->busy || now >= table->next_at) {
        table->busy = false;
        table->next_at = INT64_MAX;
        HASH_ITER(hh, table->first, r, next)
        {
            if (table->pool->state != CLIENT_POOL_UP)
                break;
            run_one(r, now);
        }
    }
    return table->busy ? now : earlier(table->next_at, table->interfaces_at);
}

bool registrations_is_empty(const struct registrations *table)
{
    return !table->first;
}

void registrations_add(struct registrations *table, uint32_t number, uint32_t replaces,
                       const char *name, const struct request *request)
{
    registrations_withdraw(table, number);
    struct registration *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->table = table;
    r->number = number;
    r->replaces = replaces;
    r->noted = NOTHING_NOTED;
    r->request = *request;
    snprintf(r->name, sizeof r->name, "%s", name);
    HASH_ADD(hh, table->first, number, sizeof r->number, r);
    table->busy = true;
}

void registrations_update_txt(struct registrations *table, uint32_t number, uint32_t revision,
                              const struct request *request)
{
    struct registration *r = find(table, number);
    if (!r)
        return;
    r->revision = revision;
    r->request.txt_length = request->txt_length;
    memcpy(r->request.txt, request->txt, sizeof r->request.txt);
    table->busy = true;
}

void registrations_withdraw(struct registrations *table, uint32_t number)
{
    struct registration *r = find(table, number);
    if (r)
        drop(r, "withdrawn");
}

void registrations_detach(struct registrations *table)
{
    for (struct registration *r = table->first; r; r = r->hh.next) {
        entry_group_forget(&r->group);
        r->noted = NOTHING_NOTED;
    }
    register_all_again(table);
    table->host_ready = false;
}

void registrations_forget(struct registrations *table)
{
    struct registration *r, *next;
    HASH_ITER(hh, table->first, r, next)
    {
        HASH_DEL(table->first, r);
        free(r);
    }
    table->registering = 0;
    table->host_ready = false;
}

struct registrations *registrations_new(struct client_pool *pool, struct event_sink sink)
{
    struct registrations *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->pool = pool;
    table->sink = sink;
    table->next_at = table->interfaces_at = INT64_MAX;
    return table;
}

void registrations_free(struct registrations *table)
{
    if (!table)
        return;
    registrations_forget(table);
    free(table);
}
