/* SPDX-License-Identifier: MIT */
/* What a service type may look like, by three measures: who registers one, who has seen one, who asks. */
#ifndef PROTO_SERVICE_TYPE_H
#define PROTO_SERVICE_TYPE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * "_NAME._tcp" or "_NAME._udp", capitals or not, where NAME is what RFC 6335 5.1 lets one register: 1 to 15
 * letters, digits and hyphens with at least one letter, and no hyphen at an end or beside another. `type`
 * is `length` bytes of any text.
 */
bool service_type_is_valid(const char *type, size_t length);

/*
 * The same with any NAME without a dot: devices in the field have longer names (_androidtvremote2._tcp),
 * and odd ones (_nvstream_dbd._tcp). At most SERVICE_TYPE_MAX bytes, as Avahi.
 */
bool service_type_is_seen(const char *type, size_t length);

/* What Avahi takes as a question: labels that begin with '_', and perhaps the dot of the root. */
bool service_type_is_question(const char *type);

#endif
