/* SPDX-License-Identifier: MIT */
/*
 * Making text from outside safe: strict UTF-8, base64, percent-encoding. Pure functions, any
 * thread.
 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Length of the well-formed UTF-8 sequence at `bytes` (1 to 4), or 0 if there is none within
 * `length` bytes: overlong forms, surrogates and values above U+10FFFF are none (RFC 3629).
 * On success *codepoint is the character; codepoint may be NULL.
 */
size_t text_utf8_next(const uint8_t *bytes, size_t length, uint32_t *codepoint);

/* Is all of it well-formed UTF-8? */
bool text_is_utf8(const uint8_t *bytes, size_t length);

/*
 * Is it UTF-8 that a person may read: well-formed and without control characters (C0, DEL, C1),
 * other than tab, line feed and carriage return?
 */
bool text_is_readable(const uint8_t *bytes, size_t length);

/*
 * Is it a character that MQTT 5 section 1.5.4 lets a receiver refuse: a control character (C0, DEL,
 * C1) or a Unicode non-character? Mosquitto does refuse them.
 */
bool text_mqtt_may_refuse(uint32_t codepoint);

/*
 * Copies UTF-8, each byte that is not part of a well-formed sequence replaced by U+FFFD, and closes
 * with a NUL. `out` needs 3 * length + 1 bytes. Returns the length written, without the NUL.
 */
size_t text_replace_bad_utf8(char *out, const uint8_t *bytes, size_t length);

/* Room for the base64 form of `n` bytes with its closing NUL. */
#define TEXT_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Base64 with padding (RFC 4648 section 4), closed with a NUL. Returns the length without it. */
size_t text_base64(char *out, const uint8_t *bytes, size_t length);

/*
 * The reverse, strictly: only what text_base64() writes is taken (RFC 4648 3.3 and 3.5: padding is
 * there, no other character is, bits that make no byte are zero). `out` has room for
 * strlen(text) / 4 * 3 bytes. False: refused, and `out` holds nothing of use.
 */
bool text_base64_decode(uint8_t *out, size_t *length, const char *text);

/*
 * A piece of text from outside, fit for one line of a message: control characters, Unicode
 * non-characters and bytes that are not UTF-8 become '?', and what does not fit `size` bytes with
 * the closing NUL is cut between two characters and ends in "...". `size` is at least 4. Returns
 * the length without the NUL.
 */
size_t text_excerpt(char *out, size_t size, const char *text);

/* The lower case of an ASCII letter, any other byte as it is; a locale has no say in it. */
static inline uint8_t text_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

/* Are they equal, as DNS sees it (RFC 6762 section 16)? */
bool text_same_ignoring_case(const char *a, const char *b);

/*
 * One MQTT topic level from any bytes. Percent-encodes, upper-case hex, each byte of: '%' '/' '+'
 * '#', controls (C0, DEL, C1), Unicode non-characters, and bytes that are not well-formed UTF-8.
 * All other text stays as it is. `out` needs 3 * length + 1 bytes. Returns the length written,
 * without the NUL.
 */
size_t text_percent_encode(char *out, const uint8_t *bytes, size_t length);

/*
 * The reverse, of exactly what text_percent_encode() writes: any other spelling (lower-case hex, a
 * character that need not be encoded, a bare '%', one that should be encoded) is refused, so that a
 * level has one form only. Writes at most `size` bytes including the closing NUL.
 * Returns false if refused, if the result holds a NUL, is empty, or does not fit.
 */
bool text_percent_decode(char *out, size_t size, const char *level, size_t length);

#endif
