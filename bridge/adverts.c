/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A wish is one CLIENT/ID. It comes to be with its first request and is forgotten when it has ended and
 * everybody was told. Only its last accepted request counts:
 *
 *     PENDING      the Avahi side has the request, or will have it once Avahi is there
 *     ESTABLISHED  on the network
 *     FAILED       refused here (policy, quota, what is wrong with it) or by Avahi. What was established
 *                  before stands, and `kept` says so.
 *     WITHDRAWN    ended
 *
 * Nothing is sent from here at once. What is due is noted in the wish, which goes on the todo list;
 * adverts_run() hands it out as far as there is room (adverts_output.c). So changes coalesce, and a
 * broker or an Avahi that stalls costs no memory.
 */
#include "adverts_wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "clock.h"
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

static struct wish *add(struct adverts *adverts, const struct request_owner *owner)
{
    struct wish *wish = calloc(1, sizeof *wish);
    if (!wish)
        return NULL;
    wish->owner = *owner;
    wish->number = adverts->next_number++;
    wish->lease_at = wish->hold_at = INT64_MAX;
    wish->port = PORT_UNKNOWN;
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
    wish->withdraw_due = wish->has_request || wish->has_standing;
    wish->advertise_due = wish->kept = false;
    wish->clear_request_due = true;
    wish->lease_at = wish->hold_at = INT64_MAX;
    adverts_set_state(adverts, wish, WISH_WITHDRAWN);
}

void adverts_fail(struct adverts *adverts, struct wish *wish, const struct status_error *error)
{
    log_debug("advertise %s: refused (%s): %s", wish->path, status_code_name(error->code),
              error->message);
    adverts->counters.refused++;
    wish->error = *error;
    adverts_set_state(adverts, wish, WISH_FAILED);
}

/* ---- Requests ---- */

static void set_lease(struct adverts *adverts, struct wish *wish, const struct request *request,
                      uint32_t expiry, int64_t now)
{
    uint32_t lease = request->lease;
    uint32_t other = expiry > 0 ? request_clamp_lease(expiry) : 0;
    if (lease == 0 || (other > 0 && other < lease))
        lease = other;
    wish->lease = lease;
    wish->expires = lease > 0 ? clock_unix() + lease * INT64_C(1000) : 0;
    adverts_set_deadline(adverts, &wish->lease_at,
                         lease > 0 ? now + lease * INT64_C(1000) : INT64_MAX);
}

/* Is something of it on the network that a new request would replace? */
static bool stands(const struct wish *wish)
{
    return wish->state == WISH_ESTABLISHED || (wish->state == WISH_FAILED && wish->kept);
}

/* What is asked of Avahi from now on. */
static void set_request(struct adverts *adverts, struct wish *wish, const struct request *request)
{
    if (request != &wish->request)
        wish->request = *request;
    wish->generation = ++adverts->last_generation;
    wish->advertise_due = true;
}

/* Takes a request that is allowed: to the Avahi side with it, or, where its port forbids it, not yet. */
static bool accept(struct adverts *adverts, struct wish *wish, const struct request *request)
{
    struct status_error error;
    adverts_look_at_ports(adverts);
    if (!adverts_port_allows(adverts, wish, request, &error)) {
        adverts_refuse(adverts, wish, request, &error);
        return false;
    }
    if (stands(wish) || (wish->has_request && !wish->has_standing)) {
        wish->has_standing = stands(wish);
        wish->standing = wish->request;
        wish->standing_generation = wish->generation;
    }
    set_request(adverts, wish, request);
    wish->has_request = true;
    wish->kept = false;
    wish->withdraw_due = wish->clear_request_due = false;
    adverts_set_state(adverts, wish, WISH_PENDING);
    return true;
}

void adverts_refuse(struct adverts *adverts, struct wish *wish, const struct request *request,
                    const struct status_error *error)
{
    bool was_pending = wish->state == WISH_PENDING && wish->has_request;
    wish->kept = stands(wish) || (was_pending && wish->has_standing);
    if (was_pending && wish->has_standing) {
        /* The one that is being tried is off; asking for the former one again says so to Avahi. */
        set_request(adverts, wish, &wish->standing);
    } else if (!wish->kept) {
        wish->withdraw_due |= was_pending;
        wish->advertise_due = false;
        /* Kept for the day when it is allowed. */
        wish->has_request = request != NULL;
        if (request)
            wish->request = *request;
    }
    wish->has_standing = false;
    adverts_fail(adverts, wish, error);
}

void adverts_retry(struct adverts *adverts, struct wish *wish)
{
    struct request request = wish->request;
    accept(adverts, wish, &request);
}

/* No wish of his, and no room for one: an answer is all that he gets. */
static void turn_away(struct adverts *adverts, const struct request_owner *owner, const char *path,
                      const char *transaction, const struct status_error *error)
{
    struct status status = {.state = STATUS_FAILED, .owner = *owner, .error = *error};
    snprintf(status.transaction, sizeof status.transaction, "%s", transaction);
    adverts->counters.refused++;
    adverts_answer(adverts, path, &status);
}

static void take_request(struct adverts *adverts, const struct request_owner *owner,
                         const struct adverts_message *message, int64_t now)
{
    struct request request;
    struct status_error error = {0}, quota;
    struct wish *wish = adverts_find(adverts, message->path);
    const struct advertise_policy *policy = config_policy(adverts->config, owner->client);
    adverts->counters.requests++;
    enum request_result result = request_parse(&request, &error, message->payload, message->length,
                                               adverts->config->records.size);
    if (result == REQUEST_NO_MEMORY)
        return;
    if (!wish && adverts_has_room(adverts, owner->client, &quota)) {
        wish = add(adverts, owner);
        adverts_forget_answer(adverts, message->path, false);
    }
    if (!wish) {
        turn_away(adverts, owner, message->path, request.transaction,
                  result == REQUEST_OK ? &quota : &error);
        return;
    }
    bool other_transaction = strcmp(wish->transaction, request.transaction) != 0;
    memcpy(wish->transaction, request.transaction, sizeof wish->transaction);
    if (result != REQUEST_OK) {
        adverts_refuse(adverts, wish, NULL, &error);
        return;
    }
    bool had_lease = wish->lease > 0;
    if (!adverts_is_allowed(policy, &request, &error)) {
        adverts_refuse(adverts, wish, &request, &error);
        return;
    }
    if ((wish->state != WISH_PENDING && wish->state != WISH_ESTABLISHED) ||
        request_compare(&wish->request, &request) != REQUEST_SAME) {
        if (accept(adverts, wish, &request))
            set_lease(adverts, wish, &request, message->expiry, now);
        return;
    }
    set_lease(adverts, wish, &request, message->expiry, now);
    if (wish->lease > 0 || had_lease || other_transaction) {
        wish->status_due = true; /* the same wish once more: nothing changes but this */
        adverts_todo(adverts, wish);
    }
}

static void answer_bad_topic(struct adverts *adverts, const struct adverts_message *message)
{
    struct status status = {.state = STATUS_FAILED};
    if (message->length == 0) {
        adverts_forget_answer(adverts, message->path, true);
        return;
    }
    status_refuse(&status.error, STATUS_BAD_TOPIC, "",
                  "CLIENT and ID are 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..");
    adverts->counters.requests++;
    adverts->counters.refused++;
    adverts_answer(adverts, message->path, &status);
}

void adverts_request(struct adverts *adverts, const struct adverts_message *message, int64_t now)
{
    struct request_owner owner;
    adverts->now = now;
    if (message->length == 0 && adverts_is_echo(adverts, message->path))
        return;
    switch (topic_advertise_parse(&owner, message->path)) {
    case TOPIC_STATUS:
    case TOPIC_STRAY:
        return;
    case TOPIC_BAD_REQUEST:
        answer_bad_topic(adverts, message);
        return;
    case TOPIC_REQUEST:
        break;
    }
    struct wish *wish = adverts_find(adverts, message->path);
    if (message->length == 0) {
        if (wish) {
            adverts_end(adverts, wish, STATUS_REQUESTED);
            /* A retained withdrawal has cleared the request; clearing it again might hit the next one. */
            wish->clear_request_due = message->retained == ADVERTS_NOT_RETAINED;
        } else
            adverts_forget_answer(adverts, message->path, true);
        return;
    }
    take_request(adverts, &owner, message, now);
    wish = adverts_find(adverts, message->path);
    if (wish)
        adverts_confirm(adverts, wish, message, now);
}

void adverts_set_config(struct adverts *adverts, const struct config *config, int64_t now)
{
    struct status_error error;
    adverts->config = config;
    adverts->now = adverts->ports_at = now;
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        const struct advertise_policy *policy = config_policy(config, wish->owner.client);
        if (!wish->has_request || wish->state == WISH_WITHDRAWN)
            continue;
        bool allowed = adverts_is_allowed(policy, &wish->request, &error);
        if (!allowed && (wish->state != WISH_FAILED || wish->kept))
            adverts_end(adverts, wish, STATUS_REPLACED_BY_POLICY);
        else if (allowed && wish->state == WISH_FAILED && wish->error.code == STATUS_DENIED &&
                 !wish->kept)
            adverts_retry(adverts, wish);
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
