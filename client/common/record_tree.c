/* SPDX-License-Identifier: MIT */
/*
 * Entries are kept by topic path. After each connection the broker sends what is retained; if it has
 * lost that, the bridge will publish it again. So entries that were not seen again stay until the bridge is
 * online and the broker's replay is over, and are swept then.
 *
 * What does not come from a bridge (a payload that is no record, a record that names another
 * service than its topic) is ignored, as if it were not there.
 */
#include "record_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uthash.h>

#include "text.h"

struct entry {
    struct service_record *record;
    bool confirmed; /* seen on this connection */
    UT_hash_handle hh;
    char path[];
};

enum tree_phase {
    TREE_REPLAY,   /* there is no connection, or the broker still sends what is retained */
    TREE_SETTLED,  /* that is over; but the bridge is not online, so there may be more */
    TREE_COMPLETE, /* and the bridge is online: what was not seen on this connection has gone */
};

struct record_tree {
    const char *prefix;
    struct record_tree_handlers handlers;
    void *context;
    struct entry *entries;
    struct state_record state;
    bool has_state;
    enum tree_phase phase;
};

struct record_tree *record_tree_new(const char *prefix, const struct record_tree_handlers *handlers,
                                    void *context)
{
    struct record_tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return NULL;
    tree->prefix = prefix;
    tree->handlers = *handlers;
    tree->context = context;
    return tree;
}

static void remove_entry(struct record_tree *tree, struct entry *entry)
{
    HASH_DEL(tree->entries, entry);
    service_record_free(entry->record);
    free(entry);
}

void record_tree_free(struct record_tree *tree)
{
    struct entry *entry, *next;
    if (!tree)
        return;
    HASH_ITER(hh, tree->entries, entry, next)
    {
        remove_entry(tree, entry);
    }
    free(tree);
}

/* ---- topics ---- */

static void append_level(char *out, size_t *length, const char *text, size_t max)
{
    out[(*length)++] = '/';
    if (text && *text && strlen(text) <= max)
        *length += text_percent_encode(out + *length, (const uint8_t *)text, strlen(text));
    else
        out[(*length)++] = '+';
    out[*length] = '\0';
}

void record_tree_service_filter(char out[RECORD_TREE_FILTER_SIZE], const char *prefix,
                                const char *type, const char *name)
{
    size_t length = (size_t)snprintf(out, RECORD_TREE_FILTER_SIZE, "%s/service", prefix);

    append_level(out, &length, NULL, 0); /* the domain */
    append_level(out, &length, type, SERVICE_TYPE_MAX);
    append_level(out, &length, name, SERVICE_NAME_MAX);
    append_level(out, &length, NULL, 0);
}

void record_tree_state_filter(char out[RECORD_TREE_FILTER_SIZE], const char *prefix)
{
    snprintf(out, RECORD_TREE_FILTER_SIZE, "%s/bridge/state", prefix);
}

/* ---- what comes ---- */

static void report_service(struct record_tree *tree, const struct service_record *before,
                           const struct service_record *now)
{
    if (tree->handlers.service)
        tree->handlers.service(tree->context, before, now);
}

static void remove_service(struct record_tree *tree, struct entry *entry)
{
    struct service_record *before = entry->record;
    HASH_DEL(tree->entries, entry);
    free(entry);
    report_service(tree, before, NULL);
    service_record_free(before);
}

static void add_service(struct record_tree *tree, const char *path, struct service_record *record)
{
    size_t size = strlen(path) + 1;
    struct entry *entry = calloc(1, sizeof *entry + size);
    if (!entry) {
        service_record_free(record);
        return;
    }
    memcpy(entry->path, path, size);
    entry->record = record;
    entry->confirmed = true;
    HASH_ADD_STR(tree->entries, path, entry);
    report_service(tree, NULL, record);
}

static void change_service(struct record_tree *tree, struct entry *entry,
                           struct service_record *record)
{
    struct service_record *before = entry->record;
    entry->record = record;
    entry->confirmed = true;
    if (!service_record_same(before, record))
        report_service(tree, before, record);
    service_record_free(before);
}

static bool same_identity(const struct service_id *a, const struct service_id *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->type, b->type) == 0 &&
           strcmp(a->domain, b->domain) == 0 && strcmp(a->interface, b->interface) == 0;
}

static void service_message(struct record_tree *tree, const char *path, const uint8_t *payload,
                            size_t length)
{
    struct service_id id;
    struct entry *entry;
    struct service_record *record = NULL;

    if (!topic_path_parse(&id, path))
        return;
    if (tree->handlers.wants && !tree->handlers.wants(tree->context, &id))
        return;
    if (length > 0) {
        record = service_record_read(payload, length);
        if (!record || !same_identity(&record->id, &id)) {
            service_record_free(record);
            return;
        }
    }
    HASH_FIND_STR(tree->entries, path, entry);
    if (!record || record->gone) {
        service_record_free(record);
        if (entry)
            remove_service(tree, entry);
    } else if (entry) {
        change_service(tree, entry, record);
    } else {
        add_service(tree, path, record);
    }
}

/* What was not seen on this connection has gone while there was none. */
static void sweep(struct record_tree *tree)
{
    struct entry *entry, *next;
    HASH_ITER(hh, tree->entries, entry, next)
    {
        if (!entry->confirmed)
            remove_service(tree, entry);
    }
}

static void become_complete(struct record_tree *tree)
{
    sweep(tree);
    if (tree->handlers.complete)
        tree->handlers.complete(tree->context);
}

/* Once the broker's replay is over. */
static enum tree_phase settled_phase(const struct record_tree *tree)
{
    bool online = tree->has_state && tree->state.life == BRIDGE_ONLINE;
    return online ? TREE_COMPLETE : TREE_SETTLED;
}

static bool same_state(const struct state_record *a, const struct state_record *b)
{
    return a->life == b->life && a->avahi_up == b->avahi_up && a->record_size == b->record_size &&
           a->services == b->services && a->advertised == b->advertised &&
           a->stamp.epoch == b->stamp.epoch && strcmp(a->version, b->version) == 0 &&
           strcmp(a->hostname, b->hostname) == 0;
}

static void state_message(struct record_tree *tree, const uint8_t *payload, size_t length)
{
    struct state_record state;
    bool there = length > 0;

    if (there && !state_record_read(&state, payload, length))
        return;
    bool changed = there != tree->has_state || (there && !same_state(&state, &tree->state));
    tree->has_state = there;
    if (there)
        tree->state = state;
    enum tree_phase before = tree->phase;
    if (before != TREE_REPLAY)
        tree->phase = settled_phase(tree);
    if (changed && tree->handlers.bridge)
        tree->handlers.bridge(tree->context, record_tree_bridge(tree));
    if (before == TREE_SETTLED && tree->phase == TREE_COMPLETE)
        become_complete(tree);
}

void record_tree_message(struct record_tree *tree, const char *topic, const uint8_t *payload,
                         size_t length)
{
    const char *path = topic_below(topic, tree->prefix, "service");
    const char *bridge = topic_below(topic, tree->prefix, "bridge");

    if (path)
        service_message(tree, path, payload, length);
    else if (bridge && strcmp(bridge, "state") == 0)
        state_message(tree, payload, length);
}

void record_tree_settled(struct record_tree *tree)
{
    enum tree_phase before = tree->phase;
    tree->phase = settled_phase(tree);
    if (tree->phase == TREE_SETTLED && tree->handlers.not_online)
        tree->handlers.not_online(tree->context);
    else if (tree->phase == TREE_COMPLETE && before != TREE_COMPLETE)
        become_complete(tree);
}

void record_tree_lost(struct record_tree *tree)
{
    tree->phase = TREE_REPLAY;
    tree->has_state = false;
    for (struct entry *entry = tree->entries; entry; entry = entry->hh.next)
        entry->confirmed = false;
}

/* ---- what is there ---- */

bool record_tree_is_complete(const struct record_tree *tree)
{
    return tree->phase == TREE_COMPLETE;
}

bool record_tree_is_settled(const struct record_tree *tree)
{
    return tree->phase != TREE_REPLAY;
}

const struct state_record *record_tree_bridge(const struct record_tree *tree)
{
    return tree->has_state ? &tree->state : NULL;
}

size_t record_tree_count(const struct record_tree *tree)
{
    return HASH_COUNT(tree->entries);
}

static int compare(const void *a, const void *b)
{
    const struct service_id *x = &(*(struct service_record *const *)a)->id;
    const struct service_id *y = &(*(struct service_record *const *)b)->id;
    int order = strcmp(x->domain, y->domain);

    if (order == 0)
        order = strcmp(x->type, y->type);
    if (order == 0)
        order = strcasecmp(x->name, y->name);
    if (order == 0)
        order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->interface, y->interface);
}

const struct service_record **record_tree_list(const struct record_tree *tree, size_t *count)
{
    *count = 0;
    const struct service_record **list = calloc(record_tree_count(tree) + 1, sizeof(void *));
    if (!list)
        return NULL;
    for (const struct entry *entry = tree->entries; entry; entry = entry->hh.next)
        list[(*count)++] = entry->record;
    qsort(list, *count, sizeof(void *), compare);
    return list;
}
