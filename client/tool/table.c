/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "terminal_text.h"
#include "text.h"
#include "txt.h"

enum column { NAME, TYPE, HOST, PORT, INTERFACE, TXT, ADDRESSES, COLUMNS };

static const struct {
    const char *heading;
    size_t widest; /* columns of the terminal */
} columns[COLUMNS] = {
    [NAME] = {"NAME", 32},           [TYPE] = {"TYPE", 24},
    [HOST] = {"HOST", 26},           [PORT] = {"PORT", 5},
    [INTERFACE] = {"IF", 15},        [TXT] = {"TXT", 4},
    [ADDRESSES] = {"ADDRESSES", 70},
};

#define CELL_SIZE (4 * (SERVICE_HOST_MAX + 1))

/* ---- cells ---- */

static unsigned attributes(const struct service *service)
{
    struct txt_string string;
    unsigned count = 0;
    for (size_t at = 0; (at = txt_next(&string, service->txt, service->txt_length, at)) > 0;)
        count++;
    return count + service->txt_omitted;
}

static void escape(char out[CELL_SIZE], const char *text)
{
    terminal_text_escape(out, (const uint8_t *)text, strlen(text));
}

static void addresses(char out[CELL_SIZE], const struct service *service)
{
    char both[2 * SERVICE_ADDRESS_MAX + 2];
    const char *first = service->addresses[SERVICE_IPV4];
    const char *second = service->addresses[SERVICE_IPV6];

    snprintf(both, sizeof both, "%s%s%s", first ? first : "", first && second != first ? " " : "",
             second && second != first ? second : "");
    escape(out, both);
}

static void cell(char out[CELL_SIZE], const struct service_record *record, enum column column)
{
    switch (column) {
    case NAME:
        escape(out, record->id.name);
        break;
    case TYPE:
        escape(out, record->id.type);
        break;
    case HOST:
        escape(out, record->host);
        break;
    case PORT:
        snprintf(out, CELL_SIZE, "%u", record->service.port);
        break;
    case INTERFACE:
        escape(out, record->id.interface);
        break;
    case TXT:
        snprintf(out, CELL_SIZE, "%u", attributes(&record->service));
        break;
    case ADDRESSES:
        addresses(out, &record->service);
        break;
    case COLUMNS:
        break;
    }
}

/* ---- the table ---- */

static void measure(size_t widths[COLUMNS], const struct service_record *const *list, size_t count)
{
    char text[CELL_SIZE];
    for (enum column c = NAME; c < COLUMNS; c++)
        widths[c] = strlen(columns[c].heading);
    for (size_t i = 0; i < count; i++)
        for (enum column c = NAME; c < COLUMNS; c++) {
            cell(text, list[i], c);
            size_t width = terminal_text_width(text);
            if (width > columns[c].widest)
                width = columns[c].widest;
            if (width > widths[c])
                widths[c] = width;
        }
}

/* record NULL: the headings. */
static void print_row(const struct service_record *record, const size_t widths[COLUMNS],
                      size_t width, const char *end_of_line)
{
    char text[CELL_SIZE], fitted[CELL_SIZE], line[COLUMNS * CELL_SIZE], cut[COLUMNS * CELL_SIZE];
    size_t length = 0;

    for (enum column c = NAME; c < COLUMNS; c++) {
        if (record)
            cell(text, record, c);
        else
            snprintf(text, sizeof text, "%s", columns[c].heading);
        terminal_text_fit(fitted, sizeof fitted, text, widths[c]);
        length += (size_t)snprintf(line + length, sizeof line - length, "%s%s", c > NAME ? " " : "",
                                   fitted);
    }
    while (length > 0 && line[length - 1] == ' ')
        line[--length] = '\0';
    if (terminal_text_width(line) > width) {
        terminal_text_fit(cut, sizeof cut, line, width);
        fputs(cut, stdout);
    } else {
        fputs(line, stdout);
    }
    fputs(end_of_line, stdout);
}

void table_print(const struct service_record *const *list, size_t count, size_t width,
                 size_t height, const char *end_of_line)
{
    size_t widths[COLUMNS];
    bool too_many = count + 1 > height;
    size_t shown = !too_many ? count : height > 2 ? height - 2 : 0;

    measure(widths, list, count);
    print_row(NULL, widths, width, end_of_line);
    for (size_t i = 0; i < shown; i++)
        print_row(list[i], widths, width, end_of_line);
    if (shown < count)
        printf("and %zu more%s", count - shown, end_of_line);
}
