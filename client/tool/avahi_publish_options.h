/* SPDX-License-Identifier: MIT */
/* The command line of avahi-publish, and of its other names. */
#ifndef CLIENT_AVAHI_PUBLISH_OPTIONS_H
#define CLIENT_AVAHI_PUBLISH_OPTIONS_H

#include "command.h"
#include "publication.h"

#define AVAHI_PUBLISH_FAILED 1 /* Avahi's only other exit code */

struct avahi_publish_options {
    struct options common;
    struct publication_plan plan;   /* of `builder` */
    struct request_builder builder; /* request_builder_free() */
    bool verbose, no_fail;
};

/* Reads it, and writes what is wrong with it in Avahi's words, where Avahi has some. True: go on. False: end
 * with *exit_code. In any case request_builder_free() is to follow. */
bool avahi_publish_options_read(struct avahi_publish_options *options,
                                const struct command *command, int argc, char **argv,
                                int *exit_code);

#endif
