/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "log.h"
#include "record.h"
#include "topic.h"

/* Who is not on the network any more says goodbye with what was last known of it. */
static enum mirror_text service_gone(const struct service *last_known, bool known, uint8_t *record,
                                     size_t size, const struct record_stamp *stamp)
{
    if (!known)
        return MIRROR_NOTHING;
    /* A path that is none of ours, left by who knows whom, has no identity and so no last record. */
    bool has_record = last_known->id->name[0] &&
                      record_service(record, size, last_known, true, stamp, NULL) == RECORD_OK;
    return has_record ? MIRROR_FAREWELL : MIRROR_NOTHING;
}

static enum mirror_text service_up(struct records *records, struct catalog_entry *entry,
                                   const char *path, const struct service *service, bool known,
                                   uint8_t *record, size_t size, const struct record_stamp *stamp)
{
    struct record_omission omission = {0};
    switch (record_service(record, size, service, false, stamp, &omission)) {
    case RECORD_NO_MEMORY:
        return MIRROR_AS_IT_IS;
    case RECORD_TOO_LARGE:
        log_warning_once(&records->complained_of_unfit,
                         "service '%s': not shown, its record does not fit even without TXT", path);
        catalog_refuse(records->catalog, entry);
        return service_gone(service, known, record, size, stamp);
    case RECORD_OK:
        break;
    }
    if (omission.attributes > 0) {
        records->txt_truncated++;
        log_warning_once(&records->complained_of_txt,
                         "service '%s': %u TXT attributes do not fit and are left out", path,
                         omission.attributes);
    }
    log_debug("service '%s': %s port %u", path, service->host, service->port);
    return MIRROR_RETAINED;
}

static enum mirror_text compose_service(void *context, void *subject, const char *path, bool known,
                                        uint8_t *record, size_t size,
                                        const struct record_stamp *stamp)
{
    struct records *records = context;
    struct service_id id;
    struct service service = {.id = &id, .host = ""};
    if (!subject) {
        if (!topic_path_parse(&id, path))
            id = (struct service_id){0};
        return service_gone(&service, known, record, size, stamp);
    }
    bool up = catalog_entry_service(subject, &id, &service);
    if (service.local)
        service.owner = advertise_owner(records->advertise, &id);
    return up ? service_up(records, subject, path, &service, known, record, size, stamp)
              : service_gone(&service, known, record, size, stamp);
}

static void service_released(void *context, void *subject, const char *path)
{
    const struct records *records = context;
    (void)path;
    catalog_released(records->catalog, subject);
}

static enum mirror_text compose_status(void *context, void *subject, const char *path, bool known,
                                       uint8_t *record, size_t size,
                                       const struct record_stamp *stamp)
{
    struct status status;
    (void)context, (void)path, (void)known;
    if (!subject)
        return MIRROR_NOTHING;
    bool ended = advertise_status(subject, &status);
    if (record_status(record, size, &status, stamp) != RECORD_OK)
        return ended ? MIRROR_NOTHING : MIRROR_AS_IT_IS;
    return ended ? MIRROR_FAREWELL : MIRROR_RETAINED;
}

static void status_released(void *context, void *subject, const char *path)
{
    const struct records *records = context;
    (void)path;
    advertise_released(records->advertise, subject);
}

static enum mirror_text compose_answer(void *context, void *subject, const char *path, bool known,
                                       uint8_t *record, size_t size,
                                       const struct record_stamp *stamp)
{
    (void)context, (void)path, (void)known;
    if (!subject)
        return MIRROR_NOTHING;
    enum record_result result = record_status(record, size, advertise_answer(subject), stamp);
    return result == RECORD_OK ? MIRROR_RETAINED : MIRROR_AS_IT_IS;
}

static void request_cleared(void *context, void *subject, const char *path)
{
    const struct records *records = context;
    (void)subject;
    advertise_cleared(records->advertise, path);
}

void records_set_sources(struct records *records, struct mirror *mirror)
{
    const struct mirror_source services = {records, compose_service, service_released};
    const struct mirror_source statuses = {records, compose_status, status_released};
    const struct mirror_source answers = {records, compose_answer, NULL};
    const struct mirror_source requests = {records, NULL, request_cleared};
    mirror_set_source(mirror, MIRROR_SERVICES, &services);
    mirror_set_source(mirror, MIRROR_STATUSES, &statuses);
    mirror_set_source(mirror, MIRROR_ANSWERS, &answers);
    mirror_set_source(mirror, MIRROR_REQUESTS, &requests);
}
