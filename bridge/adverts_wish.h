/* SPDX-License-Identifier: MIT */
/*
 * The inside of adverts.h, for its own files only: adverts.c (the wish), adverts_request.c (requests),
 * adverts_life.c (presence, connection, time), adverts_news.c (what Avahi and the retained tree say),
 * adverts_policy.c (what is allowed), adverts_output.c (what goes out).
 */
#ifndef BRIDGE_ADVERTS_WISH_H
#define BRIDGE_ADVERTS_WISH_H

#include <uthash.h>

#include "adverts.h"
#include "ports.h"

enum wish_state {
    WISH_PENDING,     /* accepted; not on the network yet */
    WISH_ESTABLISHED, /* on the network under `name` */
    WISH_FAILED,      /* the last request was refused, or Avahi could not; see wish_is_kept() */
    WISH_WITHDRAWN,   /* ended; to be forgotten when everybody was told */
};

/* What a snapshot of the host's sockets says of the port of a request. */
struct port_finding {
    enum port_state state;
    uint32_t uid;
};

struct wish {
    UT_hash_handle hh;        /* adverts::wishes, by path; in order of arrival */
    struct wish *next, *prev; /* adverts::todo, while anything below is to be done */
    bool in_todo;
    uint32_t number; /* towards the Avahi side; never used twice */
    struct request_owner owner;
    enum wish_state state;
    /*
     * The last accepted request: being tried, on the network, or to be there again when Avahi is back. In
     * FAILED it is what is kept.
     */
    struct request wanted;
    bool has_wanted;
    bool was_established; /* it has been on the network, and has not failed since */
    /* What `wanted` is to replace, and what is returned to should it fail. */
    struct request standing;
    bool has_standing, standing_was_established;
    uint32_t generation, standing_generation; /* of these two */
    /* The last request, where it was refused for a reason that may pass. */
    struct request refused;
    bool has_refused;
    unsigned refused_interface;       /* index of the interface that it names, 0: there was none */
    char name[SERVICE_NAME_MAX + 1];  /* under which it is on the network; "": it is not */
    char trial[SERVICE_NAME_MAX + 1]; /* that is being tried; "": none */
    uint64_t name_since; /* rank among all, by when it got the name; 0: never had one */
    char transaction[REQUEST_TRANSACTION_MAX + 1]; /* of the last request, refused ones included */
    struct status_error error;
    bool retained; /* its request was published to be retained */
    bool seen;     /* its request was seen since the connection was made */
    bool asleep;   /* replayed for a client that is offline: not tried before it is back */
    bool spared;   /* asked for, live, after its client had said "offline" */
    /* Its empty payload came, maybe as a will; it ends when the broker has answered what it was asked then. */
    bool leaving, leaving_asked, leaving_to_clear;
    enum status_reason reason;
    struct port_owner port_owner; /* who may own the port, if that matters */
    bool has_port_owner, port_owner_known;
    struct port_finding port; /* of `wanted` */
    uint32_t lease;           /* seconds; the shorter one of lease and message expiry */
    int64_t lease_at;         /* it ends then; INT64_MAX: no lease */
    int64_t expires;          /* the same as Unix time */
    int64_t hold_at;          /* it ends then unless it is confirmed; INT64_MAX: it is */
    int64_t
        clear_at; /* in WITHDRAWN: its request is cleared then; INT64_MAX: it is not, or it was */
    bool advertise_due, withdraw_due, status_due, clear_request_due;
    struct record_digests status_at_broker;
    bool status_fresh; /* published since this reading began */
    bool status_seen;  /* in this reading */
    char path[TOPIC_REQUEST_SIZE];
};

/* A client that said "offline". */
struct absent {
    UT_hash_handle hh;
    int64_t at; /* its wishes end then, if the broker has answered by then; INT64_MAX: they have */
    bool asked; /* the broker was asked for a sign of life since then, */
    bool answered; /* and has given one */
    char client[TOPIC_CLIENT_MAX + 1];
};

#define ANSWERS_MAX 64

/*
 * A path to be cleared at the next run. What comes from the broker comes from inside of libmosquitto's
 * callbacks, where nothing should be published.
 */
struct clearing {
    struct clearing *next, *prev;
    bool is_request;
    char path[];
};

/* More than can come in one turn of the main loop; one more is left to the next start. */
#define CLEARINGS_MAX 4096

/* The status of a request that has no wish. */
struct answer {
    char path[TOPIC_STATUS_SIZE]; /* "": none */
    bool due;                     /* not published yet */
    bool at_broker;               /* it, or the one before it at this path, was published */
    struct status status;
};

/* Deletions of our own that have not come back yet; one more is taken for the client's. */
#define ECHOES_MAX 4096

struct echo {
    UT_hash_handle hh; /* adverts::echoes, by path */
    unsigned count;
    char path[TOPIC_STATUS_SIZE];
};

struct adverts {
    const struct config *config;
    struct adverts_outlets outlets;
    struct wish *wishes;
    struct wish *todo;
    struct absent *absent;
    struct echo *echoes;
    bool hears_echoes;
    struct clearing *clearings;
    size_t clearing_count;
    struct ports *ports;
    uint32_t next_number, last_generation;
    uint64_t last_name_since;
    size_t lingering; /* wishes that have ended and wait for `clear_at` */
    bool avahi_up;
    bool leaving;       /* some wish is, and the broker was not asked since */
    bool probing;       /* the broker was asked, and has not answered yet */
    bool avahi_is_full; /* its queue, at the last run: to be tried again */
    bool connected;
    int64_t deadline;    /* the earliest of all deadlines, or before it */
    int64_t ports_at;    /* next look at the ports of all wishes */
    int64_t ports_taken; /* time of the snapshot */
    int64_t now;         /* of the call from outside */
    struct adverts_counters counters;
    struct answer answers[ANSWERS_MAX];
    unsigned next_answer;
    bool answers_due;
};

/* adverts.c: something is to be handed out for it at the next run. */
void adverts_todo(struct adverts *adverts, struct wish *wish);

/* adverts.c: by "CLIENT/ID"; NULL if there is none. */
struct wish *adverts_find(const struct adverts *adverts, const char *path);

/* adverts.c: a new one, or NULL where memory is short. */
struct wish *adverts_add(struct adverts *adverts, const struct request_owner *owner);

/* adverts.c: one that was about to be forgotten is asked for again. */
void adverts_revive(struct adverts *adverts, struct wish *wish);

/* adverts.c: the one place that changes a state; its status is due then. */
void adverts_set_state(struct adverts *adverts, struct wish *wish, enum wish_state state);

/* adverts_life.c: notes a deadline. */
void adverts_set_deadline(struct adverts *adverts, int64_t *deadline, int64_t at);

/* adverts_life.c: a request of it was seen; it may be a sign of life. */
void adverts_confirm(struct adverts *adverts, struct wish *wish,
                     const struct adverts_message *message, int64_t now);

/* adverts_life.c: the empty payload of its request came; `clear`: without taking away what is retained. */
void adverts_leave(struct adverts *adverts, struct wish *wish, bool clear);

/* adverts_life.c: the request of one that has ended is cleared, unless another one comes at once. */
void adverts_clear_later(struct adverts *adverts, struct wish *wish);

/* adverts_life.c: forgets who is offline. */
void adverts_forget_absent(struct adverts *adverts);

/* adverts.c: frees it. */
void adverts_forget(struct adverts *adverts, struct wish *wish);

/* adverts.c: it ends; `reason` says why. */
void adverts_end(struct adverts *adverts, struct wish *wish, enum status_reason reason);

/* Is it advertised, or being tried, though its last request has failed? */
static inline bool wish_is_kept(const struct wish *wish)
{
    return wish->state == WISH_FAILED && wish->has_wanted;
}

/* adverts.c: it failed with this error; what is due besides the status is the caller's business. */
void adverts_fail(struct adverts *adverts, struct wish *wish, const struct status_error *error);

/*
 * adverts_request.c: a request for it cannot be taken; NULL where it cannot even be read, else it is remembered for
 * adverts_retry(). What is wanted, be it established or still being tried, stays so.
 */
void adverts_refuse(struct adverts *adverts, struct wish *wish, const struct request *request,
                    const struct status_error *error);

/* adverts_request.c: tries the remembered request again. */
void adverts_retry(struct adverts *adverts, struct wish *wish);

/* adverts_request.c: nothing is wanted any more; taken back from the network, if it is there. */
void adverts_drop_wanted(struct wish *wish);

/* adverts_request.c: `wanted` is given up for the standing one; `avahi_has_it` if no word to Avahi is needed. */
void adverts_fall_back(struct adverts *adverts, struct wish *wish, bool avahi_has_it);

/* adverts_policy.c: may this client ask for this? False with the error filled in. */
bool adverts_is_allowed(const struct advertise_policy *policy, const struct request *request,
                        struct status_error *error);

/* adverts_policy.c: may one more wish of this client be taken in? */
bool adverts_has_room(const struct adverts *adverts, const char *client,
                      struct status_error *error);

/* adverts_policy.c: takes a snapshot of the host's ports, unless there is a fresh one. */
void adverts_look_at_ports(struct adverts *adverts);

/* adverts_policy.c: says which users the configuration names that do not exist. */
void adverts_warn_of_users(const struct config *config);

/* adverts_policy.c: looks at the ports of all wishes again. */
void adverts_check_ports(struct adverts *adverts);

/*
 * adverts_policy.c: what the last snapshot says of a request's port. False, with the error filled in, if
 * port-check = enforce refuses it.
 */
bool adverts_port_allows(const struct adverts *adverts, struct wish *wish,
                         const struct request *request, struct port_finding *finding,
                         struct status_error *error);

/* adverts_policy.c: adds the warning that goes with it to a status, if any does. */
void adverts_warn_of_port(const struct wish *wish, struct status *status);

/* adverts_output.c: hands out what is due, as far as there is room. */
void adverts_hand_out(struct adverts *adverts, bool online);

/*
 * adverts_output.c: answers a request that gets no wish, and clears it. So that a flood leaves nothing at
 * the broker, only the last ANSWERS_MAX such answers stay retained.
 */
void adverts_answer(struct adverts *adverts, const char *path, const struct status *status);

/* adverts_output.c: deletes what is retained there at the next run. */
void adverts_clear(struct adverts *adverts, const char *path, bool is_request);
void adverts_forget_clearings(struct adverts *adverts);

/* adverts_output.c: is this empty message one of our own? Each is so once. */
bool adverts_is_echo(struct adverts *adverts, const char *path);
void adverts_forget_echoes(struct adverts *adverts);

/* adverts_output.c: is this status, "CLIENT/ID/status", one of these answers? */
bool adverts_is_answer(struct adverts *adverts, const char *path);

/* adverts_output.c: the request was withdrawn (`clear`), or has a wish now. */
void adverts_forget_answer(struct adverts *adverts, const char *path, bool clear);

#endif
