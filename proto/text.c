/* SPDX-License-Identifier: MIT */
/*
 * Everything here walks bytes character by character with text_utf8_next(); a byte that begins no
 * well-formed character is handled by itself, so that no input makes the walk skip or stop.
 *
 * Percent-decoding does not know the rules for what is encoded. It undoes every %XX, encodes the
 * result again, and compares: whatever is not the one canonical spelling differs.
 */
#include "text.h"

#include <string.h>

/* The most that one character becomes: four bytes, three characters each. */
#define ENCODED_MAX 12

static const char hex_digits[] = "0123456789ABCDEF";

size_t text_utf8_next(const uint8_t *bytes, size_t length, uint32_t *codepoint)
{
    /* The smallest value that needs as many bytes; less is an overlong form. */
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value;
    size_t count;

    if (length == 0)
        return 0;

    if (bytes[0] < 0x80) {
        count = 1;
        value = bytes[0];
    } else if ((bytes[0] & 0xe0) == 0xc0) {
        count = 2;
        value = bytes[0] & 0x1f;
    } else if ((bytes[0] & 0xf0) == 0xe0) {
        count = 3;
        value = bytes[0] & 0x0f;
    } else if ((bytes[0] & 0xf8) == 0xf0) {
        count = 4;
        value = bytes[0] & 0x07;
    } else {
        return 0;
    }

    if (count > length)
        return 0;
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    if (value < smallest[count] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;

    if (codepoint)
        *codepoint = value;
    return count;
}

bool text_is_utf8(const uint8_t *bytes, size_t length)
{
    for (size_t at = 0, count; at < length; at += count) {
        count = text_utf8_next(bytes + at, length - at, NULL);
        if (count == 0)
            return false;
    }
    return true;
}

static bool is_control(uint32_t codepoint)
{
    return codepoint < 0x20 || (codepoint >= 0x7f && codepoint <= 0x9f);
}

bool text_is_readable(const uint8_t *bytes, size_t length)
{
    uint32_t codepoint;

    for (size_t at = 0, count; at < length; at += count) {
        count = text_utf8_next(bytes + at, length - at, &codepoint);
        if (count == 0)
            return false;
        if (is_control(codepoint) && codepoint != '\t' && codepoint != '\n' && codepoint != '\r')
            return false;
    }
    return true;
}

bool text_mqtt_may_refuse(uint32_t codepoint)
{
    bool noncharacter =
        (codepoint >= 0xfdd0 && codepoint <= 0xfdef) || (codepoint & 0xfffe) == 0xfffe;

    return is_control(codepoint) || noncharacter;
}

size_t text_replace_bad_utf8(char *out, const uint8_t *bytes, size_t length)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    char *end = out;

    for (size_t at = 0; at < length;) {
        size_t count = text_utf8_next(bytes + at, length - at, NULL);

        if (count == 0) {
            memcpy(end, replacement, 3);
            end += 3;
            at++;
        } else {
            memcpy(end, bytes + at, count);
            end += count;
            at += count;
        }
    }
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_excerpt(char *out, size_t size, const char *text)
{
    static const char dots[] = "...";
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = strlen(text);
    size_t room = length < size ? length : size - sizeof dots;
    size_t written = 0;
    uint32_t codepoint;

    for (size_t at = 0, count; at < length; at += count) {
        count = text_utf8_next(bytes + at, length - at, &codepoint);
        bool plain = count > 0 && !text_mqtt_may_refuse(codepoint);
        size_t piece = plain ? count : 1;

        if (written + piece > room) {
            memcpy(out + written, dots, sizeof dots);
            return written + sizeof dots - 1;
        }
        if (plain)
            memcpy(out + written, bytes + at, count);
        else
            out[written] = '?';
        written += piece;
        if (count == 0)
            count = 1;
    }
    out[written] = '\0';
    return written;
}

bool text_same_ignoring_case(const char *a, const char *b)
{
    while (*a && text_lower((uint8_t)*a) == text_lower((uint8_t)*b))
        a++, b++;
    return *a == *b;
}

/*
 * Encodes the character, or the bad byte, that `bytes` begins with. Returns how many bytes it took,
 * and in *written how many it made.
 */
static size_t encode_next(char out[ENCODED_MAX], size_t *written, const uint8_t *bytes,
                          size_t length)
{
    uint32_t codepoint;
    size_t count = text_utf8_next(bytes, length, &codepoint);
    bool plain = count > 0 && !text_mqtt_may_refuse(codepoint) && codepoint != '%' &&
                 codepoint != '/' && codepoint != '+' && codepoint != '#';

    if (plain) {
        memcpy(out, bytes, count);
        *written = count;
        return count;
    }

    if (count == 0)
        count = 1;
    for (size_t i = 0; i < count; i++) {
        out[3 * i] = '%';
        out[3 * i + 1] = hex_digits[bytes[i] >> 4];
        out[3 * i + 2] = hex_digits[bytes[i] & 0x0f];
    }
    *written = 3 * count;
    return count;
}

size_t text_percent_encode(char *out, const uint8_t *bytes, size_t length)
{
    char piece[ENCODED_MAX];
    size_t written = 0;
    size_t piece_length;

    for (size_t at = 0; at < length;) {
        at += encode_next(piece, &piece_length, bytes + at, length - at);
        memcpy(out + written, piece, piece_length);
        written += piece_length;
    }
    out[written] = '\0';
    return written;
}

/* Is `level` what text_percent_encode() makes of `bytes`? */
static bool is_encoding_of(const char *level, size_t level_length, const uint8_t *bytes,
                           size_t length)
{
    char piece[ENCODED_MAX];
    size_t matched = 0;
    size_t piece_length;

    for (size_t at = 0; at < length;) {
        at += encode_next(piece, &piece_length, bytes + at, length - at);
        if (piece_length > level_length - matched ||
            memcmp(level + matched, piece, piece_length) != 0)
            return false;
        matched += piece_length;
    }
    return matched == level_length;
}

/* -1 where it is no hex digit; memchr, as strchr would find the closing NUL. */
static int hex_value(char digit)
{
    const char *found = memchr(hex_digits, digit, 16);

    return found ? (int)(found - hex_digits) : -1;
}

bool text_percent_decode(char *out, size_t size, const char *level, size_t length)
{
    size_t written = 0;

    for (size_t at = 0; at < length; at++) {
        int byte = (unsigned char)level[at];

        if (level[at] == '%') {
            if (length - at < 3)
                return false;
            int high = hex_value(level[at + 1]);
            int low = hex_value(level[at + 2]);

            if (high < 0 || low < 0)
                return false;
            byte = high << 4 | low;
            at += 2;
        }
        if (byte == '\0' || written + 1 >= size)
            return false;
        out[written++] = (char)byte;
    }
    if (written == 0)
        return false;
    out[written] = '\0';
    return is_encoding_of(level, length, (const uint8_t *)out, written);
}
