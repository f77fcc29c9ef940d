/* SPDX-License-Identifier: MIT */
/* What the Avahi side and the broker's retained tree say of wishes, and what follows from it. */
#include "adverts_wish.h"

#include <string.h>
#include <strings.h>

/* The types that the names belong to. */
static const char *standing_type(const struct wish *wish)
{
    return wish->has_standing ? wish->standing.type : wish->request.type;
}

static void tell_renamed(const struct adverts *adverts, const struct wish *wish)
{
    const struct adverts_outlets *outlets = &adverts->outlets;
    if (wish->name[0])
        outlets->renamed(outlets->context, standing_type(wish), wish->name);
    if (wish->trial[0])
        outlets->renamed(outlets->context, wish->request.type, wish->trial);
}

static bool is_named(const char *own_name, const char *own_type, const char *name, const char *type)
{
    return own_name[0] && strcasecmp(own_name, name) == 0 && strcasecmp(own_type, type) == 0;
}

const char *adverts_owner(const struct adverts *adverts, const char *type, const char *name)
{
    for (const struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        if (wish->state != WISH_WITHDRAWN &&
            (is_named(wish->name, standing_type(wish), name, type) ||
             is_named(wish->trial, wish->request.type, name, type)))
            return wish->path;
    return NULL;
}

static struct wish *find_number(const struct adverts *adverts, uint32_t number)
{
    struct wish *wish = adverts->wishes;
    while (wish && wish->number != number)
        wish = wish->hh.next;
    return wish;
}

static void advert_failed(struct adverts *adverts, struct wish *wish,
                          const struct mdns_advert_news *news)
{
    static const struct {
        enum status_code code;
        const char *key;
    } rows[] = {
        [MDNS_ADVERT_CONFLICT] = {STATUS_CONFLICT, "name"},
        [MDNS_ADVERT_NO_INTERFACE] = {STATUS_AVAHI, "interface"},
        [MDNS_ADVERT_REFUSED] = {STATUS_AVAHI, ""},
    };
    struct status_error error;
    status_refuse(&error, rows[news->failure].code, rows[news->failure].key, "%s", news->message);
    wish->kept = wish->has_standing;
    wish->withdraw_due = news->kept && !wish->has_standing;
    wish->trial[0] = '\0';
    if (wish->kept) {
        wish->request = wish->standing;
        wish->generation = wish->standing_generation;
        wish->advertise_due = !news->kept; /* Avahi was restarted meanwhile, and does not know it */
    } else {
        wish->name[0] = '\0';
    }
    wish->has_request = wish->kept;
    wish->has_standing = false;
    adverts_fail(adverts, wish, &error);
}

/* About the request that was replaced by the present one before it was heard of. */
static void take_former_news(struct wish *wish, const struct mdns_advert_news *news)
{
    if (news->state == MDNS_ADVERT_ESTABLISHED) {
        memcpy(wish->name, news->name, sizeof wish->name);
        wish->has_standing = true;
    } else if (news->state == MDNS_ADVERT_FAILED) {
        wish->name[0] = '\0';
        wish->has_standing = false;
    }
}

static void take_news(struct adverts *adverts, const struct mdns_advert_news *news)
{
    struct wish *wish = find_number(adverts, news->id);
    if (!wish || wish->state == WISH_WITHDRAWN || (wish->state == WISH_FAILED && !wish->kept))
        return;
    tell_renamed(adverts, wish);
    if (news->generation != wish->generation) {
        if (wish->state == WISH_PENDING && news->generation == wish->standing_generation)
            take_former_news(wish, news);
        tell_renamed(adverts, wish);
        return;
    }
    switch (news->state) {
    case MDNS_ADVERT_PENDING:
        memcpy(wish->trial, news->name, sizeof wish->trial);
        if (wish->state == WISH_ESTABLISHED)
            adverts_set_state(adverts, wish, WISH_PENDING);
        break;
    case MDNS_ADVERT_ESTABLISHED:
        memcpy(wish->name, news->name, sizeof wish->name);
        wish->trial[0] = '\0';
        wish->has_standing = false;
        /* What is kept stays FAILED for its last request, perhaps under another name now. */
        adverts_set_state(adverts, wish,
                          wish->state == WISH_FAILED ? WISH_FAILED : WISH_ESTABLISHED);
        break;
    case MDNS_ADVERT_FAILED:
        advert_failed(adverts, wish, news);
        break;
    }
    tell_renamed(adverts, wish);
}

/* Every number stands for nothing now. A kept one is what is to be there again. */
static void avahi_down(struct adverts *adverts)
{
    adverts->avahi_up = false;
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        wish->withdraw_due = false;
        if (wish->state == WISH_ESTABLISHED)
            adverts_set_state(adverts, wish, WISH_PENDING);
    }
}

static void avahi_up(struct adverts *adverts)
{
    adverts->avahi_up = true;
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        wish->advertise_due =
            wish->state == WISH_PENDING || (wish->state == WISH_FAILED && wish->kept);
        adverts_todo(adverts, wish);
    }
}

void adverts_mdns_event(struct adverts *adverts, const struct mdns_event *event)
{
    if (event->kind == MDNS_UP)
        avahi_up(adverts);
    else if (event->kind == MDNS_DOWN)
        avahi_down(adverts);
    else if (event->kind == MDNS_ADVERT)
        take_news(adverts, &event->advert);
}

/* ---- The broker's tree ---- */

void adverts_read_begin(struct adverts *adverts)
{
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        wish->status_seen = wish->status_fresh = false;
}

static void publish_status_again(struct adverts *adverts, struct wish *wish)
{
    wish->status_at_broker = (struct record_digests){0};
    wish->status_due = true;
    adverts_todo(adverts, wish);
}

void adverts_read_back(struct adverts *adverts, const char *path, uint64_t digest)
{
    const char *end = strrchr(path, '/');
    char request_path[TOPIC_REQUEST_SIZE];
    size_t length = end ? (size_t)(end - path) : 0;
    if (topic_advertise_parse(&(struct request_owner){0}, path) != TOPIC_STATUS ||
        strlen(path) >= TOPIC_STATUS_SIZE)
        return;
    struct wish *wish = NULL;
    if (length < sizeof request_path) {
        memcpy(request_path, path, length);
        request_path[length] = '\0';
        wish = adverts_find(adverts, request_path);
    }
    if (!wish) {
        /* Of a former life, and its request is gone meanwhile, or is yet to come. */
        adverts_clear(adverts, path, false);
        return;
    }
    wish->status_seen = true;
    if (!wish->status_fresh && wish->status_at_broker.content != digest)
        publish_status_again(adverts, wish);
}

void adverts_read_end(struct adverts *adverts)
{
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        if (!wish->status_seen && !wish->status_fresh && wish->status_at_broker.payload != 0)
            publish_status_again(adverts, wish);
    }
}
