/* SPDX-License-Identifier: MIT */
/* How services and states are written to stdout: for people, and as JSON. */
#ifndef CLIENT_PRINT_H
#define CLIENT_PRINT_H

#include "record_read.h"

enum print_event { PRINT_ADD, PRINT_CHANGE, PRINT_REMOVE };

/* {"event":"add", the record's own keys}, and the end of the line. */
void print_service_json(enum print_event event, const struct service_record *record);

/* One line: sign, interface, name, type, host:port, addresses. */
void print_service_line(enum print_event event, const struct service_record *record);

#endif
