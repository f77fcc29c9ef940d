/* SPDX-License-Identifier: MIT */
/*
 * What happens to lifetimes (lifetime.h) besides requests: who is offline, the connection to the broker, time.
 *
 * `advertise::deadline` is the earliest of all deadlines, or before it; only when it has passed all are looked at.
 */
#include "advertisement.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

/* Clients that are remembered to be offline. Beyond, the one that said so first is taken for online: its requests
 * end with their leases. */
#define OFFLINE_CLIENTS_MAX 4096

static struct offline_client *find_offline(const struct advertise *advertise, const char *client)
{
    struct offline_client *offline;
    HASH_FIND_STR(advertise->offline, client, offline);
    return offline;
}

static void forget_offline(struct advertise *advertise, struct offline_client *offline)
{
    if (!offline)
        return;
    HASH_DEL(advertise->offline, offline);
    free(offline);
}

void advertise_forget_offline(struct advertise *advertise)
{
    while (advertise->offline)
        forget_offline(advertise, advertise->offline);
}

static void add_offline(struct advertise *advertise, const char *client)
{
    if (find_offline(advertise, client))
        return;
    if (HASH_COUNT(advertise->offline) >= OFFLINE_CLIENTS_MAX)
        forget_offline(advertise, advertise->offline);
    struct offline_client *offline = calloc(1, sizeof *offline);
    if (!offline)
        return;
    memcpy(offline->client, client, strlen(client) + 1);
    HASH_ADD_STR(advertise->offline, client, offline);
}

struct lifetime_facts advertise_facts(const struct advertise *advertise, const char *client)
{
    return (struct lifetime_facts){.now = advertise->now,
                                   .reading = advertise->reading,
                                   .client_is_offline = find_offline(advertise, client) != NULL};
}

void advertise_input(struct advertise *advertise, struct advertisement *advertisement,
                     enum lifetime_input input, const struct lifetime_facts *facts)
{
    struct lifetime *lifetime = &advertisement->lifetime;
    enum lifetime_state before = lifetime->state;
    bool waited = before == LIFETIME_LEAVING && lifetime->round_trip != 0;
    lifetime_take(lifetime, input, facts);
    if (waited && lifetime->round_trip == 0)
        log_debug("advertise %s: its end was no broker's", advertisement->path);
    if (before != lifetime->state)
        log_debug("advertise %s: %s -> %s", advertisement->path, lifetime_state_name(before),
                  lifetime_state_name(lifetime->state));
    advertise->deadline = earlier(advertise->deadline, lifetime_deadline(lifetime));
    if (before == LIFETIME_DORMANT)
        advertise_todo(advertise, advertisement);
    if (before != LIFETIME_ENDED && lifetime->state == LIFETIME_ENDED)
        advertise_ended(advertise, advertisement);
}

static void input_to_client(struct advertise *advertise, const char *client,
                            enum lifetime_input input, uint32_t round_trip)
{
    struct lifetime_facts facts = advertise_facts(advertise, client);
    facts.round_trip = round_trip;
    for (struct advertisement *a = advertise->all; a; a = a->hh.next)
        if (strcmp(a->owner.client, client) == 0)
            advertise_input(advertise, a, input, &facts);
}

static bool says(const uint8_t *payload, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(payload, word, length) == 0;
}

static bool has_advertisements(const struct advertise *advertise, const char *client)
{
    for (const struct advertisement *a = advertise->all; a; a = a->hh.next)
        if (!has_ended(a) && strcmp(a->owner.client, client) == 0)
            return true;
    return false;
}

void advertise_presence(struct advertise *advertise, const char *path, const uint8_t *payload,
                        size_t length, int64_t now)
{
    char client[TOPIC_CLIENT_MAX + 1];
    advertise->now = now;
    if (!topic_client_parse(client, path))
        return;
    if (says(payload, length, "online")) {
        forget_offline(advertise, find_offline(advertise, client));
        input_to_client(advertise, client, LIFETIME_ONLINE, 0);
    } else if (says(payload, length, "offline")) {
        add_offline(advertise, client);
        if (has_advertisements(advertise, client))
            input_to_client(advertise, client, LIFETIME_OFFLINE,
                            advertise->outlets.round_trip(advertise->outlets.context));
    }
}

static void input_to_all(struct advertise *advertise, enum lifetime_input input,
                         uint32_t round_trip, uint32_t reading)
{
    struct advertisement *advertisement, *next;
    HASH_ITER(hh, advertise->all, advertisement, next)
    {
        struct lifetime_facts facts = advertise_facts(advertise, advertisement->owner.client);
        facts.round_trip = round_trip;
        facts.reading = reading;
        advertise_input(advertise, advertisement, input, &facts);
    }
}

void advertise_reading(struct advertise *advertise)
{
    advertise->reading++;
    advertise->needs_reading = false;
}

void advertise_connected(struct advertise *advertise, int64_t now)
{
    advertise->connected = true;
    advertise->now = now;
    /* What was said before the connection was lost is said again by what is retained. */
    advertise_forget_offline(advertise);
    advertise_reading(advertise);
    input_to_all(advertise, LIFETIME_RECONNECTED, 0, 0);
}

void advertise_disconnected(struct advertise *advertise)
{
    advertise->connected = false;
}

void advertise_round_trip(struct advertise *advertise, uint32_t number, bool read, int64_t now)
{
    advertise->now = now;
    input_to_all(advertise, LIFETIME_ROUND_TRIP, number, read ? advertise->reading : 0);
}

bool advertise_needs_reading(const struct advertise *advertise)
{
    return advertise->needs_reading;
}

static void run_deadline(struct advertise *advertise, struct advertisement *advertisement)
{
    struct lifetime *lifetime = &advertisement->lifetime;
    bool is_due = lifetime_deadline(lifetime) <= advertise->now;
    if (is_due && has_ended(advertisement))
        advertise_clear_request(advertise, advertisement->path);
    if (is_due) {
        struct lifetime_facts facts = advertise_facts(advertise, advertisement->owner.client);
        advertise_input(advertise, advertisement, LIFETIME_TIMER, &facts);
    }
    advertise->deadline = earlier(advertise->deadline, lifetime_deadline(lifetime));
}

/* While the broker is away nobody can renew or come back, so nothing ends. */
void advertise_run_deadlines(struct advertise *advertise)
{
    if (!advertise->connected || advertise->now < advertise->deadline)
        return;
    advertise->deadline = INT64_MAX;
    for (struct advertisement *a = advertise->all; a; a = a->hh.next)
        run_deadline(advertise, a);
}
