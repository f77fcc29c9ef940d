/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An advertisement is one CLIENT/ID. It comes to be with its first request and is forgotten when it has ended and
 * everybody was told. Two things are kept of it, and its state is what follows from them:
 *
 *     what is wanted   requests.c, registration.c: current, candidate, refused; and the error of the last request
 *     for how long     presence.c, lifetime.c
 *
 *     withdrawn        its lifetime has ended
 *     failed           its last request was refused, here or by Avahi. What was accepted before goes on, and the
 *                      status says "kept".
 *     established      Avahi has what is wanted on the network, its present TXT data included
 *     pending          else
 *
 * What is due to the Avahi side is found by comparing, for those on the todo list; statuses are said to the mirror,
 * which asks for them when it has room. So changes coalesce, and a broker or an Avahi that stalls costs no memory.
 *
 * Some that have ended are remembered: a broker that crashes may bring their requests back (requests.c).
 */
#include "advertisement.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "clock.h"
#include "log.h"

#define PORTS_MS 5000
#define FULL_MS 50
#define OWNERS_END_MS 500

/* So many that have ended are remembered; the one that came first is forgotten for one more. */
#define ENDED_MAX 256

void advertise_todo(struct advertise *advertise, struct advertisement *advertisement)
{
    if (!advertisement->prev)
        DL_APPEND(advertise->todo, advertisement);
}

static void done(struct advertise *advertise, struct advertisement *advertisement)
{
    if (!advertisement->prev)
        return;
    DL_DELETE(advertise->todo, advertisement);
    advertisement->prev = advertisement->next = NULL;
}

struct advertisement *advertise_find(const struct advertise *advertise, const char *path)
{
    struct advertisement *advertisement;
    HASH_FIND_STR(advertise->all, path, advertisement);
    return advertisement;
}

static void status_path(char path[TOPIC_STATUS_SIZE], const struct advertisement *advertisement)
{
    topic_status_path(path, &advertisement->owner);
}

/* Without a word to anybody: it has ended, or everything does. */
static void forget(struct advertise *advertise, struct advertisement *advertisement)
{
    free(advertisement->current);
    free(advertisement->candidate);
    done(advertise, advertisement);
    advertise_forget_refusal(advertisement);
    HASH_DEL(advertise->all, advertisement);
    free(advertisement);
}

/* Its last word may not have been said, if the broker is slow: then nothing but what it left is cleared. */
static void forget_one_that_has_ended(struct advertise *advertise)
{
    char path[TOPIC_STATUS_SIZE];
    struct advertisement *first = advertise->all;
    while (first && !has_ended(first))
        first = first->hh.next;
    if (!first)
        return;
    if (!first->end_is_said) {
        status_path(path, first);
        advertise->outlets.end_status(advertise->outlets.context, path, NULL);
    }
    if (first->lifetime.deadline != INT64_MAX)
        advertise_clear_request(advertise, first->path);
    forget(advertise, first);
}

struct advertisement *advertise_add(struct advertise *advertise, const struct request_owner *owner)
{
    size_t ended = 0;
    for (const struct advertisement *a = advertise->all; a; a = a->hh.next)
        ended += has_ended(a);
    if (ended >= ENDED_MAX)
        forget_one_that_has_ended(advertise);
    struct advertisement *advertisement = calloc(1, sizeof *advertisement);
    if (!advertisement)
        return NULL;
    advertisement->owner = *owner;
    advertisement->lifetime.state = LIFETIME_ENDED;
    advertisement->port.state = PORT_UNKNOWN;
    topic_request_path(advertisement->path, owner);
    HASH_ADD_STR(advertise->all, path, advertisement);
    return advertisement;
}

void advertise_revive(struct advertise *advertise, struct advertisement *advertisement)
{
    advertise->outlets.keep_request(advertise->outlets.context, advertisement->path);
    advertise_forget_answer(advertise, advertisement->path, false);
    registration_drop_both(advertise, advertisement);
    advertisement->lease = 0;
    advertisement->expires = 0;
    advertisement->end_is_said = false;
}

static enum status_state state_of(const struct advertisement *advertisement)
{
    const struct registration *registration = wanted(advertisement);
    if (has_ended(advertisement))
        return STATUS_WITHDRAWN;
    if (advertisement->error.code != STATUS_NO_ERROR)
        return STATUS_FAILED;
    bool stands = registration && registration->step == REGISTRATION_STANDS &&
                  registration->reported == registration->revision;
    return stands ? STATUS_ESTABLISHED : STATUS_PENDING;
}

void advertise_say(struct advertise *advertise, struct advertisement *advertisement)
{
    char path[TOPIC_STATUS_SIZE];
    if (has_ended(advertisement))
        return;
    log_debug("advertise %s: %s", advertisement->path, status_state_name(state_of(advertisement)));
    status_path(path, advertisement);
    advertise->outlets.say_status(advertise->outlets.context, path, advertisement);
}

void advertise_forget_refusal(struct advertisement *advertisement)
{
    free(advertisement->refused);
    advertisement->refused = NULL;
    advertisement->error.code = STATUS_NO_ERROR;
}

void advertise_refuse(struct advertise *advertise, struct advertisement *advertisement,
                      const struct request *request, const struct status_error *error)
{
    struct refused_request *refused = request ? malloc(sizeof *refused) : NULL;
    if (refused)
        *refused = (struct refused_request){.interface = if_nametoindex(request->interface),
                                            .request = *request};
    advertise_forget_refusal(advertisement);
    advertisement->refused = refused;
    advertisement->error = *error;
    log_debug("advertise %s: refused (%s): %s", advertisement->path, status_code_name(error->code),
              error->message);
    advertise->counters.refused++;
    advertise_say(advertise, advertisement);
}

void advertise_ended(struct advertise *advertise, struct advertisement *advertisement)
{
    char path[TOPIC_STATUS_SIZE];
    log_debug("advertise %s: ends (%s)", advertisement->path,
              status_reason_name(advertisement->lifetime.reason));
    advertise->counters.ended++;
    advertise->deadline = earlier(advertise->deadline, advertisement->lifetime.deadline);
    advertise_forget_refusal(advertisement);
    registration_withdraw(advertise, advertisement->candidate);
    registration_withdraw(advertise, advertisement->current);
    done(advertise, advertisement);
    status_path(path, advertisement);
    advertise->outlets.end_status(advertise->outlets.context, path, advertisement);
}

/* ---- What is said ---- */

/* What is asked for may have another name on the network than in the request. */
static void set_wanted(const struct advertisement *advertisement, struct status *status)
{
    const struct registration *registration = wanted(advertisement);
    if (!registration) {
        if (advertisement->refused)
            status_set_request(status, &advertisement->refused->request);
        return;
    }
    status_set_request(status, &registration->request);
    memcpy(status->name, registration->name, sizeof status->name);
    if (!has_ended(advertisement) && advertisement->port.open_until == 0)
        advertise_warn_of_port(&advertisement->port, &registration->request, status);
}

bool advertise_status(const void *subject, struct status *status)
{
    const struct advertisement *advertisement = subject;
    *status = (struct status){.state = state_of(advertisement), .owner = advertisement->owner};
    set_wanted(advertisement, status);
    status->lease = advertisement->lease;
    status->expires = advertisement->expires;
    memcpy(status->transaction, advertisement->transaction, sizeof status->transaction);
    if (status->state == STATUS_FAILED) {
        status->error = advertisement->error;
        status->kept = wanted(advertisement) != NULL;
    }
    if (status->state == STATUS_WITHDRAWN)
        status->reason = advertisement->lifetime.reason;
    return status->state == STATUS_WITHDRAWN;
}

void advertise_released(struct advertise *advertise, void *subject)
{
    struct advertisement *advertisement = subject;
    if (!has_ended(advertisement))
        return;
    advertisement->end_is_said = true;
    registration_drop_both(advertise, advertisement); /* nobody needs its names any more */
}

void advertise_cleared(struct advertise *advertise, const char *path)
{
    struct advertisement *advertisement = advertise_find(advertise, path);
    if (advertisement && has_ended(advertisement))
        advertisement->lifetime.retention = RETENTION_NONE;
}

/* ---- What is due ---- */

/* False: the Avahi side has no room now. */
static bool hand_out(struct advertise *advertise)
{
    struct advertisement *advertisement, *next;
    /* While Avahi is away there is nobody to tell; all is registered again when it is back. */
    if (!advertise->avahi_up)
        registration_forget_withdrawals(advertise);
    else if (!registration_hand_out_withdrawals(advertise))
        return false;
    DL_FOREACH_SAFE(advertise->todo, advertisement, next)
    {
        bool is_held = has_ended(advertisement) || !advertise->avahi_up ||
                       advertisement->lifetime.state == LIFETIME_DORMANT ||
                       advertisement->port.open_until != 0;
        if (!is_held && !registration_hand_out(advertise, advertisement))
            return false;
        done(advertise, advertisement);
    }
    return true;
}

int64_t advertise_run(struct advertise *advertise, int64_t now)
{
    advertise->now = now;
    advertise_run_deadlines(advertise);
    if (now >= advertise->ports_at && advertise->all) {
        advertise->ports_at = now + PORTS_MS;
        advertise_check_ports(advertise);
    }
    int64_t next_at = advertise->all ? advertise->ports_at : INT64_MAX;
    if (!hand_out(advertise))
        next_at = earlier(next_at, now + FULL_MS);
    return earlier(next_at, advertise->connected ? advertise->deadline : INT64_MAX);
}

int advertise_fd(const struct advertise *advertise)
{
    return port_owners_fd(advertise->owners);
}

void advertise_dispatch(struct advertise *advertise, int64_t now)
{
    advertise->now = now;
    if (!port_owners_take(advertise->owners))
        return;
    advertise_check_owners(advertise);
    advertise_check_users(advertise);
}

void advertise_set_config(struct advertise *advertise, const struct config *config, int64_t now)
{
    advertise->config = config;
    advertise->now = advertise->ports_at = now;
    port_owners_refresh(advertise->owners);
    advertise->users_checked = 0;
    advertise_check_users(advertise);
    for (struct advertisement *a = advertise->all; a; a = a->hh.next)
        if (!has_ended(a))
            advertise_apply_policy(advertise, a);
}

void advertise_get_counters(const struct advertise *advertise, struct advertise_counters *counters)
{
    *counters = advertise->counters;
    for (const struct advertisement *a = advertise->all; a; a = a->hh.next) {
        counters->advertisements += !has_ended(a);
        counters->established += state_of(a) == STATUS_ESTABLISHED;
    }
}

struct advertise *advertise_new(const struct config *config,
                                const struct advertise_outlets *outlets)
{
    struct advertise *advertise = calloc(1, sizeof *advertise);
    if (!advertise)
        return NULL;
    advertise->config = config;
    advertise->outlets = *outlets;
    advertise->deadline = INT64_MAX;
    advertise->ports_taken = INT64_MIN / 2; /* long ago */
    advertise->ports = ports_new();
    advertise->owners = port_owners_new();
    if (!advertise->ports || !advertise->owners) {
        advertise_free(advertise);
        return NULL;
    }
    advertise_check_users(advertise);
    return advertise;
}

void advertise_free(struct advertise *advertise)
{
    struct advertisement *advertisement, *next;
    if (!advertise)
        return;
    HASH_ITER(hh, advertise->all, advertisement, next)
    {
        forget(advertise, advertisement);
    }
    registration_forget_withdrawals(advertise);
    advertise_forget_offline(advertise);
    port_owners_free(advertise->owners, OWNERS_END_MS);
    ports_free(advertise->ports);
    free(advertise);
}
