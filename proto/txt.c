/* SPDX-License-Identifier: MIT */
/*
 * TXT data stays in wire form for as long as it is only kept and compared: one block of bytes, no
 * allocation for each attribute. It becomes JSON attribute by attribute, when a record is made.
 */
#include "txt.h"

#include <string.h>

#include "text.h"

static size_t key_length_of(const uint8_t *string, size_t length)
{
    const uint8_t *equals = length > 0 ? memchr(string, '=', length) : NULL;

    return equals ? (size_t)(equals - string) : length;
}

/*
 * Has `string` this key? The end of its key is looked at first, rather than searched for: it turns
 * away nearly all strings at once, and a hostile device can make us ask twenty million times.
 */
static bool has_key(const uint8_t *string, size_t length, const uint8_t *key, size_t key_length)
{
    if (length < key_length || (length > key_length && string[key_length] != '='))
        return false;
    for (size_t i = 0; i < key_length; i++)
        if (text_lower(string[i]) != text_lower(key[i]))
            return false;
    return true;
}

static bool is_repeated(const struct txt *txt, const uint8_t *key, size_t key_length)
{
    for (size_t at = 0; at < txt->length; at += 1u + txt->bytes[at])
        if (has_key(txt->bytes + at + 1, txt->bytes[at], key, key_length))
            return true;
    return false;
}

void txt_add(struct txt *txt, const uint8_t *string, size_t length)
{
    size_t key_length = key_length_of(string, length);

    if (key_length == 0 || is_repeated(txt, string, key_length))
        return;

    if (txt->omitted > 0 || txt->attributes >= TXT_ATTRIBUTES_MAX || length > TXT_STRING_MAX ||
        txt->capacity - txt->length < 1 + length) {
        txt->omitted++;
        return;
    }

    txt->bytes[txt->length] = (uint8_t)length;
    memcpy(txt->bytes + txt->length + 1, string, length);
    txt->length += 1 + length;
    txt->attributes++;
}

size_t txt_next(struct txt_string *string, const uint8_t *wire, size_t length, size_t at)
{
    if (at >= length || wire[at] > length - at - 1)
        return 0;

    string->bytes = wire + at + 1;
    string->length = wire[at];
    string->key_length = key_length_of(string->bytes, string->length);
    return at + 1 + string->length;
}

cJSON *txt_value_to_json(const struct txt_string *string)
{
    if (string->key_length == string->length)
        return cJSON_CreateTrue();

    const uint8_t *value = string->bytes + string->key_length + 1;
    size_t length = string->length - string->key_length - 1;

    if (text_is_readable(value, length)) {
        char text[TXT_STRING_MAX + 1];

        memcpy(text, value, length);
        text[length] = '\0';
        return cJSON_CreateString(text);
    }

    char base64[TEXT_BASE64_SIZE(TXT_STRING_MAX)];
    cJSON *object = cJSON_CreateObject();

    text_base64(base64, value, length);
    if (!cJSON_AddStringToObject(object, "b64", base64)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}
