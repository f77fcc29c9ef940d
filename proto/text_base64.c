/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t text_base64(char *out, const uint8_t *bytes, size_t length)
{
    char *end = out;

    for (size_t at = 0; at < length; at += 3) {
        size_t left = length - at;
        uint32_t group = (uint32_t)bytes[at] << 16;

        if (left > 1)
            group |= (uint32_t)bytes[at + 1] << 8;
        if (left > 2)
            group |= bytes[at + 2];

        *end++ = digits[group >> 18];
        *end++ = digits[group >> 12 & 0x3f];
        *end++ = '=';
        *end++ = '=';
        if (left > 1)
            end[-2] = digits[group >> 6 & 0x3f];
        if (left > 2)
            end[-1] = digits[group & 0x3f];
    }
    *end = '\0';
    return (size_t)(end - out);
}

/* -1 where it is none; memchr, as strchr would find the closing NUL. */
static int digit_value(char digit)
{
    const char *found = memchr(digits, digit, 64);

    return found ? (int)(found - digits) : -1;
}

bool text_base64_decode(uint8_t *out, size_t *length, const char *text)
{
    uint8_t *end = out;
    size_t left = strlen(text);

    if (left % 4 != 0)
        return false;
    for (; left > 0; left -= 4, text += 4) {
        uint32_t group = 0;
        int bytes = 3;

        if (left == 4 && text[3] == '=')
            bytes = text[2] == '=' ? 1 : 2;
        for (int i = 0; i <= bytes; i++) {
            int value = digit_value(text[i]);

            if (value < 0)
                return false;
            group |= (uint32_t)value << (18 - 6 * i);
        }
        if ((group & 0xffffffu >> 8 * bytes) != 0)
            return false;
        for (int i = 0; i < bytes; i++)
            *end++ = (uint8_t)(group >> (16 - 8 * i));
    }
    *length = (size_t)(end - out);
    return true;
}
