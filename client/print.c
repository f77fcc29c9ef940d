/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char *const event_names[] = {"add", "change", "remove"};
static const char event_signs[] = "+~-";

#define RECORD_ROOM (2 * RECORD_SIZE_MAX) /* nothing that was read is longer when written again */

void print_service_json(enum print_event event, const struct service_record *record)
{
    uint8_t *out = malloc(RECORD_ROOM);
    size_t length = RECORD_ROOM;

    if (out && record_service(out, RECORD_ROOM, &record->service, event == PRINT_REMOVE,
                              &record->stamp, NULL) == RECORD_OK) {
        while (out[length - 1] == ' ')
            length--;
        printf("{\"event\":\"%s\",%.*s\n", event_names[event], (int)(length - 1), out + 1);
    }
    free(out);
}

void print_service_line(enum print_event event, const struct service_record *record)
{
    const struct service *service = &record->service;
    char name[3 * SERVICE_NAME_MAX + 1], host[3 * SERVICE_HOST_MAX + 1];
    const char *first = service->addresses[SERVICE_IPV4];
    const char *second = service->addresses[SERVICE_IPV6];

    text_excerpt(name, sizeof name, record->id.name);
    text_excerpt(host, sizeof host, service->host);
    printf("%c %-9s %-30s %-22s %s:%u", event_signs[event], record->id.interface, name,
           record->id.type, host, service->port);
    if (first)
        printf(" %s", first);
    if (second && second != first)
        printf(" %s", second);
    putchar('\n');
}
