/* SPDX-License-Identifier: MIT */
/*
 * What leaves: requests to the Avahi side, statuses and deletions to the broker. Each is handed out when
 * there is room, in the order in which wishes came to have something to be done, and in its last state.
 */
#include "adverts_wish.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

static const enum status_state status_states[] = {
    [WISH_PENDING] = STATUS_PENDING,
    [WISH_ESTABLISHED] = STATUS_ESTABLISHED,
    [WISH_FAILED] = STATUS_FAILED,
    [WISH_WITHDRAWN] = STATUS_WITHDRAWN,
};

/* The name that it really has, or that is being tried; "" as long as there is neither. */
static const char *present_name(const struct wish *wish)
{
    if (wish->trial[0] && (wish->state == WISH_PENDING || !wish->was_established))
        return wish->trial;
    bool same = wish->was_established || wish->state == WISH_WITHDRAWN ||
                (wish->has_standing && request_same_service(&wish->wanted, &wish->standing));
    return same ? wish->name : "";
}

static void make_status(const struct wish *wish, struct status *status)
{
    *status = (struct status){.state = status_states[wish->state],
                              .owner = wish->owner,
                              .lease = wish->lease,
                              .expires = wish->expires};
    if (wish->has_wanted)
        status_set_request(status, &wish->wanted);
    else if (wish->has_refused)
        status_set_request(status, &wish->refused);
    status->lease = wish->lease;
    memcpy(status->transaction, wish->transaction, sizeof status->transaction);
    const char *name = present_name(wish);
    if (name[0])
        memcpy(status->name, name, sizeof status->name);
    if (wish->state == WISH_FAILED) {
        status->error = wish->error;
        status->kept = wish_is_kept(wish);
    }
    if (wish->state == WISH_WITHDRAWN)
        status->reason = wish->reason;
    else if (wish->has_wanted)
        adverts_warn_of_port(wish, status);
}

static void status_path(char path[TOPIC_STATUS_SIZE], const struct wish *wish)
{
    topic_status_path(path, &wish->owner);
}

/* While Avahi is away there is nobody to tell; it is all asked for again when it is back. */
static void hand_to_avahi(struct adverts *adverts, struct wish *wish)
{
    const struct adverts_outlets *outlets = &adverts->outlets;
    if (!adverts->avahi_up) {
        wish->withdraw_due = false;
        return;
    }
    if (wish->withdraw_due && outlets->withdraw(outlets->context, wish->number))
        wish->withdraw_due = false;
    bool wants = wish->advertise_due && !wish->asleep;
    if (wants && !wish->withdraw_due &&
        outlets->advertise(outlets->context, wish->number, wish->generation, &wish->wanted))
        wish->advertise_due = wants = false;
    adverts->avahi_is_full |= wants || wish->withdraw_due;
}

static struct echo *find_echo(const struct adverts *adverts, const char *path)
{
    struct echo *echo;
    HASH_FIND_STR(adverts->echoes, path, echo);
    return echo;
}

/*
 * Deletes a retained request. With MQTT 3.1.1 this comes back to us as an empty message, which must not be
 * taken for the client's: it may have asked anew in between.
 */
static void clear_request(struct adverts *adverts, const char *path)
{
    adverts->outlets.clear(adverts->outlets.context, path);
    if (!adverts->hears_echoes)
        return;
    struct echo *echo = find_echo(adverts, path);
    size_t size = strlen(path) + 1;
    if (!echo && size <= sizeof echo->path && HASH_COUNT(adverts->echoes) < ECHOES_MAX &&
        (echo = calloc(1, sizeof *echo))) {
        memcpy(echo->path, path, size);
        HASH_ADD_STR(adverts->echoes, path, echo);
    }
    if (echo)
        echo->count++;
}

static void forget_echo(struct adverts *adverts, struct echo *echo)
{
    HASH_DEL(adverts->echoes, echo);
    free(echo);
}

bool adverts_is_echo(struct adverts *adverts, const char *path)
{
    struct echo *echo = find_echo(adverts, path);
    if (!echo)
        return false;
    if (--echo->count == 0)
        forget_echo(adverts, echo);
    return true;
}

void adverts_forget_echoes(struct adverts *adverts)
{
    struct echo *echo, *next;
    HASH_ITER(hh, adverts->echoes, echo, next)
    {
        forget_echo(adverts, echo);
    }
}

void adverts_clear(struct adverts *adverts, const char *path, bool is_request)
{
    struct clearing *clearing;
    if (adverts->clearing_count == CLEARINGS_MAX || strlen(path) >= TOPIC_PATH_SIZE)
        return;
    size_t size = strlen(path) + 1;
    clearing = calloc(1, sizeof *clearing + size);
    if (!clearing)
        return;
    memcpy(clearing->path, path, size);
    clearing->is_request = is_request;
    adverts->clearing_count++;
    DL_APPEND(adverts->clearings, clearing);
}

static void forget_clearing(struct adverts *adverts, struct clearing *clearing)
{
    DL_DELETE(adverts->clearings, clearing);
    adverts->clearing_count--;
    free(clearing);
}

void adverts_forget_clearings(struct adverts *adverts)
{
    while (adverts->clearings)
        forget_clearing(adverts, adverts->clearings);
}

static void hand_out_clearings(struct adverts *adverts)
{
    while (adverts->clearings) {
        struct clearing *clearing = adverts->clearings;
        if (clearing->is_request)
            clear_request(adverts, clearing->path);
        else
            adverts->outlets.clear(adverts->outlets.context, clearing->path);
        forget_clearing(adverts, clearing);
    }
}

/* A wish that has ended says so to who listens now, and leaves nothing behind. */
static void hand_out_end(struct adverts *adverts, struct wish *wish)
{
    const struct adverts_outlets *outlets = &adverts->outlets;
    char path[TOPIC_STATUS_SIZE];
    struct status status;
    struct record_digests digests = {0};
    status_path(path, wish);
    if (!wish->status_due)
        return;
    make_status(wish, &status);
    if (!outlets->publish_status(outlets->context, path, &status, false, &digests))
        return;
    wish->status_due = false;
    outlets->clear(outlets->context, path);
    if (wish->clear_request_due)
        adverts_clear_later(adverts, wish);
}

static void hand_to_broker(struct adverts *adverts, struct wish *wish)
{
    const struct adverts_outlets *outlets = &adverts->outlets;
    char path[TOPIC_STATUS_SIZE];
    struct status status;
    if (wish->state == WISH_WITHDRAWN) {
        hand_out_end(adverts, wish);
        return;
    }
    if (!wish->status_due)
        return;
    status_path(path, wish);
    make_status(wish, &status);
    if (outlets->publish_status(outlets->context, path, &status, true, &wish->status_at_broker))
        wish->status_due = false, wish->status_fresh = true;
}

static struct answer *find_answer(struct adverts *adverts, const char *path)
{
    for (unsigned i = 0; i < ANSWERS_MAX; i++)
        if (strcmp(adverts->answers[i].path, path) == 0)
            return &adverts->answers[i];
    return NULL;
}

static bool answer_path(char answer[TOPIC_STATUS_SIZE], const char *path)
{
    size_t length = strlen(path);
    if (length == 0 || length + sizeof "/status" > TOPIC_STATUS_SIZE)
        return false;
    memcpy(answer, path, length);
    memcpy(answer + length, "/status", sizeof "/status");
    return true;
}

static void hand_out_answers(struct adverts *adverts)
{
    const struct adverts_outlets *outlets = &adverts->outlets;
    if (!adverts->answers_due)
        return;
    for (unsigned i = 0; i < ANSWERS_MAX; i++) {
        struct answer *answer = &adverts->answers[(adverts->next_answer + i) % ANSWERS_MAX];
        struct record_digests digests = {0};
        if (!answer->due)
            continue;
        if (!outlets->publish_status(outlets->context, answer->path, &answer->status, true,
                                     &digests))
            return;
        answer->due = false;
        answer->at_broker = true;
    }
    adverts->answers_due = false;
}

void adverts_answer(struct adverts *adverts, const char *path, const struct status *status)
{
    char status_path[TOPIC_STATUS_SIZE];
    if (!answer_path(status_path, path))
        return;
    struct answer *answer = find_answer(adverts, status_path);
    if (!answer) {
        answer = &adverts->answers[adverts->next_answer++ % ANSWERS_MAX];
        if (answer->at_broker)
            adverts_clear(adverts, answer->path, false);
        answer->at_broker = false;
        memcpy(answer->path, status_path, sizeof answer->path);
    }
    answer->status = *status;
    answer->due = adverts->answers_due = true;
    adverts_clear(adverts, path, true);
}

void adverts_forget_answer(struct adverts *adverts, const char *path, bool clear)
{
    char status_path[TOPIC_STATUS_SIZE];
    struct answer *answer =
        answer_path(status_path, path) ? find_answer(adverts, status_path) : NULL;
    if (!answer)
        return;
    if (clear && answer->at_broker)
        adverts_clear(adverts, answer->path, false);
    answer->path[0] = '\0';
    answer->due = answer->at_broker = false;
}

bool adverts_is_answer(struct adverts *adverts, const char *path)
{
    return find_answer(adverts, path);
}

void adverts_hand_out(struct adverts *adverts, bool online)
{
    struct wish *wish, *next;
    adverts->avahi_is_full = false;
    if (online) {
        hand_out_clearings(adverts);
        hand_out_answers(adverts);
    }
    DL_FOREACH_SAFE(adverts->todo, wish, next)
    {
        hand_to_avahi(adverts, wish);
        if (online)
            hand_to_broker(adverts, wish);
        bool waits_for_avahi = wish->advertise_due && (wish->asleep || !adverts->avahi_up);
        if (wish->withdraw_due || (wish->advertise_due && !waits_for_avahi) || wish->status_due)
            continue;
        DL_DELETE(adverts->todo, wish); // NOLINT(clang-analyzer-core.NullDereference): it is in it
        wish->in_todo = false;
        if (wish->state == WISH_WITHDRAWN && wish->clear_at == INT64_MAX)
            adverts_forget(adverts, wish);
    }
}
