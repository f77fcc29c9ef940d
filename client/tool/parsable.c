/* SPDX-License-Identifier: MIT */
#include "parsable.h"

#include <string.h>

#include "txt.h"

static char *put_decimal(char *out, uint8_t byte)
{
    *out++ = '\\';
    *out++ = (char)('0' + byte / 100);
    *out++ = (char)('0' + byte / 10 % 10);
    *out++ = (char)('0' + byte % 10);
    return out;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static char *put_label(char *out, const char *label, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (label[i] == '.' || label[i] == '\\') {
            *out++ = '\\';
            *out++ = label[i];
        } else if (is_plain(label[i])) {
            *out++ = label[i];
        } else {
            out = put_decimal(out, (uint8_t)label[i]);
        }
    }
    *out = '\0';
    return out;
}

size_t parsable_label(char *out, const char *label)
{
    return (size_t)(put_label(out, label, strlen(label)) - out);
}

size_t parsable_domain(char *out, const char *domain)
{
    char *end = out;
    for (;;) {
        size_t length = strcspn(domain, ".");
        end = put_label(end, domain, length);
        domain += length;
        if (*domain == '\0')
            return (size_t)(end - out);
        *end++ = *domain++;
    }
}

/* Avahi 0.8 takes DEL for a character. */
static char *put_string(char *out, const struct txt_string *string)
{
    *out++ = '"';
    for (size_t i = 0; i < string->length; i++) {
        uint8_t byte = string->bytes[i];
        if (byte == '"' || byte == '\\')
            *out++ = '\\';
        if (byte < ' ' || byte > 0x7f)
            out = put_decimal(out, byte);
        else
            *out++ = (char)byte;
    }
    *out++ = '"';
    return out;
}

/* The last string first: avahi-browse turns a list around that comes to it turned around. */
size_t parsable_txt(char *out, const uint8_t *wire, size_t length)
{
    struct txt_string strings[TXT_ATTRIBUTES_MAX];
    size_t count = 0;
    char *end = out;

    for (size_t at = 0; count < TXT_ATTRIBUTES_MAX; count++)
        if ((at = txt_next(&strings[count], wire, length, at)) == 0)
            break;
    while (count-- > 0) {
        if (end > out)
            *end++ = ' ';
        end = put_string(end, &strings[count]);
    }
    *end = '\0';
    return (size_t)(end - out);
}

void parsable_printable(char *out, const char *name)
{
    for (; *name; name++)
        *out++ = (char)(*name >= ' ' && *name <= '~' ? *name : '_');
    *out = '\0';
}
