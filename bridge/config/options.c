/* SPDX-License-Identifier: MIT */
/*
 * One row an option: getopt_long(3)'s table, the help, and what is laid over the file are made of
 * them.
 */
#include "options.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
    /* These stand for keys of the file, and are indices of `settings`. */
    OPTION_BROKER,
    OPTION_PREFIX,
    OPTION_TYPE,
    OPTION_INTERFACE,
    OPTION_LOG_LEVEL,
    /* These do not. */
    OPTION_CONFIG,
    OPTION_CHECK_CONFIG,
    OPTION_DUMP_CONFIG,
    OPTION_VERSION,
    OPTION_HELP,
};
#define OPTIONS 10

static const struct {
    const char *name;
    const char *argument; /* its name in the help; NULL: none */
    const char *help;
    const char *section, *key;
    bool repeatable; /* all of them together are the value */
} rows[] = {
    [OPTION_BROKER] = {"broker", "URL", "mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH",
                       "broker", "url", false},
    [OPTION_PREFIX] = {"prefix", "P", "topic prefix", "records", "prefix", false},
    [OPTION_TYPE] = {"type", "T", "browse for this service type, or auto (may be repeated)",
                     "browse", "types", true},
    [OPTION_INTERFACE] = {"interface", "I",
                          "browse on interfaces that match this glob (may be repeated)", "browse",
                          "interfaces", true},
    [OPTION_LOG_LEVEL] = {"log-level", "L", "error, warning, info or debug", "log", "level", false},
    [OPTION_CONFIG] = {"config", "FILE", "read this instead of " CONFIG_FILE_DEFAULT, NULL, NULL,
                       false},
    [OPTION_CHECK_CONFIG] = {"check-config", NULL,
                             "read the configuration, say what is wrong, and exit", NULL, NULL,
                             false},
    [OPTION_DUMP_CONFIG] = {"dump-config", NULL, "write the configuration as it is used, and exit",
                            NULL, NULL, false},
    [OPTION_VERSION] = {"version", NULL, "write the version, and exit", NULL, NULL, false},
    [OPTION_HELP] = {"help", NULL, "write this, and exit", NULL, NULL, false},
};

static_assert(sizeof rows / sizeof *rows == OPTIONS, "OPTIONS");
static_assert(OPTION_LOG_LEVEL + 1 == OPTIONS_SETTINGS, "options.h: OPTIONS_SETTINGS");

/* What getopt_long() returns for a row: no character, so that it tells them from a short option. */
#define RESULT_BASE 256

static void fill_getopt_table(struct option table[OPTIONS + 1])
{
    for (int i = 0; i < OPTIONS; i++)
        table[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument,
                                   NULL, RESULT_BASE + i};
    table[OPTIONS] = (struct option){0};
}

/* Lays the options over a configuration. False, and what is wrong, if one has a bad value. */
static bool apply(const struct options *options, struct config *config,
                  char error[CONFIG_ERROR_SIZE])
{
    char problem[CONFIG_ERROR_SIZE];
    for (int i = 0; i < OPTIONS_SETTINGS; i++) {
        if (!options->settings[i] ||
            config_set(config, rows[i].section, rows[i].key, options->settings[i], problem))
            continue;
        snprintf(error, CONFIG_ERROR_SIZE, "--%s %.480s", rows[i].name, problem);
        return false;
    }
    return true;
}

/* Keeps a copy, behind what is there if the option may be repeated. */
static bool keep(struct options *options, int id, const char *value)
{
    char *old = options->settings[id];
    bool join = old && rows[id].repeatable;
    size_t size = (join ? strlen(old) + 1 : 0) + strlen(value) + 1;
    char *text = malloc(size);
    if (!text)
        return false;
    snprintf(text, size, "%s%s%s", join ? old : "", join ? " " : "", value);
    free(old);
    options->settings[id] = text;
    return true;
}

static void take_flag(struct options *options, int id, const char *value)
{
    switch (id) {
    case OPTION_CONFIG:
        options->config_file = value;
        break;
    case OPTION_CHECK_CONFIG:
        options->check_config = true;
        break;
    case OPTION_DUMP_CONFIG:
        options->dump_config = true;
        break;
    case OPTION_VERSION:
        options->version = true;
        break;
    default: /* OPTION_HELP */
        options->help = true;
        break;
    }
}

/* What getopt_long() did not like: it leaves the option in optopt, or 0 for a long one it does not
 * know. */
static void describe_bad_option(bool missing, char **argv, char error[CONFIG_ERROR_SIZE])
{
    if (missing)
        snprintf(error, CONFIG_ERROR_SIZE, "--%s needs an argument",
                 rows[optopt - RESULT_BASE].name);
    else if (optopt >= RESULT_BASE)
        snprintf(error, CONFIG_ERROR_SIZE, "--%s takes no argument",
                 rows[optopt - RESULT_BASE].name);
    else if (optopt > 0)
        snprintf(error, CONFIG_ERROR_SIZE, "-%c: there is no such option", optopt);
    else
        snprintf(error, CONFIG_ERROR_SIZE, "%.200s: there is no such option", argv[optind - 1]);
}

static bool parse(struct options *options, int argc, char **argv, char error[CONFIG_ERROR_SIZE])
{
    struct option table[OPTIONS + 1];
    fill_getopt_table(table);
    optind = 0; /* begin anew; glibc and musl both know this */
    int result;
    while ((result = getopt_long(argc, argv, "+:", table, NULL)) != -1) {
        int id = result - RESULT_BASE;
        if (id < 0) {
            describe_bad_option(result == ':', argv, error);
            return false;
        }
        if (id >= OPTIONS_SETTINGS) {
            take_flag(options, id, optarg);
        } else if (!keep(options, id, optarg)) {
            snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
            return false;
        }
    }
    if (optind == argc)
        return true;
    snprintf(error, CONFIG_ERROR_SIZE, "%.200s: there are no arguments but options", argv[optind]);
    return false;
}

/* Tries the values on the defaults. */
static bool check(const struct options *options, char error[CONFIG_ERROR_SIZE])
{
    struct config scratch;
    struct config_errors errors = {0};
    if (config_init(&scratch) < 0) {
        snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
        return false;
    }
    bool good = apply(options, &scratch, error);
    if (good)
        config_check(&scratch, "command line", &errors);
    if (errors.count > 0)
        snprintf(error, CONFIG_ERROR_SIZE, "%s", errors.text[0]);
    config_free(&scratch);
    return good && errors.count == 0;
}

bool options_parse(struct options *options, int argc, char **argv, char error[CONFIG_ERROR_SIZE])
{
    memset(options, 0, sizeof *options);
    return parse(options, argc, argv, error) && check(options, error);
}

void options_free(struct options *options)
{
    for (int i = 0; i < OPTIONS_SETTINGS; i++)
        free(options->settings[i]);
    memset(options, 0, sizeof *options);
}

const char *options_config_file(const struct options *options)
{
    return options->config_file ? options->config_file : CONFIG_FILE_DEFAULT;
}

bool options_load_config(const struct options *options, struct config *config,
                         struct config_errors *errors)
{
    errors->count = 0;
    if (config_init(config) < 0) {
        snprintf(errors->text[errors->count++], CONFIG_ERROR_SIZE, "out of memory");
        return false;
    }
    const char *path = options_config_file(options);
    config_read_file(config, path, options->config_file != NULL, errors);
    if (errors->count == 0 && !apply(options, config, errors->text[0]))
        errors->count = 1;
    if (errors->count == 0)
        config_check(config, path, errors);
    if (errors->count > 0)
        config_free(config);
    return errors->count == 0;
}

void options_print_help(FILE *out)
{
    fputs("Usage: mdns-mqtt-bridge [OPTION]...\n"
          "Bridges mDNS/DNS-SD (Avahi) to MQTT (Mosquitto).\n\n",
          out);
    for (int i = 0; i < OPTIONS; i++) {
        char option[24];
        snprintf(option, sizeof option, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        fprintf(out, "  %-16s  %s\n", option, rows[i].help);
    }
    fputs("\nThe command line wins over the file. SIGHUP reads the file again.\n"
          "Exit codes: 0; 64 usage; 78 configuration; 70 internal.\n",
          out);
}
