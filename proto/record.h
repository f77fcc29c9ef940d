/* SPDX-License-Identifier: MIT */
/*
 * Records: one JSON object, padded with spaces to a fixed size (README.md, section 1).
 *
 * Every function writes exactly `size` bytes, no closing NUL, into a buffer of the caller's. They
 * use cJSON's allocator and nothing else from outside; any thread.
 */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service.h"
#include "status.h"

#define RECORD_SIZE_DEFAULT 4096
#define RECORD_SIZE_MIN 2048
#define RECORD_SIZE_MAX 65536

/* The last three keys of every record. Times are Unix time in milliseconds. */
struct record_stamp {
    int64_t epoch; /* when this life of the bridge began */
    uint64_t seq;  /* rises by one with every record published */
    int64_t time;  /* when the record was made */
};

enum record_result {
    RECORD_OK,
    RECORD_TOO_LARGE, /* does not fit `size` even without its TXT attributes; nothing usable written
                       */
    RECORD_NO_MEMORY,
};

/* What became of the TXT attributes, for the counter and the log. */
struct record_omission {
    unsigned attributes; /* how many are missing in the record; 0: it is whole */
};

/*
 * A service record: state "up", or "gone" with `gone`. Whole TXT attributes are left out from the
 * end where they do not fit; *omission says how many, counting service->txt_omitted. omission may
 * be NULL.
 */
enum record_result record_service(uint8_t *out, size_t size, const struct service *service,
                                  bool gone, const struct record_stamp *stamp,
                                  struct record_omission *omission);

/* State of the bridge (README.md, section 4). */
struct bridge_state {
    const char *state; /* "starting", "online", "offline" */
    const char *version;
    const char *hostname; /* any bytes; made valid UTF-8 */
    bool avahi_up;
    size_t record_size;
    size_t services;   /* service records at the broker */
    size_t advertised; /* advertisements that are established */
};

enum record_result record_state(uint8_t *out, size_t size, const struct bridge_state *state,
                                const struct record_stamp *stamp);

/*
 * Status of an advertisement (README.md, section 6). Keys, in this order: v, state, client, id,
 * transaction, name, type, port, lease, expires, warnings, error {code, key, message}, reason,
 * kept, epoch, seq, time; those that are not set are left out. Fits RECORD_SIZE_MIN whatever its
 * texts are, as long as they are UTF-8 without control characters.
 */
enum record_result record_status(uint8_t *out, size_t size, const struct status *status,
                                 const struct record_stamp *stamp);

/* One number of the stats record. */
struct record_counter {
    const char *name;
    uint64_t value; /* at most 2^53 */
};

/* The stats record: v, the counters in the order given, stamp. */
enum record_result record_stats(uint8_t *out, size_t size, const struct record_counter *counters,
                                size_t count, const struct record_stamp *stamp);

/*
 * Fingerprint of what a record says, without its stamp (epoch, seq, time): records that differ only
 * there have the same one. Never 0. 64 bits of FNV-1a: not proof against forgery, and need not be;
 * a device that finds a collision hides a change of its own service and nothing else.
 */
uint64_t record_digest(const uint8_t *record, size_t size);

/* The same of all of it, stamp included: which very record it is. Any bytes are fine. Never 0. */
uint64_t record_payload_digest(const uint8_t *payload, size_t length);

#endif
