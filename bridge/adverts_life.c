/* SPDX-License-Identifier: MIT */
/*
 * What ends a wish, or keeps it alive, besides its requests: presence, connection, time.
 *
 * Theory of operation
 *
 * What ends a wish: the empty payload; its lease; its client's "offline"; a policy that no longer allows
 * it. Three things are not what they seem:
 *
 *     offline     takes effect after OFFLINE_MS, and when the broker has answered something that it was
 *                 asked behind it. A broker that is shut down cleanly fires the will of every client,
 *                 saves what it has, which takes its time, and only then closes our connection; but it
 *                 answers nothing any more. What becomes of a lost connection is decided later.
 *     empty       may be a will, too; it takes effect when the broker has answered.
 *     reconnect   whatever stands, stands for HOLD_MS more. By then its request must have been seen
 *                 again: live, or retained while its client is not offline; or its client has said
 *                 "online".
 *     replay      a retained request of a client that is offline is not worth an advertisement, unless
 *                 the client comes back within HOLD_MS.
 *
 *     end         the request of a wish that has ended is cleared at the broker a little later: a client
 *                 may be about to ask anew, and its request must not be what is cleared.
 *
 * All deadlines are monotonic. `deadline` is the earliest; only when it has passed all wishes are looked
 * at.
 */
#include "adverts_wish.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define OFFLINE_MS 500
#define HOLD_MS 15000
#define CLEAR_MS 250
#define PORTS_MS 5000

/* Wishes that may wait for their clearing; one more is not waited for. */
#define LINGERING_MAX 256
#define FULL_MS 50

/* Clients that are remembered to be offline; one more is taken for online until its lease ends. */
#define ABSENT_MAX 1024

void adverts_set_deadline(struct adverts *adverts, int64_t *deadline, int64_t at)
{
    *deadline = at;
    adverts->deadline = earlier(adverts->deadline, at);
}

static struct absent *find_absent(const struct adverts *adverts, const char *client)
{
    struct absent *absent;
    HASH_FIND_STR(adverts->absent, client, absent);
    return absent;
}

static void forget_absent(struct adverts *adverts, struct absent *absent)
{
    if (!absent)
        return;
    HASH_DEL(adverts->absent, absent);
    free(absent);
}

void adverts_forget_absent(struct adverts *adverts)
{
    struct absent *absent, *next;
    HASH_ITER(hh, adverts->absent, absent, next)
    {
        forget_absent(adverts, absent);
    }
}

/* Its client is alive. */
static void wake(struct adverts *adverts, struct wish *wish)
{
    wish->hold_at = INT64_MAX;
    wish->asleep = false;
    adverts_todo(adverts, wish);
}

/* Is this message a sign of life? What was retained is one only if its client is not offline. */
void adverts_confirm(struct adverts *adverts, struct wish *wish,
                     const struct adverts_message *message, int64_t now)
{
    struct absent *absent = find_absent(adverts, wish->owner.client);
    wish->seen = true;
    wish->leaving = false;
    if (message->replayed || message->retained != ADVERTS_PERHAPS_RETAINED)
        wish->retained = message->retained == ADVERTS_RETAINED;
    if (message->replayed && absent) {
        wish->asleep =
            wish->state == WISH_PENDING && !wish->has_standing && !wish->name[0] && !wish->trial[0];
        adverts_set_deadline(adverts, &wish->hold_at, now + HOLD_MS);
        return;
    }
    /* What its client said of all of its wishes still counts for the others. */
    wish->spared = absent != NULL;
    wake(adverts, wish);
}

/*
 * Nobody clears the retained "offline" of clients that are gone for good. Those whose wishes have ended
 * need not be remembered.
 */
static bool make_room_for_absent(struct adverts *adverts)
{
    struct absent *absent = adverts->absent;
    if (HASH_COUNT(adverts->absent) < ABSENT_MAX)
        return true;
    while (absent && absent->at != INT64_MAX)
        absent = absent->hh.next;
    forget_absent(adverts, absent);
    return absent;
}

static struct absent *add_absent(struct adverts *adverts, const char *client)
{
    struct absent *absent = make_room_for_absent(adverts) ? calloc(1, sizeof *absent) : NULL;
    if (!absent)
        return NULL;
    memcpy(absent->client, client, strlen(client) + 1);
    HASH_ADD_STR(adverts->absent, client, absent);
    return absent;
}

void adverts_presence(struct adverts *adverts, const char *path, const uint8_t *payload,
                      size_t length, int64_t now)
{
    char client[TOPIC_CLIENT_MAX + 1];
    if (!topic_client_parse(client, path))
        return;
    struct absent *absent = find_absent(adverts, client);
    if (length == strlen("offline") && memcmp(payload, "offline", length) == 0) {
        if (!absent)
            absent = add_absent(adverts, client);
        if (!absent)
            return;
        for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
            if (strcmp(wish->owner.client, client) == 0)
                wish->spared = false;
        absent->asked = absent->answered = false;
        adverts_set_deadline(adverts, &absent->at, now + OFFLINE_MS);
    } else if (length == strlen("online") && memcmp(payload, "online", length) == 0) {
        forget_absent(adverts, absent);
        for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
            /* A retained request would have been seen: it was taken back while we did not hear it. */
            if (strcmp(wish->owner.client, client) == 0 && (wish->seen || !wish->retained))
                wake(adverts, wish);
        }
    }
}

void adverts_connected(struct adverts *adverts, int64_t now)
{
    adverts->connected = true;
    adverts->probing = adverts->leaving = false;
    /* What was said before the connection was lost is said again by what is retained. */
    adverts_forget_absent(adverts);
    adverts_forget_echoes(adverts);
    adverts_forget_clearings(adverts);
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        wish->seen = wish->spared = wish->leaving = false;
        if (wish->state != WISH_WITHDRAWN)
            adverts_set_deadline(adverts, &wish->hold_at, now + HOLD_MS);
    }
}

void adverts_disconnected(struct adverts *adverts)
{
    adverts->connected = false;
}

void adverts_leave(struct adverts *adverts, struct wish *wish, bool clear)
{
    if (wish->state == WISH_WITHDRAWN)
        return;
    wish->leaving = adverts->leaving = true;
    wish->leaving_asked = false;
    wish->leaving_to_clear = clear;
}

/* Is the broker still there that said so? One question at a time, for all who went since the last one. */
static void probe(struct adverts *adverts)
{
    bool wanted = adverts->leaving;
    for (struct absent *absent = adverts->absent; absent; absent = absent->hh.next)
        wanted |= !absent->asked && absent->at != INT64_MAX;
    if (!wanted || adverts->probing || !adverts->outlets.probe(adverts->outlets.context))
        return;
    adverts->probing = true;
    for (struct absent *absent = adverts->absent; absent; absent = absent->hh.next)
        absent->asked = true;
    for (struct wish *wish = adverts->wishes; wish && adverts->leaving; wish = wish->hh.next)
        wish->leaving_asked = wish->leaving;
    adverts->leaving = false;
}

void adverts_broker_answers(struct adverts *adverts, int64_t now)
{
    adverts->probing = false;
    for (struct absent *absent = adverts->absent; absent; absent = absent->hh.next) {
        if (absent->asked && !absent->answered)
            log_debug("client '%s': offline", absent->client);
        absent->answered = absent->asked;
    }
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        if (!wish->leaving || !wish->leaving_asked)
            continue;
        adverts_end(adverts, wish, STATUS_REQUESTED);
        wish->clear_request_due = wish->leaving_to_clear;
    }
    adverts->deadline = now; /* to look at all of them again */
}

static void end_client(struct adverts *adverts, const char *client)
{
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        if (strcmp(wish->owner.client, client) == 0 && wish->hold_at == INT64_MAX && !wish->spared)
            adverts_end(adverts, wish, STATUS_CLIENT_OFFLINE);
}

static void look_at_wish(struct adverts *adverts, struct wish *wish, int64_t now)
{
    if (wish->clear_at <= now) {
        adverts_clear(adverts, wish->path, true);
        wish->clear_at = INT64_MAX;
        adverts_todo(adverts, wish);
    } else if (wish->hold_at <= now) {
        /* A retained request that is gone was taken back; else nobody stands for it. */
        bool taken_back = wish->retained && !find_absent(adverts, wish->owner.client);
        adverts_end(adverts, wish, taken_back ? STATUS_REQUESTED : STATUS_CLIENT_OFFLINE);
    } else if (wish->lease_at <= now && wish->hold_at == INT64_MAX) {
        adverts_end(adverts, wish, STATUS_LEASE_EXPIRED);
    }
    int64_t end_at = wish->hold_at != INT64_MAX ? wish->hold_at : wish->lease_at;
    adverts->deadline = earlier(adverts->deadline, earlier(end_at, wish->clear_at));
}

/* While the broker is away nobody can renew or come back, so nothing ends. */
static void look_at_deadlines(struct adverts *adverts, int64_t now)
{
    adverts->deadline = INT64_MAX;
    if (!adverts->connected)
        return;
    for (struct absent *absent = adverts->absent; absent; absent = absent->hh.next) {
        if (!absent->answered)
            continue;
        if (absent->at <= now) {
            absent->at = INT64_MAX;
            end_client(adverts, absent->client);
        }
        adverts->deadline = earlier(adverts->deadline, absent->at);
    }
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        look_at_wish(adverts, wish, now);
}

void adverts_clear_later(struct adverts *adverts, struct wish *wish)
{
    wish->clear_request_due = false;
    adverts_set_deadline(adverts, &wish->clear_at,
                         adverts->lingering > LINGERING_MAX ? adverts->now
                                                            : adverts->now + CLEAR_MS);
}

int64_t adverts_run(struct adverts *adverts, bool online, int64_t now)
{
    adverts->now = now;
    if (online)
        probe(adverts);
    if (now >= adverts->deadline)
        look_at_deadlines(adverts, now);
    if (now >= adverts->ports_at && adverts->wishes) {
        adverts->ports_at = now + PORTS_MS;
        adverts_check_ports(adverts);
    }
    adverts_hand_out(adverts, online);
    int64_t next_at = adverts->wishes ? adverts->ports_at : INT64_MAX;
    if (adverts->avahi_is_full)
        next_at = earlier(next_at, now + FULL_MS);
    return earlier(next_at, adverts->deadline > now ? adverts->deadline : INT64_MAX);
}
