/* SPDX-License-Identifier: MIT */
/*
 * The command line. It wins over the configuration file, also when that is read again: so it is
 * kept, and laid over the file each time. Neither logs nor exits. For the main thread.
 */
#ifndef BRIDGE_OPTIONS_H
#define BRIDGE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

#define OPTIONS_SETTINGS 5 /* options that stand for a key of the file */

struct options {
    const char *config_file; /* as in argv; NULL: the default one, which may be missing */
    bool check_config;
    bool dump_config;
    bool version;
    bool help;
    char *settings[OPTIONS_SETTINGS]; /* options.c knows which; NULL: not given */
};

/*
 * Reads the command line. Returns false, with a message that names the option, if it cannot be
 * used; values are checked, too. In either case the options need options_free(). argv has to stay.
 */
bool options_parse(struct options *options, int argc, char **argv, char error[CONFIG_ERROR_SIZE]);

/* The file that is read; the options', or constant. */
const char *options_config_file(const struct options *options);

/* Frees what options_parse() kept. */
void options_free(struct options *options);

/*
 * Makes a configuration: the defaults, the file, the command line, and a check of it all. Returns
 * false with at least one error, and then needs no config_free(). `errors` need not be initialised.
 */
bool options_load_config(const struct options *options, struct config *config,
                         struct config_errors *errors);

/* The text for --help. */
void options_print_help(FILE *out);

#endif
