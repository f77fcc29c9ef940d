/* SPDX-License-Identifier: MIT */
/*
 * What each kind of value looks like. Whatever config_value_parse() takes, config_value_write() can
 * write so that it is read back: a value has no control characters, fits a line, and holds nothing
 * that the file takes for a comment. Values from the command line go the same way.
 */
#include "config_value.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

#define DIGITS "0123456789"

bool config_refuse(char reason[CONFIG_REASON_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, CONFIG_REASON_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static bool parse_bool(bool *out, const char *text, char reason[CONFIG_REASON_SIZE])
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"yes", true}, {"no", false},  {"true", true}, {"false", false},
                 {"on", true},  {"off", false}, {"1", true},    {"0", false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i].word) == 0) {
            *out = words[i].value;
            return true;
        }
    return config_refuse(reason, "must be yes or no");
}

bool config_parse_number(uint32_t *out, const char *text, size_t length, uint32_t min, uint32_t max)
{
    uint64_t number = 0;
    if (length == 0 || length > 10 || strspn(text, DIGITS) < length)
        return false;
    for (size_t i = 0; i < length; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    *out = (uint32_t)number;
    return number >= min && number <= max;
}

static bool parse_choice(const struct config_key *key, int *out, const char *text,
                         char reason[CONFIG_REASON_SIZE])
{
    for (int i = 0; key->choices[i]; i++)
        if (strcmp(text, key->choices[i]) == 0) {
            *out = i;
            return true;
        }
    config_refuse(reason, "must be one of:");
    for (int i = 0; key->choices[i]; i++) {
        size_t length = strlen(reason);
        snprintf(reason + length, CONFIG_REASON_SIZE - length, " %s", key->choices[i]);
    }
    return false;
}

/* What the file cannot hold, or would take for something else. */
static bool is_writable(const char *text, bool list, char reason[CONFIG_REASON_SIZE])
{
    size_t length = strlen(text);
    if (!text_is_readable((const uint8_t *)text, length) || strpbrk(text, list ? "\r\n" : "\r\n\t"))
        return config_refuse(reason, "has control characters or is not UTF-8");
    if (list)
        return true;
    if (length > CONFIG_VALUE_MAX)
        return config_refuse(reason, "longer than %d bytes", CONFIG_VALUE_MAX);
    if (length > 0 && (text[0] == ' ' || text[length - 1] == ' '))
        return config_refuse(reason, "has a blank at its beginning or end");
    if (text[0] == ';' || text[0] == '#' || strstr(text, " ;") || strstr(text, " #"))
        return config_refuse(
            reason, "a '#' or ';' behind a blank is no part of a value; '#' begins a comment "
                    "only on a line of its own");
    return true;
}

static bool parse_scalar(const struct config_key *key, void *field, const char *text,
                         char reason[CONFIG_REASON_SIZE])
{
    switch (key->kind) {
    case KIND_BOOL:
        return parse_bool(field, text, reason);
    case KIND_NUMBER:
        if (!config_parse_number(field, text, strlen(text), key->min, key->max))
            return config_refuse(reason, "must be a number from %u to %u", key->min, key->max);
        return true;
    case KIND_CHOICE:
        return parse_choice(key, field, text, reason);
    case KIND_PATH:
        if (*text && *text != '/')
            return config_refuse(reason, "must be an absolute path");
        break;
    case KIND_PREFIX:
        if (!topic_prefix_is_valid(text))
            return config_refuse(
                reason, "must be one or more topic levels without '+', '#' and a leading '$'");
        break;
    case KIND_URL: {
        const char *problem = mqtt_url_parse(field, text);
        return !problem || config_refuse(reason, "%s", problem);
    }
    default: /* KIND_TEXT */
        break;
    }
    memcpy(field, text, strlen(text) + 1);
    return true;
}

static void *field_of(const struct config_key *key, void *base)
{
    return (char *)base + key->offset;
}

bool config_value_is_list(const struct config_key *key)
{
    return key->kind >= KIND_BROWSE_TYPES;
}

bool config_value_parse(const struct config_key *key, void *base, const char *text, bool append,
                        char error[CONFIG_ERROR_SIZE])
{
    char reason[CONFIG_REASON_SIZE];
    bool list = config_value_is_list(key);
    bool good = is_writable(text, list, reason);
    if (good && list && !append)
        config_value_free(key, base);
    if (good)
        good = (list ? config_list_parse : parse_scalar)(key, field_of(key, base), text, reason);
    if (good)
        return true;
    /* What stands in a URL before '@' may be a password; and so may what should be the path to one. */
    bool secret =
        (key->kind == KIND_URL && strchr(text, '@')) || (key->kind == KIND_PATH && text[0] != '/');
    snprintf(error, CONFIG_ERROR_SIZE, "'%.100s': %s", secret ? "..." : text, reason);
    return false;
}

void config_value_write(const struct config_key *key, const void *base, FILE *out)
{
    const void *field = (const char *)base + key->offset;
    char url[MQTT_URL_MAX + 1];
    fprintf(out, "%s =", key->name);
    switch (key->kind) {
    case KIND_BOOL:
        fputs(*(const bool *)field ? " yes" : " no", out);
        break;
    case KIND_NUMBER:
        fprintf(out, " %u", *(const uint32_t *)field);
        break;
    case KIND_CHOICE:
        fprintf(out, " %s", key->choices[*(const int *)field]);
        break;
    case KIND_TEXT:
    case KIND_PATH:
    case KIND_PREFIX:
        fprintf(out, "%s%s", *(const char *)field ? " " : "", (const char *)field);
        break;
    case KIND_URL:
        mqtt_url_write(url, field);
        fprintf(out, " %s", url);
        break;
    default:
        config_list_write(key, field, out);
        break;
    }
    fputc('\n', out);
}

static size_t scalar_size(enum config_kind kind)
{
    switch (kind) {
    case KIND_BOOL:
        return sizeof(bool);
    case KIND_NUMBER:
        return sizeof(uint32_t);
    case KIND_CHOICE:
        return sizeof(int);
    case KIND_PREFIX:
        return TOPIC_PREFIX_MAX + 1;
    case KIND_URL:
        return sizeof(struct mqtt_url);
    default: /* KIND_TEXT, KIND_PATH */
        return CONFIG_VALUE_MAX + 1;
    }
}

bool config_value_copy(const struct config_key *key, void *base, const void *from_base)
{
    const void *from = (const char *)from_base + key->offset;
    if (config_value_is_list(key))
        return config_list_copy(key, field_of(key, base), from);
    memcpy(field_of(key, base), from, scalar_size(key->kind));
    return true;
}

void config_value_free(const struct config_key *key, void *base)
{
    if (config_value_is_list(key))
        config_list_free(key, field_of(key, base));
}
