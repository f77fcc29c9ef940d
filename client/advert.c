/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The request is asked for again, which only renews its lease where it stands, whenever it might have
 * been missed or ended:
 *
 *     connected     the broker may have forgotten what is retained
 *     online        the bridge is, and was not when we last heard of it: a bridge that comes to the
 *                   broker does not take up a retained request of a client that somebody has said to
 *                   be offline, be it a new life of the bridge or only a new connection
 *     a third of    two renewals may be lost
 *     the lease
 *     withdrawn     we did not ask for that: another program of the same client said "offline", or has
 *                   our ID and came to its end, or we were stopped until the lease ended. After a
 *                   second, as two who do not agree are not to keep the network busy.
 *     refused       by the broker: its ACL may be changed while we wait
 *
 * What policy refuses is not asked for out of turn: the bridge tries it again itself.
 *
 * Statuses count while the bridge is online (one that came before is kept until then), and if they have
 * our transaction. One that differs in nothing but when the lease ends is no news. Those with another
 * transaction are of a program with the same ID: its request takes the place of ours, until we renew it.
 */
#include "advert.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"

#define AGAIN_MS 1000
#define REFUSED_MS 10000
#define AWAY_MS 5000

void advert_init(struct advert *advert, const struct advert_handlers *handlers, void *context,
                 const char *transaction, uint32_t lease)
{
    *advert = (struct advert){.handlers = *handlers,
                              .context = context,
                              .ask_at = NEVER,
                              .away_at = NEVER,
                              .lease_ms = lease * INT64_C(1000)};
    snprintf(advert->transaction, sizeof advert->transaction, "%s", transaction);
}

static void ask(struct advert *advert, int64_t now)
{
    if (!advert->wanted || !advert->connected)
        return;
    advert->asked = true;
    advert->ask_at = advert->lease_ms > 0 ? now + advert->lease_ms / 3 : NEVER;
    advert->handlers.ask(advert->context, false);
}

void advert_want(struct advert *advert, int64_t now)
{
    advert->wanted = true;
    ask(advert, now);
}

bool advert_withdraw(struct advert *advert)
{
    bool withdraw = advert->asked && advert->connected;
    advert->wanted = advert->asked = false;
    advert->ask_at = NEVER;
    if (withdraw)
        advert->handlers.ask(advert->context, true);
    return withdraw;
}

void advert_connected(struct advert *advert, int64_t now)
{
    advert->connected = true;
    if (advert->bridge != ADVERT_BRIDGE_AWAY)
        advert->away_at = now + AWAY_MS;
    ask(advert, now);
}

void advert_lost(struct advert *advert)
{
    advert->connected = false;
    advert->ask_at = advert->away_at = NEVER;
    if (advert->bridge == ADVERT_BRIDGE_ONLINE)
        advert->bridge = ADVERT_BRIDGE_UNKNOWN;
}

void advert_refused(struct advert *advert, int64_t now)
{
    if (advert->wanted)
        advert->ask_at = now + REFUSED_MS;
}

static void tell_bridge(struct advert *advert, enum advert_bridge bridge)
{
    bool was_away = advert->bridge == ADVERT_BRIDGE_AWAY;
    advert->bridge = bridge;
    if (advert->handlers.bridge && was_away != (bridge == ADVERT_BRIDGE_AWAY))
        advert->handlers.bridge(advert->context, bridge);
}

static bool same_warnings(const struct status *a, const struct status *b)
{
    bool same = a->warning_count == b->warning_count;
    for (size_t i = 0; same && i < a->warning_count; i++)
        same = a->warnings[i].code == b->warnings[i].code &&
               strcmp(a->warnings[i].message, b->warnings[i].message) == 0;
    return same;
}

static bool says_the_same(const struct status *a, const struct status *b)
{
    return a->state == b->state && a->kept == b->kept && a->reason == b->reason &&
           a->error.code == b->error.code && strcmp(a->error.key, b->error.key) == 0 &&
           strcmp(a->error.message, b->error.message) == 0 && strcmp(a->name, b->name) == 0 &&
           same_warnings(a, b);
}

static void take_status(struct advert *advert, int64_t now)
{
    const struct status *status = &advert->heard;
    if (!advert->has_heard || advert->bridge != ADVERT_BRIDGE_ONLINE)
        return;
    bool news = !advert->told || !says_the_same(&advert->last, status);
    advert->last = *status;
    advert->told = true;
    advert->has_heard = false;
    if (status->state == STATUS_WITHDRAWN && advert->wanted &&
        status->reason != STATUS_REPLACED_BY_POLICY)
        advert->ask_at = now + AGAIN_MS;
    if (news)
        advert->handlers.news(advert->context, &advert->last);
}

/* Before we are heard ourselves, it may be what an earlier life of ours has left. */
static void take_other(struct advert *advert, const struct status *status, int64_t now)
{
    bool ended = status->state == STATUS_WITHDRAWN;
    bool is_news = advert->wanted && advert->told && !ended && !advert->replaced;

    advert->replaced = !ended && (advert->replaced || is_news);
    if (is_news)
        advert->handlers.replaced(advert->context);
    if (!ended)
        return;
    advert->last = *status; /* what stands at our topic has gone, whoever asked for it */
    if (advert->wanted && status->reason != STATUS_REPLACED_BY_POLICY)
        advert->ask_at = now + AGAIN_MS;
}

void advert_status(struct advert *advert, const struct status *status, int64_t now)
{
    if (strcmp(status->transaction, advert->transaction) != 0) {
        take_other(advert, status, now);
        return;
    }
    advert->heard = *status;
    advert->has_heard = true;
    take_status(advert, now);
}

void advert_state(struct advert *advert, const struct state_record *state, int64_t now)
{
    if (state && state->life == BRIDGE_ONLINE) {
        bool has_come = advert->bridge != ADVERT_BRIDGE_ONLINE;
        advert->away_at = NEVER;
        tell_bridge(advert, ADVERT_BRIDGE_ONLINE);
        if (has_come)
            ask(advert, now);
        take_status(advert, now);
    } else if (advert->bridge != ADVERT_BRIDGE_AWAY) {
        advert->bridge = ADVERT_BRIDGE_UNKNOWN;
        if (advert->away_at == NEVER)
            advert->away_at = now + AWAY_MS;
    }
}

int64_t advert_run(struct advert *advert, int64_t now)
{
    if (now >= advert->away_at) {
        advert->away_at = NEVER;
        tell_bridge(advert, ADVERT_BRIDGE_AWAY);
    }
    if (now >= advert->ask_at)
        ask(advert, now);
    return advert->ask_at < advert->away_at ? advert->ask_at : advert->away_at;
}
