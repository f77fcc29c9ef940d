/* SPDX-License-Identifier: MIT */
/*
 * Reading the file, line by line: a comment, a [section], a key with its value, or, indented, more of the
 * list above. Every fault is told once, with its line: what follows a heading that is not good, or continues
 * a value that is not, is passed over in silence.
 *
 * An indented line continues the value above it, which makes sense for lists only. Far more often
 * it is a key that somebody has indented; what looks like one is refused.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "config_table.h"
#include "config_value.h"

#define BLANKS " \t"
/* The longest key with the longest text, and a '\r'. */
#define LINE_BYTES (sizeof "password-file = " + CONFIG_VALUE_MAX)
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define HEADING_MAX (sizeof "advertise " - 1 + CONFIG_CLIENT_MAX)

struct reader {
    FILE *file;
    const char *path;
    struct config *config;
    struct config_errors *errors;
    unsigned line; /* the one that is looked at; the first is 1 */
    bool key_seen; /* since the heading there was a line with a key, good or bad */

    /* The section that the line is in. */
    bool heading_seen;
    char heading[HEADING_MAX + 1]; /* "" before the first one, and in one that is not good */
    enum config_section section;
    struct client_policy *client; /* NULL unless it is [advertise CLIENT] */
    const struct config_key *key; /* the last one; NULL if it was not good */
    bool sections_seen[CONFIG_SECTIONS];
};

void config_add_error(struct config_errors *errors, const char *path, unsigned line,
                      const char *format, ...)
{
    if (errors->count == CONFIG_ERRORS_MAX)
        return;
    char *text = errors->text[errors->count++];
    int length = line > 0 ? snprintf(text, CONFIG_ERROR_SIZE, "%.200s:%u: ", path, line)
                          : snprintf(text, CONFIG_ERROR_SIZE, "%.200s: ", path);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, CONFIG_ERROR_SIZE - (size_t)length, format, arguments);
    va_end(arguments);
}

#define ADD_ERROR(reader, ...)                                                                     \
    config_add_error((reader)->errors, (reader)->path, (reader)->line, __VA_ARGS__)

/* One line without its end; empty if it is not good. False: there is none, or no use in reading on. */
static bool read_line(struct reader *reader, char line[LINE_BYTES + 1])
{
    size_t length = 0;
    int c = getc(reader->file);
    if (c == EOF)
        return false;
    reader->line++;
    for (; c != EOF && c != '\n'; c = getc(reader->file)) {
        if (c == '\0') {
            ADD_ERROR(reader, "a NUL byte: this is not a text file");
            return false;
        }
        if (length < LINE_BYTES)
            line[length] = (char)c;
        length++;
    }
    if (length > LINE_BYTES) {
        ADD_ERROR(reader, "longer than %zu bytes; a list may go on in an indented line",
                  LINE_BYTES);
        length = 0;
    }
    line[length] = '\0';
    return true;
}

/* A ';' at the beginning or behind a blank begins a comment: cut, with the blanks before it. */
static void cut_comment(char *line)
{
    size_t length = 0;
    for (size_t i = 0; line[i]; i++) {
        if (line[i] == ';' && (i == 0 || strchr(BLANKS, line[i - 1])))
            break;
        if (!strchr(BLANKS "\r", line[i]))
            length = i + 1;
    }
    line[length] = '\0';
}

static bool enter_client(struct reader *reader, const char *name)
{
    struct config *config = reader->config;
    char client[TOPIC_CLIENT_MAX + 1];
    if (!topic_client_parse(client, name)) {
        ADD_ERROR(
            reader,
            "[advertise %.80s]: a client's name is 1 to %d characters of A-Z a-z 0-9 . _ -, and "
            "not . or ..",
            name, CONFIG_CLIENT_MAX);
        return false;
    }
    for (size_t i = 0; i < config->client_count; i++)
        if (strcmp(config->clients[i].client, name) == 0) {
            ADD_ERROR(reader, "[advertise %s]: this section is there twice", name);
            return false;
        }
    if (config->client_count == CONFIG_CLIENTS_MAX) {
        ADD_ERROR(reader, "[advertise %s]: more than %d clients", name, CONFIG_CLIENTS_MAX);
        return false;
    }
    reader->section = SECTION_ADVERTISE;
    reader->client = config_add_client(config, name);
    if (!reader->client)
        ADD_ERROR(reader, "out of memory");
    return reader->client != NULL;
}

static bool enter_section(struct reader *reader, const char *name)
{
    static const size_t word = sizeof "advertise" - 1;
    if (strncmp(name, "advertise", word) == 0 && name[word] && strchr(BLANKS, name[word]))
        return enter_client(reader, name + word + strspn(name + word, BLANKS));
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        if (strcmp(config_sections[i], name) != 0)
            continue;
        if (reader->sections_seen[i]) {
            ADD_ERROR(reader, "[%s]: this section is there twice", name);
            return false;
        }
        reader->sections_seen[i] = true;
        reader->section = (enum config_section)i;
        return true;
    }
    ADD_ERROR(reader, "[%.80s]: there is no such section", name);
    return false;
}

/* A line that begins with '['. */
static void read_heading(struct reader *reader, char *line)
{
    size_t length = strlen(line);
    reader->client = NULL;
    reader->heading_seen = true;
    reader->key_seen = false;
    reader->heading[0] = '\0';
    if (line[length - 1] != ']') {
        ADD_ERROR(reader, "a [section] that does not end with ']'");
        return;
    }
    line[length - 1] = '\0';
    if (enter_section(reader, line + 1))
        snprintf(reader->heading, sizeof reader->heading, "%s%s%s",
                 config_sections[reader->section], reader->client ? " " : "",
                 reader->client ? reader->client->client : "");
}

/* Where the offset of a key counts in this section. */
static void *base_of(const struct reader *reader, const struct config_key *key)
{
    if (!key->per_client)
        return reader->config;
    return reader->client ? &reader->client->policy : &reader->config->advertise;
}

/* An indented line: the rest of a value. No item of a list has a '=' in it. */
static void read_continuation(struct reader *reader, const char *text)
{
    char error[CONFIG_ERROR_SIZE];
    const struct config_key *key = reader->key;
    if (!reader->key_seen || strchr(text, '='))
        ADD_ERROR(reader, "an indented line only continues a list above it");
    else if (!key)
        return; /* the line above is already known to be bad */
    else if (!config_value_is_list(key))
        ADD_ERROR(reader, "[%s] %s: only lists go on in an indented line", reader->heading,
                  key->name);
    else if (!config_value_parse(key, base_of(reader, key), text, true, error))
        ADD_ERROR(reader, "[%s] %s = %s", reader->heading, key->name, error);
}

static void set_value(struct reader *reader, const char *name, const char *value)
{
    const struct config_key *key = config_find_key(reader->section, name);
    if (!key || (reader->client && !key->per_client)) {
        ADD_ERROR(reader, "[%s] %.80s: there is no such key%s", reader->heading, name,
                  key ? " for a single client" : "");
        return;
    }
    unsigned *line = reader->client ? reader->client->lines : reader->config->lines;
    line += config_key_index(key);
    if (*line > 0) {
        ADD_ERROR(reader, "[%s] %s: already set in line %u", reader->heading, name, *line);
        return;
    }
    *line = reader->line;

    char error[CONFIG_ERROR_SIZE];
    if (config_value_parse(key, base_of(reader, key), value, false, error))
        reader->key = key;
    else
        ADD_ERROR(reader, "[%s] %s = %s", reader->heading, name, error);
}

/* "KEY = VALUE", or with a ':', as INI files have it, too. */
static void read_key(struct reader *reader, char *line)
{
    char *sign = strpbrk(line, "=:");
    if (!sign) {
        ADD_ERROR(reader, "neither a [section] nor a key = value");
        return;
    }
    const char *value = sign + 1 + strspn(sign + 1, BLANKS);
    while (sign > line && strchr(BLANKS, sign[-1]))
        sign--;
    *sign = '\0';
    reader->key_seen = true;
    reader->key = NULL;
    if (!reader->heading_seen)
        ADD_ERROR(reader, "%.80s: this key is in no section", line);
    else if (reader->heading[0])
        set_value(reader, line, value);
}

static void read_lines(struct reader *reader)
{
    char buffer[LINE_BYTES + 1] = "";
    while (reader->errors->count < CONFIG_ERRORS_MAX && read_line(reader, buffer)) {
        bool has_mark = reader->line == 1 && strncmp(buffer, BYTE_ORDER_MARK, 3) == 0;
        char *line = buffer + (has_mark ? strlen(BYTE_ORDER_MARK) : 0);
        cut_comment(line);
        size_t blanks = strspn(line, BLANKS);
        if (line[blanks] == '\0' || line[blanks] == '#')
            continue;
        if (blanks > 0)
            read_continuation(reader, line + blanks);
        else if (line[0] == '[')
            read_heading(reader, line);
        else
            read_key(reader, line);
    }
}

void config_read_file(struct config *config, const char *path, bool required,
                      struct config_errors *errors)
{
    struct reader reader = {.path = path, .config = config, .errors = errors};
    reader.file = fopen(path, "re");
    if (!reader.file) {
        if (required || errno != ENOENT)
            config_add_error(errors, path, 0, "%s", strerror(errno));
        return;
    }
    read_lines(&reader);
    if (ferror(reader.file))
        config_add_error(errors, path, 0, "cannot be read");
    fclose(reader.file);
    if (!config_inherit(config))
        config_add_error(errors, path, 0, "out of memory");
}
