/* SPDX-License-Identifier: MIT */
/*
 * Advertisement requests (README.md, section 5): what a container wishes, as a plain value.
 *
 * request_parse() is the only way from outside bytes to a struct request, and all that is in one
 * has been checked: what follows here needs no further check before it reaches Avahi. Pure
 * functions but for cJSON's allocator; any thread.
 */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service.h"

struct status_error; /* status.h */

/* Lengths are in bytes, without a closing NUL. */
#define REQUEST_TYPE_MAX 21    /* "_", 15 (RFC 6335 5.1), "._tcp" */
#define REQUEST_TXT_MAX 1300   /* RFC 6763 6.2: one Ethernet packet */
#define REQUEST_SUBTYPE_MAX 63 /* one label (RFC 6763 7.1) */
#define REQUEST_SUBTYPES_MAX 8 /* subtypes */
#define REQUEST_TRANSACTION_CHARACTERS 64
#define REQUEST_TRANSACTION_MAX (4 * REQUEST_TRANSACTION_CHARACTERS) /* UTF-8 */

#define REQUEST_LEASE_MIN 30    /* seconds */
#define REQUEST_LEASE_MAX 97200 /* the same: 27 hours */

/* All texts are UTF-8 without control characters and Unicode non-characters. */
struct request {
    char name[SERVICE_NAME_MAX + 1];
    char type[REQUEST_TYPE_MAX + 1]; /* "_http._tcp": letters as they were written */
    uint16_t port;                   /* not 0 */
    uint8_t txt[REQUEST_TXT_MAX];    /* normalised wire form (txt.h) */
    size_t txt_length;
    char subtypes[REQUEST_SUBTYPES_MAX][REQUEST_SUBTYPE_MAX + 1]; /* "_printer"; none twice */
    size_t subtype_count;
    char interface[SERVICE_INTERFACE_MAX + 1]; /* "": all */
    bool rename;
    uint32_t lease; /* seconds, REQUEST_LEASE_MIN to REQUEST_LEASE_MAX; 0: none */
    char transaction[REQUEST_TRANSACTION_MAX + 1]; /* "": none */
};

enum request_result {
    REQUEST_OK,
    REQUEST_REFUSED,   /* the error says why */
    REQUEST_NO_MEMORY, /* nobody's fault: it may come again */
};

/*
 * Reads a payload of at most `max` bytes, the record size. An empty one, which is a withdrawal, is
 * not for this function: it is refused as bad-json.
 *
 * The error is that of the first wrong member in the payload's order; a required key that is
 * missing comes after those. Unless the result is REQUEST_OK, *out is empty but for the
 * transaction, where that could be read: the refusal is to say what it answers.
 *
 * Two freedoms of JSON are taken as they are meant: 8080.0 and 8.08e3 are the port 8080, and
 * blanks of any kind may stand around the object.
 */
enum request_result request_parse(struct request *out, struct status_error *error,
                                  const uint8_t *payload, size_t length, size_t max);

/* What a new request for the same CLIENT/ID asks for, compared with the one before it. */
enum request_change {
    REQUEST_SAME,        /* the same, but perhaps for lease and transaction */
    REQUEST_TXT_CHANGED, /* another TXT and nothing else */
    REQUEST_CHANGED,     /* more than that */
};

/* The order of subtypes is no difference; that of TXT attributes is one, as it is on the wire. */
enum request_change request_compare(const struct request *before, const struct request *after);

/* A lease within its bounds; for one from elsewhere, such as a message expiry interval, too. */
uint32_t request_clamp_lease(double seconds);

/* The rules for single texts, which are any UTF-8 without NUL. */

/* RFC 6763 4.1.1: 1 to 63 bytes, no control characters. */
bool request_name_is_valid(const char *name);

/* service_type_is_valid(), with "._tcp" or "._udp" in lower case: RFC 6763 section 7. */
bool request_type_is_valid(const char *type);

/*
 * Narrower than RFC 6763 7.1, which takes any label: "_" and 2 to 62 letters, digits, hyphens and
 * underscores. So there is nothing to escape in it, and Avahi takes it (which wants three bytes).
 */
bool request_subtype_is_valid(const char *subtype);

/* What Linux takes as a name: 1 to 15 bytes, not "." or "..", no blank, '/' or ':'. */
bool request_interface_is_valid(const char *interface);

/* Up to 64 characters, no control characters. */
bool request_transaction_is_valid(const char *transaction);

#endif
