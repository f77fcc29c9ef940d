/* SPDX-License-Identifier: MIT */
/*
 * What all records have in common, for the files that make them; the rest of the project includes
 * record.h.
 *
 * A record is built as a cJSON tree, printed into a scratch buffer, and copied out with its
 * padding. The functions that add to the tree return NULL where memory is short, and take NULL for
 * what an earlier one could not make, so that one check at the end of a chain is enough. None
 * searches for an equal key.
 */
#ifndef PROTO_RECORD_JSON_H
#define PROTO_RECORD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "record.h"

/*
 * Scratch that printing needs beyond the size of the record: cJSON wants some bytes more than it
 * prints, and a service record is first printed with two keys (under 40 bytes) that may go away
 * again.
 */
#define RECORD_SLACK 128

/* Adds `item`, which becomes the tree's, and returns it. The key is not copied. */
cJSON *record_put(cJSON *object, const char *constant_key, cJSON *item);
cJSON *record_append(cJSON *array, cJSON *item);

/* Every digit of an integer. */
cJSON *record_put_integer(cJSON *object, const char *constant_key, int64_t value);

/* The key that every record begins with. */
cJSON *record_put_version(cJSON *record);

/* The keys that every record but the state record ends with. */
cJSON *record_put_stamp(cJSON *record, const struct record_stamp *stamp);

/* A JSON string of any bytes. Well-formed text is borrowed for as long as the tree lives. */
cJSON *record_string(const char *text);

/* Prints the record with its padding. `scratch` has size + RECORD_SLACK bytes. */
enum record_result record_print(uint8_t *out, size_t size, cJSON *record, char *scratch);

/* The last step of a small record: prints it if it is complete, and deletes it. */
enum record_result record_finish(cJSON *record, bool complete, uint8_t *out, size_t size);

#endif
