/* SPDX-License-Identifier: MIT */
/* For commands that look at what is at the broker: a session with a tree on it. */
#ifndef CLIENT_BROWSER_H
#define CLIENT_BROWSER_H

#include "record_tree.h"
#include "session.h"

struct browser {
    struct session session;
    struct record_tree *tree;
    struct record_tree_handlers handlers; /* the command's */
    void (*link)(void *context, bool up); /* the connection is made or lost; NULL: nothing */
    void *context;
    struct loop_timer patience; /* the end of --timeout */
    bool once;                  /* ends when the snapshot is complete */
    bool waiting;               /* browser_wait() */
    struct service_id wanted;   /* as wished for, without the root's dot; "": all */
};

/* What to look at, and for how long. As DNS-SD has it, capitals are no difference. */
struct browser_plan {
    const char *domain, *type, *name; /* NULL: all */
    bool
        once; /* ends when the tree is complete, or cannot become so; else goes on until a signal */
};

/* Such as "_http._tcp": labels that begin with '_', and perhaps the dot of the root. */
bool browser_type_is_valid(const char *type);

/*
 * Prepares; the handlers' and the loop's context is `context`. EXIT_DONE, or why not, with a line on
 * stderr. In any case browser_close() is to follow.
 *
 * With `once`, after `complete` the loop ends with EXIT_DONE, unless the handler ended it otherwise.
 * A bridge that is starting is waited for; where there is none that is online, the end is
 * EXIT_NO_BRIDGE. What `not_online` says is seen to here.
 */
enum exit_code browser_open(struct browser *browser, const struct options *options,
                            const struct browser_plan *plan,
                            const struct record_tree_handlers *handlers, void *context);

/*
 * From within `complete`, with `once`: what is wanted is not there. Goes on for what is left of
 * --timeout, then ends with EXIT_NOT_FOUND.
 */
void browser_wait(struct browser *browser);

/* Until the end. */
int browser_run(struct browser *browser);

void browser_close(struct browser *browser);

#endif
