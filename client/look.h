/* SPDX-License-Identifier: MIT */
/* For commands that look at what is at the broker: a session with a tree on it. */
#ifndef CLIENT_LOOK_H
#define CLIENT_LOOK_H

#include "session.h"
#include "tree.h"

struct look {
    struct session session;
    struct tree *tree;
    struct tree_handlers handlers;        /* the command's */
    void (*link)(void *context, bool up); /* the connection is made or lost; NULL: nothing */
    void *context;
    struct loop_timer patience; /* the end of --timeout */
    bool once;                  /* ends when the snapshot is complete */
    bool waiting;               /* look_wait() */
    struct service_id wanted;   /* as wished for, without the root's dot; "": all */
};

/* What to look at, and for how long. As DNS-SD has it, capitals are no difference. */
struct look_wish {
    const char *domain, *type, *name; /* NULL: all */
    bool
        once; /* ends when the tree is complete, or cannot become so; else goes on until a signal */
};

/* Such as "_http._tcp": labels that begin with '_', and perhaps the dot of the root. */
bool look_type_is_valid(const char *type);

/*
 * Prepares; the handlers' and the loop's context is `context`. EXIT_DONE, or why not, with a line on
 * stderr. In any case look_close() is to follow.
 *
 * With `once`, after `complete` the loop ends with EXIT_DONE, unless the handler ended it otherwise.
 * A bridge that is starting is waited for; where there is none that is online, the end is
 * EXIT_NO_BRIDGE. What `not_online` says is seen to here.
 */
enum exit_code look_open(struct look *look, const struct options *options,
                         const struct look_wish *wish, const struct tree_handlers *handlers,
                         void *context);

/*
 * From within `complete`, with `once`: what is wanted is not there. Goes on for what is left of
 * --timeout, then ends with EXIT_NOT_FOUND.
 */
void look_wait(struct look *look);

/* Until the end. */
int look_run(struct look *look);

void look_close(struct look *look);

#endif
