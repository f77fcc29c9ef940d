/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * What a client asks for: read, checked, and accepted or refused. An accepted one becomes what is wanted
 * (registration.c). A refused one touches nothing of that, and where the reason may pass it is remembered and tried
 * again. What cannot be kept account of at all is answered (answers.c). In any case the request is an input of the
 * lifetime: its client is there.
 */
#include "advertisement.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "record.h"

/* The shorter one of the two kinds of lease; 0: none. */
static uint32_t lease_of(const struct request *request, uint32_t expiry)
{
    uint32_t other = expiry > 0 ? request_clamp_lease(expiry) : 0;
    return request->lease == 0 || (other > 0 && other < request->lease) ? other : request->lease;
}

/* How long it is good for: a request that is refused shortens nothing of what stands. */
static void set_lease(struct advertisement *advertisement, uint32_t lease, bool accepted)
{
    if (!accepted && lease == 0 && wanted(advertisement))
        return;
    advertisement->lease = lease;
    advertisement->expires = lease > 0 ? clock_unix() + lease * INT64_C(1000) : 0;
}

/* Takes a request that is allowed, unless its port forbids that. */
static bool accept(struct advertise *advertise, struct advertisement *advertisement,
                   const struct request *request)
{
    struct status_error error;
    struct port_finding port;
    advertise_look_at_ports(advertise);
    if (!advertise_port_allows(advertise, advertisement->owner.client, request, &port, &error)) {
        advertise_refuse(advertise, advertisement, request, &error);
        return false;
    }
    advertise_forget_refusal(advertisement);
    /* What is known of the port of the same request stands while that is looked at again. */
    const struct registration *before = wanted(advertisement);
    bool is_known = before && advertisement->port.open_until == 0 &&
                    request_compare(&before->request, request) != REQUEST_CHANGED;
    if (!is_known || port.open_until == 0)
        advertisement->port = port;
    advertise_want(advertise, advertisement, request);
    return true;
}

void advertise_retry(struct advertise *advertise, struct advertisement *advertisement)
{
    struct request request = advertisement->refused->request;
    accept(advertise, advertisement, &request);
    advertise_say(advertise, advertisement);
}

static bool take_readable(struct advertise *advertise, struct advertisement *advertisement,
                          const struct request *request)
{
    struct status_error error;
    const struct advertise_policy *policy =
        config_policy(advertise->config, advertisement->owner.client);
    if (advertise_is_allowed(policy, request, &error))
        return accept(advertise, advertisement, request);
    advertise_refuse(advertise, advertisement, request, &error);
    return false;
}

/* No advertisement of theirs, and no room for one: an answer is all that they get. */
static void turn_away(struct advertise *advertise, const struct request_owner *owner,
                      const struct advertise_message *message, const char *transaction,
                      const struct status_error *error)
{
    struct status status = {.state = STATUS_FAILED, .owner = *owner, .error = *error};
    snprintf(status.transaction, sizeof status.transaction, "%s", transaction);
    advertise_turn_away(advertise, message, &status);
}

/*
 * Is this replayed request one that has ended, and not one that was asked for anew since? So it is where it is still
 * to be cleared by this connection; and where the broker still holds the status, too, that was cleared behind it: the
 * clearings did not reach the broker, or it has crashed and is back with what it had saved before.
 */
static bool is_of_the_past(const struct advertise *advertise,
                           const struct advertisement *advertisement,
                           const struct advertise_message *message, uint64_t digest)
{
    char path[TOPIC_STATUS_SIZE];
    topic_status_path(path, &advertisement->owner);
    return message->replayed && has_ended(advertisement) && digest == advertisement->digest &&
           (advertisement->lifetime.retention != RETENTION_NONE ||
            advertise->outlets.has_stale_status(advertise->outlets.context, path));
}

static void begin_or_confirm(struct advertise *advertise, struct advertisement *advertisement,
                             const struct advertise_message *message, bool begins)
{
    enum lifetime_input input = message->replayed ? LIFETIME_REPLAY : LIFETIME_REQUEST;
    struct lifetime_facts facts = advertise_facts(advertise, advertisement->owner.client);
    facts.retention = message->retention;
    facts.lease_until = advertisement->lease > 0
                            ? advertise->now + advertisement->lease * INT64_C(1000)
                            : INT64_MAX;
    if (begins)
        lifetime_begin(&advertisement->lifetime, input, &facts);
    advertise_input(advertise, advertisement, input, &facts);
}

/* Requests are read again behind a burst, too: that is no sign of life, and renews no lease. */
static bool is_seen_again(const struct advertisement *advertisement,
                          const struct advertise_message *message, uint64_t digest)
{
    return message->replayed && advertisement->lifetime.state == LIFETIME_CONFIRMED &&
           digest == advertisement->digest;
}

static void see_again(struct advertise *advertise, struct advertisement *advertisement,
                      const struct advertise_message *message)
{
    struct lifetime_facts facts = advertise_facts(advertise, advertisement->owner.client);
    facts.retention = message->retention;
    facts.lease_until = advertisement->lifetime.lease_until;
    advertise_input(advertise, advertisement, LIFETIME_REPLAY, &facts);
}

static void take_request(struct advertise *advertise, const struct request_owner *owner,
                         const struct advertise_message *message)
{
    struct request request;
    struct status_error error = {0}, quota;
    struct advertisement *advertisement = advertise_find(advertise, message->path);
    uint64_t digest = record_payload_digest(message->payload, message->length);
    if (advertisement && is_of_the_past(advertise, advertisement, message, digest)) {
        log_debug("advertise %s: the broker holds a request that has ended; clearing it",
                  message->path);
        advertise_clear_request(advertise, message->path);
        return;
    }
    if (advertisement && is_seen_again(advertisement, message, digest)) {
        see_again(advertise, advertisement, message);
        return;
    }
    advertise->counters.requests++;
    enum request_result result = request_parse(&request, &error, message->payload, message->length,
                                               advertise->config->records.size);
    if (result == REQUEST_NO_MEMORY)
        return;
    bool begins = !advertisement || has_ended(advertisement);
    if (begins && !advertise_has_room(advertise, owner->client, &quota)) {
        if (advertisement)
            advertise_released(advertise, advertisement); /* the answer takes its status's place */
        turn_away(advertise, owner, message, request.transaction,
                  result == REQUEST_OK ? &quota : &error);
        return;
    }
    if (!advertisement && !(advertisement = advertise_add(advertise, owner)))
        return;
    if (begins)
        advertise_revive(advertise, advertisement);
    advertisement->digest = digest;
    memcpy(advertisement->transaction, request.transaction, sizeof advertisement->transaction);
    bool accepted = false;
    if (result == REQUEST_OK)
        accepted = take_readable(advertise, advertisement, &request);
    else
        advertise_refuse(advertise, advertisement, NULL, &error);
    set_lease(advertisement, result == REQUEST_OK ? lease_of(&request, message->expiry) : 0,
              accepted);
    begin_or_confirm(advertise, advertisement, message, begins);
    advertise_say(advertise, advertisement);
}

static void turn_away_bad_topic(struct advertise *advertise,
                                const struct advertise_message *message)
{
    struct status status = {.state = STATUS_FAILED};
    if (message->length == 0) {
        advertise_forget_answer(advertise, message->path, true);
        return;
    }
    status_refuse(&status.error, STATUS_BAD_TOPIC, "",
                  "CLIENT and ID are 1 to 64 characters of A-Z a-z 0-9 . _ - and not . or ..");
    advertise->counters.requests++;
    advertise_turn_away(advertise, message, &status);
}

static void take_empty(struct advertise *advertise, const struct advertise_message *message)
{
    struct advertisement *advertisement = advertise_find(advertise, message->path);
    if (!advertisement || has_ended(advertisement))
        advertise_forget_answer(advertise, message->path, true);
    if (!advertisement)
        return;
    struct lifetime_facts facts = advertise_facts(advertise, advertisement->owner.client);
    facts.retention = message->retention;
    if (!has_ended(advertisement))
        facts.round_trip = advertise->outlets.round_trip(advertise->outlets.context);
    advertise_input(advertise, advertisement, LIFETIME_EMPTY, &facts);
}

void advertise_request(struct advertise *advertise, const struct advertise_message *message,
                       int64_t now)
{
    struct request_owner owner;
    advertise->now = now;
    switch (topic_advertise_parse(&owner, message->path)) {
    case TOPIC_STATUS:
        return;
    case TOPIC_STRAY: /* too long to be answered, but nothing is to pile up at the broker */
        if (message->length > 0 && strlen(message->path) > TOPIC_BAD_REQUEST_MAX &&
            message->retention != RETENTION_NONE)
            advertise_clear_request(advertise, message->path);
        return;
    case TOPIC_BAD_REQUEST:
        turn_away_bad_topic(advertise, message);
        return;
    case TOPIC_REQUEST:
        break;
    }
    if (message->length == 0)
        take_empty(advertise, message);
    else
        take_request(advertise, &owner, message);
}
