/* SPDX-License-Identifier: MIT */
/* What advertise writes of its advertisement: for people, safe for a terminal, and as JSON. Any thread. */
#ifndef CLIENT_ADVERTISE_PRINT_H
#define CLIENT_ADVERTISE_PRINT_H

#include "status.h"

#define ADVERTISE_JSON_SIZE 4096

/* One line of JSON: the keys of the status record but for its stamp. */
void advertise_json(char out[ADVERTISE_JSON_SIZE], const struct status *status);

#define ADVERTISE_LINE_SIZE 1281

/* "established as 'Web app' (_http._tcp, port 8080)" */
void advertise_line(char out[ADVERTISE_LINE_SIZE], const struct status *status);

/* "warning (port-unpublished): nothing listens on port 8080 of this host" */
void advertise_warning(char out[ADVERTISE_LINE_SIZE], const struct status_warning *warning);

#endif
