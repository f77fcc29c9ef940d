/* SPDX-License-Identifier: MIT */
#include "terminal_text.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "text.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* Characters that turn the direction of what follows them, beyond their own text. */
static bool turns_direction(uint32_t codepoint)
{
    return (codepoint >= 0x202a && codepoint <= 0x202e) ||
           (codepoint >= 0x2066 && codepoint <= 0x2069);
}

size_t terminal_text_escape(char *out, const uint8_t *bytes, size_t length)
{
    size_t at = 0, written = 0;
    while (at < length) {
        uint32_t codepoint;
        size_t step = text_utf8_next(bytes + at, length - at, &codepoint);
        if (step > 0 && !text_mqtt_may_refuse(codepoint) && !turns_direction(codepoint)) {
            memcpy(out + written, bytes + at, step);
            written += step;
            at += step;
            continue;
        }
        for (step = step ? step : 1; step > 0; step--) /* 5 bytes with the NUL */
            written += (size_t)snprintf(out + written, 5, "\\x%02X", bytes[at++]);
    }
    out[written] = '\0';
    return written;
}

/* The next character, its length in bytes and its width; combining ones have none. */
static size_t step(const char *text, size_t *width)
{
    uint32_t codepoint;
    size_t length = text_utf8_next((const uint8_t *)text, strlen(text), &codepoint);
    int columns_of_it = length ? wcwidth((wchar_t)codepoint) : 1;
    *width = columns_of_it < 0 ? 1 : (size_t)columns_of_it;
    return length ? length : 1;
}

size_t terminal_text_width(const char *text)
{
    size_t total = 0, width;
    while (*text) {
        text += step(text, &width);
        total += width;
    }
    return total;
}

size_t terminal_text_fit(char *out, size_t size, const char *text, size_t wanted)
{
    size_t used = 0, length = 0, width;
    bool cut = terminal_text_width(text) > wanted;
    size_t room = cut && wanted > 0 ? wanted - 1 : wanted;

    while (*text) {
        size_t bytes = step(text, &width);
        if (used + width > room || length + bytes + (wanted - used) + sizeof ELLIPSIS > size)
            break;
        memcpy(out + length, text, bytes);
        text += bytes;
        length += bytes;
        used += width;
    }
    if (cut && wanted > 0) {
        memcpy(out + length, ELLIPSIS, strlen(ELLIPSIS));
        length += strlen(ELLIPSIS);
        used++;
    }
    for (; used < wanted; used++)
        out[length++] = ' ';
    out[length] = '\0';
    return length;
}
