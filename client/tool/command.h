/* SPDX-License-Identifier: MIT */
/* The commands of the tool. Each reads its own command line and returns the exit code. */
#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "exit_codes.h"
#include "options.h"

struct command {
    const char *name;    /* how it is called: mdns-mqtt NAME, or by this name alone if `drop_in` */
    const char *usage;   /* what may follow the name */
    const char *summary; /* one line for the help */
    int (*run)(const struct command *command, int argc, char **argv);
    bool drop_in;
};

/*
 * The first step of every command: reads the options, and writes the help if that is wanted.
 * True: go on. False: end with *exit_code.
 */
bool command_begin(const struct command *command, struct options *options,
                   const struct option_table *own, int argc, char **argv, int *first,
                   int *exit_code);

/* Says what is wrong with the command line, and where to read more. Returns EXIT_USAGE. */
int command_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Of this build. */
extern const char *const command_version;

/* The commands, as `run` has it. */
int command_advertise(const struct command *command, int argc, char **argv);
int command_avahi_browse(const struct command *command, int argc, char **argv);
int command_browse(const struct command *command, int argc, char **argv);
int command_decode(const struct command *command, int argc, char **argv);
int command_doctor(const struct command *command, int argc, char **argv);
int command_avahi_publish(const struct command *command, int argc, char **argv);
int command_resolve(const struct command *command, int argc, char **argv);
int command_status(const struct command *command, int argc, char **argv);
int command_watch(const struct command *command, int argc, char **argv);

#endif
