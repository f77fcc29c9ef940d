/* SPDX-License-Identifier: MIT */
/* Names of service types for people, in English, such as "Web Site" for _http._tcp. Any thread. */
#ifndef CLIENT_SERVICE_TYPES_H
#define CLIENT_SERVICE_TYPES_H

/* The name of a type as Avahi spells it, or `type` itself where there is none. */
const char *service_types_name(const char *type);

/* Calls for each type that has a name, in alphabetical order, capitals first. */
void service_types_each(void (*each)(void *context, const char *type), void *context);

#endif
