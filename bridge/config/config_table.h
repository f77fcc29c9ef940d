/* SPDX-License-Identifier: MIT */
/* The keys of the configuration, as data. For the files config*.c only. */
#ifndef BRIDGE_CONFIG_TABLE_H
#define BRIDGE_CONFIG_TABLE_H

#include "config.h"

enum config_section {
    SECTION_BROKER,
    SECTION_RECORDS,
    SECTION_BROWSE,
    SECTION_ADVERTISE,
    SECTION_LOG,
};
#define CONFIG_SECTIONS 5

/* How a value is written in the file, and the type of the field that holds it. */
enum config_kind {
    KIND_BOOL,         /* yes or no: bool */
    KIND_NUMBER,       /* decimal, min to max: uint32_t */
    KIND_CHOICE,       /* one of `choices`: an enum that counts from 0 */
    KIND_TEXT,         /* anything readable: char[CONFIG_VALUE_MAX + 1], as the next */
    KIND_PATH,         /* absolute, or empty */
    KIND_PREFIX,       /* a topic prefix: char[TOPIC_PREFIX_MAX + 1] */
    KIND_URL,          /* struct mqtt_url */
    KIND_BROWSE_TYPES, /* service types and "auto": struct browse_types */
    KIND_TYPES,        /* service types: struct config_list, as the next two */
    KIND_DOMAINS,      /* DNS domains: "local" */
    KIND_GLOBS,        /* shell globs for interfaces */
    KIND_PORTS,        /* ports and ranges: struct port_list */
};

struct config_key {
    enum config_section section;
    const char *name;
    const char *fallback; /* the default, as it would stand in the file */
    size_t
        offset; /* of the field, in struct config or, with per_client, in struct advertise_policy */
    enum config_kind kind;
    bool per_client;            /* may stand in [advertise CLIENT], too */
    uint32_t min, max;          /* KIND_NUMBER */
    const char *const *choices; /* KIND_CHOICE: NULL at the end */
};

extern const char *const config_sections[CONFIG_SECTIONS];
extern const struct config_key config_keys[CONFIG_KEYS];

/* The key of that name in that section, or NULL. */
const struct config_key *config_find_key(enum config_section section, const char *name);

/* Its place in config_keys, and so in the arrays `lines`. */
size_t config_key_index(const struct config_key *key);

/* A new section [advertise CLIENT], empty; the config's, until the next one is added. NULL: no
 * memory. */
struct client_policy *config_add_client(struct config *config, const char *client);

/* Gives all clients the general value of each key that they do not set. False: no memory. */
bool config_inherit(struct config *config);

/* Adds an error, with the line unless that is 0. */
void config_add_error(struct config_errors *errors, const char *path, unsigned line,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
