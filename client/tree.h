/* SPDX-License-Identifier: MIT */
/*
 * What is at the broker: service records by topic, and the state of the bridge. Knows no library;
 * whoever owns the connection passes on what happens there.
 */
#ifndef CLIENT_TREE_H
#define CLIENT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record_read.h"
#include "topic.h"

struct tree;

/* What a tree tells. Any may be NULL. Records are the tree's, for the time of the call. */
struct tree_handlers {
    /* before NULL: a service is there; now NULL: it has gone; else it says something else. */
    void (*service)(void *context, const struct service_record *before,
                    const struct service_record *now);
    /* A state record that says something else; NULL: it was cleared. */
    void (*bridge)(void *context, const struct state_record *state);
    /* The tree has become complete; see tree_is_complete(). */
    void (*complete)(void *context);
    /* All that is retained has come, and the bridge is not online. Once a connection. */
    void (*not_online)(void *context);
    /* Is a service to be in the tree? NULL: each. */
    bool (*wants)(void *context, const struct service_id *id);
};

/* The handlers are copied, the prefix is borrowed. NULL: no memory. */
struct tree *tree_new(const char *prefix, const struct tree_handlers *handlers, void *context);
void tree_free(struct tree *tree); /* NULL is fine */

/* The topic filters to subscribe to. Type and name may be NULL or empty: all. */
#define TREE_FILTER_SIZE (TOPIC_SIZE + 8)
void tree_service_filter(char out[TREE_FILTER_SIZE], const char *prefix, const char *type,
                         const char *name);
void tree_state_filter(char out[TREE_FILTER_SIZE], const char *prefix);

/* To be called when the connection says so. Over a loss the services stay, until the tree is
 * complete again and shows which have gone meanwhile; the state does not. */
void tree_message(struct tree *tree, const char *topic, const uint8_t *payload, size_t length);
void tree_settled(struct tree *tree);
void tree_lost(struct tree *tree);

/*
 * Is all there that is on the network: the broker's replay is over and the bridge is online? False
 * again when one of them ends.
 */
bool tree_is_complete(const struct tree *tree);

/* Is the broker's replay over? */
bool tree_is_settled(const struct tree *tree);

/* The last state record, or NULL: there is none. */
const struct state_record *tree_bridge(const struct tree *tree);

size_t tree_count(const struct tree *tree);

/*
 * All records in the order of domain, type, name (case ignored) and interface; `count` of them.
 * The array is the caller's to free, the records are the tree's. NULL: no memory, or none there.
 */
const struct service_record **tree_list(const struct tree *tree, size_t *count);

#endif
