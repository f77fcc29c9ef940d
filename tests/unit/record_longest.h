/* SPDX-License-Identifier: MIT */
/*
 * The longest record of a service that keeps to RFC 6763, derived; test_record_fits.c says how.
 */
#ifndef TESTS_RECORD_LONGEST_H
#define TESTS_RECORD_LONGEST_H

#include "record_back.h"

/* The bounds: RFC 6763 6.2 advises 1300 bytes, so that the record fits one Ethernet packet. */
#define STRINGS 64
#define WIRE 1300
#define STRING_MAX 255

/* Bytes that a record at the default size has left in the worst case, with the domain "local". */
#define LEFT 11

/*
 * Epoch and time have 13 digits until the year 2286. For seq to have more than 12, a bridge must
 * publish a thousand records a second for thirty years without a restart.
 */
static const struct record_stamp longest_stamp = {9999999999999, 999999999999, 9999999999999};

static struct sample sample;
static char host[SERVICE_HOST_MAX + 1];
static uint8_t record[RECORD_SIZE_MAX];

static inline size_t measure(void)
{
    struct record_omission omission;

    MUST(record_service(record, 2 * RECORD_SIZE_DEFAULT, &sample.service, true, &longest_stamp,
                        &omission) == RECORD_OK);
    MUST(omission.attributes == 0);
    return record_length(record, 2 * RECORD_SIZE_DEFAULT);
}

static inline void repeat(char *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = text[i % strlen(text)];
    out[length] = '\0';
}

/*
 * The longest names there are. Name: one label, UTF-8 without ASCII control characters (RFC
 * 6763 4.1.1); quote and backslash are what JSON makes longer. Type: letters, digits and hyphens,
 * 15 of them (RFC 6335 5.1). Domain: multicast DNS has this one alone (RFC 6762 section 3). Host:
 * RFC 1035's bound; letters, digits, hyphens, UTF-8. A gone service of another host has the longest
 * keys besides.
 */
static inline void longest_names(void)
{
    sample_init(&sample);
    repeat(sample.id.name, "\"\\", SERVICE_NAME_MAX);
    snprintf(sample.id.type, sizeof sample.id.type, "_fifteen-letters._tcp");
    snprintf(sample.id.domain, sizeof sample.id.domain, "local");
    repeat(sample.id.interface, "enx0123456789ab", SERVICE_INTERFACE_MAX);
    repeat(host, "h\xc3\xb6st-", SERVICE_HOST_MAX - 6);
    memcpy(host + strlen(host), ".local", sizeof ".local");
    sample.service.host = host;
    sample.service.port = UINT16_MAX;
    sample.service.addresses[SERVICE_IPV4] = "255.255.255.255";
    sample.service.addresses[SERVICE_IPV6] =
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%enx0123456789ab";
}

/* ---- 1. the model ---- */

/* What becomes of a string: a member of txt with one of three values, or an element of txt_raw. */
enum form { BARE, TEXT, BINARY, RAW, FORMS };

struct shape {
    enum form form;
    size_t key;   /* bytes before the '=', or all */
    size_t value; /* bytes behind it */
    size_t cost;  /* of its JSON, with a comma */
};

static inline size_t base64_length(size_t length)
{
    return (length + 2) / 3 * 4;
}

/* At most, which is where every byte of text is one that JSON escapes. */
static inline size_t cost_of(enum form form, size_t key, size_t value)
{
    size_t in_txt = 2 * key + strlen("\"\":,");

    switch (form) {
    case BARE:
        return in_txt + strlen("true");
    case TEXT:
        return in_txt + strlen("\"\"") + 2 * value;
    case BINARY:
        return in_txt + strlen("{\"b64\":\"\"}") + base64_length(value);
    case RAW:
        return strlen("\"\",") + base64_length(key);
    case FORMS:
        break;
    }
    abort();
}

/* The costliest member of txt for each length of string, with keys of at least key_min bytes. */
static inline void model(struct shape in_txt[STRING_MAX + 1], size_t key_min)
{
    for (size_t length = 0; length <= STRING_MAX; length++) {
        struct shape *best = &in_txt[length];

        *best = (struct shape){0};
        for (size_t key = key_min; key <= length; key++)
            for (enum form form = BARE; form <= BINARY; form++) {
                if ((form == BARE) != (key == length) || (form == BINARY && key + 1 == length))
                    continue;

                size_t value = form == BARE ? 0 : length - key - 1;
                size_t cost = cost_of(form, key, value);

                if (cost > best->cost)
                    *best = (struct shape){form, key, value, cost};
            }
    }
}

/* ---- 2. the most that fits the bounds ---- */

/* For each number of strings and of bytes, length bytes counted, which neither may exceed. */
struct table {
    unsigned most[STRINGS + 1][WIRE + 1];        /* what they can cost */
    unsigned char choice[STRINGS + 1][WIRE + 1]; /* the length of the last of them; 0: none */
};

static inline void solve(struct table *table, const size_t cost[STRING_MAX + 1])
{
    memset(table, 0, sizeof *table);
    for (size_t n = 1; n <= STRINGS; n++)
        for (size_t wire = 2; wire <= WIRE; wire++) {
            unsigned best = table->most[n - 1][wire];
            unsigned char choice = 0;

            for (size_t length = 1; length <= STRING_MAX && length < wire; length++) {
                unsigned sum = table->most[n - 1][wire - length - 1] + (unsigned)cost[length];

                if (cost[length] > 0 && sum > best) {
                    best = sum;
                    choice = (unsigned char)length;
                }
            }
            table->most[n][wire] = best;
            table->choice[n][wire] = choice;
        }
}

static struct table txt_table;
static struct table raw_table;

/* How the strings and bytes are best shared between txt and txt_raw. */
struct split {
    size_t strings_in_txt;
    size_t wire_in_txt;
    size_t cost; /* of all attributes, without the `"txt":{}` that is always there */
};

static inline struct split most_within_bounds(const struct shape in_txt[STRING_MAX + 1])
{
    size_t txt_cost[STRING_MAX + 1];
    size_t raw_cost[STRING_MAX + 1];
    struct split best = {0};

    for (size_t length = 0; length <= STRING_MAX; length++) {
        txt_cost[length] = in_txt[length].cost;
        raw_cost[length] = length > 0 ? cost_of(RAW, length, 0) : 0;
    }
    solve(&txt_table, txt_cost);
    solve(&raw_table, raw_cost);

    for (size_t n = 0; n <= STRINGS; n++)
        for (size_t wire = 0; wire <= WIRE; wire++) {
            size_t txt = txt_table.most[n][wire];
            size_t raw = raw_table.most[STRINGS - n][WIRE - wire];
            size_t cost = (txt > 0 ? txt - strlen(",") : 0) +
                          (raw > 0 ? raw - strlen(",") + strlen(",\"txt_raw\":[]") : 0);

            if (cost > best.cost)
                best = (struct split){n, wire, cost};
        }
    return best;
}

/* ---- 3. the service that this is ---- */

/* Keys that differ: the number of the string, in quotes and backslashes for zeros and ones. */
#define KEY_MIN 6

static inline void add_shape(const struct shape *shape, unsigned number)
{
    uint8_t string[STRING_MAX];
    size_t length = shape->key;

    for (size_t i = 0; i < shape->key; i++)
        string[i] = i < KEY_MIN && number >> i & 1 ? '\\' : '"';
    if (shape->form != BARE)
        string[length++] = '=';
    memset(string + length, shape->form == TEXT ? '"' : 0xff, shape->value);
    sample_add(&sample, string, length + shape->value);
}

static inline void add_raw(size_t length, unsigned number)
{
    uint8_t string[STRING_MAX];

    memset(string, 0xff, length);
    string[0] = (uint8_t)(0x80 + number);
    sample_add(&sample, string, length);
}

/* Gives the sample the attributes that cost most. Returns what the model says they cost. */
static inline size_t costliest_attributes(void)
{
    struct shape in_txt[STRING_MAX + 1];

    model(in_txt, KEY_MIN);

    struct split split = most_within_bounds(in_txt);
    size_t wire = split.wire_in_txt;

    for (size_t n = split.strings_in_txt; n > 0; n--) {
        size_t length = txt_table.choice[n][wire];

        if (length > 0) {
            add_shape(&in_txt[length], (unsigned)n);
            wire -= length + 1;
        }
    }
    wire = WIRE - split.wire_in_txt;
    for (size_t n = STRINGS - split.strings_in_txt; n > 0; n--) {
        size_t length = raw_table.choice[n][wire];

        if (length > 0) {
            add_raw(length, (unsigned)n);
            wire -= length + 1;
        }
    }
    MUST(sample.txt.attributes <= STRINGS && sample.txt.length <= WIRE);
    return split.cost;
}

#endif
