/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <assert.h>
#include <string.h>

#include "service_type.h"
#include "text.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

#define SERVICE_NAME_LABEL_MAX 15 /* service_type_is_valid(), without the underscore */

/*
 * RFC 1035 3.1: at most 255 bytes on the wire, each label with a length byte, and one for the root.
 * The longest request, as NAME.TYPE.local and as SUBTYPE._sub.TYPE.local, stays well below.
 */
#define WIRE(bytes) (1 + (bytes))
#define TYPE_LOCAL_WIRE (WIRE(1 + SERVICE_NAME_LABEL_MAX) + WIRE(4) + WIRE(5) + 1)
static_assert(WIRE(SERVICE_NAME_MAX) + TYPE_LOCAL_WIRE <= 255, "the name of the service");
static_assert(WIRE(REQUEST_SUBTYPE_MAX) + WIRE(4) + TYPE_LOCAL_WIRE <= 255, "that of a subtype");
static_assert(REQUEST_TYPE_MAX == 1 + SERVICE_NAME_LABEL_MAX + 5, "the type");

/*
 * The number of characters, or -1 where one is not for exchange. The non-characters go with the
 * controls: MQTT 5 1.5.4 lets a broker refuse both, and D-Bus aborted over them once.
 */
static int count_characters(const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = strlen(text);
    uint32_t codepoint;
    int characters = 0;

    for (size_t at = 0, count; at < length; at += count, characters++) {
        count = text_utf8_next(bytes + at, length - at, &codepoint);
        if (count == 0 || text_mqtt_may_refuse(codepoint))
            return -1;
    }
    return characters;
}

bool request_name_is_valid(const char *name)
{
    return name[0] != '\0' && strlen(name) <= SERVICE_NAME_MAX && count_characters(name) > 0;
}

bool request_type_is_valid(const char *type)
{
    size_t length = strlen(type);
    if (!service_type_is_valid(type, length))
        return false;
    const char *protocol = strchr(type, '.');
    return strcmp(protocol, "._tcp") == 0 || strcmp(protocol, "._udp") == 0;
}

bool request_subtype_is_valid(const char *subtype)
{
    size_t length = strlen(subtype);

    return length >= 3 && length <= REQUEST_SUBTYPE_MAX && subtype[0] == '_' &&
           strspn(subtype, LETTERS DIGITS "-_") == length;
}

bool request_interface_is_valid(const char *interface)
{
    size_t length = strlen(interface);

    return length >= 1 && length <= SERVICE_INTERFACE_MAX && count_characters(interface) > 0 &&
           strcspn(interface, " /:") == length && strcmp(interface, ".") != 0 &&
           strcmp(interface, "..") != 0;
}

bool request_transaction_is_valid(const char *transaction)
{
    int characters = count_characters(transaction);

    return characters >= 0 && characters <= REQUEST_TRANSACTION_CHARACTERS;
}

uint32_t request_clamp_lease(double seconds)
{
    if (seconds > REQUEST_LEASE_MAX)
        return REQUEST_LEASE_MAX;
    return seconds < REQUEST_LEASE_MIN ? REQUEST_LEASE_MIN : (uint32_t)seconds;
}

/* Each is there once, so that equal counts and one direction are enough. */
static bool same_subtypes(const struct request *a, const struct request *b)
{
    if (a->subtype_count != b->subtype_count)
        return false;
    for (size_t i = 0; i < a->subtype_count; i++) {
        size_t j = 0;

        while (j < b->subtype_count && strcmp(a->subtypes[i], b->subtypes[j]) != 0)
            j++;
        if (j == b->subtype_count)
            return false;
    }
    return true;
}

enum request_change request_compare(const struct request *before, const struct request *after)
{
    if (strcmp(before->name, after->name) != 0 || strcmp(before->type, after->type) != 0 ||
        before->port != after->port || strcmp(before->interface, after->interface) != 0 ||
        before->rename != after->rename || !same_subtypes(before, after))
        return REQUEST_CHANGED;
    if (before->txt_length != after->txt_length ||
        memcmp(before->txt, after->txt, after->txt_length) != 0)
        return REQUEST_TXT_CHANGED;
    return REQUEST_SAME;
}
