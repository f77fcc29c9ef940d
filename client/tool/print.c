/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "json.h"
#include "terminal_text.h"
#include "text.h"
#include "txt.h"

static const char *const event_names[] = {"add", "change", "remove"};
static const char event_signs[] = "+~-";

#define RECORD_ROOM (2 * RECORD_SIZE_MAX) /* nothing that was read is longer when written again */
#define NAME_COLUMNS 30
#define ESCAPED_SIZE(n) (4 * (n) + 1)

enum print_event print_event(const struct service_record *before, const struct service_record *now)
{
    if (!before)
        return PRINT_ADD;
    return now ? PRINT_CHANGE : PRINT_REMOVE;
}

/* ---- text ---- */

static const char *escape(char *out, const char *text)
{
    terminal_text_escape(out, (const uint8_t *)text, strlen(text));
    return out;
}

static void print_time(const char *what, int64_t milliseconds)
{
    time_t seconds = (time_t)(milliseconds / 1000);
    char text[40];
    struct tm parts;
    if (milliseconds > 0 && localtime_r(&seconds, &parts) &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &parts) > 0)
        printf("  %-11s %s\n", what, text);
}

/* ---- services ---- */

/*
 * In JSON, raw control characters are white space between tokens. Those that it does not count as such, DEL
 * and U+0080 to U+009F (RFC 8259 section 7), may stand in its strings, and act on terminals all the same.
 */
void print_json(const uint8_t *json, size_t length)
{
    while (length > 0 && json[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < length; i++) {
        if (json[i] < ' ')
            putchar(' ');
        else if (json[i] == 0x7f)
            fputs("\\u007f", stdout);
        else if (json[i] == 0xc2 && i + 1 < length && json[i + 1] < 0xa0)
            printf("\\u%04x", json[++i]);
        else
            putchar(json[i]);
    }
}

void print_payload(const uint8_t *payload, size_t length)
{
    print_json(payload, length);
    putchar('\n');
}

/* The record's text, which the caller frees; NULL: no memory. */
static uint8_t *encode(const struct service_record *record, bool gone, size_t *length)
{
    uint8_t *out = malloc(RECORD_ROOM);
    if (out && record_service(out, RECORD_ROOM, &record->service, gone, &record->stamp, NULL) ==
                   RECORD_OK) {
        *length = RECORD_ROOM;
        return out;
    }
    free(out);
    return NULL;
}

void print_service_json(const struct service_record *record)
{
    size_t length;
    uint8_t *text = encode(record, record->gone, &length);
    if (text)
        print_payload(text, length);
    free(text);
}

void print_event_json(enum print_event event, const struct service_record *record)
{
    size_t length;
    uint8_t *text = encode(record, event == PRINT_REMOVE, &length);
    if (text) {
        printf("{\"event\":\"%s\",", event_names[event]);
        print_payload(text + 1, length - 1);
    }
    free(text);
}

/* printf() counts bytes where people see columns. */
static int padding(const char *text, size_t columns)
{
    size_t width = terminal_text_width(text);
    return width < columns ? (int)(columns - width) : 0;
}

void print_service_line(enum print_event event, const struct service_record *record)
{
    const struct service *service = &record->service;
    char name[ESCAPED_SIZE(SERVICE_NAME_MAX)], type[ESCAPED_SIZE(SERVICE_TYPE_MAX)];
    char interface[ESCAPED_SIZE(SERVICE_INTERFACE_MAX)], host[ESCAPED_SIZE(SERVICE_HOST_MAX)];
    char address[ESCAPED_SIZE(SERVICE_ADDRESS_MAX)];
    const char *first = service->addresses[SERVICE_IPV4];
    const char *second = service->addresses[SERVICE_IPV6];

    escape(name, record->id.name);
    printf("%c %-8s %s%*s %-22s %s:%u", event_signs[event], escape(interface, record->id.interface),
           name, padding(name, NAME_COLUMNS), "", escape(type, record->id.type),
           escape(host, service->host), service->port);
    if (first)
        printf(" %s", escape(address, first));
    if (second && second != first)
        printf(" %s", escape(address, second));
    putchar('\n');
}

static void print_row(const char *what, const char *text)
{
    char out[ESCAPED_SIZE(SERVICE_HOST_MAX + 10)];
    if (text && *text)
        printf("  %-11s %s\n", what, escape(out, text));
}

static void print_attributes(const struct service *service)
{
    struct txt_string string;
    char out[ESCAPED_SIZE(TXT_STRING_MAX)];

    for (size_t at = 0; (at = txt_next(&string, service->txt, service->txt_length, at)) > 0;) {
        terminal_text_escape(out, string.bytes, string.length);
        printf("  %-11s %s\n", "txt", out);
    }
    if (service->txt_omitted > 0)
        printf("  %-11s %u more, which had no room in the record\n", "txt", service->txt_omitted);
}

void print_identity(const struct service_record *record)
{
    char name[ESCAPED_SIZE(SERVICE_NAME_MAX)];

    printf("%s%s\n", escape(name, record->id.name), record->gone ? " (gone)" : "");
    print_row("type", record->id.type);
    print_row("domain", record->id.domain);
    print_row("interface", record->id.interface);
}

void print_service(const struct service_record *record)
{
    const struct service *service = &record->service;
    const char *second = service->addresses[SERVICE_IPV6];

    print_identity(record);
    print_row("protocols", service->seen[SERVICE_IPV4]
                               ? (service->seen[SERVICE_IPV6] ? "IPv4 IPv6" : "IPv4")
                               : (service->seen[SERVICE_IPV6] ? "IPv6" : ""));
    print_row("host", service->host);
    printf("  %-11s %u\n", "port", service->port);
    print_row("address", service->addresses[SERVICE_IPV4]);
    if (second != service->addresses[SERVICE_IPV4])
        print_row("address", second);
    print_attributes(service);
    print_row("lives on", service->local ? "the bridge's own host" : "");
    print_row("owner", service->owner);
    print_time("since", record->stamp.time);
}

/* ---- the bridge, and advertisements ---- */

void print_state_event_json(const struct state_record *state)
{
    uint8_t out[RECORD_SIZE_MIN];
    if (!state) {
        puts("{\"event\":\"bridge\",\"bridge\":null}");
        return;
    }
    const struct bridge_state again = {
        .state = bridge_life_name(state->life),
        .version = state->version,
        .hostname = state->hostname,
        .avahi_up = state->avahi_up,
        .record_size = state->record_size,
        .services = state->services,
        .advertised = state->advertised,
    };
    if (record_state(out, sizeof out, &again, &state->stamp) != RECORD_OK)
        return;
    fputs("{\"event\":\"bridge\",", stdout);
    print_payload(out + 1, sizeof out - 1);
}

void print_state(const struct state_record *state)
{
    printf("bridge %s\n", bridge_life_name(state->life));
    print_row("version", state->version);
    print_row("host", state->hostname);
    print_row("avahi", state->avahi_up ? "up" : "down");
    printf("  %-11s %zu\n", "services", state->services);
    printf("  %-11s %zu\n", "advertised", state->advertised);
    printf("  %-11s %zu bytes\n", "records of", state->record_size);
    print_time("started", state->stamp.epoch);
}

void print_server(const struct state_record *state)
{
    char version[ESCAPED_SIZE(sizeof state->version)], host[ESCAPED_SIZE(sizeof state->hostname)];
    fprintf(stderr, "Server version: mdns-mqtt-bridge %s; Host name: %s\n",
            escape(version, state->version), escape(host, state->hostname));
}

static void print_counters(const cJSON *json)
{
    char name[ESCAPED_SIZE(STATUS_KEY_MAX)];
    const cJSON *item;

    puts("counters");
    cJSON_ArrayForEach(item, json)
    {
        if (cJSON_IsNumber(item) && strlen(item->string) <= STATUS_KEY_MAX)
            printf("  %-19s %.0f\n", escape(name, item->string), item->valuedouble);
    }
}

bool print_stats(const uint8_t *payload, size_t length)
{
    struct json_problem problem;
    if (!json_check(&problem, payload, length, JSON_DEPTH_MAX))
        return false;
    cJSON *json = cJSON_ParseWithLength((const char *)payload, length);
    bool is_stats = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(json, "uptime"));
    if (is_stats)
        print_counters(json);
    cJSON_Delete(json);
    return is_stats;
}

void print_status(const struct status *status)
{
    printf("advertisement %s/%s %s%s\n", status->owner.client, status->owner.id,
           status_state_name(status->state), status->kept ? ", what was before it stands" : "");
    print_row("name", status->name);
    print_row("type", status->type);
    if (status->port)
        printf("  %-11s %u\n", "port", status->port);
    print_time("expires", status->expires);
    if (status->state == STATUS_FAILED)
        print_row(status_code_name(status->error.code), status->error.message);
    print_row("reason", status_reason_name(status->reason));
    for (size_t i = 0; i < status->warning_count; i++)
        print_row("warning", status->warnings[i].message);
}

void print_request(const char *path, const struct request *request)
{
    const struct service txt = {.txt = request->txt, .txt_length = request->txt_length};

    printf("request %s\n", path);
    print_row("name", request->name);
    print_row("type", request->type);
    printf("  %-11s %u\n", "port", request->port);
    for (size_t i = 0; i < request->subtype_count; i++)
        print_row("subtype", request->subtypes[i]);
    print_row("interface", request->interface);
    print_attributes(&txt);
    if (request->lease > 0)
        printf("  %-11s %u seconds\n", "lease", request->lease);
}
