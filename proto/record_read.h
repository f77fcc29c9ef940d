/* SPDX-License-Identifier: MIT */
/*
 * The way back: from a record at the broker to the value that it was made of (README.md, sections 3
 * and 4). For clients.
 *
 * Whatever comes from the broker is data, and need not come from the bridge: what these functions
 * return is bounded and well-formed whatever the bytes were. They use cJSON's allocator and
 * nothing else from outside; any thread.
 */
#ifndef PROTO_RECORD_READ_H
#define PROTO_RECORD_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "service.h"
#include "status.h"

/* A service record, with all that it points to in one allocation. */
struct service_record {
    struct service service; /* id, host, addresses, txt and owner point into this object */
    struct service_id id;
    struct record_stamp stamp;
    bool gone; /* state "gone" */
    char host[SERVICE_HOST_MAX + 1];
    char addresses[SERVICE_PROTOCOLS][SERVICE_ADDRESS_MAX + 1];
    char owner[SERVICE_OWNER_MAX + 1];
    uint8_t txt[]; /* normalised wire form; what was in txt_raw stands behind the rest */
};

/*
 * Reads a service record of at most RECORD_SIZE_MAX bytes. NULL: it is none, or memory is short.
 * The identity is the record's own: compare it with that of the topic (topic_path_parse()).
 *
 * `addresses` of a record is a list. What has a colon becomes the address over IPv6, the rest that
 * over IPv4; where IPv6 is among the protocols and no such address is there, the IPv4 address
 * stands for both, as that is how the bridge came to leave it out.
 *
 * Free it with service_record_free().
 */
struct service_record *service_record_read(const uint8_t *payload, size_t length);
void service_record_free(struct service_record *record); /* NULL is fine */

/* Do they say the same, but for the stamp? */
bool service_record_same(const struct service_record *a, const struct service_record *b);

/* A state record as a value. */
struct state_record {
    enum bridge_life { BRIDGE_OFFLINE, BRIDGE_STARTING, BRIDGE_ONLINE } life;
    bool avahi_up;
    char version[64]; /* texts are cut where they do not fit */
    char hostname[256];
    size_t record_size, services, advertised;
    struct record_stamp stamp;
};

/* False: it is no state record, or memory is short. */
bool state_record_read(struct state_record *out, const uint8_t *payload, size_t length);

/* "offline", "starting", "online" */
const char *bridge_life_name(enum bridge_life life);

/* A status record. False: it is none, or memory is short. */
bool status_record_read(struct status *out, const uint8_t *payload, size_t length);

#endif
