/* SPDX-License-Identifier: MIT */
/*
 * Values that are lists: items between commas and blanks. What is listed twice is kept once, as
 * nobody wants to browse twice for the same.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_value.h"
#include "service_type.h"

#define SEPARATORS ", \t"

#define LINE_WIDTH 100
#define INDENTATION "   "

static bool equal(const char *item, const char *text, size_t length, bool fold)
{
    return strlen(item) == length &&
           (fold ? strncasecmp(item, text, length) : strncmp(item, text, length)) == 0;
}

/* Appends an item unless it is there already (ASCII case ignored if `fold`). False: full, or no
 * memory. */
static bool list_add(struct config_list *list, const char *item, size_t length, bool fold)
{
    for (size_t i = 0; i < list->count; i++)
        if (equal(list->items[i], item, length, fold))
            return true;
    if (list->count == CONFIG_LIST_MAX)
        return false;

    char *copy = strndup(item, length);
    char **items = copy ? realloc(list->items, (list->count + 2) * sizeof *items) : NULL;
    if (!items) {
        free(copy);
        return false;
    }
    items[list->count++] = copy;
    items[list->count] = NULL;
    list->items = items;
    return true;
}

static void list_free(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){0};
}

const char *const *config_list_items(const struct config_list *list)
{
    static const char *const none[] = {NULL};
    return list->items ? (const char *const *)list->items : none;
}

/*
 * `strict`: what a request may say. Otherwise what Avahi would browse for, but for what a line of the file
 * cannot hold, and what would have to be escaped.
 */
static bool is_type(const char *item, size_t length, bool strict)
{
    if (strict)
        return service_type_is_valid(item, length);
    return service_type_is_seen(item, length) && strcspn(item, "\\=#;") >= length;
}

static bool parse_port_range(struct port_list *list, const char *item, size_t length,
                             char reason[CONFIG_REASON_SIZE])
{
    uint32_t first = 1;
    uint32_t last = 65535;
    size_t dash = strcspn(item, "-");
    bool all = length == 3 && strncmp(item, "all", 3) == 0;
    bool good = all;
    if (!all && dash < length)
        good = config_parse_number(&first, item, dash, 1, 65535) &&
               config_parse_number(&last, item + dash + 1, length - dash - 1, first, 65535);
    else if (!all) {
        good = config_parse_number(&first, item, length, 1, 65535);
        last = first;
    }
    if (!good)
        return config_refuse(reason, "'%.*s' is not a port or a range of ports (80 or 8000-8999)",
                             (int)length, item);
    if (list->count == CONFIG_LIST_MAX)
        return config_refuse(reason, "more than %d ranges", CONFIG_LIST_MAX);
    struct port_range *ranges = realloc(list->ranges, (list->count + 1) * sizeof *ranges);
    if (!ranges)
        return config_refuse(reason, "out of memory");
    ranges[list->count++] = (struct port_range){(uint16_t)first, (uint16_t)last};
    list->ranges = ranges;
    return true;
}

static bool add_item(struct config_list *list, const char *item, size_t length, bool fold,
                     char reason[CONFIG_REASON_SIZE])
{
    if (list_add(list, item, length, fold))
        return true;
    if (list->count == CONFIG_LIST_MAX)
        return config_refuse(reason, "more than %d items", CONFIG_LIST_MAX);
    return config_refuse(reason, "out of memory");
}

static bool parse_type(struct config_list *list, const char *item, size_t length, bool strict,
                       char reason[CONFIG_REASON_SIZE])
{
    if (!is_type(item, length, strict))
        return config_refuse(reason, "'%.*s' is not a service type (_http._tcp)", (int)length,
                             item);
    return add_item(list, item, length, true, reason);
}

static bool parse_item(const struct config_key *key, void *field, const char *item, size_t length,
                       char reason[CONFIG_REASON_SIZE])
{
    if (length > CONFIG_VALUE_MAX)
        return config_refuse(reason, "an item is longer than %d bytes", CONFIG_VALUE_MAX);
    switch (key->kind) {
    case KIND_PORTS:
        return parse_port_range(field, item, length, reason);
    case KIND_BROWSE_TYPES:
        if (length == 4 && strncmp(item, "auto", 4) == 0) {
            ((struct browse_types *)field)->automatic = true;
            return true;
        }
        return parse_type(&((struct browse_types *)field)->named, item, length, false, reason);
    case KIND_TYPES:
        return parse_type(field, item, length, true, reason);
    case KIND_DOMAINS:
        /* Avahi tells no interface of what it finds in other domains, and hears no goodbyes there. */
        if (!equal("local", item, length, true))
            return config_refuse(reason, "'%.*s': 'local' is the only domain that can be browsed",
                                 (int)length, item);
        return add_item(field, "local", length, true, reason);
    default: /* KIND_GLOBS */
        if (strcspn(item, "/=#;") < length)
            return config_refuse(reason, "'%.*s' is not a glob for interfaces", (int)length, item);
        return add_item(field, item, length, false, reason);
    }
}

bool config_list_parse(const struct config_key *key, void *field, const char *text,
                       char reason[CONFIG_REASON_SIZE])
{
    for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
        size_t length = strcspn(text, SEPARATORS);
        if (!parse_item(key, field, text, length, reason))
            return false;
        text += length;
    }
    return true;
}

/* One item behind a blank, on a new line where this one is full. */
static void write_item(FILE *out, size_t *column, const char *item)
{
    size_t length = strlen(item) + 1;
    if (*column + length > LINE_WIDTH) {
        fputs("\n" INDENTATION, out);
        *column = strlen(INDENTATION);
    }
    fprintf(out, " %s", item);
    *column += length;
}

static void write_port_range(FILE *out, size_t *column, struct port_range range)
{
    char item[sizeof "65535-65535"];
    if (range.first == 1 && range.last == 65535)
        strcpy(item, "all");
    else if (range.first == range.last)
        snprintf(item, sizeof item, "%u", range.first);
    else
        snprintf(item, sizeof item, "%u-%u", range.first, range.last);
    write_item(out, column, item);
}

void config_list_write(const struct config_key *key, const void *field, FILE *out)
{
    size_t column = strlen(key->name) + strlen(" =");
    const struct config_list *list = field;
    if (key->kind == KIND_PORTS) {
        const struct port_list *ports = field;
        for (size_t i = 0; i < ports->count; i++)
            write_port_range(out, &column, ports->ranges[i]);
        if (ports->count == 0)
            write_item(out, &column, "all");
        return;
    }
    if (key->kind == KIND_BROWSE_TYPES) {
        const struct browse_types *types = field;
        if (types->automatic)
            write_item(out, &column, "auto");
        list = &types->named;
    }
    for (size_t i = 0; i < list->count; i++)
        write_item(out, &column, list->items[i]);
}

/* The list of texts in a field of any kind but KIND_PORTS. */
static struct config_list *texts_of(const struct config_key *key, void *field)
{
    return key->kind == KIND_BROWSE_TYPES ? &((struct browse_types *)field)->named : field;
}

void config_list_free(const struct config_key *key, void *field)
{
    if (key->kind == KIND_PORTS) {
        struct port_list *ports = field;
        free(ports->ranges);
        *ports = (struct port_list){0};
        return;
    }
    list_free(texts_of(key, field));
    if (key->kind == KIND_BROWSE_TYPES)
        ((struct browse_types *)field)->automatic = false;
}

bool config_list_copy(const struct config_key *key, void *field, const void *from)
{
    config_list_free(key, field);
    if (key->kind == KIND_PORTS) {
        const struct port_list *source = from;
        struct port_list *ports = field;
        if (source->count == 0)
            return true;
        ports->ranges = malloc(source->count * sizeof *ports->ranges);
        if (!ports->ranges)
            return false;
        memcpy(ports->ranges, source->ranges, source->count * sizeof *ports->ranges);
        ports->count = source->count;
        return true;
    }
    const struct config_list *source = from;
    if (key->kind == KIND_BROWSE_TYPES) {
        const struct browse_types *types = from;
        ((struct browse_types *)field)->automatic = types->automatic;
        source = &types->named;
    }
    for (size_t i = 0; i < source->count; i++)
        if (!list_add(texts_of(key, field), source->items[i], strlen(source->items[i]), false))
            return false;
    return true;
}
