/* SPDX-License-Identifier: MIT */
/*
 * The command line of one command: what all commands have in common, and its own options, as rows
 * of a table that getopt_long(3)'s tables and the help are made of.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What all commands take. Strings are borrowed from argv or the environment; NULL: not given. */
struct options {
    const char *broker;        /* --broker URL */
    const char *prefix;        /* --prefix P, else MQTT_PREFIX, else "mdns"; valid, never NULL */
    const char *username;      /* --username, else MQTT_USERNAME */
    const char *password_file; /* --password-file, else MQTT_PASSWORD_FILE */
    const char *ca_file;       /* --ca-file, else MQTT_CA_FILE */
    const char *cert_file;     /* --cert-file, else MQTT_CERT_FILE */
    const char *key_file;      /* --key-file, else MQTT_KEY_FILE */
    int64_t timeout_ms;        /* --timeout SECONDS; -1: not given */
    bool json;                 /* --json */
    bool help;                 /* --help: print it, and end with EXIT_DONE */
};

/* One option. */
struct option_row {
    const char *name;     /* long */
    char letter;          /* short, or 0 */
    const char *argument; /* its name in the help; NULL: it takes none */
    const char *help;     /* NULL: not in the help */
};

/* A command's own options. `take` gets the index of the row; false, with *problem (static text): it
 * is wrong. */
struct option_table {
    const struct option_row *rows;
    size_t count; /* OPTIONS_OWN_MAX at most */
    bool (*take)(void *context, size_t row, const char *value, const char **problem);
    void *context;
};

#define OPTIONS_OWN_MAX 24
#define OPTIONS_ERROR_SIZE 320

/*
 * Reads argv, of which [0] is the command's name. `own` may be NULL. What is no option is moved to
 * the end, and *first is the index of the first of it; behind "--" nothing is an option. False, and
 * what is wrong in `error`, where it cannot be used. Uses getopt's state: main thread only.
 */
bool options_parse(struct options *options, const struct option_table *own, int argc, char **argv,
                   int *first, char error[OPTIONS_ERROR_SIZE]);

/* The rows of the help: the command's own, then the common ones. */
void options_print_help(const struct option_table *own, FILE *out);

/* The value of an environment variable, or NULL: it is not set, or empty. */
const char *options_environment(const char *name);

/* A port from 1 to 65535, in decimal. False: it is none. */
bool options_port(uint16_t *port, const char *text);

/* A whole number of seconds, or one with a decimal fraction, up to a day. False: it is none. */
bool options_seconds(int64_t *milliseconds, const char *text);

#endif
