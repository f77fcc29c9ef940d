/* SPDX-License-Identifier: MIT */
/*
 * Is it JSON, by the letter of RFC 8259? Pure, no allocation, any thread.
 *
 * cJSON is a lenient parser: it takes +1, 01, control characters in strings, \u0000 (which cuts the
 * string short), a byte order mark, bytes that are not UTF-8 and a thousand levels of nesting, and
 * it splits a number behind 63 characters. Text from outside passes here before cJSON sees it.
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 8
#define JSON_NUMBER_MAX 63 /* characters; a bound of cJSON's */

/* Why it is not, and where. The key is that of the outermost object's member: borrowed from the
 * text as it is spelt there, without its quotes; NULL if none had been read whole. */
struct json_problem {
    const char *what; /* static text */
    size_t at;        /* offset in bytes */
    const uint8_t *key;
    size_t key_length;
};

/*
 * One value with nothing but blanks around it, strictly UTF-8, without NUL in any spelling, nested
 * at most `depth` levels (JSON_DEPTH_MAX at most). Keys may repeat: only decoded ones can be
 * compared. `problem` is set only where the result is false.
 */
bool json_check(struct json_problem *problem, const uint8_t *text, size_t length, unsigned depth);

#endif
