/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * The request is published again, which only renews its lease where the advertisement is established,
 * whenever the bridge may have missed it or ended it:
 *
 *     connected     the broker may have forgotten what is retained
 *     online        the bridge is, and was not before: a bridge that comes to the
 *                   broker does not take up a retained request of a client that is reported offline,
 *                   be it a new life of the bridge or only a new connection
 *     a third of    two renewals may be lost
 *     the lease
 *     withdrawn     and not by us: another program of the same client published "offline", or has
 *                   our ID and came to its end, or we were stopped until the lease ended. After a
 *                   second, as two programs that do not agree are not to keep the network busy.
 *     refused       by the broker: its ACL may be changed while we wait
 *
 * What policy refuses is not requested out of turn: the bridge tries it again itself.
 *
 * A status counts while the bridge is online (one that came before is held until then), and if it has our
 * transaction. One that differs in nothing but when the lease ends is not reported. Those with another
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
                              .request_at = NEVER,
                              .away_at = NEVER,
                              .lease_ms = lease * INT64_C(1000)};
    snprintf(advert->transaction, sizeof advert->transaction, "%s", transaction);
}

/* ---- the request ---- */

static void publish(struct advert *advert, int64_t now)
{
    if (advert->state == ADVERT_NOT_WANTED || !advert->connected)
        return;
    if (advert->state == ADVERT_WANTED)
        advert->state = ADVERT_REQUESTED;
    advert->request_at = advert->lease_ms > 0 ? now + advert->lease_ms / 3 : NEVER;
    advert->handlers.publish(advert->context, false);
}

void advert_request(struct advert *advert, int64_t now)
{
    if (advert->state == ADVERT_NOT_WANTED)
        advert->state = ADVERT_WANTED;
    publish(advert, now);
}

bool advert_withdraw(struct advert *advert)
{
    bool withdraw = advert->state >= ADVERT_REQUESTED && advert->connected;
    advert->state = ADVERT_NOT_WANTED;
    advert->request_at = NEVER;
    if (withdraw)
        advert->handlers.publish(advert->context, true);
    return withdraw;
}

static void request_after(struct advert *advert, int64_t delay, int64_t now)
{
    if (advert->state != ADVERT_NOT_WANTED)
        advert->request_at = now + delay;
}

void advert_refused(struct advert *advert, int64_t now)
{
    request_after(advert, REFUSED_MS, now);
}

/* ---- the broker and the bridge ---- */

void advert_connected(struct advert *advert, int64_t now)
{
    advert->connected = true;
    if (advert->bridge != ADVERT_BRIDGE_AWAY)
        advert->away_at = now + AWAY_MS;
    publish(advert, now);
}

void advert_lost(struct advert *advert)
{
    advert->connected = false;
    advert->request_at = advert->away_at = NEVER;
    if (advert->bridge == ADVERT_BRIDGE_ONLINE)
        advert->bridge = ADVERT_BRIDGE_UNKNOWN;
}

static void set_bridge(struct advert *advert, enum advert_bridge bridge)
{
    bool was_away = advert->bridge == ADVERT_BRIDGE_AWAY;
    advert->bridge = bridge;
    if (advert->handlers.bridge && was_away != (bridge == ADVERT_BRIDGE_AWAY))
        advert->handlers.bridge(advert->context, bridge);
}

/* ---- statuses ---- */

static bool is_set(const struct status *status)
{
    return status->transaction[0] != '\0';
}

static bool same_warnings(const struct status *a, const struct status *b)
{
    bool same = a->warning_count == b->warning_count;
    for (size_t i = 0; same && i < a->warning_count; i++)
        same = a->warnings[i].code == b->warnings[i].code &&
               strcmp(a->warnings[i].message, b->warnings[i].message) == 0;
    return same;
}

static bool same_report(const struct status *a, const struct status *b)
{
    return is_set(a) == is_set(b) && a->state == b->state && a->kept == b->kept &&
           a->reason == b->reason && a->error.code == b->error.code &&
           strcmp(a->error.key, b->error.key) == 0 &&
           strcmp(a->error.message, b->error.message) == 0 && strcmp(a->name, b->name) == 0 &&
           same_warnings(a, b);
}

/* Somebody else ended what is wanted; unless that was the policy of the bridge, it is requested again. */
static void request_after_end(struct advert *advert, const struct status *status, int64_t now)
{
    if (status->state == STATUS_WITHDRAWN && status->reason != STATUS_REPLACED_BY_POLICY)
        request_after(advert, AGAIN_MS, now);
}

static void report_held(struct advert *advert, int64_t now)
{
    if (!is_set(&advert->held) || advert->bridge != ADVERT_BRIDGE_ONLINE)
        return;
    bool changed = !same_report(&advert->reported, &advert->held);
    advert->reported = advert->held;
    advert->held = (struct status){0};
    request_after_end(advert, &advert->reported, now);
    if (changed)
        advert->handlers.status(advert->context, &advert->reported);
}

/* Of another program with our ID. Before anything of ours was reported, it may be what an earlier life of
 * ours has left. */
static void take_other(struct advert *advert, const struct status *status, int64_t now)
{
    if (status->state == STATUS_WITHDRAWN) {
        if (advert->state == ADVERT_REPLACED)
            advert->state = ADVERT_REQUESTED;
        advert->reported.state = STATUS_WITHDRAWN; /* nothing is left at our topic */
        request_after_end(advert, status, now);
    } else if (advert->state == ADVERT_REQUESTED && is_set(&advert->reported)) {
        advert->state = ADVERT_REPLACED;
        advert->handlers.replaced(advert->context);
    }
}

void advert_status(struct advert *advert, const struct status *status, int64_t now)
{
    if (strcmp(status->transaction, advert->transaction) != 0) {
        take_other(advert, status, now);
        return;
    }
    advert->held = *status;
    report_held(advert, now);
}

const struct status *advert_reported(const struct advert *advert)
{
    return is_set(&advert->reported) ? &advert->reported : NULL;
}

void advert_bridge_online(struct advert *advert, bool online, int64_t now)
{
    if (online) {
        bool has_come = advert->bridge != ADVERT_BRIDGE_ONLINE;
        advert->away_at = NEVER;
        set_bridge(advert, ADVERT_BRIDGE_ONLINE);
        if (has_come)
            publish(advert, now);
        report_held(advert, now);
    } else if (advert->bridge != ADVERT_BRIDGE_AWAY) {
        advert->bridge = ADVERT_BRIDGE_UNKNOWN;
        if (advert->away_at == NEVER)
            advert->away_at = now + AWAY_MS;
    }
}

/* ---- what is due ---- */

int64_t advert_run(struct advert *advert, int64_t now)
{
    if (now >= advert->away_at) {
        advert->away_at = NEVER;
        set_bridge(advert, ADVERT_BRIDGE_AWAY);
    }
    if (now >= advert->request_at)
        publish(advert, now);
    return advert->request_at < advert->away_at ? advert->request_at : advert->away_at;
}
