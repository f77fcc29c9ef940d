/* SPDX-License-Identifier: MIT */
#include "record_read.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "json.h"
#include "text.h"
#include "txt.h"

#define INTEGER_MAX (1LL << 53) /* what a double holds exactly */

/* The object of a record with "v": 1, or NULL. */
static cJSON *parse(const uint8_t *payload, size_t length)
{
    struct json_problem problem;
    if (length > RECORD_SIZE_MAX || !json_check(&problem, payload, length, JSON_DEPTH_MAX))
        return NULL;
    cJSON *json = cJSON_ParseWithLength((const char *)payload, length);
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "v");
    if (cJSON_IsObject(json) && cJSON_IsNumber(version) && version->valuedouble == 1)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* A whole number from 0 to `max`; what is not there is 0. False: it is something else. */
static bool read_integer(int64_t *out, const cJSON *object, const char *key, int64_t max)
{
    const cJSON *item = member(object, key);
    *out = 0;
    if (!item)
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > (double)max)
        return false;
    *out = (int64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

/* A string that fits; what is not there is "". False: it is something else. */
static bool read_text(char *out, size_t size, const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    *out = '\0';
    if (!item)
        return true;
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size)
        return false;
    memcpy(out, item->valuestring, strlen(item->valuestring) + 1);
    return true;
}

static bool read_stamp(struct record_stamp *stamp, const cJSON *json)
{
    int64_t seq;
    if (!read_integer(&stamp->epoch, json, "epoch", INTEGER_MAX) ||
        !read_integer(&seq, json, "seq", INTEGER_MAX) ||
        !read_integer(&stamp->time, json, "time", INTEGER_MAX))
        return false;
    stamp->seq = (uint64_t)seq;
    return true;
}

/* ---- service records ---- */

/* Base64 of 1 to `max` bytes. */
static bool decode(uint8_t *out, size_t *length, const cJSON *item, size_t max)
{
    uint8_t bytes[TEXT_BASE64_SIZE(TXT_STRING_MAX)];
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= sizeof bytes ||
        !text_base64_decode(bytes, length, item->valuestring) || *length > max)
        return false;
    memcpy(out, bytes, *length);
    return true;
}

static bool read_identity(struct service_id *id, const cJSON *json)
{
    const cJSON *base64 = member(json, "name_b64");
    size_t length = 0;

    if (!read_text(id->type, sizeof id->type, json, "type") ||
        !read_text(id->domain, sizeof id->domain, json, "domain") ||
        !read_text(id->interface, sizeof id->interface, json, "interface"))
        return false;
    if (!base64)
        return read_text(id->name, sizeof id->name, json, "name") && *id->name;
    if (!decode((uint8_t *)id->name, &length, base64, SERVICE_NAME_MAX))
        return false;
    id->name[length] = '\0';
    return length > 0 && strlen(id->name) == length;
}

static bool read_protocols(bool seen[SERVICE_PROTOCOLS], const cJSON *json)
{
    const cJSON *list = member(json, "protocols"), *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return false;
        seen[SERVICE_IPV4] |= strcmp(item->valuestring, "IPv4") == 0;
        seen[SERVICE_IPV6] |= strcmp(item->valuestring, "IPv6") == 0;
    }
    return !list || cJSON_IsArray(list);
}

/* The first of each kind. */
static bool read_addresses(struct service_record *record, const cJSON *json)
{
    const cJSON *list = member(json, "addresses"), *item;
    struct service *service = &record->service;

    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || strlen(item->valuestring) > SERVICE_ADDRESS_MAX)
            return false;
        int kind = strchr(item->valuestring, ':') ? SERVICE_IPV6 : SERVICE_IPV4;
        if (service->addresses[kind])
            continue;
        memcpy(record->addresses[kind], item->valuestring, strlen(item->valuestring) + 1);
        service->addresses[kind] = record->addresses[kind];
    }
    for (int i = 0; i < SERVICE_PROTOCOLS; i++)
        if (service->seen[i] && !service->addresses[i])
            service->addresses[i] = service->addresses[1 - i];
    return !list || cJSON_IsArray(list);
}

/* One attribute in wire form, without its length byte. False: it is none. */
static bool read_attribute(uint8_t string[TXT_STRING_MAX], size_t *length, const cJSON *item)
{
    size_t key = strlen(item->string), value = 0;

    if (key > TXT_STRING_MAX)
        return false;
    memcpy(string, item->string, key);
    *length = key;
    if (cJSON_IsTrue(item))
        return true;
    if (key == TXT_STRING_MAX)
        return false;
    string[key++] = '=';
    if (cJSON_IsString(item)) {
        value = strlen(item->valuestring);
        if (value > TXT_STRING_MAX - key)
            return false;
        memcpy(string + key, item->valuestring, value);
    } else if (!decode(string + key, &value, member(item, "b64"), TXT_STRING_MAX - key)) {
        return false;
    }
    *length = key + value;
    return true;
}

static bool read_txt(struct service_record *record, const cJSON *json, size_t capacity)
{
    struct txt txt = {.bytes = record->txt, .capacity = capacity};
    uint8_t string[TXT_STRING_MAX];
    const cJSON *item;
    size_t length;
    int64_t omitted;

    cJSON_ArrayForEach(item, member(json, "txt"))
    {
        if (!item->string || !read_attribute(string, &length, item))
            return false;
        txt_add(&txt, string, length);
    }
    cJSON_ArrayForEach(item, member(json, "txt_raw"))
    {
        if (!decode(string, &length, item, TXT_STRING_MAX))
            return false;
        txt_add(&txt, string, length);
    }
    if (!read_integer(&omitted, json, "txt_omitted", UINT16_MAX))
        return false;
    record->service.txt = record->txt;
    record->service.txt_length = txt.length;
    record->service.txt_omitted = txt.omitted + (unsigned)omitted;
    return true;
}

static bool read_service(struct service_record *record, const cJSON *json, size_t capacity)
{
    struct service *service = &record->service;
    char state[8];
    int64_t port;

    service->id = &record->id;
    service->host = record->host;
    if (!read_text(state, sizeof state, json, "state") || !read_identity(&record->id, json) ||
        !read_protocols(service->seen, json) || !read_addresses(record, json) ||
        !read_text(record->host, sizeof record->host, json, "host") ||
        !read_integer(&port, json, "port", UINT16_MAX) || !read_txt(record, json, capacity) ||
        !read_text(record->owner, sizeof record->owner, json, "owner") ||
        !read_stamp(&record->stamp, json))
        return false;
    record->gone = strcmp(state, "gone") == 0;
    service->port = (uint16_t)port;
    service->local = cJSON_IsTrue(member(json, "local"));
    service->owner = *record->owner ? record->owner : NULL;
    return record->gone || strcmp(state, "up") == 0;
}

struct service_record *service_record_read(const uint8_t *payload, size_t length)
{
    cJSON *json = parse(payload, length);
    /* An attribute needs less room on the wire than in JSON. */
    struct service_record *record = json ? cJSON_malloc(sizeof *record + length) : NULL;

    if (record) {
        memset(record, 0, sizeof *record);
        if (!read_service(record, json, length)) {
            cJSON_free(record);
            record = NULL;
        }
    }
    cJSON_Delete(json);
    return record;
}

void service_record_free(struct service_record *record)
{
    cJSON_free(record);
}

bool service_record_same(const struct service_record *a, const struct service_record *b)
{
    return a->gone == b->gone &&
           memcmp(&a->service.seen, &b->service.seen, sizeof a->service.seen) == 0 &&
           a->service.port == b->service.port && a->service.local == b->service.local &&
           a->service.txt_omitted == b->service.txt_omitted && strcmp(a->host, b->host) == 0 &&
           strcmp(a->addresses[SERVICE_IPV4], b->addresses[SERVICE_IPV4]) == 0 &&
           strcmp(a->addresses[SERVICE_IPV6], b->addresses[SERVICE_IPV6]) == 0 &&
           strcmp(a->owner, b->owner) == 0 && a->service.txt_length == b->service.txt_length &&
           memcmp(a->txt, b->txt, a->service.txt_length) == 0;
}

/* ---- state records ---- */

static const char *const life_names[] = {"offline", "starting", "online"};

const char *bridge_life_name(enum bridge_life life)
{
    return life_names[life];
}

static bool read_life(enum bridge_life *life, const cJSON *json)
{
    char text[16];
    if (!read_text(text, sizeof text, json, "state"))
        return false;
    for (int i = BRIDGE_OFFLINE; i <= BRIDGE_ONLINE; i++)
        if (strcmp(text, life_names[i]) == 0) {
            *life = (enum bridge_life)i;
            return true;
        }
    return false;
}

static bool read_count(size_t *out, const cJSON *json, const char *key)
{
    int64_t number;
    bool good = read_integer(&number, json, key, UINT32_MAX);
    *out = (size_t)number;
    return good;
}

static void read_excerpt(char *out, size_t size, const cJSON *json, const char *key)
{
    const char *text = cJSON_GetStringValue(member(json, key));
    text_excerpt(out, size, text ? text : "");
}

static bool read_state(struct state_record *out, const cJSON *json)
{
    const char *avahi = cJSON_GetStringValue(member(json, "avahi"));

    read_excerpt(out->version, sizeof out->version, json, "version");
    read_excerpt(out->hostname, sizeof out->hostname, json, "hostname");
    out->avahi_up = avahi && strcmp(avahi, "up") == 0;
    return read_life(&out->life, json) && read_count(&out->record_size, json, "record_size") &&
           read_count(&out->services, json, "services") &&
           read_count(&out->advertised, json, "advertised") && read_stamp(&out->stamp, json);
}

bool state_record_read(struct state_record *out, const uint8_t *payload, size_t length)
{
    memset(out, 0, sizeof *out);
    cJSON *json = parse(payload, length);
    bool good = json && read_state(out, json);
    cJSON_Delete(json);
    return good;
}

/* ---- status records ---- */

static bool read_status_state(enum status_state *state, const cJSON *json)
{
    char text[16];
    if (!read_text(text, sizeof text, json, "state"))
        return false;
    for (int i = STATUS_PENDING; i <= STATUS_WITHDRAWN; i++)
        if (strcmp(text, status_state_name((enum status_state)i)) == 0) {
            *state = (enum status_state)i;
            return true;
        }
    return false;
}

/* What we do not know is left out: a later bridge may say more. */
static void read_warnings(struct status *out, const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, member(json, "warnings"))
    {
        char code[32], message[STATUS_WARNING_MAX + 1];
        if (!read_text(code, sizeof code, item, "code"))
            continue;
        read_excerpt(message, sizeof message, item, "message");
        for (int i = 0; i < STATUS_WARNINGS; i++)
            if (strcmp(code, status_warning_name((enum status_warning_code)i)) == 0)
                status_warn(out, (enum status_warning_code)i, "%s", message);
    }
}

static void read_error(struct status_error *error, const cJSON *json)
{
    const cJSON *object = member(json, "error");
    char code[32];

    read_excerpt(error->key, sizeof error->key, object, "key");
    read_excerpt(error->message, sizeof error->message, object, "message");
    if (!read_text(code, sizeof code, object, "code"))
        return;
    for (int i = STATUS_NO_ERROR; i <= STATUS_AVAHI; i++)
        if (strcmp(code, status_code_name((enum status_code)i)) == 0)
            error->code = (enum status_code)i;
}

static bool read_reason(enum status_reason *reason, const cJSON *json)
{
    char text[32];
    if (!read_text(text, sizeof text, json, "reason"))
        return false;
    for (int i = STATUS_NO_REASON; i <= STATUS_REPLACED_BY_POLICY; i++)
        if (strcmp(text, status_reason_name((enum status_reason)i)) == 0)
            *reason = (enum status_reason)i;
    return true;
}

/* A status of a bad topic has neither. */
static bool read_owner(struct request_owner *out, const cJSON *json)
{
    char name[TOPIC_CLIENT_MAX + 1];
    return read_text(out->client, sizeof out->client, json, "client") &&
           read_text(out->id, sizeof out->id, json, "id") &&
           (!out->client[0] || topic_client_parse(name, out->client)) &&
           (!out->id[0] || topic_client_parse(name, out->id));
}

static bool read_status(struct status *out, const cJSON *json)
{
    int64_t port, lease;
    bool good = read_status_state(&out->state, json) && read_owner(&out->owner, json) &&
                read_text(out->transaction, sizeof out->transaction, json, "transaction") &&
                read_text(out->name, sizeof out->name, json, "name") &&
                read_text(out->type, sizeof out->type, json, "type") &&
                read_integer(&port, json, "port", UINT16_MAX) &&
                read_integer(&lease, json, "lease", REQUEST_LEASE_MAX) &&
                read_integer(&out->expires, json, "expires", INTEGER_MAX) &&
                read_reason(&out->reason, json);
    if (!good)
        return false;
    out->port = (uint16_t)port;
    out->lease = (uint32_t)lease;
    out->kept = cJSON_IsTrue(member(json, "kept"));
    read_warnings(out, json);
    read_error(&out->error, json);
    return true;
}

bool status_record_read(struct status *out, const uint8_t *payload, size_t length)
{
    memset(out, 0, sizeof *out);
    cJSON *json = parse(payload, length);
    bool good = json && read_status(out, json);
    cJSON_Delete(json);
    return good;
}
