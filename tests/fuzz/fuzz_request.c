/* SPDX-License-Identifier: MIT */
/*
 * request_parse() with any bytes. What it takes must keep every promise that Avahi's safety rests
 * on, checked here in other words than in the code; what it refuses must come with an answer that
 * fits a status record. And a request that is taken, written down again, must be the same request.
 *
 * A failed check aborts: that is how libFuzzer, and ctest with the corpus, see it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "request.h"
#include "text.h"
#include "txt.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const struct record_stamp stamp = {1795292704123, 42, 1795292710456};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what a request promises ---- */

/* Closed within its field, and fit to be shown. */
static void check_text(const char *text, size_t field, size_t characters_max)
{
    const char *end = memchr(text, '\0', field);
    uint32_t codepoint;
    size_t characters = 0;

    CHECK(end);
    for (const char *at = text; at < end; characters++) {
        size_t count = text_utf8_next((const uint8_t *)at, (size_t)(end - at), &codepoint);

        CHECK(count > 0);
        CHECK(codepoint >= 0x20 && !(codepoint >= 0x7f && codepoint < 0xa0));
        at += count;
    }
    CHECK(characters <= characters_max);
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void check_type(const char *type)
{
    const char *dot = strchr(type, '.');
    bool letter = false;

    CHECK(dot && type[0] == '_' && dot - type >= 2 && dot - type <= 16);
    CHECK(strcmp(dot, "._tcp") == 0 || strcmp(dot, "._udp") == 0);
    for (const char *at = type + 1; at < dot; at++) {
        letter = letter || is_letter(*at);
        CHECK(is_letter(*at) || is_digit(*at) ||
              (*at == '-' && at[-1] != '_' && at[-1] != '-' && at[1] != '.'));
    }
    CHECK(letter);
}

static void check_txt(const uint8_t *wire, size_t length)
{
    size_t at = 0;

    CHECK(length <= 1300);
    while (at < length) {
        size_t string = wire[at++];
        size_t key = 0;

        CHECK(string > 0 && string <= length - at);
        for (; key < string && wire[at + key] != '='; key++)
            CHECK(wire[at + key] >= ' ' && wire[at + key] <= '~');
        CHECK(key > 0);
        at += string;
    }

    /* Normalised: adding all again leaves none out. */
    uint8_t again[REQUEST_TXT_MAX];
    struct txt txt = {.bytes = again, .capacity = sizeof again};
    struct txt_string string;

    for (at = 0; (at = txt_next(&string, wire, length, at)) > 0;)
        txt_add(&txt, string.bytes, string.length);
    CHECK(txt.omitted == 0 && txt.length == length);
    CHECK(length == 0 || memcmp(again, wire, length) == 0);
}

static void check_subtypes(const struct request *request)
{
    CHECK(request->subtype_count <= REQUEST_SUBTYPES_MAX);
    for (size_t i = 0; i < request->subtype_count; i++) {
        const char *subtype = request->subtypes[i];

        check_text(subtype, sizeof request->subtypes[i], REQUEST_SUBTYPE_MAX);
        CHECK(strlen(subtype) >= 3 && subtype[0] == '_' && !strpbrk(subtype, ".\\ "));
        for (size_t j = 0; j < i; j++)
            CHECK(!text_same_ignoring_case(subtype, request->subtypes[j]));
    }
}

static void check_request(const struct request *request)
{
    check_text(request->name, sizeof request->name, 63);
    CHECK(request->name[0]);
    check_text(request->type, sizeof request->type, 21);
    check_type(request->type);
    CHECK(request->port > 0);
    check_txt(request->txt, request->txt_length);
    check_subtypes(request);
    check_text(request->interface, sizeof request->interface, 15);
    CHECK(!strpbrk(request->interface, "/ "));
    CHECK(request->lease == 0 || (request->lease >= 30 && request->lease <= 97200));
    check_text(request->transaction, sizeof request->transaction, 64);
}

static void check_error(const struct status_error *error)
{
    CHECK(error->code >= STATUS_BAD_JSON && error->code <= STATUS_BAD_TXT);
    CHECK((error->code == STATUS_BAD_JSON || error->code == STATUS_TOO_LARGE) || error->key[0]);
    check_text(error->key, sizeof error->key, STATUS_KEY_MAX);
    check_text(error->message, sizeof error->message, STATUS_MESSAGE_MAX);
    CHECK(error->message[0]);
}

/* ---- what is made of it ---- */

/* Each text alone keeps to its bound, so each status fits the smallest record. */
static void check_status(const struct request *request, const struct status_error *error)
{
    static uint8_t record[RECORD_SIZE_MIN];
    struct status status = {.state = error->code ? STATUS_FAILED : STATUS_PENDING,
                            .owner = {"web", "app"},
                            .error = *error,
                            .kept = true};

    status_set_request(&status, request);
    status_warn(&status, STATUS_PORT_FOREIGN_OWNER, "%s", error->message);
    CHECK(record_status(record, sizeof record, &status, &stamp) == RECORD_OK);
    CHECK(text_is_utf8(record, sizeof record));
}

/* The request as JSON, its TXT data as a service record has it. */
static cJSON *request_to_json(const struct request *request)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *txt = cJSON_AddObjectToObject(json, "txt");
    cJSON *subtypes = cJSON_AddArrayToObject(json, "subtypes");
    struct txt_string string;
    char key[TXT_STRING_MAX + 1];

    cJSON_AddStringToObject(json, "name", request->name);
    cJSON_AddStringToObject(json, "type", request->type);
    cJSON_AddNumberToObject(json, "port", request->port);
    for (size_t at = 0; (at = txt_next(&string, request->txt, request->txt_length, at)) > 0;) {
        memcpy(key, string.bytes, string.key_length);
        key[string.key_length] = '\0';
        cJSON_AddItemToObject(txt, key, txt_value_to_json(&string));
    }
    for (size_t i = 0; i < request->subtype_count; i++)
        cJSON_AddItemToArray(subtypes, cJSON_CreateString(request->subtypes[i]));
    if (request->interface[0])
        cJSON_AddStringToObject(json, "interface", request->interface);
    cJSON_AddBoolToObject(json, "rename", request->rename);
    if (request->lease)
        cJSON_AddNumberToObject(json, "lease", request->lease);
    if (request->transaction[0])
        cJSON_AddStringToObject(json, "transaction", request->transaction);
    return json;
}

static void check_way_back(const struct request *request)
{
    cJSON *json = request_to_json(request);
    char *text = cJSON_PrintUnformatted(json);
    struct request back;
    struct status_error error;

    CHECK(request_parse(&back, &error, (const uint8_t *)text, strlen(text), SIZE_MAX) ==
          REQUEST_OK);
    CHECK(request_compare(request, &back) == REQUEST_SAME);
    CHECK(request->lease == back.lease && strcmp(request->transaction, back.transaction) == 0);
    cJSON_free(text);
    cJSON_Delete(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    struct status_error error;

    memset(&request, '#', sizeof request);
    memset(&error, '#', sizeof error);
    switch (request_parse(&request, &error, data, size, RECORD_SIZE_DEFAULT)) {
    case REQUEST_OK:
        CHECK(size <= RECORD_SIZE_DEFAULT);
        CHECK(error.code == STATUS_NO_ERROR && !error.key[0] && !error.message[0]);
        check_request(&request);
        check_way_back(&request);
        break;
    case REQUEST_REFUSED:
        check_error(&error);
        check_text(request.transaction, sizeof request.transaction, 64);
        CHECK(!request.name[0] && !request.type[0] && !request.port && !request.txt_length);
        CHECK(!request.subtype_count && !request.interface[0] && !request.lease);
        break;
    case REQUEST_NO_MEMORY: /* there is memory: then cJSON refused what json_check() took */
        abort();
    }
    check_status(&request, &error);
    return 0;
}
