/* SPDX-License-Identifier: MIT */
#include "service_type.h"

#include <stdint.h>
#include <string.h>

#include "service.h"
#include "text.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

#define PROTOCOL_LENGTH 5      /* "._tcp" */
#define REGISTERED_NAME_MAX 15 /* RFC 6335 5.1, without the underscore */
#define LABEL_MAX 63           /* RFC 1035 2.3.4 */

static bool same_ignoring_case(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text_lower((uint8_t)a[i]) != text_lower((uint8_t)b[i]))
            return false;
    return true;
}

/* The length of NAME, which stands at type + 1; 0: it is no type. */
static size_t name_length(const char *type, size_t length)
{
    if (length < 2 + PROTOCOL_LENGTH || length > SERVICE_TYPE_MAX || type[0] != '_')
        return 0;
    const char *protocol = type + length - PROTOCOL_LENGTH;
    bool known = same_ignoring_case(protocol, "._tcp", PROTOCOL_LENGTH) ||
                 same_ignoring_case(protocol, "._udp", PROTOCOL_LENGTH);
    bool is_label = !memchr(type, '.', length - PROTOCOL_LENGTH);
    return known && is_label ? length - 1 - PROTOCOL_LENGTH : 0;
}

bool service_type_is_valid(const char *type, size_t length)
{
    const char *name = type + 1;
    size_t bytes = name_length(type, length);
    if (bytes < 1 || bytes > REGISTERED_NAME_MAX || strspn(name, LETTERS DIGITS "-") != bytes ||
        name[0] == '-' || name[bytes - 1] == '-')
        return false;
    for (size_t i = 1; i < bytes; i++)
        if (name[i] == '-' && name[i - 1] == '-')
            return false;
    return strcspn(name, LETTERS) < bytes;
}

bool service_type_is_seen(const char *type, size_t length)
{
    return name_length(type, length) > 0;
}

bool service_type_is_question(const char *type)
{
    do {
        size_t length = strcspn(type, ".");
        if (*type != '_' || length < 2 || length > LABEL_MAX)
            return false;
        type += length + (type[length] == '.');
    } while (*type);
    return true;
}
