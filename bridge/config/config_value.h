/* SPDX-License-Identifier: MIT */
/*
 * One value: text -> field, and back. For the files config*.c only. `base` is the struct that the
 * key's offset counts in: struct config, or struct advertise_policy for a key that is per_client.
 */
#ifndef BRIDGE_CONFIG_VALUE_H
#define BRIDGE_CONFIG_VALUE_H

#include "config_table.h"

/* Of a reason why a value is refused, before it is joined with the value. */
#define CONFIG_REASON_SIZE (2 * CONFIG_VALUE_MAX)

/*
 * Sets the field; `append` adds to a list. False, with "'VALUE': what is wrong" in `error`, if the
 * text is no value of that key.
 */
bool config_value_parse(const struct config_key *key, void *base, const char *text, bool append,
                        char error[CONFIG_ERROR_SIZE]);

/* Is a value of this kind a list, which may go on in further lines? */
bool config_value_is_list(const struct config_key *key);

/* Writes the line "key = value". A long list goes on in indented lines. */
void config_value_write(const struct config_key *key, const void *base, FILE *out);

/* Sets the field to a copy. False: no memory. */
bool config_value_copy(const struct config_key *key, void *base, const void *from_base);

/* Frees the field's memory and empties it, if it is a list. */
void config_value_free(const struct config_key *key, void *base);

/* The same for lists, with the field itself; parsing appends. */
bool config_list_parse(const struct config_key *key, void *field, const char *text,
                       char reason[CONFIG_REASON_SIZE]);
void config_list_write(const struct config_key *key, const void *field, FILE *out);
bool config_list_copy(const struct config_key *key, void *field, const void *from);
void config_list_free(const struct config_key *key, void *field);

/* Digits and nothing else in `length` bytes. False: not so, or not from min to max. */
bool config_parse_number(uint32_t *out, const char *text, size_t length, uint32_t min,
                         uint32_t max);

/* Says why a value is refused; false. */
bool config_refuse(char reason[CONFIG_REASON_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
