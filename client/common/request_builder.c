/* SPDX-License-Identifier: MIT */
#include "request_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnv.h"
#include "record.h"
#include "request.h"
#include "txt.h"

bool request_builder_add_txt(struct request_builder *builder, const char *attribute)
{
    size_t length = strlen(attribute);
    struct txt_string string = {(const uint8_t *)attribute, length, strcspn(attribute, "=")};
    char *key = strndup(attribute, string.key_length);
    cJSON *value = txt_value_to_json(&string);

    if (!builder->txt)
        builder->txt = cJSON_CreateObject();
    bool added = key && value && builder->txt && cJSON_AddItemToObject(builder->txt, key, value);
    if (!added)
        cJSON_Delete(value);
    free(key);
    return added;
}

bool request_builder_add_subtype(struct request_builder *builder, const char *subtype)
{
    cJSON *item = cJSON_CreateString(subtype);

    if (!builder->subtypes)
        builder->subtypes = cJSON_CreateArray();
    if (item && builder->subtypes && cJSON_AddItemToArray(builder->subtypes, item))
        return true;
    cJSON_Delete(item);
    return false;
}

void request_builder_free(struct request_builder *builder)
{
    cJSON_Delete(builder->txt);
    cJSON_Delete(builder->subtypes);
    builder->txt = builder->subtypes = NULL;
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

static char *write_request(const struct request_builder *builder, const char *transaction)
{
    cJSON *object = cJSON_CreateObject();
    bool whole =
        object && add_text(object, "name", builder->name) &&
        add_text(object, "type", builder->type) && add_number(object, "port", builder->port) &&
        add_copy(object, "txt", builder->txt) && add_copy(object, "subtypes", builder->subtypes) &&
        add_text(object, "interface", builder->interface) &&
        (!builder->no_rename || cJSON_AddFalseToObject(object, "rename")) &&
        add_number(object, "lease", builder->lease) && add_text(object, "transaction", transaction);
    char *text = whole ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    return text;
}

char *request_builder_build(const struct request_builder *builder, const char *transaction,
                            struct status_error *error)
{
    struct request request;
    char *text = write_request(builder, transaction);

    *error = (struct status_error){0};
    if (text && request_parse(&request, error, (const uint8_t *)text, strlen(text),
                              RECORD_SIZE_MAX) == REQUEST_OK)
        return text;
    free(text);
    return NULL;
}

/* ---- the ID ---- */

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

void request_builder_id(char id[REQUEST_BUILDER_ID_SIZE], const struct request_builder *builder,
                        const char *host)
{
    const char *type = builder->type ? builder->type : "",
               *name = builder->name ? builder->name : "";
    char port[8];
    uint32_t hash = FNV_32_BASIS;

    snprintf(port, sizeof port, "%u", builder->port);
    const char *const parts[] = {host, name, type, port,
                                 builder->interface ? builder->interface : ""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = fnv_32(hash, parts[i], strlen(parts[i]) + 1);

    type += *type == '_';
    size_t length = append_plain(id, 0, type, strcspn(type, ".") < 15 ? strcspn(type, ".") : 15);
    id[length++] = '-';
    length = append_plain(id, length, name, 32);
    snprintf(id + length, REQUEST_BUILDER_ID_SIZE - length, "-%08x", hash);
}
