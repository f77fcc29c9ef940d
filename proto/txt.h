/* SPDX-License-Identifier: MIT */
/*
 * TXT data (RFC 6763 section 6) <-> JSON. Pure functions, any thread.
 *
 * Wire form is that of the resource record: strings of 1 to 255 bytes, each behind its length byte,
 * in the order of the record. *Normalised* wire form is what txt_add() makes of it: strings without
 * a key are gone, and so is all but the first of equal keys (RFC 6763 6.4; ASCII case ignored).
 * Normalising comes before bounding, so that no flood of repeated keys can push out a real one.
 */
#ifndef PROTO_TXT_H
#define PROTO_TXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

/*
 * More attributes than any honest device has; it bounds the search for equal keys, which is
 * quadratic.
 */
#define TXT_ATTRIBUTES_MAX 1024

#define TXT_STRING_MAX 255 /* RFC 1035 3.3: one length byte */

/* Normalised TXT data while it is built. The caller owns `bytes`, of `capacity` bytes. */
struct txt {
    uint8_t *bytes;
    size_t capacity;
    size_t length;       /* bytes used */
    unsigned attributes; /* strings kept */
    unsigned omitted;    /* attributes left out, from the first one that found no room on */
};

/*
 * Takes the next string of the record (0 to 255 bytes, without a length byte). Ignores it if it is
 * empty, has no key, or repeats one; counts it in `omitted` if there is no room, or if one before
 * it found none: what is left out is left out from the end.
 */
void txt_add(struct txt *txt, const uint8_t *string, size_t length);

/* One string of TXT data: the next one behind `at`, and where the one after it starts. */
struct txt_string {
    const uint8_t *bytes; /* without the length byte */
    size_t length;
    size_t key_length; /* up to the first '=', or all of it */
};

/*
 * Walks wire form: returns the offset behind the string at `at`, and the string; 0 at the end or
 * where the data breaks off inside a string.
 */
size_t txt_next(struct txt_string *string, const uint8_t *wire, size_t length, size_t at);

/*
 * The JSON value of an attribute: true without '=', a string where the value is readable UTF-8, and
 * {"b64": …} where it is not. New, the caller's; NULL if memory is short.
 */
cJSON *txt_value_to_json(const struct txt_string *string);

/* Why a JSON object is no TXT data. */
struct txt_problem {
    const char *key;  /* the attribute; borrowed from the object */
    const char *what; /* static text */
};

/*
 * The reverse: appends the members of a JSON object, in their order. Stricter than what a record
 * may hold, as here one may be told what is wrong: keys are printable US-ASCII without '=' (RFC
 * 6763 6.4) and none is repeated (ASCII case ignored), null is the same as true, base64 has its one
 * canonical form, and nothing is left out for lack of room. False, with *problem: it is no such
 * object.
 */
bool txt_from_json(struct txt *txt, const cJSON *object, struct txt_problem *problem);

#endif
