/* SPDX-License-Identifier: MIT */
/*
 * Browses the services of the network by the bridge's records: a session with a tree of records on it. For
 * commands that write what is there. One thread.
 */
#ifndef CLIENT_BROWSER_H
#define CLIENT_BROWSER_H

#include "record_tree.h"
#include "session.h"

struct browser {
    struct session session;
    struct record_tree *tree;
    struct record_tree_handlers handlers; /* the command's */
    /* The connection is made, or lost; may be NULL. */
    void (*connection)(void *context, bool up);
    void *context;
    struct loop_timer timeout; /* the end of --timeout; set while something is waited for */
    bool once;                 /* as planned */
    struct service_id wanted;  /* as planned, without the root's dot; "": all */
};

/* What to browse, and for how long. As DNS-SD has it, capitals are no difference. */
struct browser_plan {
    const char *domain, *type, *name; /* NULL: all */
    /* Ends when the tree is complete, or cannot become so; else goes on until a signal. */
    bool once;
};

/*
 * Prepares; the handlers' and the loop's context is `context`. EXIT_DONE, or why not, with a line on
 * stderr. In any case browser_close() is to follow.
 *
 * With `once`, after `complete` the loop ends with EXIT_DONE, unless the handler ended it otherwise.
 * A bridge that is starting is waited for; where there is none that is online, the end is
 * EXIT_NO_BRIDGE. What the tree's `not_online` asks for is done here.
 */
enum exit_code browser_open(struct browser *browser, const struct options *options,
                            const struct browser_plan *plan,
                            const struct record_tree_handlers *handlers, void *context);

/*
 * From within `complete`, with `once`: what is wanted is not there. Goes on for what is left of
 * --timeout, then ends with EXIT_NOT_FOUND.
 */
void browser_wait(struct browser *browser);

/* Frees. */
void browser_close(struct browser *browser);

#endif
