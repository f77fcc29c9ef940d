/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <string.h>

#include "record_json.h"

static bool put_text(cJSON *object, const char *key, const char *text)
{
    return text[0] == '\0' || record_put(object, key, record_string(text));
}

static bool put_number(cJSON *object, const char *key, int64_t value)
{
    return value == 0 || record_put_integer(object, key, value);
}

static bool put_request(cJSON *record, const struct status *status)
{
    return put_text(record, "client", status->owner.client) &&
           put_text(record, "id", status->owner.id) &&
           put_text(record, "transaction", status->transaction) &&
           put_text(record, "name", status->name) && put_text(record, "type", status->type) &&
           put_number(record, "port", status->port) && put_number(record, "lease", status->lease) &&
           put_number(record, "expires", status->expires);
}

static bool put_warnings(cJSON *record, const struct status *status)
{
    if (status->warning_count == 0)
        return true;

    cJSON *warnings = record_put(record, "warnings", cJSON_CreateArray());

    for (size_t i = 0; i < status->warning_count; i++) {
        cJSON *warning = record_append(warnings, cJSON_CreateObject());

        if (!put_text(warning, "code", status_warning_name(status->warnings[i].code)) ||
            !put_text(warning, "message", status->warnings[i].message))
            return false;
    }
    return true;
}

static bool put_error(cJSON *record, const struct status_error *error)
{
    if (error->code == STATUS_NO_ERROR)
        return true;

    cJSON *object = record_put(record, "error", cJSON_CreateObject());

    return put_text(object, "code", status_code_name(error->code)) &&
           put_text(object, "key", error->key) && put_text(object, "message", error->message);
}

enum record_result record_status(uint8_t *out, size_t size, const struct status *status,
                                 const struct record_stamp *stamp)
{
    cJSON *record = cJSON_CreateObject();
    bool complete = record_put_version(record) &&
                    put_text(record, "state", status_state_name(status->state)) &&
                    put_request(record, status) && put_warnings(record, status) &&
                    put_error(record, &status->error) &&
                    put_text(record, "reason", status_reason_name(status->reason)) &&
                    (!status->kept || record_put(record, "kept", cJSON_CreateTrue())) &&
                    record_put_stamp(record, stamp);

    return record_finish(record, complete, out, size);
}
