/* SPDX-License-Identifier: MIT */
/*
 * A table of names and a thread, with a queue in each direction. What goes round is an entry of the table:
 * while it is on its way (asked != answered) `found` and `result` are the thread's, and the entry is neither
 * asked for again nor forgotten; at all other times, and in all other members, it is the caller's. There are
 * at most PORT_OWNERS_MAX entries, and so neither queue is ever full.
 *
 * Each refresh begins a round. An entry whose answer is of a former one is asked for when somebody wants it,
 * so that names nobody wants any more cost nothing.
 */
#include "port_owners.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "queue.h"

struct entry {
    UT_hash_handle hh;        /* in the order in which they were wanted last */
    uint32_t asked, answered; /* in which rounds; 0: never */
    enum port_owners_answer answer;
    struct port_owner owner; /* of PORT_OWNER_FOUND */

    struct port_owner found;
    int result; /* of the look-up that filled `found` */
    char user[];
};

struct port_owners {
    struct entry *entries; /* hash, by user */
    uint32_t round;
    struct queue *questions, *answers; /* of struct entry, which stay the table's */
    port_owner_lookup_func *lookup;
    pthread_t thread;
    bool runs; /* the thread */
    atomic_bool stop;
};

/* ---- the thread ---- */

static void *thread_main(void *context)
{
    struct port_owners *owners = context;
    struct pollfd questions = {.fd = queue_fd(owners->questions), .events = POLLIN};
    while (!owners->stop) {
        struct entry *entry = queue_pop(owners->questions);
        if (!entry) {
            poll(&questions, 1, -1);
            continue;
        }
        entry->result = owners->lookup(entry->user, &entry->found);
        queue_push_wait(owners->answers, entry);
    }
    return NULL;
}

static void keep(void *item)
{
    (void)item; /* it is in the table, too */
}

static void free_parts(struct port_owners *owners)
{
    struct entry *entry, *next;
    HASH_ITER(hh, owners->entries, entry, next)
    {
        HASH_DEL(owners->entries, entry);
        free(entry);
    }
    queue_free(owners->questions);
    queue_free(owners->answers);
    free(owners);
}

struct port_owners *port_owners_new_with(port_owner_lookup_func *lookup)
{
    struct port_owners *owners = calloc(1, sizeof *owners);
    if (!owners)
        return NULL;
    owners->round = 1;
    owners->lookup = lookup;
    return owners;
}

/* Not before somebody is asked for: most bridges only browse. False: no memory, or no threads. */
static bool start(struct port_owners *owners)
{
    sigset_t all, before;
    if (owners->runs)
        return true;
    if (!owners->questions)
        owners->questions = queue_new(PORT_OWNERS_MAX, keep);
    if (!owners->answers)
        owners->answers = queue_new(PORT_OWNERS_MAX, keep);
    if (!owners->questions || !owners->answers)
        return false;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    owners->runs = pthread_create(&owners->thread, NULL, thread_main, owners) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return owners->runs;
}

struct port_owners *port_owners_new(void)
{
    return port_owners_new_with(port_owner_lookup);
}

bool port_owners_free(struct port_owners *owners, int timeout_ms)
{
    if (!owners)
        return true;
    owners->stop = true;
    if (owners->runs)
        queue_close(owners->questions);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    if (owners->runs && pthread_timedjoin_np(owners->thread, NULL, &until) != 0)
        return false;
    free_parts(owners);
    return true;
}

/* ---- the table ---- */

static bool is_on_its_way(const struct entry *entry)
{
    return entry->asked != entry->answered;
}

/* Forgets the name that was wanted longest ago. False: all are on their way. */
static bool make_room(struct port_owners *owners)
{
    struct entry *entry = owners->entries;
    while (entry && is_on_its_way(entry))
        entry = entry->hh.next;
    if (!entry)
        return false;
    HASH_DEL(owners->entries, entry);
    free(entry);
    return true;
}

/* The entry of a user, found or made, behind all others. NULL: no room, or no memory. */
static struct entry *want(struct port_owners *owners, const char *user)
{
    struct entry *entry;
    size_t length = strlen(user);
    HASH_FIND(hh, owners->entries, user, length, entry);
    if (entry) {
        HASH_DEL(owners->entries, entry);
    } else {
        if (HASH_COUNT(owners->entries) == PORT_OWNERS_MAX && !make_room(owners))
            return NULL;
        entry = calloc(1, sizeof *entry + length + 1);
        if (!entry)
            return NULL;
        memcpy(entry->user, user, length + 1);
    }
    HASH_ADD(hh, owners->entries, user, length, entry);
    return entry;
}

enum port_owners_answer port_owners_find(struct port_owners *owners, const char *user,
                                         struct port_owner *owner)
{
    *owner = (struct port_owner){.uid = UINT32_MAX, .incomplete = true};
    struct entry *entry = want(owners, user);
    if (!entry)
        return PORT_OWNER_UNKNOWN;
    if (!is_on_its_way(entry) && entry->answered != owners->round && start(owners) &&
        queue_push(owners->questions, entry))
        entry->asked = owners->round;
    if (entry->answer == PORT_OWNER_FOUND)
        *owner = entry->owner;
    if (entry->answer == PORT_OWNER_NO_USER)
        owner->incomplete = false;
    return entry->answer;
}

bool port_owners_take(struct port_owners *owners)
{
    bool any = false;
    for (struct entry *entry; owners->runs && (entry = queue_pop(owners->answers));) {
        if (entry->result != 0 && entry->result != -ENOENT) {
            entry->asked = entry->answered; /* as if it had not been asked */
            continue;
        }
        entry->answered = entry->asked;
        entry->answer = entry->result == 0 ? PORT_OWNER_FOUND : PORT_OWNER_NO_USER;
        entry->owner = entry->found;
        any = true;
    }
    return any;
}

void port_owners_refresh(struct port_owners *owners)
{
    owners->round++;
}

int port_owners_fd(const struct port_owners *owners)
{
    return owners->runs ? queue_fd(owners->answers) : -1;
}
