/* SPDX-License-Identifier: MIT */
/* What the Avahi side and the broker's retained tree say of wishes, and what follows from it. */
#include "adverts_wish.h"

#include <string.h>
#include <strings.h>

#include <utlist.h>

/* The request that the present name belongs to. */
static const struct request *named_request(const struct wish *wish)
{
    return wish->has_standing ? &wish->standing : &wish->wanted;
}

static void tell_renamed(const struct adverts *adverts, const struct wish *wish)
{
    const struct adverts_outlets *outlets = &adverts->outlets;
    if (wish->name[0])
        outlets->renamed(outlets->context, named_request(wish)->type, wish->name);
    if (wish->trial[0])
        outlets->renamed(outlets->context, wish->wanted.type, wish->trial);
}

/* An advertisement for one interface owns nothing on another one. */
static bool is_named(const char *own_name, const struct request *request,
                     const struct service_id *id)
{
    return own_name[0] && strcasecmp(own_name, id->name) == 0 &&
           strcasecmp(request->type, id->type) == 0 &&
           (!request->interface[0] || strcmp(request->interface, id->interface) == 0);
}

const char *adverts_owner(const struct adverts *adverts, const struct service_id *id)
{
    for (const struct wish *wish = adverts->wishes; wish; wish = wish->hh.next)
        if (wish->state != WISH_WITHDRAWN && (is_named(wish->name, named_request(wish), id) ||
                                              is_named(wish->trial, &wish->wanted, id)))
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

/* Who has a name longest has it first after a restart of Avahi. */
static void take_name(struct adverts *adverts, struct wish *wish, const char *name)
{
    if (wish->name_since == 0 || strcmp(wish->name, name) != 0)
        wish->name_since = ++adverts->last_name_since;
    memcpy(wish->name, name, sizeof wish->name);
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
    struct status_error error, denied;
    struct request request = wish->wanted;
    const struct advertise_policy *policy = config_policy(adverts->config, wish->owner.client);
    status_refuse(&error, rows[news->failure].code, rows[news->failure].key, "%s", news->message);
    if (wish->has_standing && adverts_is_allowed(policy, &wish->standing, &denied)) {
        /* Avahi does not have it where it was restarted meanwhile, or something else came between. */
        adverts_fall_back(adverts, wish,
                          news->kept && news->kept_generation == wish->standing_generation);
    } else {
        adverts_drop_wanted(wish);
        wish->withdraw_due = news->kept;
    }
    if (wish->has_refused)
        error = wish->error; /* that of the last request */
    if (news->failure == MDNS_ADVERT_NO_INTERFACE && !wish->has_refused)
        adverts_refuse(adverts, wish, &request, &error);
    else
        adverts_fail(adverts, wish, &error);
}

/* About the request that was replaced by the present one before it was heard of. */
static void take_former_news(struct adverts *adverts, struct wish *wish,
                             const struct mdns_advert_news *news)
{
    if (news->state == MDNS_ADVERT_ESTABLISHED) {
        take_name(adverts, wish, news->name);
        wish->standing_was_established = true;
    } else if (news->state == MDNS_ADVERT_FAILED) {
        wish->name[0] = '\0';
        wish->has_standing = false;
    }
}

static void take_present_news(struct adverts *adverts, struct wish *wish,
                              const struct mdns_advert_news *news)
{
    switch (news->state) {
    case MDNS_ADVERT_PENDING:
        memcpy(wish->trial, news->name, sizeof wish->trial);
        if (wish->state == WISH_ESTABLISHED)
            adverts_set_state(adverts, wish, WISH_PENDING);
        break;
    case MDNS_ADVERT_ESTABLISHED:
        take_name(adverts, wish, news->name);
        wish->trial[0] = '\0';
        wish->has_standing = false;
        wish->was_established = true;
        /* What is kept stays FAILED for its last request, perhaps under another name now. */
        adverts_set_state(adverts, wish,
                          wish->state == WISH_FAILED ? WISH_FAILED : WISH_ESTABLISHED);
        break;
    case MDNS_ADVERT_FAILED:
        advert_failed(adverts, wish, news);
        break;
    }
}

static void take_news(struct adverts *adverts, const struct mdns_advert_news *news)
{
    struct wish *wish = find_number(adverts, news->id);
    if (!wish || wish->state == WISH_WITHDRAWN || !wish->has_wanted)
        return;
    tell_renamed(adverts, wish);
    if (news->generation == wish->generation)
        take_present_news(adverts, wish, news);
    else if (wish->has_standing && news->generation == wish->standing_generation)
        take_former_news(adverts, wish, news);
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

static int by_name_since(const struct wish *a, const struct wish *b)
{
    /* 0 is for those who never had a name: they come last. */
    uint64_t rank_a = a->name_since - 1, rank_b = b->name_since - 1;
    return (rank_a > rank_b) - (rank_a < rank_b);
}

static void avahi_up(struct adverts *adverts)
{
    adverts->avahi_up = true;
    for (struct wish *wish = adverts->wishes; wish; wish = wish->hh.next) {
        wish->advertise_due = wish->has_wanted && wish->state != WISH_WITHDRAWN;
        adverts_todo(adverts, wish);
    }
    DL_SORT(adverts->todo, by_name_since);
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
        if (!adverts_is_answer(adverts, path))
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
