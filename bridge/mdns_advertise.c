/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An advert is what the main thread wants on the network under one number. It has up to two attempts,
 * each with an entry group of its own:
 *
 *     standing    what is on the network now
 *     trial       what is to take its place, or the first attempt of all
 *
 *     WAITING -> REGISTERING -> ESTABLISHED       a trial then becomes the standing one
 *                            -> collision         the next name, WAITING again; or it failed
 *                ESTABLISHED -> collision         the same name once more after a while: churn of the
 *                                                 host's own addresses can look like a conflict to Avahi
 *                                                 0.8; then as above
 *
 * So a wish that fails leaves standing what stood before. Two cases need more care. When nothing but TXT
 * differs, the standing group is updated in place: no new probes, no goodbye. When the name stays the
 * same, two groups would be in conflict with each other: the standing one makes way for the trial, and if
 * that fails, the former request is registered again.
 *
 * Collisions come in two ways: at once, from the call that adds the service, where the name is taken on
 * this host; and later, as the group's state, where it is taken on the network. One routine serves both,
 * and a third: Avahi lets two groups with identical records pass, so whether another advert has the name
 * is asked here first.
 *
 * Pacing: Avahi's cost is quadratic in what it probes and announces at the same time, so at most
 * REGISTERING_MAX attempts are between commit and established; the others wait, first come first served.
 *
 * Callbacks note the state and nothing else; advertise_run() acts on it from the thread's loop.
 */
#include "mdns_advertise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <uthash.h>

#include "clock.h"
#include "log.h"
#include "mdns_group.h"

#define REGISTERING_MAX 50
#define RENAMES_MAX 32
#define SAME_NAME_AGAIN_MS 2000
#define INTERFACES_MS 5000

enum attempt_state { ATTEMPT_NONE, ATTEMPT_WAITING, ATTEMPT_REGISTERING, ATTEMPT_ESTABLISHED };

static const char *const state_names[] = {"none", "waiting", "registering", "established"};

_Static_assert(sizeof state_names / sizeof *state_names == ATTEMPT_ESTABLISHED + 1,
               "a name for each state");

#define NO_NEWS (-1)

struct attempt {
    enum attempt_state state;
    int news; /* state of the group that a callback has noted, or NO_NEWS */
    unsigned renames;
    bool tried_again; /* with the same name */
    bool silent;      /* it was established before: the main thread has nothing to learn from it */
    bool txt_changed; /* since it was registered: to be updated when it is established */
    int64_t at;       /* in WAITING: not before */
    uint32_t generation; /* of the request, the main thread's */
    struct group group;
    char name[SERVICE_NAME_MAX + 1];
    struct request request;
};

struct advert {
    UT_hash_handle hh; /* advertise::adverts, by id; in order of arrival */
    uint32_t id;
    struct advertise *advertise;
    struct attempt standing, trial;
};

struct advertise {
    struct mdns_clients *clients;
    advertise_emit_func *emit;
    void *context;
    struct advert *adverts;
    unsigned registering;
    bool busy;       /* something is to be done at the next run */
    bool host_ready; /* as of the last run */
    int64_t next_at;
    int64_t interfaces_at; /* next look at those of adverts for one interface */
};

static void set_state(struct advert *advert, struct attempt *attempt, enum attempt_state state)
{
    if (attempt->state == state)
        return;
    log_debug("advert %u '%s'.%s: %s -> %s", advert->id, attempt->name, attempt->request.type,
              state_names[attempt->state], state_names[state]);
    if (attempt->state == ATTEMPT_REGISTERING)
        advert->advertise->registering--;
    if (state == ATTEMPT_REGISTERING)
        advert->advertise->registering++;
    attempt->state = state;
    advert->advertise->busy = true;
}

static void tell(struct advert *advert, const struct attempt *attempt, struct mdns_advert_news news)
{
    struct mdns_event *event = calloc(1, sizeof *event);
    if (!event)
        return;
    event->kind = MDNS_ADVERT;
    event->advert = news;
    event->advert.id = advert->id;
    event->advert.generation = attempt->generation;
    memcpy(event->advert.name, attempt->name, sizeof event->advert.name);
    advert->advertise->emit(advert->advertise->context, event);
}

static void free_group(struct attempt *attempt)
{
    group_free(&attempt->group);
    attempt->news = NO_NEWS;
}

static void clear(struct advert *advert, struct attempt *attempt)
{
    free_group(attempt);
    set_state(advert, attempt, ATTEMPT_NONE);
}

static void drop(struct advert *advert)
{
    clear(advert, &advert->trial);
    clear(advert, &advert->standing);
    HASH_DEL(advert->advertise->adverts, advert);
    free(advert);
}

static void wait_until(struct advert *advert, struct attempt *attempt, int64_t at)
{
    attempt->at = at;
    set_state(advert, attempt, ATTEMPT_WAITING);
    advert->advertise->busy = true;
}

/* ---- What comes of an attempt ---- */

static void failed(struct advert *advert, struct attempt *attempt, enum mdns_advert_failure failure,
                   const char *message)
{
    struct mdns_advert_news news = {.state = MDNS_ADVERT_FAILED, .failure = failure};
    snprintf(news.message, sizeof news.message, "%s", message);
    news.kept = attempt == &advert->trial && advert->standing.state != ATTEMPT_NONE;
    news.kept_generation = news.kept ? advert->standing.generation : 0;
    tell(advert, attempt, news);
    clear(advert, attempt);
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

static void break_connection(struct advertise *advertise, int error)
{
    advertise->clients->error = error;
    advertise->clients->state = MDNS_CLIENTS_BROKEN;
}

static void failed_at_avahi(struct advert *advert, struct attempt *attempt, int error)
{
    if (error == AVAHI_ERR_INVALID_INTERFACE)
        failed(advert, attempt, MDNS_ADVERT_NO_INTERFACE, "there is no such interface");
    else
        failed(advert, attempt, MDNS_ADVERT_REFUSED, avahi_strerror(error));
}

static void failed_or_broken(struct advert *advert, struct attempt *attempt, int error)
{
    if (is_connection_error(error))
        break_connection(advert->advertise, error);
    else
        failed_at_avahi(advert, attempt, error);
}

static void collided(struct advert *advert, struct attempt *attempt, int64_t now)
{
    bool was_established = attempt->state == ATTEMPT_ESTABLISHED;
    free_group(attempt);
    if (was_established && !attempt->tried_again) {
        attempt->tried_again = true;
        wait_until(advert, attempt, now + SAME_NAME_AGAIN_MS);
        return;
    }
    if (!attempt->request.rename) {
        failed(advert, attempt, MDNS_ADVERT_CONFLICT, "the name is taken");
        return;
    }
    /* Avahi 0.8 counts on behind a number without a bound; nine digits would overflow. */
    const char *number = strrchr(attempt->name, '#');
    bool overflows =
        number && strlen(number + 1) >= 8 && strspn(number + 1, "0123456789") == strlen(number + 1);
    char *next = attempt->renames < RENAMES_MAX && !overflows
                     ? avahi_alternative_service_name(attempt->name)
                     : NULL;
    if (!next || strlen(next) > SERVICE_NAME_MAX) {
        avahi_free(next);
        failed(advert, attempt, MDNS_ADVERT_CONFLICT,
               "the name and all that are like it are taken");
        return;
    }
    memcpy(attempt->name, next, strlen(next) + 1);
    avahi_free(next);
    attempt->renames++;
    attempt->silent = false;
    wait_until(advert, attempt, now);
}

static void established(struct advert *advert, struct attempt *attempt)
{
    bool silent = attempt->silent;
    if (attempt->txt_changed) {
        attempt->txt_changed = false;
        int error = group_update_txt(&attempt->group, attempt->name, &attempt->request);
        if (error != 0) {
            failed_or_broken(advert, attempt, error);
            return;
        }
    }
    set_state(advert, attempt, ATTEMPT_ESTABLISHED);
    attempt->silent = false;
    attempt->tried_again = false;
    if (attempt == &advert->trial) {
        clear(advert, &advert->standing); /* its goodbye, if it had another name */
        advert->standing = advert->trial;
        advert->trial = (struct attempt){.news = NO_NEWS};
        attempt = &advert->standing;
    }
    if (!silent)
        tell(advert, attempt, (struct mdns_advert_news){.state = MDNS_ADVERT_ESTABLISHED});
}

/* ---- Registering ---- */

static void group_changed(AvahiEntryGroup *group, AvahiEntryGroupState state, void *userdata)
{
    struct advert *advert = userdata;
    struct attempt *attempt = advert->trial.group.group == group      ? &advert->trial
                              : advert->standing.group.group == group ? &advert->standing
                                                                      : NULL;
    if (!attempt) /* called from within avahi_entry_group_new() */
        return;
    attempt->news = (int)state;
    advert->advertise->busy = true;
}

static bool same_name(const struct attempt *a, const struct attempt *b)
{
    return strcasecmp(a->name, b->name) == 0 && strcasecmp(a->request.type, b->request.type) == 0;
}

static bool holds(const struct attempt *holder, const struct attempt *attempt)
{
    return (holder->state == ATTEMPT_REGISTERING || holder->state == ATTEMPT_ESTABLISHED) &&
           same_name(holder, attempt);
}

static bool is_taken_by_another(const struct advert *advert, const struct attempt *attempt)
{
    for (const struct advert *other = advert->advertise->adverts; other; other = other->hh.next)
        if (other != advert && (holds(&other->standing, attempt) || holds(&other->trial, attempt)))
            return true;
    return false;
}

static void register_attempt(struct advert *advert, struct attempt *attempt, int64_t now)
{
    if (is_taken_by_another(advert, attempt)) {
        collided(advert, attempt, now);
        return;
    }
    int error = group_make(&attempt->group, advert->advertise->clients, group_changed, advert);
    if (error == 0)
        error = group_register(&attempt->group, attempt->name, &attempt->request);
    if (error == AVAHI_ERR_COLLISION) {
        collided(advert, attempt, now);
    } else if (error != 0) {
        failed_or_broken(advert, attempt, error);
    } else {
        attempt->txt_changed = false;
        if (attempt->request.interface[0])
            advert->advertise->interfaces_at =
                earlier(advert->advertise->interfaces_at, now + INTERFACES_MS);
        set_state(advert, attempt, ATTEMPT_REGISTERING);
        if (!attempt->silent)
            tell(advert, attempt, (struct mdns_advert_news){.state = MDNS_ADVERT_PENDING});
    }
}

static void update_txt(struct advert *advert)
{
    struct attempt *standing = &advert->standing, *trial = &advert->trial;
    int error = group_update_txt(&standing->group, standing->name, &trial->request);
    if (error != 0) {
        failed_or_broken(advert, trial, error);
        return;
    }
    standing->request = trial->request;
    standing->generation = trial->generation;
    clear(advert, trial);
    tell(advert, standing, (struct mdns_advert_news){.state = MDNS_ADVERT_ESTABLISHED});
}

/*
 * The name stays, and two groups cannot have it: the standing one makes way, and its request waits for the
 * outcome. It is freed and not reset: Avahi holds back a group that is registered again and again.
 */
static void make_way(struct advert *advert)
{
    struct attempt *standing = &advert->standing;
    free_group(standing);
    standing->silent = true;
    wait_until(advert, standing, INT64_MAX);
}

static void start_trial(struct advert *advert, int64_t now)
{
    struct attempt *standing = &advert->standing, *trial = &advert->trial;
    if (!group_has_interface(&trial->request)) {
        /* Found out before anything makes way for it. */
        failed_at_avahi(advert, trial, AVAHI_ERR_INVALID_INTERFACE);
        return;
    }
    if (standing->state == ATTEMPT_ESTABLISHED && same_name(standing, trial)) {
        if (request_compare(&standing->request, &trial->request) == REQUEST_TXT_CHANGED) {
            update_txt(advert);
            return;
        }
        make_way(advert);
    }
    register_attempt(advert, trial, now);
}

/* ---- The loop's side ---- */

static void act_on_news(struct advert *advert, struct attempt *attempt, int64_t now)
{
    int news = attempt->news;
    attempt->news = NO_NEWS;
    if (news == AVAHI_ENTRY_GROUP_ESTABLISHED && attempt->state == ATTEMPT_REGISTERING)
        established(advert, attempt);
    else if (news == AVAHI_ENTRY_GROUP_COLLISION && attempt->group.group)
        collided(advert, attempt, now);
    else if (news == AVAHI_ENTRY_GROUP_FAILURE && attempt->group.group)
        failed(
            advert, attempt, MDNS_ADVERT_REFUSED,
            avahi_strerror(avahi_client_errno(avahi_entry_group_get_client(attempt->group.group))));
}

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
    act_on_news(advert, &advert->standing, now);
    act_on_news(advert, &advert->trial, now);
    if (is_due(advertise, &advert->trial, now))
        start_trial(advert, now);
    /* What stood before comes back once the trial that had its group is no more. */
    if (advert->trial.state == ATTEMPT_NONE && advert->standing.at == INT64_MAX)
        advert->standing.at = now;
    /* A trial for the same name comes first: the standing one has lost it, or is about to make way. */
    if (is_due(advertise, &advert->standing, now) &&
        (advert->trial.state == ATTEMPT_NONE || !same_name(&advert->standing, &advert->trial)))
        register_attempt(advert, &advert->standing, now);
    if (advert->trial.state == ATTEMPT_NONE && advert->standing.state == ATTEMPT_NONE)
        drop(advert);
}

/* It is to be registered again. */
static void begin_again(struct advert *advert, struct attempt *attempt)
{
    if (attempt->state != ATTEMPT_REGISTERING && attempt->state != ATTEMPT_ESTABLISHED)
        return;
    wait_until(advert, attempt, 0);
    attempt->silent = false;
    tell(advert, attempt, (struct mdns_advert_news){.state = MDNS_ADVERT_PENDING});
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
            free_group(both[i]);
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
        begin_anew(advertise, free_group);
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
    clear(advert, trial);
    if (standing->state == ATTEMPT_ESTABLISHED &&
        request_compare(&standing->request, request) == REQUEST_SAME) {
        standing->generation = generation;
        tell(advert, standing, (struct mdns_advert_news){.state = MDNS_ADVERT_ESTABLISHED});
        return;
    }
    *trial = (struct attempt){.news = NO_NEWS, .generation = generation, .request = *request};
    /* The same name as before keeps its number: "Web app #2" does not become "Web app" by a new port. */
    bool renamed = standing->state != ATTEMPT_NONE && request->rename &&
                   strcmp(standing->request.name, request->name) == 0 &&
                   strcasecmp(standing->request.type, request->type) == 0;
    memcpy(trial->name, renamed ? standing->name : request->name, sizeof trial->name);
    wait_until(advert, trial, 0);
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
