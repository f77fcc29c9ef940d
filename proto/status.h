/* SPDX-License-Identifier: MIT */
/*
 * struct status: what became of an advertisement request, as a plain value (README.md, section 6).
 * Pure functions, any thread.
 */
#ifndef PROTO_STATUS_H
#define PROTO_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"
#include "service.h"
#include "topic.h"

/*
 * Lengths are in bytes, without a closing NUL. The messages are as long as the smallest record
 * allows, with every byte of every text escaped: tests/unit/test_status.c holds the balance.
 */
#define STATUS_KEY_MAX 63
#define STATUS_MESSAGE_MAX 159
#define STATUS_WARNING_MAX 103

enum status_state {
    STATUS_PENDING,     /* accepted; Avahi is not there yet, or is probing */
    STATUS_ESTABLISHED, /* Avahi says so; the name is the one that it really has */
    STATUS_FAILED,      /* see the error; what was there before may be kept */
    STATUS_WITHDRAWN,   /* see the reason */
};

/* Why a request failed. The names, which are part of the contract, stand in status.c. */
enum status_code {
    STATUS_NO_ERROR,
    STATUS_BAD_JSON,    /* not one JSON object, or nested too deeply */
    STATUS_TOO_LARGE,   /* more bytes than a record has */
    STATUS_BAD_KEY,     /* an unknown key, one that is there twice, or a wrong value of a key that
                           has no code of its own */
    STATUS_MISSING_KEY, /* name, type or port */
    STATUS_BAD_NAME,
    STATUS_BAD_TYPE,
    STATUS_BAD_PORT,
    STATUS_BAD_TXT,
    STATUS_BAD_TOPIC,
    STATUS_DENIED, /* by policy */
    STATUS_QUOTA,
    STATUS_CONFLICT, /* somebody else has the name */
    STATUS_AVAHI,    /* the message has Avahi's words */
};

enum status_reason {
    STATUS_NO_REASON,
    STATUS_REQUESTED, /* the empty payload */
    STATUS_LEASE_EXPIRED,
    STATUS_CLIENT_OFFLINE,
    STATUS_REPLACED_BY_POLICY,
};

/* What is doubtful about an advertisement that stands; each at most once. */
enum status_warning_code {
    STATUS_PORT_UNPUBLISHED,
    STATUS_PORT_LOOPBACK_ONLY,
    STATUS_PORT_FOREIGN_OWNER,
    STATUS_WARNINGS,
};

struct status_warning {
    enum status_warning_code code;
    char message[STATUS_WARNING_MAX + 1];
};

struct status_error {
    enum status_code code;
    char key[STATUS_KEY_MAX + 1]; /* of the request; "txt.ATTRIBUTE" for one of TXT; "": none */
    char message[STATUS_MESSAGE_MAX + 1];
};

/* What is zero or empty is not set, and not in the record; but for the state, all may be so. */
struct status {
    enum status_state state;
    struct request_owner owner; /* empty for a bad topic */
    char transaction[REQUEST_TRANSACTION_MAX + 1];
    char name[SERVICE_NAME_MAX + 1];
    char type[REQUEST_TYPE_MAX + 1];
    uint16_t port;
    uint32_t lease;  /* seconds */
    int64_t expires; /* Unix time in milliseconds */
    struct status_warning warnings[STATUS_WARNINGS];
    size_t warning_count;
    struct status_error error;
    enum status_reason reason;
    bool kept; /* what was advertised before still is */
};

/* The names as the contract has them; "" for STATUS_NO_ERROR and STATUS_NO_REASON. */
const char *status_state_name(enum status_state state);
const char *status_code_name(enum status_code code);
const char *status_reason_name(enum status_reason reason);
const char *status_warning_name(enum status_warning_code code);

/*
 * Fills in an error; always returns false, for `return status_refuse(...)`. The message is what the
 * format makes, behind "KEY: " unless the key is empty. Key and message become safe to show and
 * fit, whatever comes in (text_excerpt()).
 */
bool status_refuse(struct status_error *error, enum status_code code, const char *key,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds a warning; its message becomes safe, too. One too many is left out. */
void status_warn(struct status *status, enum status_warning_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The parts of a status that a request tells: transaction, name, type, port, lease. */
void status_set_request(struct status *status, const struct request *request);

#endif
