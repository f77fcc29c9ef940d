/* SPDX-License-Identifier: MIT */
/*
 * The records at the broker: services by topic, and the state of the bridge. Whoever owns the connection
 * calls it with what happens there. One thread.
 */
#ifndef CLIENT_RECORD_TREE_H
#define CLIENT_RECORD_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record_read.h"
#include "topic.h"

struct record_tree;

/* What a tree reports. Any may be NULL. Records are the tree's, for the time of the call. */
struct record_tree_handlers {
    /* before NULL: a service has come; now NULL: it has gone; else its record has changed. */
    void (*service)(void *context, const struct service_record *before,
                    const struct service_record *now);
    /* The state record has changed; NULL: it was cleared. */
    void (*bridge)(void *context, const struct state_record *state);
    /* The tree has become complete; see record_tree_is_complete(). */
    void (*complete)(void *context);
    /* All that is retained has come, and the bridge is not online. */
    void (*not_online)(void *context);
    /* Is a service to be in the tree? NULL: each. */
    bool (*wants)(void *context, const struct service_id *id);
};

/* The handlers are copied, the prefix is borrowed. NULL: no memory. */
struct record_tree *record_tree_new(const char *prefix, const struct record_tree_handlers *handlers,
                                    void *context);

/* Frees; NULL is fine. */
void record_tree_free(struct record_tree *tree);

#define RECORD_TREE_FILTER_SIZE (TOPIC_SIZE + 8)

/* The topic filter to subscribe to for services. Type and name may be NULL or empty: all. */
void record_tree_service_filter(char out[RECORD_TREE_FILTER_SIZE], const char *prefix,
                                const char *type, const char *name);

/* The same for the state of the bridge. */
void record_tree_state_filter(char out[RECORD_TREE_FILTER_SIZE], const char *prefix);

/* A message has come. Those with other topics are ignored. */
void record_tree_message(struct record_tree *tree, const char *topic, const uint8_t *payload,
                         size_t length);

/* All that was retained has come. */
void record_tree_settled(struct record_tree *tree);

/* The connection was lost. The services stay, until the tree is complete again and it is known which have
 * gone meanwhile; the state does not. */
void record_tree_lost(struct record_tree *tree);

/*
 * Is all there that is on the network: the broker's replay is over and the bridge is online? False
 * again when one of them ends.
 */
bool record_tree_is_complete(const struct record_tree *tree);

/* Is the broker's replay over? */
bool record_tree_is_settled(const struct record_tree *tree);

/* The last state record, or NULL: there is none. */
const struct state_record *record_tree_bridge(const struct record_tree *tree);

/* How many services there are. */
size_t record_tree_count(const struct record_tree *tree);

/*
 * All records in the order of domain, type, name (case ignored) and interface; `count` of them.
 * The array is the caller's to free, the records are the tree's. NULL: no memory, or none there.
 */
const struct service_record **record_tree_list(const struct record_tree *tree, size_t *count);

#endif
