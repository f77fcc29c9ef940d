/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* Longer than any message: so what does not fit is cut by text_excerpt(), which shows it. */
#define DRAFT_SIZE 512

const char *status_state_name(enum status_state state)
{
    static const char *const names[] = {
        [STATUS_PENDING] = "pending",
        [STATUS_ESTABLISHED] = "established",
        [STATUS_FAILED] = "failed",
        [STATUS_WITHDRAWN] = "withdrawn",
    };

    return names[state];
}

const char *status_code_name(enum status_code code)
{
    static const char *const names[] = {
        [STATUS_NO_ERROR] = "",
        [STATUS_BAD_JSON] = "bad-json",
        [STATUS_TOO_LARGE] = "too-large",
        [STATUS_BAD_KEY] = "bad-key",
        [STATUS_MISSING_KEY] = "missing-key",
        [STATUS_BAD_NAME] = "bad-name",
        [STATUS_BAD_TYPE] = "bad-type",
        [STATUS_BAD_PORT] = "bad-port",
        [STATUS_BAD_TXT] = "bad-txt",
        [STATUS_BAD_TOPIC] = "bad-topic",
        [STATUS_DENIED] = "denied",
        [STATUS_QUOTA] = "quota",
        [STATUS_CONFLICT] = "conflict",
        [STATUS_AVAHI] = "avahi",
    };

    return names[code];
}

const char *status_reason_name(enum status_reason reason)
{
    static const char *const names[] = {
        [STATUS_NO_REASON] = "",
        [STATUS_REQUESTED] = "requested",
        [STATUS_LEASE_EXPIRED] = "lease-expired",
        [STATUS_CLIENT_OFFLINE] = "client-offline",
        [STATUS_REPLACED_BY_POLICY] = "replaced-by-policy",
    };

    return names[reason];
}

const char *status_warning_name(enum status_warning_code code)
{
    static const char *const names[STATUS_WARNINGS] = {
        [STATUS_PORT_UNPUBLISHED] = "port-unpublished",
        [STATUS_PORT_LOOPBACK_ONLY] = "port-loopback-only",
        [STATUS_PORT_FOREIGN_OWNER] = "port-foreign-owner",
    };

    return names[code];
}

bool status_refuse(struct status_error *error, enum status_code code, const char *key,
                   const char *format, ...)
{
    char draft[DRAFT_SIZE];
    int start = 0;

    error->code = code;
    text_excerpt(error->key, sizeof error->key, key);
    if (*error->key)
        start = snprintf(draft, sizeof draft, "%s: ", error->key);

    va_list arguments;

    va_start(arguments, format);
    vsnprintf(draft + start, sizeof draft - (size_t)start, format, arguments);
    va_end(arguments);
    text_excerpt(error->message, sizeof error->message, draft);
    return false;
}

void status_warn(struct status *status, enum status_warning_code code, const char *format, ...)
{
    char draft[DRAFT_SIZE];

    if (status->warning_count == STATUS_WARNINGS)
        return;

    struct status_warning *warning = &status->warnings[status->warning_count++];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(draft, sizeof draft, format, arguments);
    va_end(arguments);
    warning->code = code;
    text_excerpt(warning->message, sizeof warning->message, draft);
}

void status_set_request(struct status *status, const struct request *request)
{
    memcpy(status->transaction, request->transaction, sizeof status->transaction);
    memcpy(status->name, request->name, sizeof status->name);
    memcpy(status->type, request->type, sizeof status->type);
    status->port = request->port;
    status->lease = request->lease;
}
