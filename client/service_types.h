/* SPDX-License-Identifier: MIT */
/*
 * Names of service types for people, such as "Web Site" for _http._tcp: from the database that
 * Avahi installs (on Debian libavahi-common-data), if it is there. Without it a type is its own
 * name, as in avahi-browse.
 */
#ifndef CLIENT_SERVICE_TYPES_H
#define CLIENT_SERVICE_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* The whole database file in memory; all zero: none. */
struct service_types {
    uint8_t *bytes;
    size_t length;
};

/* Reads the database from the first place that has one. What is no such file is as good as none. */
void service_types_open(struct service_types *types);

/* The same, from this file. */
void service_types_read(struct service_types *types, const char *path);

void service_types_close(struct service_types *types);

#define SERVICE_TYPES_NAME_MAX 255

/*
 * The name of a type in the language `locale` ("de_AT.UTF-8"; "C": English), or `type` itself.
 * `out` holds it if it is not `type`.
 */
const char *service_types_name(const struct service_types *types, const char *type,
                               const char *locale, char out[SERVICE_TYPES_NAME_MAX + 1]);

/* Calls for each type, in no order; those of other languages ("_http._tcp[de]") are left out. */
void service_types_each(const struct service_types *types,
                        void (*each)(void *context, const char *type), void *context);

#endif
