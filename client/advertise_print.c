/* SPDX-License-Identifier: MIT */
#include "advertise_print.h"

#include <stdio.h>
#include <string.h>

#include "print.h"
#include "record.h"

#define STAMP ",\"epoch\":" /* the last three keys follow; in a text a quote would be escaped */

void advertise_json(char out[ADVERTISE_JSON_SIZE], const struct status *status)
{
    static const struct record_stamp stamp = {0};
    char *end;

    out[0] = '\0';
    if (record_status((uint8_t *)out, ADVERTISE_JSON_SIZE - 1, status, &stamp) != RECORD_OK)
        return;
    out[ADVERTISE_JSON_SIZE - 1] = '\0';
    if ((end = strstr(out, STAMP)))
        memcpy(end, "}", 2);
}

void advertise_line(char out[ADVERTISE_LINE_SIZE], const struct status *status)
{
    char name[4 * SERVICE_NAME_MAX + 1];
    print_escape(name, (const uint8_t *)status->name, strlen(status->name));

    switch (status->state) {
    case STATUS_PENDING:
        snprintf(out, ADVERTISE_LINE_SIZE, "pending: '%s' (%s, port %u)", name, status->type,
                 status->port);
        break;
    case STATUS_ESTABLISHED:
        snprintf(out, ADVERTISE_LINE_SIZE, "established as '%s' (%s, port %u)", name, status->type,
                 status->port);
        break;
    case STATUS_FAILED:
        snprintf(out, ADVERTISE_LINE_SIZE, "failed (%s): %s", status_code_name(status->error.code),
                 status->error.message);
        break;
    case STATUS_WITHDRAWN:
        snprintf(out, ADVERTISE_LINE_SIZE, "withdrawn (%s)", status_reason_name(status->reason));
        break;
    }
}
