/* SPDX-License-Identifier: MIT */
/*
 * README.md, section 1: at the default size every service that keeps to RFC 6763 fits without loss.
 *
 * A record is its names (everything outside the TXT data) and its attributes, and their lengths add
 * up; so the longest names and the longest attributes together are the longest record. That is
 * derived, not guessed, in three steps, each a test:
 *
 * 1. A model says how long the JSON of a string of n bytes can be. Strings of every byte, with the
 *    key and the value of many lengths, are measured against it: none is longer.
 * 2. Dynamic programming over (strings, bytes) finds the most that the model allows within the
 *    bounds. The keys of a service must differ, so that this could be more than any service has;
 *    therefore it is solved again for strings that are sure to have different keys. Both answers
 *    are equal, and so it is the true maximum.
 * 3. The service so found is built, with the longest names, and its record is measured.
 *
 * And test_record_hunt.c searches for what all this may have overlooked.
 */
#include <stdio.h>

#include "record_longest.h"

/* What one string adds to the record, with the commas as the model has them. */
static size_t measured_cost(const uint8_t *string, size_t length)
{
    static size_t without;

    sample_init(&sample);
    if (without == 0)
        without = measure();
    sample_add(&sample, string, length);
    return measure() - without + 1;
}

/* For which lengths some string was as long as the model says. */
static bool reached[STRING_MAX + 1];

/* One byte over and over, perhaps with a binary one at the end and a '=' at `equals`. */
static void check_model(size_t length, int byte, size_t equals, bool binary_end, size_t most)
{
    uint8_t string[STRING_MAX];
    size_t in_raw = cost_of(RAW, length, 0) + strlen(",\"txt_raw\":[]");

    memset(string, byte, length);
    if (binary_end)
        string[length - 1] = 0xff;
    if (equals < length)
        string[equals] = '=';
    if (string[0] == '=')
        return;

    size_t cost = measured_cost(string, length);
    bool is_raw = !text_is_readable(string, equals < length ? equals : length);

    if (is_raw ? cost != in_raw : cost > most)
        ck_abort_msg("length %zu, byte %d, '=' at %zu", length, byte, equals);
    if (!is_raw && cost == most)
        reached[length] = true;
}

START_TEST(no_string_costs_more_than_the_model)
{
    static const size_t lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 64, 129, 253, 254, 255};
    struct shape in_txt[STRING_MAX + 1];

    model(in_txt, 1);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t length = lengths[i];
        size_t places[] = {1, length / 2, length - 2, length - 1, STRING_MAX};

        for (int byte = 0; byte < 256; byte++)
            for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
                for (int binary_end = 0; binary_end < 2; binary_end++)
                    check_model(length, byte, places[p], binary_end, in_txt[length].cost);
        ck_assert_msg(reached[length], "the model is too generous for length %zu", length);
    }
}
END_TEST

START_TEST(the_longest_record_fits)
{
    struct shape in_txt[STRING_MAX + 1];

    longest_names();
    size_t names = measure();
    size_t attributes = costliest_attributes();
    size_t all = measure();

    ck_assert_uint_eq(all, names + attributes);

    model(in_txt, 1); /* no service can have more than this, with equal keys or without */
    ck_assert_uint_eq(most_within_bounds(in_txt).cost, attributes);

    printf("longest record: names %zu + attributes %zu (%u, %zu bytes) = %zu\n", names, attributes,
           sample.txt.attributes, sample.txt.length, all);
    ck_assert_uint_eq(all, RECORD_SIZE_DEFAULT - LEFT);
}
END_TEST

/* The names add up, too: with other domains, this is how long host and domain may be together. */
START_TEST(host_and_domain_share_what_is_left)
{
    struct record_omission omission;

    for (size_t more = 0; more < 2; more++) {
        longest_names();
        repeat(sample.id.domain, "domain.", strlen("local") + LEFT + more);
        costliest_attributes();
        ck_assert_int_eq(record_service(record, RECORD_SIZE_DEFAULT, &sample.service, true,
                                        &longest_stamp, &omission),
                         RECORD_OK);
        ck_assert_uint_eq(omission.attributes, more);
    }
}
END_TEST

/* Our own services have an owner besides, but their host is this one: one label and ".local". */
START_TEST(the_longest_of_our_own_fits)
{
    char owner[SERVICE_OWNER_MAX + 1];

    longest_names();
    costliest_attributes();
    repeat(host, "h", SERVICE_NAME_MAX);
    memcpy(host + strlen(host), ".local", sizeof ".local");
    repeat(owner, "o", SERVICE_OWNER_MAX);
    sample.service.owner = owner;
    sample.service.local = true;
    ck_assert_uint_le(measure(), RECORD_SIZE_DEFAULT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("record_fits");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, no_string_costs_more_than_the_model);
    tcase_add_test(tests, the_longest_record_fits);
    tcase_add_test(tests, host_and_domain_share_what_is_left);
    tcase_add_test(tests, the_longest_of_our_own_fits);
    return run("record_fits", tests);
}
