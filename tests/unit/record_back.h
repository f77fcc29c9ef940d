/* SPDX-License-Identifier: MIT */
/*
 * For the tests of records: a service to begin with, and the way back from a record to the service.
 *
 * The way back takes nothing from the code under test but its check for UTF-8, which has a test of
 * its own: JSON by cJSON's parser, base64 by the decoder here.
 */
#ifndef TESTS_RECORD_BACK_H
#define TESTS_RECORD_BACK_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "run_suite.h"
#include "text.h"
#include "txt.h"

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* Like ck_assert(), but that one tells the test runner of each call; here it would be a million. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

/* A service that owns its data. Not to be copied: it points into itself. */
struct sample {
    struct service service;
    struct service_id id;
    struct txt txt;
    uint8_t wire[SERVICE_TXT_MAX];
};

static const struct record_stamp stamp = {1795292704123, 42, 1795292710456};

static inline void sample_init(struct sample *sample)
{
    *sample = (struct sample){
        .id = {"Kitchen printer", "_ipp._tcp", "local", "eth0"},
        .txt = {.bytes = sample->wire, .capacity = sizeof sample->wire},
        .service = {.id = &sample->id,
                    .seen = {true, true},
                    .addresses = {"192.168.1.20", "fe80::1%eth0"},
                    .host = "printer.local",
                    .port = 631,
                    .txt = sample->wire},
    };
}

static inline void sample_add(struct sample *sample, const uint8_t *string, size_t length)
{
    txt_add(&sample->txt, string, length);
    sample->service.txt_length = sample->txt.length;
    sample->service.txt_omitted = sample->txt.omitted;
}

/* The length without padding. Fails if the record is not one object with spaces behind it. */
static inline size_t record_length(const uint8_t *record, size_t size)
{
    while (size > 0 && record[size - 1] == ' ')
        size--;
    MUST(size >= 2);
    MUST(record[0] == '{');
    MUST(record[size - 1] == '}');
    return size;
}

static inline cJSON *record_parse(const uint8_t *record, size_t size)
{
    size_t length = record_length(record, size);
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts((const char *)record, size, &end, false);

    if (!json || end != (const char *)record + length)
        ck_abort_msg("%.*s", (int)length, record);
    MUST(text_is_utf8(record, size));
    return json;
}

static inline size_t base64_decode(uint8_t *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = 0;

    MUST(strlen(text) % 4 == 0);
    for (; *text; text += 4) {
        uint32_t group = 0;
        size_t bytes = text[2] == '=' ? 1 : text[3] == '=' ? 2 : 3;

        for (size_t i = 0; i < 4; i++) {
            const char *digit = strchr(digits, text[i]);

            MUST(digit || i > bytes);
            group = group << 6 | (digit ? (uint32_t)(digit - digits) : 0);
        }
        for (size_t i = 0; i < bytes; i++)
            out[length++] = (uint8_t)(group >> (16 - 8 * i));
    }
    return length;
}

/* The string of the record that a member of "txt", or an element of "txt_raw", was made of. */
static inline size_t attribute_back(uint8_t *out, const cJSON *item)
{
    if (!item->string) /* an element of an array: no key */
        return base64_decode(out, cJSON_GetStringValue(item));

    size_t length = strlen(item->string);

    memcpy(out, item->string, length);
    if (cJSON_IsTrue(item))
        return length;
    out[length++] = '=';
    if (cJSON_IsString(item)) {
        memcpy(out + length, item->valuestring, strlen(item->valuestring));
        return length + strlen(item->valuestring);
    }
    MUST(strcmp(item->child->string, "b64") == 0);
    MUST(!item->child->next);
    return length + base64_decode(out + length, cJSON_GetStringValue(item->child));
}

static inline void check_name_back(const cJSON *json, const char *name)
{
    const cJSON *base64 = cJSON_GetObjectItemCaseSensitive(json, "name_b64");
    uint8_t back[1024];
    size_t length = strlen(name);

    MUST(!base64 == text_is_utf8((const uint8_t *)name, length));
    if (base64) {
        MUST(base64_decode(back, base64->valuestring) == length);
        MUST(memcmp(back, name, length) == 0);
    } else {
        MUST(strcmp(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "name")), name) ==
             0);
    }
}

/*
 * Fails unless the record tells the service's name and attributes byte for byte, and as many are
 * missing at the end as it says. Returns how many.
 */
static inline unsigned check_back(const uint8_t *record, size_t size, const struct service *service)
{
    cJSON *json = record_parse(record, size);
    const cJSON *in_txt = cJSON_GetObjectItemCaseSensitive(json, "txt")->child;
    const cJSON *raw = cJSON_GetObjectItemCaseSensitive(json, "txt_raw");
    const cJSON *in_raw = raw ? raw->child : NULL;
    const cJSON *omitted = cJSON_GetObjectItemCaseSensitive(json, "txt_omitted");
    unsigned missing = service->txt_omitted;
    struct txt_string string;

    MUST(!raw || in_raw);
    check_name_back(json, service->id->name);

    for (size_t at = 0; (at = txt_next(&string, service->txt, service->txt_length, at)) > 0;) {
        const cJSON **next = text_is_readable(string.bytes, string.key_length) ? &in_txt : &in_raw;
        uint8_t back[1024];

        if (!*next) {
            missing++;
            continue;
        }
        MUST(missing == service->txt_omitted); /* nothing behind what is missing */
        MUST(attribute_back(back, *next) == string.length);
        MUST(memcmp(back, string.bytes, string.length) == 0);
        *next = (*next)->next;
    }
    MUST(!in_txt);
    MUST(!in_raw);
    MUST((missing == 0) == !omitted);
    if (omitted)
        MUST(missing == (unsigned)cJSON_GetNumberValue(omitted));
    cJSON_Delete(json);
    return missing;
}

static inline int run(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);

    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

#endif
