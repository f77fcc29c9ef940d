/* SPDX-License-Identifier: MIT */
/*
 * What all records have in common, and the small ones: state and stats.
 *
 * Integers go into the tree as digits of our own: from 10^15 on cJSON prints a number with an
 * exponent, and not all its digits (2^53 as 9.00719925474099e+15).
 */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fnv.h"
#include "record_json.h"
#include "text.h"

#define RECORD_VERSION 1

#define LENGTH_OF(literal) (sizeof(literal) - 1)

cJSON *record_put(cJSON *object, const char *constant_key, cJSON *item)
{
    if (item && cJSON_AddItemToObjectCS(object, constant_key, item))
        return item;
    cJSON_Delete(item);
    return NULL;
}

cJSON *record_append(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item))
        return item;
    cJSON_Delete(item);
    return NULL;
}

cJSON *record_put_integer(cJSON *object, const char *constant_key, int64_t value)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRId64, value);
    return record_put(object, constant_key, cJSON_CreateRaw(digits));
}

cJSON *record_put_version(cJSON *record)
{
    return record_put_integer(record, "v", RECORD_VERSION);
}

cJSON *record_string(const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = strlen(text);

    if (text_is_utf8(bytes, length))
        return cJSON_CreateStringReference(text);

    char *replaced = cJSON_malloc(3 * length + 1);
    cJSON *item = NULL;

    if (replaced) {
        text_replace_bad_utf8(replaced, bytes, length);
        item = cJSON_CreateString(replaced);
        cJSON_free(replaced);
    }
    return item;
}

cJSON *record_put_stamp(cJSON *record, const struct record_stamp *stamp)
{
    if (!record_put_integer(record, "epoch", stamp->epoch) ||
        !record_put_integer(record, "seq", (int64_t)stamp->seq))
        return NULL;
    return record_put_integer(record, "time", stamp->time);
}

enum record_result record_print(uint8_t *out, size_t size, cJSON *record, char *scratch)
{
    if (!cJSON_PrintPreallocated(record, scratch, (int)(size + RECORD_SLACK), false))
        return RECORD_TOO_LARGE;

    size_t length = strlen(scratch);

    if (length > size)
        return RECORD_TOO_LARGE;
    memcpy(out, scratch, length);
    memset(out + length, ' ', size - length);
    return RECORD_OK;
}

enum record_result record_finish(cJSON *record, bool complete, uint8_t *out, size_t size)
{
    char *scratch = cJSON_malloc(size + RECORD_SLACK);
    enum record_result result = RECORD_NO_MEMORY;

    if (complete && scratch)
        result = record_print(out, size, record, scratch);
    cJSON_free(scratch);
    cJSON_Delete(record);
    return result;
}

enum record_result record_state(uint8_t *out, size_t size, const struct bridge_state *state,
                                const struct record_stamp *stamp)
{
    cJSON *record = cJSON_CreateObject();
    bool complete =
        record_put_version(record) && record_put(record, "state", record_string(state->state)) &&
        record_put_integer(record, "epoch", stamp->epoch) &&
        record_put(record, "version", record_string(state->version)) &&
        record_put(record, "hostname", record_string(state->hostname)) &&
        record_put(record, "avahi", cJSON_CreateStringReference(state->avahi_up ? "up" : "down")) &&
        record_put_integer(record, "record_size", (int64_t)state->record_size) &&
        record_put_integer(record, "services", (int64_t)state->services) &&
        record_put_integer(record, "advertised", (int64_t)state->advertised) &&
        record_put_integer(record, "seq", (int64_t)stamp->seq) &&
        record_put_integer(record, "time", stamp->time);

    return record_finish(record, complete, out, size);
}

enum record_result record_stats(uint8_t *out, size_t size, const struct record_counter *counters,
                                size_t count, const struct record_stamp *stamp)
{
    cJSON *record = cJSON_CreateObject();
    bool complete = record_put_version(record) != NULL;

    for (size_t i = 0; i < count; i++)
        complete =
            complete && record_put_integer(record, counters[i].name, (int64_t)counters[i].value);
    complete = complete && record_put_stamp(record, stamp);

    return record_finish(record, complete, out, size);
}

/* Where the last such key begins, or `size`: padding is behind it, and in a string its quotes are escaped. */
static size_t find_last(const uint8_t *record, size_t size, const char *key)
{
    size_t length = strlen(key);
    for (size_t at = size; at >= length; at--)
        if (memcmp(record + at - length, key, length) == 0)
            return at - length;
    return size;
}

/* The stamp is the end of the record, but in a state record other keys stand between epoch and seq. */
uint64_t record_digest(const uint8_t *record, size_t size)
{
    static const char epoch[] = ",\"epoch\":", seq[] = ",\"seq\":";
    size_t end = find_last(record, size, seq), head = find_last(record, end, epoch);
    if (end == size)
        end = head;
    size_t rest = head < end ? head + strlen(epoch) : end;
    while (rest < end && record[rest] >= '0' && record[rest] <= '9')
        rest++;
    uint64_t digest = fnv_64(fnv_64(FNV_64_BASIS, record, head), record + rest, end - rest);
    return digest != 0 ? digest : 1;
}

uint64_t record_payload_digest(const uint8_t *payload, size_t length)
{
    uint64_t digest = fnv_64(FNV_64_BASIS, payload, length);
    return digest != 0 ? digest : 1;
}
