/* SPDX-License-Identifier: MIT */
/* What is said of requests that become no advertisement: over a quota, or at a bad topic. */
#include "advertisement.h"

#include <string.h>

static struct answer *find_answer(struct advertise *advertise, const char *path)
{
    for (unsigned i = 0; i < ANSWERS_MAX; i++)
        if (strcmp(advertise->answers[i].path, path) == 0)
            return &advertise->answers[i];
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

static void say(struct advertise *advertise, const char *path, void *subject)
{
    advertise->outlets.answer(advertise->outlets.context, path, subject);
}

void advertise_clear_request(struct advertise *advertise, const char *path)
{
    if (!advertise->outlets.clear_request(advertise->outlets.context, path))
        advertise->needs_reading = true;
}

void advertise_turn_away(struct advertise *advertise, const struct advertise_message *message,
                         const struct status *status)
{
    char path[TOPIC_STATUS_SIZE];
    advertise->counters.refused++;
    if (message->retention != RETENTION_NONE)
        advertise_clear_request(advertise, message->path);
    if (!answer_path(path, message->path))
        return;
    struct answer *answer = find_answer(advertise, path);
    if (!answer) {
        answer = &advertise->answers[advertise->next_answer++ % ANSWERS_MAX];
        if (answer->path[0])
            say(advertise, answer->path, NULL);
        memcpy(answer->path, path, sizeof answer->path);
    }
    answer->status = *status;
    say(advertise, answer->path, answer);
}

void advertise_forget_answer(struct advertise *advertise, const char *path, bool clear)
{
    char status_path[TOPIC_STATUS_SIZE];
    struct answer *answer =
        answer_path(status_path, path) ? find_answer(advertise, status_path) : NULL;
    if (!answer)
        return;
    if (clear)
        say(advertise, answer->path, NULL);
    answer->path[0] = '\0';
}

const struct status *advertise_answer(const void *subject)
{
    const struct answer *answer = subject;
    return &answer->status;
}
