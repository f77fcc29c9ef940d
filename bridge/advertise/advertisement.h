/* SPDX-License-Identifier: MIT */
/*
 * The inside of advertise.h, for its own files only: advertise.c (all advertisements and what is due), requests.c
 * (what is asked for), registration.c (what the Avahi side is to have), presence.c (what happens to lifetimes),
 * policy.c (what is allowed), answers.c (requests that become no advertisement).
 */
#ifndef BRIDGE_ADVERTISEMENT_H
#define BRIDGE_ADVERTISEMENT_H

#include <uthash.h>

#include "advertise.h"
#include "port_owners.h"
#include "ports.h"

enum registration_step {
    REGISTRATION_DUE,   /* the Avahi side does not have it */
    REGISTRATION_ASKED, /* it does, and tries */
    REGISTRATION_STANDS /* on the network under `name` */
};

/* An accepted request, and what the Avahi side has of it. Its number stands for this request, TXT data aside. */
struct registration {
    uint32_t number;
    enum registration_step step;
    uint32_t revision, sent, reported; /* of TXT data: wanted; at the Avahi side; on the network */
    char held_name[SERVICE_NAME_MAX + 1]; /* that it had last on the network; "": none */
    uint64_t held_since;                  /* rank of that among all, by when it got it; 0: never */
    char name[SERVICE_NAME_MAX + 1]; /* that it has, or tries; at first the one that it is to try */
    struct request request;
};

/* A number that is to stand for nothing any more. */
struct withdrawal {
    struct withdrawal *prev, *next;
    uint32_t number;
};

/* A request that was refused for a reason that may pass. */
struct refused_request {
    unsigned interface; /* index of the one that it names when it was refused, 0: there was none */
    struct request request;
};

/* What a snapshot of the host's sockets says of a port. */
struct port_finding {
    enum port_state state;
    uint32_t uid;
    int64_t open_until; /* nobody knows yet; nothing is registered before then. 0: it is known */
};

/* One CLIENT/ID: from its first request until it has ended and everybody was told. */
struct advertisement {
    UT_hash_handle hh;                 /* advertise::all, by path */
    struct advertisement *next, *prev; /* advertise::todo; prev NULL: not in it */
    struct request_owner owner;
    struct registration *current; /* what stands, or is tried first; NULL: nothing is */
    struct registration
        *candidate; /* what is to take its place; only where there is a current one */
    struct refused_request *refused; /* the last request, where it may yet be taken */
    struct status_error error;       /* of the last request, or its code is STATUS_NO_ERROR */
    struct port_finding port;        /* of the last accepted request */
    struct lifetime lifetime;
    uint32_t lease;                                /* seconds, 0: none */
    int64_t expires;                               /* its end as Unix time, 0: none */
    uint64_t digest;                               /* of the last request's payload */
    char transaction[REQUEST_TRANSACTION_MAX + 1]; /* of the last request, refused ones included */
    bool end_is_said;                              /* nobody needs its last status any more */
    char path[TOPIC_REQUEST_SIZE];
};

/* A client that said "offline". */
struct offline_client {
    UT_hash_handle hh;
    char client[TOPIC_CLIENT_MAX + 1];
};

#define ANSWERS_MAX 64

/* What is said of a request that became no advertisement. */
struct answer {
    char path[TOPIC_STATUS_SIZE]; /* "": none */
    struct status status;
};

struct advertise {
    const struct config *config;
    struct advertise_outlets outlets;
    struct advertisement *all;
    struct advertisement *todo;     /* something may be due to the Avahi side */
    struct withdrawal *withdrawals; /* due to the Avahi side */
    struct offline_client *offline;
    struct ports *ports;
    struct port_owners *owners;
    struct answer answers[ANSWERS_MAX];
    unsigned next_answer;
    uint32_t last_number;
    uint64_t last_held_since;
    uint32_t reading; /* number of the present, or last, reading of all requests */
    bool avahi_up, connected, needs_reading;
    size_t users_checked; /* of those that the configuration names */
    int64_t deadline;     /* the earliest of all lifetimes, or before it */
    int64_t ports_at;     /* next look at the ports of all */
    int64_t ports_taken;  /* time of the snapshot */
    int64_t now;          /* of the call from outside */
    struct advertise_counters counters;
};

static inline bool has_ended(const struct advertisement *advertisement)
{
    return advertisement->lifetime.state == LIFETIME_ENDED;
}

/* What the last accepted request is about. NULL: nothing is accepted. */
static inline struct registration *wanted(const struct advertisement *advertisement)
{
    return advertisement->candidate ? advertisement->candidate : advertisement->current;
}

/* advertise.c: by "CLIENT/ID"; NULL if there is none. */
struct advertisement *advertise_find(const struct advertise *advertise, const char *path);

/* advertise.c: a new one, whose lifetime is to begin. NULL where memory is short. */
struct advertisement *advertise_add(struct advertise *advertise, const struct request_owner *owner);

/* advertise.c: one that has ended is asked for again; its lifetime is to begin. */
void advertise_revive(struct advertise *advertise, struct advertisement *advertisement);

/* advertise.c: something may be due to the Avahi side. */
void advertise_todo(struct advertise *advertise, struct advertisement *advertisement);

/* advertise.c: its status may have changed. */
void advertise_say(struct advertise *advertise, struct advertisement *advertisement);

/* advertise.c: its last request has failed. `request` is copied where it may yet be taken, else NULL. */
void advertise_refuse(struct advertise *advertise, struct advertisement *advertisement,
                      const struct request *request, const struct status_error *error);
void advertise_forget_refusal(struct advertisement *advertisement);

/* advertise.c: its lifetime has ended; the rest follows. */
void advertise_ended(struct advertise *advertise, struct advertisement *advertisement);

/* requests.c: tries the refused request again. */
void advertise_retry(struct advertise *advertise, struct advertisement *advertisement);

/* registration.c: takes an allowed request as what is wanted: renewed, other TXT data, or a registration of its own. */
void advertise_want(struct advertise *advertise, struct advertisement *advertisement,
                    const struct request *request);

/* registration.c: it is not to be on the network any more; what it was about is still known. NULL is fine. */
void registration_withdraw(struct advertise *advertise, struct registration *registration);

/* registration.c: the same, and it is freed; *registration is NULL then. */
void registration_drop(struct advertise *advertise, struct registration **registration);
void registration_drop_both(struct advertise *advertise, struct advertisement *advertisement);

/* registration.c: the candidate takes the place of the current one, which is dropped. */
void registration_promote(struct advertise *advertise, struct advertisement *advertisement);

/* registration.c: hands out what is due. False: the Avahi side has no room now. */
bool registration_hand_out(struct advertise *advertise, struct advertisement *advertisement);
bool registration_hand_out_withdrawals(struct advertise *advertise);
void registration_forget_withdrawals(struct advertise *advertise);

/* presence.c: an input of the lifetime; what follows from it is seen to. */
void advertise_input(struct advertise *advertise, struct advertisement *advertisement,
                     enum lifetime_input input, const struct lifetime_facts *facts);

/* presence.c: facts of now about a client. */
struct lifetime_facts advertise_facts(const struct advertise *advertise, const char *client);

/* presence.c: forgets who is offline. */
void advertise_forget_offline(struct advertise *advertise);

/* presence.c: looks at all deadlines that have passed. */
void advertise_run_deadlines(struct advertise *advertise);

/* policy.c: may this client ask for this? False with the error filled in. */
bool advertise_is_allowed(const struct advertise_policy *policy, const struct request *request,
                          struct status_error *error);

/* policy.c: may one more advertisement of this client be taken in? */
bool advertise_has_room(const struct advertise *advertise, const char *client,
                        struct status_error *error);

/* policy.c: what is no longer allowed ends, what is allowed now is tried. */
void advertise_apply_policy(struct advertise *advertise, struct advertisement *advertisement);

/* policy.c: says which users the configuration names that do not exist, once that is known. */
void advertise_check_users(struct advertise *advertise);

/* policy.c: takes a snapshot of the host's ports, unless there is a fresh one. */
void advertise_look_at_ports(struct advertise *advertise);

/* policy.c: it is known now who some users are: looks again at what waits for that, with the present snapshot. */
void advertise_check_owners(struct advertise *advertise);

/* policy.c: what is wanted is again what stood before. */
void advertise_port_of_former(struct advertise *advertise, struct advertisement *advertisement);

/* policy.c: looks at the ports of all again. */
void advertise_check_ports(struct advertise *advertise);

/*
 * policy.c: what the last snapshot says of a request's port. False, with the error filled in, if
 * port-check = enforce refuses it.
 */
bool advertise_port_allows(struct advertise *advertise, const char *client,
                           const struct request *request, struct port_finding *finding,
                           struct status_error *error);

/* policy.c: adds the warning that goes with the port to a status, if any does. */
void advertise_warn_of_port(const struct port_finding *port, const struct request *request,
                            struct status *status);

/*
 * answers.c: answers a request that becomes no advertisement, and clears it if it is retained. So that a flood leaves
 * nothing at the broker, only the last ANSWERS_MAX answers stay.
 */
void advertise_turn_away(struct advertise *advertise, const struct advertise_message *message,
                         const struct status *status);

/* answers.c: the request was withdrawn (`clear`), or has become an advertisement. */
void advertise_forget_answer(struct advertise *advertise, const char *path, bool clear);

/* answers.c: clears what is retained at this path of a request. */
void advertise_clear_request(struct advertise *advertise, const char *path);

#endif
