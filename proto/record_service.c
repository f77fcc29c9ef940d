/* SPDX-License-Identifier: MIT */
/*
 * A service record first gets all its keys, but no attributes, with txt_raw and txt_omitted there
 * whether needed or not. Printed like that, it tells how much room is left for attributes. These
 * then join the tree in wire order, each measured by itself, until one does not fit. At last the
 * keys that turned out not to be needed are taken away. So nothing is printed more than twice, and
 * the work grows with the length of the data.
 */
#include "record.h"

#include <string.h>

#include "record_json.h"
#include "text.h"
#include "txt.h"

/* Longer than any printed key or value of an attribute: 255 bytes, each becomes two at most. */
#define ATTRIBUTE_PRINTED_MAX 1024

#define LENGTH_OF(literal) (sizeof(literal) - 1)

/* Attributes in the tree: in the object txt, or in the array txt_raw. */
struct attribute_list {
    cJSON *json;
    int count;
    int kept; /* so many fit together with a txt_omitted for the rest */
};

struct draft {
    cJSON *record;
    struct attribute_list txt;
    struct attribute_list raw; /* whole strings in base64, those whose key is no readable text */
    cJSON *omitted;
};

static bool put_identity(cJSON *record, const struct service_id *id)
{
    char base64[TEXT_BASE64_SIZE(SERVICE_NAME_MAX)];
    size_t name_length = strlen(id->name);

    if (!record_put(record, "name", record_string(id->name)))
        return false;
    if (!text_is_utf8((const uint8_t *)id->name, name_length)) {
        text_base64(base64, (const uint8_t *)id->name, name_length);
        if (!record_put(record, "name_b64", cJSON_CreateString(base64)))
            return false;
    }
    return record_put(record, "type", record_string(id->type)) &&
           record_put(record, "domain", record_string(id->domain)) &&
           record_put(record, "interface", record_string(id->interface));
}

static bool put_places(cJSON *record, const struct service *service)
{
    static const char *const names[SERVICE_PROTOCOLS] = {"IPv4", "IPv6"};
    const char *first = service->addresses[SERVICE_IPV4];
    const char *second = service->addresses[SERVICE_IPV6];

    /* Equal, where an A record was all there was to answer a question over IPv6 with. */
    if (first && second && strcmp(first, second) == 0)
        second = NULL;

    cJSON *protocols = record_put(record, "protocols", cJSON_CreateArray());

    for (int i = 0; i < SERVICE_PROTOCOLS; i++)
        if (service->seen[i] && !record_append(protocols, cJSON_CreateStringReference(names[i])))
            return false;

    if (!protocols || !record_put(record, "host", record_string(service->host)) ||
        !record_put_integer(record, "port", service->port))
        return false;

    cJSON *addresses = record_put(record, "addresses", cJSON_CreateArray());

    return addresses && (!first || record_append(addresses, record_string(first))) &&
           (!second || record_append(addresses, record_string(second)));
}

static bool draft_service(struct draft *draft, const struct service *service, bool gone,
                          const struct record_stamp *stamp)
{
    cJSON *record = draft->record = cJSON_CreateObject();

    if (!record_put_version(record) ||
        !record_put(record, "state", cJSON_CreateStringReference(gone ? "gone" : "up")) ||
        !put_identity(record, service->id) || !put_places(record, service))
        return false;

    draft->txt.json = record_put(record, "txt", cJSON_CreateObject());
    draft->raw.json = record_put(record, "txt_raw", cJSON_CreateArray());
    draft->omitted = record_put(record, "txt_omitted", cJSON_CreateNumber(0));

    return draft->txt.json && draft->raw.json && draft->omitted &&
           record_put(record, "local", cJSON_CreateBool(service->local)) &&
           (!service->owner || record_put(record, "owner", record_string(service->owner))) &&
           record_put_stamp(record, stamp);
}

/* ---- the attributes ---- */

static size_t printed_length(cJSON *item)
{
    char scratch[ATTRIBUTE_PRINTED_MAX];

    return cJSON_PrintPreallocated(item, scratch, sizeof scratch, false) ? strlen(scratch)
                                                                         : sizeof scratch;
}

/* Returns by how much the attribute lengthens the record, 0 for lack of memory. */
static size_t put_in_txt(struct attribute_list *txt, const struct txt_string *string)
{
    char key[UINT8_MAX + 1];
    cJSON key_as_json = {.type = cJSON_String, .valuestring = key};
    cJSON *value = txt_value_to_json(string);

    memcpy(key, string->bytes, string->key_length);
    key[string->key_length] = '\0';
    if (!value || !cJSON_AddItemToObject(txt->json, key, value)) {
        cJSON_Delete(value);
        return 0;
    }

    size_t comma = txt->count++ > 0 ? 1 : 0;

    return comma + printed_length(&key_as_json) + LENGTH_OF(":") + printed_length(value);
}

/* The same. */
static size_t put_in_raw(struct attribute_list *raw, const struct txt_string *string)
{
    char base64[TEXT_BASE64_SIZE(UINT8_MAX)];
    size_t length = text_base64(base64, string->bytes, string->length);

    if (!record_append(raw->json, cJSON_CreateString(base64)))
        return 0;
    return (raw->count++ > 0 ? LENGTH_OF(",") : LENGTH_OF(",\"txt_raw\":[]")) + LENGTH_OF("\"\"") +
           length;
}

static unsigned count_attributes(const struct service *service)
{
    struct txt_string string;
    unsigned count = 0;
    size_t at = 0;

    while ((at = txt_next(&string, service->txt, service->txt_length, at)) > 0)
        count++;
    return count;
}

static size_t omitted_key_length(unsigned omitted)
{
    size_t length = omitted > 0 ? LENGTH_OF(",\"txt_omitted\":") : 0;

    for (; omitted > 0; omitted /= 10)
        length++;
    return length;
}

static void drop_what_is_not_kept(struct attribute_list *list)
{
    for (; list->count > list->kept; list->count--)
        cJSON_Delete(cJSON_DetachItemViaPointer(list->json, list->json->child->prev));
}

/*
 * Puts in as many attributes as `room` bytes hold, from the first one on. One that leaves no room
 * for txt_omitted may still be right, as the next ones may make that key unnecessary: so it is
 * known only afterwards how many to keep. Where there is not even room for txt_omitted, printing
 * says so.
 */
static enum record_result put_attributes(struct draft *draft, const struct service *service,
                                         size_t room, unsigned *omitted)
{
    unsigned missing = count_attributes(service) + service->txt_omitted;
    struct txt_string string;
    size_t used = 0;
    size_t at = 0;

    *omitted = missing;
    while ((at = txt_next(&string, service->txt, service->txt_length, at)) > 0) {
        size_t cost = text_is_readable(string.bytes, string.key_length)
                          ? put_in_txt(&draft->txt, &string)
                          : put_in_raw(&draft->raw, &string);

        if (cost == 0)
            return RECORD_NO_MEMORY;
        used += cost;
        if (used > room)
            break;
        missing--;
        if (used + omitted_key_length(missing) <= room) {
            draft->txt.kept = draft->txt.count;
            draft->raw.kept = draft->raw.count;
            *omitted = missing;
        }
    }
    drop_what_is_not_kept(&draft->txt);
    drop_what_is_not_kept(&draft->raw);
    return RECORD_OK;
}

static enum record_result complete_service(struct draft *draft, const struct service *service,
                                           char *scratch, size_t size, unsigned *omitted)
{
    if (!cJSON_PrintPreallocated(draft->record, scratch, (int)(size + RECORD_SLACK), false))
        return RECORD_TOO_LARGE;

    size_t length =
        strlen(scratch) - LENGTH_OF(",\"txt_raw\":[]") - LENGTH_OF(",\"txt_omitted\":0");

    if (length > size)
        return RECORD_TOO_LARGE;

    enum record_result result = put_attributes(draft, service, size - length, omitted);

    if (draft->raw.count == 0)
        cJSON_Delete(cJSON_DetachItemViaPointer(draft->record, draft->raw.json));
    if (*omitted == 0)
        cJSON_Delete(cJSON_DetachItemViaPointer(draft->record, draft->omitted));
    else
        cJSON_SetNumberHelper(draft->omitted, *omitted);
    return result;
}

enum record_result record_service(uint8_t *out, size_t size, const struct service *service,
                                  bool gone, const struct record_stamp *stamp,
                                  struct record_omission *omission)
{
    struct draft draft = {0};
    unsigned omitted = 0;
    char *scratch = cJSON_malloc(size + RECORD_SLACK);
    enum record_result result = RECORD_NO_MEMORY;

    if (scratch && draft_service(&draft, service, gone, stamp))
        result = complete_service(&draft, service, scratch, size, &omitted);
    if (result == RECORD_OK)
        result = record_print(out, size, draft.record, scratch);
    if (omission)
        omission->attributes = omitted;
    cJSON_free(scratch);
    cJSON_Delete(draft.record);
    return result;
}
