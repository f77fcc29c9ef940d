/* SPDX-License-Identifier: MIT */
/*
 * An advertisement as a command line tells it, and the request that it becomes (proto/README.md,
 * section 5). Uses cJSON's allocator and nothing else from outside.
 */
#ifndef CLIENT_WISH_H
#define CLIENT_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "status.h"

#define WISH_LEASE_DEFAULT 120 /* seconds */

/* Texts are borrowed; NULL: not given. All zero is a wish of nothing yet. */
struct wish {
    const char *name, *type, *interface;
    uint16_t port;  /* 0: not given */
    uint32_t lease; /* seconds; 0: none */
    bool no_rename;
    cJSON *txt, *subtypes; /* wish_free() */
};

/* "KEY=VALUE", or "KEY" for one without a value; the value may be any bytes. False: no memory. */
bool wish_add_txt(struct wish *wish, const char *attribute);

/* False: no memory. */
bool wish_add_subtype(struct wish *wish, const char *subtype);

void wish_free(struct wish *wish);

/* A port from 1 to 65535, in decimal. False: it is none. */
bool wish_port(uint16_t *port, const char *text);

/*
 * The request, closed with a NUL, the caller's to free(). It has passed the bridge's own parser: what
 * that refuses is told in *error, and the result is NULL. Without memory the error has no code.
 */
char *wish_request(const struct wish *wish, const char *transaction, struct status_error *error);

/* Room for an ID with its closing NUL. */
#define WISH_ID_SIZE (TOPIC_CLIENT_MAX + 1)

/*
 * An ID for this wish of this host: the same each time, so that a program that is started again takes
 * the place of its former life; readable, "http-Web_app-1a2b3c4d"; and another one for another name,
 * type, port, interface or host.
 */
void wish_id(char id[WISH_ID_SIZE], const struct wish *wish, const char *host);

#endif
