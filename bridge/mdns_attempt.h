/* SPDX-License-Identifier: MIT */
/*
 * One advert and its attempts, for mdns_advertise.c only. The Avahi side's thread, outside of all
 * callbacks of Avahi; what changes a group blocks on D-Bus.
 */
#ifndef BRIDGE_MDNS_ATTEMPT_H
#define BRIDGE_MDNS_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "mdns_advertise.h"
#include "mdns_group.h"

#define INTERFACES_MS 5000 /* between two looks at those of adverts for one interface */

enum attempt_state { ATTEMPT_NONE, ATTEMPT_WAITING, ATTEMPT_REGISTERING, ATTEMPT_ESTABLISHED };

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

/* An event for the main thread about this attempt: `news` without what the attempt itself tells. */
void attempt_tell(struct advert *advert, const struct attempt *attempt,
                  struct mdns_advert_news news);

/* Says goodbye for what it has registered. Its state stays. */
void attempt_free_group(struct attempt *attempt);

/* The same, and there is no attempt any more. */
void attempt_clear(struct advert *advert, struct attempt *attempt);

/* It is WAITING, and to be registered not before `at`, in monotonic milliseconds. */
void attempt_wait_until(struct advert *advert, struct attempt *attempt, int64_t at);

/* As DNS compares names (RFC 1035 section 2.3.3), types included. */
bool attempt_same_name(const struct attempt *a, const struct attempt *b);

/* Registers it, and tells what comes of it at once: pending, failed, or the next name that waits. */
void attempt_register(struct advert *advert, struct attempt *attempt, int64_t now);

/* The trial's turn: a change of TXT in place, or the standing one makes way where the name stays. */
void attempt_start_trial(struct advert *advert, int64_t now);

/* What Avahi has said of its group since the last time. */
void attempt_act_on_news(struct advert *advert, struct attempt *attempt, int64_t now);

#endif
