/* SPDX-License-Identifier: MIT */
/* What one protocol says of a service: one block, sized to its content, since there are thousands. */
#ifndef BRIDGE_SEEN_H
#define BRIDGE_SEEN_H

#include "mdns.h"

struct seen {
    bool lost;  /* no longer there; kept for the last record */
    bool stale; /* not seen again since Avahi came back */
    bool local;
    uint16_t port;
    uint16_t host_size, address_size, txt_length; /* SERVICE_HOST_MAX, SERVICE_TXT_MAX and less */
    unsigned txt_omitted;
    char bytes[]; /* host, address and TXT data behind each other */
};

/* A copy of what a FOUND event says, to be freed with free(); NULL if memory is short. */
struct seen *seen_new(const struct mdns_event *event);

/* Do they say the same of the service? */
bool seen_equal(const struct seen *a, const struct seen *b);

/* Closed with a NUL; the TXT data has txt_length bytes. All of it is part of `seen`. */
const char *seen_host(const struct seen *seen);
const char *seen_address(const struct seen *seen);
const uint8_t *seen_txt(const struct seen *seen);

#endif
