/* SPDX-License-Identifier: MIT */
/* The command line of advertise. */
#ifndef CLIENT_ADVERTISE_OPTIONS_H
#define CLIENT_ADVERTISE_OPTIONS_H

#include "command.h"
#include "publication.h"

struct advertise_options {
    struct options common;
    struct publication_plan plan;   /* of `builder` */
    struct request_builder builder; /* request_builder_free() */
    uint16_t container_port;        /* --port, unless given by --container-port */
    bool when_listening;
    char **command; /* NULL: none */
};

/* Reads it. True: go on. False: end with *exit_code. In any case request_builder_free() is to follow. */
bool advertise_options_read(struct advertise_options *options, const struct command *command,
                            int argc, char **argv, int *exit_code);

#endif
