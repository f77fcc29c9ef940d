/* SPDX-License-Identifier: MIT */
#include "wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "request.h"
#include "txt.h"

bool wish_add_txt(struct wish *wish, const char *attribute)
{
    size_t length = strlen(attribute);
    struct txt_string string = {(const uint8_t *)attribute, length, strcspn(attribute, "=")};
    char *key = strndup(attribute, string.key_length);
    cJSON *value = txt_value_to_json(&string);

    if (!wish->txt)
        wish->txt = cJSON_CreateObject();
    bool added = key && value && wish->txt && cJSON_AddItemToObject(wish->txt, key, value);
    if (!added)
        cJSON_Delete(value);
    free(key);
    return added;
}

bool wish_add_subtype(struct wish *wish, const char *subtype)
{
    cJSON *item = cJSON_CreateString(subtype);

    if (!wish->subtypes)
        wish->subtypes = cJSON_CreateArray();
    if (item && wish->subtypes && cJSON_AddItemToArray(wish->subtypes, item))
        return true;
    cJSON_Delete(item);
    return false;
}

void wish_free(struct wish *wish)
{
    cJSON_Delete(wish->txt);
    cJSON_Delete(wish->subtypes);
    wish->txt = wish->subtypes = NULL;
}

bool wish_port(uint16_t *port, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long number = strtoul(text, NULL, 10);

    if (digits == 0 || digits > 5 || text[digits] != '\0' || number < 1 || number > 65535)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* ---- the request ---- */

static bool add_text(cJSON *object, const char *key, const char *text)
{
    return !text || cJSON_AddStringToObject(object, key, text);
}

static bool add_number(cJSON *object, const char *key, uint32_t number)
{
    return number == 0 || cJSON_AddNumberToObject(object, key, number);
}

static bool add_copy(cJSON *object, const char *key, const cJSON *item)
{
    cJSON *copy = item ? cJSON_Duplicate(item, true) : NULL;
    if (!item || (copy && cJSON_AddItemToObject(object, key, copy)))
        return true;
    cJSON_Delete(copy);
    return false;
}

static char *write_request(const struct wish *wish, const char *transaction)
{
    cJSON *object = cJSON_CreateObject();
    bool whole =
        object && add_text(object, "name", wish->name) && add_text(object, "type", wish->type) &&
        add_number(object, "port", wish->port) && add_copy(object, "txt", wish->txt) &&
        add_copy(object, "subtypes", wish->subtypes) &&
        add_text(object, "interface", wish->interface) &&
        (!wish->no_rename || cJSON_AddFalseToObject(object, "rename")) &&
        add_number(object, "lease", wish->lease) && add_text(object, "transaction", transaction);
    char *text = whole ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    return text;
}

char *wish_request(const struct wish *wish, const char *transaction, struct status_error *error)
{
    struct request request;
    char *text = write_request(wish, transaction);

    *error = (struct status_error){0};
    if (text && request_parse(&request, error, (const uint8_t *)text, strlen(text),
                              RECORD_SIZE_MAX) == REQUEST_OK)
        return text;
    free(text);
    return NULL;
}

/* ---- the ID ---- */

/* FNV-1a, 32 bits, over a text and its closing NUL. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * UINT32_C(16777619);
    return hash * UINT32_C(16777619); /* a zero behind it */
}

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* At most `max` characters of a text, each that is not plain replaced. */
static size_t append_plain(char *out, size_t length, const char *text, size_t max)
{
    for (size_t i = 0; i < max && text[i]; i++) {
        out[length] = '_';
        if (is_plain(text[i]))
            out[length] = text[i];
        length++;
    }
    return length;
}

void wish_id(char id[WISH_ID_SIZE], const struct wish *wish, const char *host)
{
    const char *type = wish->type ? wish->type : "", *name = wish->name ? wish->name : "";
    char port[8];
    uint32_t hash = UINT32_C(2166136261);

    snprintf(port, sizeof port, "%u", wish->port);
    const char *const parts[] = {host, name, type, port, wish->interface};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = hash_text(hash, parts[i]);

    type += *type == '_';
    size_t length = append_plain(id, 0, type, strcspn(type, ".") < 15 ? strcspn(type, ".") : 15);
    id[length++] = '-';
    length = append_plain(id, length, name, 32);
    snprintf(id + length, WISH_ID_SIZE - length, "-%08x", hash);
}
