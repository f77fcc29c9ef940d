/* SPDX-License-Identifier: MIT */
/*
 * Topic <-> identity. Pure functions, any thread.
 *
 * A service's place below PREFIX/service/ is DOMAIN/TYPE/NAME/INTERFACE, each level percent-encoded
 * (text.h). One identity has one path and one path one identity.
 *
 * A request's place below PREFIX/advertise/ is CLIENT/ID, its status is CLIENT/ID/status, and a
 * client's place below PREFIX/client/ is CLIENT (README.md, section 2). These two are plain names
 * that need no encoding: 1 to 64 characters of A-Z a-z 0-9 . _ -, and not "." or "..".
 */
#ifndef PROTO_TOPIC_H
#define PROTO_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "service.h"

/* Longest path with its closing NUL: every byte encoded, three slashes. */
#define TOPIC_PATH_SIZE                                                                            \
    (3 * (SERVICE_DOMAIN_MAX + SERVICE_TYPE_MAX + SERVICE_NAME_MAX + SERVICE_INTERFACE_MAX) + 4)

/* Longest configured prefix, and the longest topic made with it; the sizes count a closing NUL. */
#define TOPIC_PREFIX_MAX 255
#define TOPIC_SIZE (TOPIC_PREFIX_MAX + sizeof "/service/" + TOPIC_PATH_SIZE)

/* Writes the path of a service, closed with a NUL. Returns its length without it. */
size_t topic_path(char out[TOPIC_PATH_SIZE], const struct service_id *id);

/* The identity that a path names. False if it is not exactly what topic_path() writes for one. */
bool topic_path_parse(struct service_id *id, const char *path);

#define TOPIC_CLIENT_MAX 64
#define TOPIC_REQUEST_SIZE (2 * TOPIC_CLIENT_MAX + 2) /* "CLIENT/ID" with its closing NUL */
#define TOPIC_STATUS_SIZE (TOPIC_REQUEST_SIZE + 7)    /* "CLIENT/ID/status" */

/* Whose request, and which of his. */
struct request_owner {
    char client[TOPIC_CLIENT_MAX + 1];
    char id[TOPIC_CLIENT_MAX + 1];
};

/* A path below PREFIX/advertise/. */
enum topic_advertise {
    TOPIC_REQUEST, /* CLIENT/ID; an ID may well be "status" */
    TOPIC_STATUS, /* what the bridge itself publishes: three or more levels, the last is "status" */
    /*
     * Two levels, but not two such names, and short enough to be told so at PATH/status, which then
     * is a TOPIC_STATUS: answering cannot go round in circles.
     */
    TOPIC_BAD_REQUEST,
    TOPIC_STRAY, /* none of these: there is no place for an answer */
};

/* The longest path of a TOPIC_BAD_REQUEST: its status fits where those of good ones do. */
#define TOPIC_BAD_REQUEST_MAX (TOPIC_REQUEST_SIZE - 1)

/* What kind of path it is; *owner is set for a TOPIC_REQUEST, and empty for all others. */
enum topic_advertise topic_advertise_parse(struct request_owner *owner, const char *path);

/* "CLIENT/ID" and "CLIENT/ID/status", closed with a NUL. They return the length without it. */
size_t topic_request_path(char out[TOPIC_REQUEST_SIZE], const struct request_owner *owner);
size_t topic_status_path(char out[TOPIC_STATUS_SIZE], const struct request_owner *owner);

/* The client of a path below PREFIX/client/. False, and `client` empty, if it is none. */
bool topic_client_parse(char client[TOPIC_CLIENT_MAX + 1], const char *path);

/*
 * May this be a topic prefix? One or more levels, none empty, no '+', '#', NUL, control character,
 * non-character or bad UTF-8, not starting with '$', at most TOPIC_PREFIX_MAX bytes.
 */
bool topic_prefix_is_valid(const char *prefix);

/*
 * What stands below a parent in a topic: "CLIENT/ID" of "mdns/advertise/CLIENT/ID" with the prefix "mdns"
 * and the parent "advertise", or with the prefix alone ("" as the parent) "advertise/CLIENT/ID". NULL if
 * it does not stand there, as the parent itself does not.
 */
const char *topic_below(const char *topic, const char *prefix, const char *parent);

#endif
