/* SPDX-License-Identifier: MIT */
/*
 * Searches for a service that keeps to RFC 6763 and whose record is longer than the longest that
 * record_longest.h derives. It climbs from random services, and wanders about on the longest one.
 */
#include <stdio.h>

#include "record_longest.h"

#define SEED 6763
#define ROUNDS 4000 /* for each start */
#define STARTS 3

struct candidate {
    char name[SERVICE_NAME_MAX + 1];
    size_t host_length;
    size_t count;
    struct {
        size_t length;
        uint8_t bytes[STRING_MAX];
    } strings[STRINGS];
};

static size_t below(size_t bound)
{
    return bound > 1 ? (size_t)rand() % bound : 0;
}

static uint8_t random_byte(void)
{
    static const char likely[] = "\"\\=\t\0\xffk";

    return (uint8_t)(below(4) ? likely[below(sizeof likely - 1)] : (char)rand());
}

static size_t wire_of(const struct candidate *candidate)
{
    size_t wire = 0;

    for (size_t i = 0; i < candidate->count; i++)
        wire += 1 + candidate->strings[i].length;
    return wire;
}

/* A key and a value, each mostly of one byte. */
static void random_string(struct candidate *candidate, size_t i, size_t length)
{
    uint8_t *bytes = candidate->strings[i].bytes;
    size_t equals = below(2) ? length - 1 - below(length < 4 ? length : 4) : below(length + 1);

    candidate->strings[i].length = length;
    memset(bytes, random_byte(), STRING_MAX);
    if (equals < length) {
        memset(bytes + equals, random_byte(), STRING_MAX - equals);
        bytes[equals] = '=';
    }
    for (size_t b = 0; b < 6 && b < equals && b < length; b++)
        bytes[b] = random_byte();
}

static void random_candidate(struct candidate *candidate)
{
    repeat(candidate->name, "n", below(SERVICE_NAME_MAX) + 1);
    candidate->host_length = below(SERVICE_HOST_MAX) + 1;
    candidate->count = 0;
    for (size_t left = WIRE; candidate->count < STRINGS && left > 1;
         left = WIRE - wire_of(candidate)) {
        size_t length_max = left - 1 < STRING_MAX ? left - 1 : STRING_MAX;

        random_string(candidate, candidate->count, 1 + below(length_max));
        candidate->count++;
    }
}

static void candidate_of_sample(struct candidate *candidate)
{
    struct txt_string string;

    memcpy(candidate->name, sample.id.name, sizeof candidate->name);
    candidate->host_length = strlen(host);
    candidate->count = 0;
    for (size_t at = 0; (at = txt_next(&string, sample.wire, sample.txt.length, at)) > 0;) {
        memcpy(candidate->strings[candidate->count].bytes, string.bytes, string.length);
        candidate->strings[candidate->count++].length = string.length;
    }
}

/* One step, which may leave the bounds. */
static void change(struct candidate *candidate)
{
    static const char *const pieces[] = {"\"", "\\", "n", "~", "\xc3\xbc", "\xe2\x80\xa8"};
    size_t i = below(candidate->count);
    size_t j = below(candidate->count);
    size_t by = 1 + below(8);
    size_t piece = below(sizeof pieces / sizeof pieces[0]);

    switch (below(12)) {
    case 0: /* a byte */
        candidate->strings[i].bytes[below(candidate->strings[i].length)] = random_byte();
        break;
    case 1: /* a length */
        candidate->strings[i].length += by;
        break;
    case 2: /* bytes from one to another */
        candidate->strings[i].length -= by;
        candidate->strings[j].length += by;
        break;
    case 3: /* a string in two, or one less */
        if (below(4) && candidate->count < STRINGS && candidate->strings[i].length > by + 1) {
            candidate->strings[i].length -= by + 1;
            random_string(candidate, candidate->count++, by);
        } else if (candidate->count > 1) {
            candidate->strings[i] = candidate->strings[--candidate->count];
        }
        break;
    case 4: /* the name; 60 is a multiple of the length of every piece, 63 of all but one */
        repeat(candidate->name, pieces[piece], strlen(pieces[piece]) == 2 ? 60 : 63);
        break;
    case 5: /* the host */
        candidate->host_length = below(SERVICE_HOST_MAX) + 1;
        break;
    default: /* another string */
        random_string(candidate, i, candidate->strings[i].length);
        break;
    }
}

static bool is_within_bounds(const struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->count; i++)
        if (candidate->strings[i].length < 1 || candidate->strings[i].length > STRING_MAX)
            return false;
    return wire_of(candidate) <= WIRE;
}

static size_t measure_candidate(const struct candidate *candidate)
{
    longest_names();
    memcpy(sample.id.name, candidate->name, sizeof candidate->name);
    repeat(host, "h", candidate->host_length);
    for (size_t i = 0; i < candidate->count; i++)
        sample_add(&sample, candidate->strings[i].bytes, candidate->strings[i].length);
    return measure();
}

/* Goes on with each step that does not shorten the record. Returns the longest record seen. */
static size_t climb(struct candidate *best)
{
    static struct candidate next;
    size_t longest = measure_candidate(best);

    for (int round = 0; round < ROUNDS; round++) {
        next = *best;
        change(&next);
        if (!is_within_bounds(&next))
            continue;

        size_t length = measure_candidate(&next);

        if (length >= longest) {
            longest = length;
            *best = next;
        }
    }
    return longest;
}

START_TEST(the_hunt_finds_nothing_longer)
{
    static struct candidate candidate;

    srand(SEED);
    for (int start = 0; start < STARTS; start++) {
        if (start == 0) {
            longest_names();
            costliest_attributes();
            candidate_of_sample(&candidate);
        } else {
            random_candidate(&candidate);
        }
        size_t longest = climb(&candidate);

        printf("hunt with seed %d, start %d: %zu\n", SEED, start, longest);
        ck_assert_uint_le(longest, RECORD_SIZE_DEFAULT - LEFT);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("record_hunt");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_hunt_finds_nothing_longer);
    return run("record_hunt", tests);
}
