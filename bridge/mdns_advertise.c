/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An advert is what the main thread wants on the network under one number; what it goes through is told in
 * mdns_attempt.c. Here is what all adverts have in common: when each has its turn, what happens to all when
 * the host takes another name, an interface comes back or a connection is lost, and what the main thread
 * asks for.
 *
 * Pacing: Avahi's cost is quadratic in what it probes and announces at the same time, so at most
 * REGISTERING_MAX attempts are between commit and established; the others wait, first come first served.
 */
#include "mdns_advertise.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "mdns_attempt.h"

#define REGISTERING_MAX 50

static void drop(struct advert *advert)
{
    attempt_clear(advert, &advert->trial);
    attempt_clear(advert, &advert->standing);
    HASH_DEL(advert->advertise->adverts, advert);
    free(advert);
}

/* ---- The loop's side ---- */

static bool is_due(struct advertise *advertise, const struct attempt *attempt, int64_t now)
{
    if (attempt->state != ATTEMPT_WAITING)
        return false;
    if (attempt->at > now) {
        if (attempt->at < advertise->next_at)
            advertise->next_at = attempt->at;
        return false;
    }
    return advertise->registering < REGISTERING_MAX;
}

static void run_advert(struct advert *advert, int64_t now)
{
    struct advertise *advertise = advert->advertise;
    attempt_act_on_news(advert, &advert->standing, now);
    attempt_act_on_news(advert, &advert->trial, now);
    if (is_due(advertise, &advert->trial, now))
        attempt_start_trial(advert, now);
    /* What stood before comes back once the trial that had its group is no more. */
    if (advert->trial.state == ATTEMPT_NONE && advert->standing.at == INT64_MAX)
        advert->standing.at = now;
    /* A trial for the same name comes first: the standing one has lost it, or is about to make way. */
    if (is_due(advertise, &advert->standing, now) &&
        (advert->trial.state == ATTEMPT_NONE ||
         !attempt_same_name(&advert->standing, &advert->trial)))
        attempt_register(advert, &advert->standing, now);
    if (advert->trial.state == ATTEMPT_NONE && advert->standing.state == ATTEMPT_NONE)
        drop(advert);
}

/* It is to be registered again. */
static void begin_again(struct advert *advert, struct attempt *attempt)
{
    if (attempt->state != ATTEMPT_REGISTERING && attempt->state != ATTEMPT_ESTABLISHED)
        return;
    attempt_wait_until(advert, attempt, 0);
    attempt->silent = false;
    attempt_tell(advert, attempt, (struct mdns_advert_news){.state = MDNS_ADVERT_PENDING});
}

static void begin_anew(struct advertise *advertise, void release(struct attempt *attempt))
{
    for (struct advert *advert = advertise->adverts; advert; advert = advert->hh.next) {
        struct attempt *both[] = {&advert->standing, &advert->trial};
        for (int i = 0; i < 2; i++) {
            release(both[i]);
            begin_again(advert, both[i]);
        }
    }
}

/* One that was removed and made again has another number, and what was registered for it is nowhere. */
static void look_at_interfaces(struct advertise *advertise, int64_t now)
{
    if (now < advertise->interfaces_at)
        return;
    advertise->interfaces_at = INT64_MAX;
    for (struct advert *advert = advertise->adverts; advert; advert = advert->hh.next) {
        struct attempt *both[] = {&advert->standing, &advert->trial};
        for (int i = 0; i < 2; i++) {
            if (!both[i]->group.group || !both[i]->request.interface[0])
                continue;
            advertise->interfaces_at = now + INTERFACES_MS;
            if (!group_has_moved(&both[i]->group, &both[i]->request))
                continue;
            attempt_free_group(both[i]);
            begin_again(advert, both[i]);
        }
    }
}

/* The connection takes its groups with it. */
static void forget_group(struct attempt *attempt)
{
    attempt->group = (struct group){0};
    attempt->news = NO_NEWS;
}

void advertise_detach(struct advertise *advertise)
{
    begin_anew(advertise, forget_group);
    advertise->host_ready = false;
}

bool advertise_is_empty(const struct advertise *advertise)
{
    return !advertise->adverts;
}

int64_t advertise_run(struct advertise *advertise, int64_t now)
{
    struct advert *advert, *next;
    /* The host takes another name: what was registered points to the old one. */
    if (advertise->host_ready && !advertise->clients->host_ready)
        begin_anew(advertise, attempt_free_group);
    advertise->busy |= advertise->host_ready != advertise->clients->host_ready;
    advertise->host_ready = advertise->clients->host_ready;
    if (!advertise->host_ready)
        return INT64_MAX;
    look_at_interfaces(advertise, now);
    if (!advertise->busy && now < advertise->next_at)
        return earlier(advertise->next_at, advertise->interfaces_at);
    advertise->busy = false;
    advertise->next_at = INT64_MAX;
    HASH_ITER(hh, advertise->adverts, advert, next)
    {
        if (advertise->clients->state != MDNS_CLIENTS_UP)
            break;
        run_advert(advert, now);
    }
    return advertise->busy ? now : earlier(advertise->next_at, advertise->interfaces_at);
}

void advertise_set(struct advertise *advertise, uint32_t id, uint32_t generation,
                   const struct request *request)
{
    struct advert *advert;
    HASH_FIND(hh, advertise->adverts, &id, sizeof id, advert);
    if (!advert) {
        advert = calloc(1, sizeof *advert);
        if (!advert)
            return;
        advert->id = id;
        advert->advertise = advertise;
        advert->standing.news = advert->trial.news = NO_NEWS;
        HASH_ADD(hh, advertise->adverts, id, sizeof advert->id, advert);
    }
    struct attempt *trial = &advert->trial, *standing = &advert->standing;
    enum request_change change =
        trial->state == ATTEMPT_NONE ? REQUEST_CHANGED : request_compare(&trial->request, request);
    if (change != REQUEST_CHANGED) {
        /* It goes on; to probe anew for each change of TXT would never come to an end. */
        trial->txt_changed |= change == REQUEST_TXT_CHANGED;
        trial->request = *request;
        trial->generation = generation;
        return;
    }
    attempt_clear(advert, trial);
    if (standing->state == ATTEMPT_ESTABLISHED &&
        request_compare(&standing->request, request) == REQUEST_SAME) {
        standing->generation = generation;
        attempt_tell(advert, standing, (struct mdns_advert_news){.state = MDNS_ADVERT_ESTABLISHED});
        return;
    }
    *trial = (struct attempt){.news = NO_NEWS, .generation = generation, .request = *request};
    /* The same name as before keeps its number: "Web app #2" does not become "Web app" by a new port. */
    bool renamed = standing->state != ATTEMPT_NONE && request->rename &&
                   strcmp(standing->request.name, request->name) == 0 &&
                   strcasecmp(standing->request.type, request->type) == 0;
    memcpy(trial->name, renamed ? standing->name : request->name, sizeof trial->name);
    attempt_wait_until(advert, trial, 0);
}

void advertise_withdraw(struct advertise *advertise, uint32_t id)
{
    struct advert *advert;
    HASH_FIND(hh, advertise->adverts, &id, sizeof id, advert);
    if (advert)
        drop(advert);
}

void advertise_forget(struct advertise *advertise)
{
    struct advert *advert, *next;
    HASH_ITER(hh, advertise->adverts, advert, next)
    {
        HASH_DEL(advertise->adverts, advert);
        free(advert);
    }
    advertise->registering = 0;
    advertise->host_ready = false;
}

struct advertise *advertise_new(struct mdns_clients *clients, advertise_emit_func *emit,
                                void *context)
{
    struct advertise *advertise = calloc(1, sizeof *advertise);
    if (!advertise)
        return NULL;
    advertise->clients = clients;
    advertise->emit = emit;
    advertise->context = context;
    advertise->next_at = advertise->interfaces_at = INT64_MAX;
    return advertise;
}

void advertise_free(struct advertise *advertise)
{
    if (!advertise)
        return;
    advertise_forget(advertise);
    free(advertise);
}
