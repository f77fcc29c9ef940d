/* SPDX-License-Identifier: MIT */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

const char *seen_host(const struct seen *seen)
{
    return seen->bytes;
}

const char *seen_address(const struct seen *seen)
{
    return seen->bytes + seen->host_size;
}

const uint8_t *seen_txt(const struct seen *seen)
{
    return (const uint8_t *)seen->bytes + seen->host_size + seen->address_size;
}

struct seen *seen_new(const struct mdns_event *event)
{
    size_t host_size = strlen(event->host) + 1, address_size = strlen(event->address) + 1;
    struct seen *seen = malloc(sizeof *seen + host_size + address_size + event->txt_length);
    if (!seen)
        return NULL;
    *seen = (struct seen){.local = event->local,
                          .port = event->port,
                          .txt_omitted = event->txt_omitted,
                          .txt_length = (uint16_t)event->txt_length,
                          .host_size = (uint16_t)host_size,
                          .address_size = (uint16_t)address_size};
    memcpy(seen->bytes, event->host, host_size);
    memcpy(seen->bytes + host_size, event->address, address_size);
    memcpy(seen->bytes + host_size + address_size, event->txt, event->txt_length);
    return seen;
}

bool seen_equal(const struct seen *a, const struct seen *b)
{
    return a->local == b->local && a->port == b->port && a->txt_omitted == b->txt_omitted &&
           a->txt_length == b->txt_length && a->host_size == b->host_size &&
           a->address_size == b->address_size &&
           memcmp(a->bytes, b->bytes, a->host_size + a->address_size + a->txt_length) == 0;
}
