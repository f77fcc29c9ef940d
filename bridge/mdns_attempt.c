/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * One advert has up to two attempts, each with an entry group of its own:
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
 * Callbacks note the state and nothing else; attempt_act_on_news() acts on it from the thread's loop.
 */
#include "mdns_attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>

#include "clock.h"
#include "log.h"

#define RENAMES_MAX 32
#define SAME_NAME_AGAIN_MS 2000

static const char *const state_names[] = {"none", "waiting", "registering", "established"};

_Static_assert(sizeof state_names / sizeof *state_names == ATTEMPT_ESTABLISHED + 1,
               "a name for each state");

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

void attempt_tell(struct advert *advert, const struct attempt *attempt,
                  struct mdns_advert_news news)
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

void attempt_free_group(struct attempt *attempt)
{
    group_free(&attempt->group);
    attempt->news = NO_NEWS;
}

void attempt_clear(struct advert *advert, struct attempt *attempt)
{
    attempt_free_group(attempt);
    set_state(advert, attempt, ATTEMPT_NONE);
}

void attempt_wait_until(struct advert *advert, struct attempt *attempt, int64_t at)
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
    attempt_tell(advert, attempt, news);
    attempt_clear(advert, attempt);
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
    attempt_free_group(attempt);
    if (was_established && !attempt->tried_again) {
        attempt->tried_again = true;
        attempt_wait_until(advert, attempt, now + SAME_NAME_AGAIN_MS);
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
    attempt_wait_until(advert, attempt, now);
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
        attempt_clear(advert, &advert->standing); /* its goodbye, if it had another name */
        advert->standing = advert->trial;
        advert->trial = (struct attempt){.news = NO_NEWS};
        attempt = &advert->standing;
    }
    if (!silent)
        attempt_tell(advert, attempt, (struct mdns_advert_news){.state = MDNS_ADVERT_ESTABLISHED});
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

bool attempt_same_name(const struct attempt *a, const struct attempt *b)
{
    return strcasecmp(a->name, b->name) == 0 && strcasecmp(a->request.type, b->request.type) == 0;
}

static bool holds(const struct attempt *holder, const struct attempt *attempt)
{
    return (holder->state == ATTEMPT_REGISTERING || holder->state == ATTEMPT_ESTABLISHED) &&
           attempt_same_name(holder, attempt);
}

static bool is_taken_by_another(const struct advert *advert, const struct attempt *attempt)
{
    for (const struct advert *other = advert->advertise->adverts; other; other = other->hh.next)
        if (other != advert && (holds(&other->standing, attempt) || holds(&other->trial, attempt)))
            return true;
    return false;
}

void attempt_register(struct advert *advert, struct attempt *attempt, int64_t now)
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
            attempt_tell(advert, attempt, (struct mdns_advert_news){.state = MDNS_ADVERT_PENDING});
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
    attempt_clear(advert, trial);
    attempt_tell(advert, standing, (struct mdns_advert_news){.state = MDNS_ADVERT_ESTABLISHED});
}

/*
 * The name stays, and two groups cannot have it: the standing one makes way, and its request waits for the
 * outcome. It is freed and not reset: Avahi holds back a group that is registered again and again.
 */
static void make_way(struct advert *advert)
{
    struct attempt *standing = &advert->standing;
    attempt_free_group(standing);
    standing->silent = true;
    attempt_wait_until(advert, standing, INT64_MAX);
}

void attempt_start_trial(struct advert *advert, int64_t now)
{
    struct attempt *standing = &advert->standing, *trial = &advert->trial;
    if (!group_has_interface(&trial->request)) {
        /* Found out before anything makes way for it. */
        failed_at_avahi(advert, trial, AVAHI_ERR_INVALID_INTERFACE);
        return;
    }
    if (standing->state == ATTEMPT_ESTABLISHED && attempt_same_name(standing, trial)) {
        if (request_compare(&standing->request, &trial->request) == REQUEST_TXT_CHANGED) {
            update_txt(advert);
            return;
        }
        make_way(advert);
    }
    attempt_register(advert, trial, now);
}

void attempt_act_on_news(struct advert *advert, struct attempt *attempt, int64_t now)
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
