/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "topic.h"

enum common_row {
    COMMON_BROKER,
    COMMON_PREFIX,
    COMMON_USERNAME,
    COMMON_PASSWORD_FILE,
    COMMON_CA_FILE,
    COMMON_CERT_FILE,
    COMMON_KEY_FILE,
    COMMON_TIMEOUT,
    COMMON_JSON,
    COMMON_HELP,
    COMMON_ROWS
};

static const struct option_row common[] = {
    [COMMON_BROKER] = {"broker", 0, "URL",
                       "mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:///PATH"},
    [COMMON_PREFIX] = {"prefix", 0, "P", "the bridge's topic prefix (mdns)"},
    [COMMON_USERNAME] = {"username", 0, "NAME", "user at the broker"},
    [COMMON_PASSWORD_FILE] = {"password-file", 0, "FILE", "the user's password is in this file"},
    [COMMON_CA_FILE] = {"ca-file", 0, "FILE", "who may have signed the broker's certificate"},
    [COMMON_CERT_FILE] = {"cert-file", 0, "FILE", "certificate to show to the broker"},
    [COMMON_KEY_FILE] = {"key-file", 0, "FILE", "its private key"},
    [COMMON_TIMEOUT] = {"timeout", 0, "SECONDS",
                        "how long to wait for a broker or bridge that is not there"},
    [COMMON_JSON] = {"json", 0, NULL, "write one JSON object a line"},
    [COMMON_HELP] = {"help", 'h', NULL, "write this, and end"},
};
static_assert(sizeof common / sizeof *common == COMMON_ROWS, "a row for each");

/* Those of them that are texts, and the environment variables that stand in for them. */
static const struct {
    size_t offset;        /* in struct options */
    const char *variable; /* NULL: none; that of --broker is for broker_place.h */
} texts[] = {
    [COMMON_BROKER] = {offsetof(struct options, broker), NULL},
    [COMMON_PREFIX] = {offsetof(struct options, prefix), "MQTT_PREFIX"},
    [COMMON_USERNAME] = {offsetof(struct options, username), "MQTT_USERNAME"},
    [COMMON_PASSWORD_FILE] = {offsetof(struct options, password_file), "MQTT_PASSWORD_FILE"},
    [COMMON_CA_FILE] = {offsetof(struct options, ca_file), "MQTT_CA_FILE"},
    [COMMON_CERT_FILE] = {offsetof(struct options, cert_file), "MQTT_CERT_FILE"},
    [COMMON_KEY_FILE] = {offsetof(struct options, key_file), "MQTT_KEY_FILE"},
};
#define TEXTS (sizeof texts / sizeof *texts)

#define ROWS_MAX (OPTIONS_OWN_MAX + COMMON_ROWS)
#define RESULT_BASE 256 /* what getopt_long() returns for a row: no character */

#define SECONDS_MAX 86400

/* All rows of a command, its own ones first: an own one hides a common one of the same letter. */
struct table {
    const struct option_row *rows[ROWS_MAX];
    size_t own, count;
    struct option longs[ROWS_MAX + 1];
    char letters[2 * ROWS_MAX + 2];
};

static void add_row(struct table *table, const struct option_row *row)
{
    int has = row->argument ? required_argument : no_argument;
    size_t length = strlen(table->letters);

    table->longs[table->count] =
        (struct option){row->name, has, NULL, RESULT_BASE + (int)table->count};
    table->rows[table->count++] = row;
    if (row->letter && !strchr(table->letters, row->letter)) {
        table->letters[length++] = row->letter;
        if (row->argument)
            table->letters[length++] = ':';
        table->letters[length] = '\0';
    }
}

static void make_table(struct table *table, const struct option_table *own)
{
    memset(table, 0, sizeof *table);
    table->letters[0] = ':'; /* a missing argument is told apart, and nothing is printed */
    for (size_t i = 0; own && i < own->count && i < OPTIONS_OWN_MAX; i++)
        add_row(table, &own->rows[i]);
    table->own = table->count;
    for (size_t i = 0; i < COMMON_ROWS; i++)
        add_row(table, &common[i]);
}

static size_t row_of(const struct table *table, int result)
{
    size_t row = 0;
    if (result >= RESULT_BASE)
        return (size_t)(result - RESULT_BASE);
    while (row < table->count && table->rows[row]->letter != result)
        row++;
    return row;
}

bool options_seconds(int64_t *milliseconds, const char *text)
{
    char *end = NULL;
    if (strspn(text, "0123456789.") != strlen(text))
        return false;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || seconds > SECONDS_MAX)
        return false;
    *milliseconds = (int64_t)(seconds * 1000);
    return true;
}

bool options_port(uint16_t *port, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long number = strtoul(text, NULL, 10);

    if (digits == 0 || digits > 5 || text[digits] != '\0' || number < 1 || number > 65535)
        return false;
    *port = (uint16_t)number;
    return true;
}

static const char **text_of(struct options *options, size_t row)
{
    return (const char **)((char *)options + texts[row].offset);
}

static bool take_common(struct options *options, size_t row, const char *value,
                        const char **problem)
{
    if (row < TEXTS)
        *text_of(options, row) = value;
    else if (row == COMMON_JSON)
        options->json = true;
    else if (row == COMMON_HELP)
        options->help = true;
    *problem = "expected seconds, a day at most";
    return row != COMMON_TIMEOUT || options_seconds(&options->timeout_ms, value);
}

/* What getopt_long() did not like: it leaves the option in optopt, or 0 for a long one it does not
 * know. */
static void describe_bad_option(const struct table *table, bool missing, char **argv,
                                char error[OPTIONS_ERROR_SIZE])
{
    char word[200];
    text_excerpt(word, sizeof word, argv[optind - 1]);
    if (optopt >= RESULT_BASE)
        snprintf(error, OPTIONS_ERROR_SIZE, "--%s %s", table->rows[optopt - RESULT_BASE]->name,
                 missing ? "needs an argument" : "takes no argument");
    else if (optopt > ' ' && optopt < 127)
        snprintf(error, OPTIONS_ERROR_SIZE,
                 missing ? "-%c needs an argument" : "-%c: there is no such option", optopt);
    else
        snprintf(error, OPTIONS_ERROR_SIZE, "%s: there is no such option", word);
}

static bool take(struct options *options, const struct table *table, const struct option_table *own,
                 int result, char error[OPTIONS_ERROR_SIZE])
{
    const char *problem = "cannot be used";
    size_t row = row_of(table, result);
    char value[160];

    if (row < table->own ? own->take(own->context, row, optarg, &problem)
                         : take_common(options, row - table->own, optarg, &problem))
        return true;
    text_excerpt(value, sizeof value, optarg ? optarg : "");
    snprintf(error, OPTIONS_ERROR_SIZE, "--%s%s%s: %s", table->rows[row]->name, optarg ? " " : "",
             value, problem);
    return false;
}

const char *options_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* What is given as empty is not given. */
static const char *from_environment(const char *given, const char *name)
{
    if (!given)
        return options_environment(name);
    return *given ? given : NULL;
}

static void take_environment(struct options *options)
{
    for (size_t row = 0; row < TEXTS; row++)
        if (texts[row].variable)
            *text_of(options, row) = from_environment(*text_of(options, row), texts[row].variable);
    if (!options->prefix)
        options->prefix = "mdns";
}

bool options_parse(struct options *options, const struct option_table *own, int argc, char **argv,
                   int *first, char error[OPTIONS_ERROR_SIZE])
{
    struct table table;
    int result;

    make_table(&table, own);
    *options = (struct options){.timeout_ms = -1};
    optind = 0; /* begin anew; glibc and musl both know this */
    while ((result = getopt_long(argc, argv, table.letters, table.longs, NULL)) != -1) {
        if (result == '?' || result == ':') {
            describe_bad_option(&table, result == ':', argv, error);
            return false;
        }
        if (!take(options, &table, own, result, error))
            return false;
    }
    *first = optind;
    take_environment(options);
    if (topic_prefix_is_valid(options->prefix))
        return true;
    snprintf(error, OPTIONS_ERROR_SIZE, "the prefix (--prefix, MQTT_PREFIX) is no MQTT topic");
    return false;
}

static void print_row(const struct option_row *row, FILE *out)
{
    char option[40];
    if (!row->help)
        return;
    snprintf(option, sizeof option, "--%s%s%s", row->name, row->argument ? " " : "",
             row->argument ? row->argument : "");
    fprintf(out, row->letter ? "  -%c, %-22s  %s\n" : "  %c   %-22s  %s\n",
            row->letter ? row->letter : ' ', option, row->help);
}

void options_print_help(const struct option_table *own, FILE *out)
{
    struct table table;
    make_table(&table, own);
    for (size_t i = 0; i < table.count; i++) {
        if (i == table.own)
            fputs(i > 0 ? "\n" : "", out);
        print_row(table.rows[i], out);
    }
}
