/* SPDX-License-Identifier: MIT */
#include "advertise_print.h"

#include <stdio.h>
#include <string.h>

#include "record.h"
#include "terminal_text.h"

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

#define PLAIN_SIZE (ADVERTISE_LINE_SIZE / 4 + 1)

static void escape(char out[ADVERTISE_LINE_SIZE], const char *plain)
{
    terminal_text_escape(out, (const uint8_t *)plain, strlen(plain));
}

void advertise_line(char out[ADVERTISE_LINE_SIZE], const struct status *status)
{
    char plain[PLAIN_SIZE] = "";

    switch (status->state) {
    case STATUS_PENDING:
        snprintf(plain, sizeof plain, "pending: '%s' (%s, port %u)", status->name, status->type,
                 status->port);
        break;
    case STATUS_ESTABLISHED:
        snprintf(plain, sizeof plain, "established as '%s' (%s, port %u)", status->name,
                 status->type, status->port);
        break;
    case STATUS_FAILED:
        snprintf(plain, sizeof plain, "failed (%s): %s", status_code_name(status->error.code),
                 status->error.message);
        break;
    case STATUS_WITHDRAWN:
        snprintf(plain, sizeof plain, "withdrawn (%s)", status_reason_name(status->reason));
        break;
    }
    escape(out, plain);
}

void advertise_warning(char out[ADVERTISE_LINE_SIZE], const struct status_warning *warning)
{
    char plain[PLAIN_SIZE];
    snprintf(plain, sizeof plain, "warning (%s): %s", status_warning_name(warning->code),
             warning->message);
    escape(out, plain);
}
