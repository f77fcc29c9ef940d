/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A wish is one CLIENT/ID. It comes to be with its first request and is forgotten when it has ended and
 * everybody was told. Only its last accepted request counts:
 *
 *     PENDING      the Avahi side has the request, or will have it once Avahi is there
 *     ESTABLISHED  on the network
 *     FAILED       refused here (policy, quota, what is wrong with it) or by Avahi. What was accepted
 *                  before goes on, and the status says "kept".
 *     WITHDRAWN    ended
 *
 * Nothing is sent from here at once. What is due is noted in the wish, which goes on the todo list;
 * adverts_run() hands it out as far as there is room (adverts_output.c). So changes coalesce, and a
 * broker or an Avahi that stalls costs no memory.
 */
#include "adverts_wish.h"

#include <stdlib.h>

#include <utlist.h>

#include "log.h"

static const char *const state_names[] = {"pending", "established", "failed", "withdrawn"};

_Static_assert(sizeof state_names / sizeof *state_names == WISH_WITHDRAWN + 1,
               "a name for each state");

void adverts_todo(struct adverts *adverts, struct wish *wish)
{
    if (wish->in_todo)
        return;
    wish->in_todo = true;
    DL_APPEND(adverts->todo, wish);
}

void adverts_set_state(struct adverts *adverts, struct wish *wish, enum wish_state state)
{
    if (wish->state != state)
        log_debug("advertise %s: %s -> %s", wish->path, state_names[wish->state],
                  state_names[state]);
    adverts->counters.established +=
        (state == WISH_ESTABLISHED) - (wish->state == WISH_ESTABLISHED);
    wish->state = state;
    wish->status_due = true;
    adverts_todo(adverts, wish);
}

struct wish *adverts_find(const struct adverts *adverts, const char *path)
{
    struct wish *wish;
    HASH_FIND_STR(adverts->wishes, path, wish);
    return wish;
}

struct wish *adverts_add(struct adverts *adverts, const struct request_owner *owner)
{
    struct wish *wish = calloc(1, sizeof *wish);
    if (!wish)
        return NULL;
    wish->owner = *owner;
    wish->number = adverts->next_number++;
    wish->lease_at = wish->hold_at = wish->clear_at = INT64_MAX;
    wish->port.state = PORT_UNKNOWN;
    topic_request_path(wish->path, owner);
    HASH_ADD_STR(adverts->wishes, path, wish);
    adverts->counters.wishes++;
    return wish;
}

void adverts_forget(struct adverts *adverts, struct wish *wish)
{
    if (wish->in_todo)
        DL_DELETE(adverts->todo, wish);
    HASH_DEL(adverts->wishes, wish);
    if (wish->state == WISH_WITHDRAWN && adverts->lingering > 0)
        adverts->lingering--;
    else
        adverts->counters.wishes--;
    free(wish);
}

void adverts_end(struct adverts *adverts, struct wish *wish, enum status_reason reason)
{
    if (wish->state == WISH_WITHDRAWN)
        return;
    log_debug("advertise %s: ends (%s)", wish->path, status_reason_name(reason));
    adverts->counters.ended++;
    wish->reason = reason;
    wish->withdraw_due |= wish->has_wanted;
    wish->advertise_due = wish->has_standing = wish->has_refused = wish->leaving = false;
    wish->clear_request_due = true;
    wish->lease_at = wish->hold_at = INT64_MAX;
    adverts->counters.wishes--;
    adverts->lingering++;
    adverts_set_state(adverts, wish, WISH_WITHDRAWN);
}

void adverts_revive(struct adverts *adverts, struct wish *wish)
{
    adverts->counters.wishes++;
    adverts->lingering--;
    wish->has_wanted = wish->was_established = wish->clear_request_due = false;
    wish->name[0] = wish->trial[0] = '\0';
    wish->clear_at = INT64_MAX;
    wish->lease = 0;
    wish->expires = 0;
    adverts_set_state(adverts, wish, WISH_PENDING);
}

void adverts_fail(struct adverts *adverts, struct wish *wish, const struct status_error *error)
{
    log_debug("advertise %s: refused (%s): %s", wish->path, status_code_name(error->code),
              error->message);
    adverts->counters.refused++;
    wish->error = *error;
    adverts_set_state(adverts, wish, WISH_FAILED);
}

/* What is no longer allowed ends, what is allowed now is tried, and nothing else is disturbed. */
static void apply_policy(struct adverts *adverts, struct wish *wish)
{
    struct status_error error = {0};
    const struct advertise_policy *policy = config_policy(adverts->config, wish->owner.client);
    if (wish->has_standing && !adverts_is_allowed(policy, &wish->standing, &error))
        wish->has_standing = false;
    bool wanted = !wish->has_wanted || adverts_is_allowed(policy, &wish->wanted, &error);
    struct status_error denied = error;
    if (wish->has_refused && wish->error.code == STATUS_DENIED &&
        adverts_is_allowed(policy, &wish->refused, &error)) {
        adverts_retry(adverts, wish);
        if (!wanted)
            wish->has_standing = false;
    } else if (!wanted && wish->has_standing) {
        struct request trial = wish->wanted;
        adverts_fall_back(adverts, wish, false);
        adverts_refuse(adverts, wish, &trial, &denied);
    } else if (!wanted) {
        adverts_end(adverts, wish, STATUS_REPLACED_BY_POLICY);
    }
}

void adverts_set_config(struct adverts *adverts, const struct config *config, int64_t now)
{
    adverts->config = config;
    adverts->now = adverts->ports_at = now;
    adverts_warn_of_users(config);
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        wish->port_owner_known = false;
        if (wish->state != WISH_WITHDRAWN)
            apply_policy(adverts, wish);
    }
}

void adverts_hear_echoes(struct adverts *adverts)
{
    adverts->hears_echoes = true;
}

void adverts_get_counters(const struct adverts *adverts, struct adverts_counters *counters)
{
    *counters = adverts->counters;
}

struct adverts *adverts_new(const struct config *config, const struct adverts_outlets *outlets)
{
    struct adverts *adverts = calloc(1, sizeof *adverts);
    if (!adverts)
        return NULL;
    adverts->config = config;
    adverts->outlets = *outlets;
    adverts->deadline = INT64_MAX;
    adverts->ports_taken = INT64_MIN / 2; /* long ago */
    adverts->ports = ports_new();
    adverts_warn_of_users(config);
    if (adverts->ports)
        return adverts;
    free(adverts);
    return NULL;
}

void adverts_free(struct adverts *adverts)
{
    struct wish *wish, *next_wish;
    if (!adverts)
        return;
    HASH_ITER(hh, adverts->wishes, wish, next_wish)
    {
        adverts_forget(adverts, wish);
    }
    adverts_forget_absent(adverts);
    adverts_forget_echoes(adverts);
    adverts_forget_clearings(adverts);
    ports_free(adverts->ports);
    free(adverts);
}
