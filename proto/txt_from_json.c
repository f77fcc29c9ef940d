/* SPDX-License-Identifier: MIT */
#include "txt.h"

#include <string.h>

#include "text.h"

/* One attribute while it is built: "key", or "key=value". */
struct string {
    uint8_t bytes[TXT_STRING_MAX];
    size_t length;
};

static const char too_long[] = "an attribute has at most 255 bytes, key and '=' included";

/* These return NULL, or what is wrong. */

static const char *append(struct string *string, const void *bytes, size_t length)
{
    if (length > sizeof string->bytes - string->length)
        return too_long;
    memcpy(string->bytes + string->length, bytes, length);
    string->length += length;
    return NULL;
}

static const char *append_key(struct string *string, const char *key)
{
    size_t length = strlen(key);

    if (length == 0)
        return "an attribute needs a key";
    for (size_t i = 0; i < length; i++)
        if (key[i] < ' ' || key[i] > '~' || key[i] == '=')
            return "a key is printable US-ASCII without '='";
    return append(string, key, length);
}

static const char *append_base64(struct string *string, const cJSON *object)
{
    static const char expected[] = "expected {\"b64\": \"...\"} with nothing else in it";
    const cJSON *base64 = object->child;
    uint8_t bytes[TEXT_BASE64_SIZE(TXT_STRING_MAX) / 4 * 3];
    size_t length;

    if (!base64 || base64->next || strcmp(base64->string, "b64") != 0 || !cJSON_IsString(base64))
        return expected;
    if (strlen(base64->valuestring) >= TEXT_BASE64_SIZE(TXT_STRING_MAX))
        return too_long;
    if (!text_base64_decode(bytes, &length, base64->valuestring))
        return "expected base64 with its padding";
    return append(string, bytes, length);
}

static const char *append_value(struct string *string, const cJSON *value)
{
    if (cJSON_IsTrue(value) || cJSON_IsNull(value))
        return NULL;

    const char *wrong = append(string, "=", 1);

    if (wrong)
        return wrong;
    if (cJSON_IsString(value))
        return append(string, value->valuestring, strlen(value->valuestring));
    if (cJSON_IsObject(value))
        return append_base64(string, value);
    return "expected a string, true, null or {\"b64\": \"...\"}";
}

static const char *add_attribute(struct txt *txt, const cJSON *item)
{
    struct string string = {.length = 0};
    unsigned before = txt->attributes;
    const char *wrong = append_key(&string, item->string);

    if (!wrong)
        wrong = append_value(&string, item);
    if (wrong)
        return wrong;
    txt_add(txt, string.bytes, string.length);
    if (txt->omitted > 0)
        return "no room is left for this attribute";
    return txt->attributes > before ? NULL : "given twice, ignoring case";
}

bool txt_from_json(struct txt *txt, const cJSON *object, struct txt_problem *problem)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        problem->key = item->string;
        problem->what = add_attribute(txt, item);
        if (problem->what)
            return false;
    }
    return true;
}
