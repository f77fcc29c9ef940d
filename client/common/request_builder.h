/* SPDX-License-Identifier: MIT */
/*
 * An advertisement as a command line describes it, and the request that becomes of it (proto/README.md,
 * section 5). Uses cJSON's allocator and nothing else from outside. Any thread.
 */
#ifndef CLIENT_REQUEST_BUILDER_H
#define CLIENT_REQUEST_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "status.h"

#define REQUEST_BUILDER_LEASE_DEFAULT 120 /* seconds */

/* Texts are borrowed; NULL: not given. All zero: nothing is described yet. */
struct request_builder {
    const char *name, *type, *interface;
    uint16_t port;  /* 0: not given */
    uint32_t lease; /* seconds; 0: none */
    bool no_rename;
    cJSON *txt, *subtypes; /* request_builder_free() */
};

/* "KEY=VALUE", or "KEY" for one without a value; the value may be any bytes. False: no memory. */
bool request_builder_add_txt(struct request_builder *builder, const char *attribute);

/* "_SUBTYPE". False: no memory. */
bool request_builder_add_subtype(struct request_builder *builder, const char *subtype);

/* Frees what was added. The rest stays as it is. */
void request_builder_free(struct request_builder *builder);

/*
 * The request, closed with a NUL, the caller's to free(). It has passed the bridge's own parser: what
 * that refuses is in *error, and the result is NULL. Without memory the error has no code.
 */
char *request_builder_build(const struct request_builder *builder, const char *transaction,
                            struct status_error *error);

/* Room for an ID with its closing NUL. */
#define REQUEST_BUILDER_ID_SIZE (TOPIC_CLIENT_MAX + 1)

/*
 * An ID for this advertisement of this host: the same each time, so that a program that is started again takes
 * the place of its former life; readable, "http-Web_app-1a2b3c4d"; and another one for another name,
 * type, port, interface or host.
 */
void request_builder_id(char id[REQUEST_BUILDER_ID_SIZE], const struct request_builder *builder,
                        const char *host);

#endif
