/* SPDX-License-Identifier: MIT */
/*
 * How services, states and statuses are written to stdout: for people, safe for a terminal
 * (terminal_text.h), and as JSON. Main thread only.
 */
#ifndef CLIENT_PRINT_H
#define CLIENT_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record_read.h"

enum print_event { PRINT_ADD, PRINT_CHANGE, PRINT_REMOVE };

/* Which of them the tree has reported: `before` NULL, an add; `now` NULL, a removal. */
enum print_event print_event(const struct service_record *before, const struct service_record *now);

/* {"event":"add", the record's own keys}, and the end of the line. */
void print_event_json(enum print_event event, const struct service_record *record);

/* {"event":"bridge", the state record's own keys}, or with "bridge":null where there is none. */
void print_state_event_json(const struct state_record *state);

/* The record, without its padding. */
void print_service_json(const struct service_record *record);

/* One line: sign, interface, name, type, host:port, addresses. */
void print_service_line(enum print_event event, const struct service_record *record);

/* Which service it is; and all that its record holds. Several lines each. */
void print_identity(const struct service_record *record);
void print_service(const struct service_record *record);

/* The same of the bridge, and of an advertisement. */
void print_state(const struct state_record *state);
void print_status(const struct status *status);

/* What a client requests, and at which CLIENT/ID. */
void print_request(const char *path, const struct request *request);

/* The bridge's counters. False: that is no stats record, and nothing is written. */
bool print_stats(const uint8_t *payload, size_t length);

/* Which bridge it is, on stderr, in the words that Avahi's programs have for avahi-daemon. */
void print_server(const struct state_record *state);

/* JSON, and nothing but what was checked to be it, in one line and without its padding. */
void print_json(const uint8_t *json, size_t length);

/* A record as it came, likewise, and the end of the line. */
void print_payload(const uint8_t *payload, size_t length);

#endif
