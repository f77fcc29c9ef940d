/* SPDX-License-Identifier: MIT */
/*
 * Services that no honest device announces: more than fits, any bytes, too little memory.
 */
#include <stdio.h>

#include "record_back.h"

static struct sample sample;
static uint8_t record[RECORD_SIZE_MAX + 1];

static void set_up(void)
{
    sample_init(&sample);
}

/* Makes a record, checks all there is to check, and returns how many attributes are missing. */
static unsigned missing_at(size_t size)
{
    struct record_omission omission;

    record[size] = '#';
    ck_assert_int_eq(record_service(record, size, &sample.service, false, &stamp, &omission),
                     RECORD_OK);
    ck_assert_int_eq(record[size], '#');
    ck_assert_uint_eq(check_back(record, size, &sample.service), omission.attributes);
    return omission.attributes;
}

/* Fills the sample with `total` bytes of TXT data; returns how many strings of `length` bytes. */
static unsigned fill(size_t total, size_t length, uint8_t value)
{
    uint8_t string[255];
    unsigned count = 0;

    memset(string, value, sizeof string);
    for (unsigned i = 0; (i + 1) * (1 + length) <= total; i++) {
        char key[8];
        int key_length = snprintf(key, sizeof key, "%04x=", i);

        memcpy(string, key, (size_t)key_length);
        sample_add(&sample, string, length);
        count = i + 1;
    }
    return count;
}

START_TEST(foreign_txt_of_any_size)
{
    static const size_t totals[] = {20000, SERVICE_TXT_MAX};
    static const size_t lengths[] = {5, 20, 255};
    static const size_t sizes[] = {2048, 4096, 65536};
    static const uint8_t values[] = {'v', '"', 0xff};

    for (size_t i = 0; i < 2 * 3 * 3 * 3; i++) {
        size_t size = sizes[i / 2 % 3];

        sample_init(&sample);
        unsigned count = fill(totals[i % 2], lengths[i / 6 % 3], values[i / 18]);

        ck_assert_uint_eq(sample.txt.attributes + sample.txt.omitted, count);

        unsigned missing = missing_at(size);

        ck_assert_uint_lt(missing, count);
        if (size < RECORD_SIZE_MAX)
            ck_assert_uint_gt(missing, sample.txt.omitted);
    }
}
END_TEST

/* From a size that is too small to one with room to spare: never one attribute fewer than fits. */
START_TEST(as_many_as_fit_at_every_size)
{
    enum { KINDS = 7, STRINGS = 12 };
    static const struct {
        const uint8_t *bytes;
        size_t length;
    } kinds[KINDS] = {{BYTES("?")},        {BYTES("?=")},       {BYTES("?=v")},  {BYTES("?=\xff")},
                      {BYTES("?\xff=\1")}, {BYTES("?=\"\"\"")}, {BYTES("?\xfe")}};
    size_t lengths[STRINGS + 1]; /* of the record with the first k attributes */

    for (int order = 0; order < KINDS; order++) {
        sample_init(&sample);
        for (int i = 0; i < STRINGS; i++) {
            uint8_t string[8];
            int kind = (i * (order + 1) + order) % KINDS;

            memcpy(string, kinds[kind].bytes, kinds[kind].length);
            string[0] = (uint8_t)('a' + i);
            sample_add(&sample, string, kinds[kind].length);
        }

        struct txt_string string;
        size_t end = 0;

        for (unsigned k = 0; k <= STRINGS; k++) {
            sample.service.txt_length = end;
            sample.service.txt_omitted = STRINGS - k;
            ck_assert_uint_eq(missing_at(RECORD_SIZE_DEFAULT), STRINGS - k);
            lengths[k] = record_length(record, RECORD_SIZE_DEFAULT);
            end = txt_next(&string, sample.wire, sample.txt.length, end);
        }
        sample.service.txt_length = sample.txt.length;
        sample.service.txt_omitted = 0;

        for (size_t size = lengths[0] - 20; size < lengths[STRINGS] + 20; size++) {
            int fitting = STRINGS;

            while (fitting >= 0 && lengths[fitting] > size)
                fitting--;
            if (fitting >= 0)
                ck_assert_uint_eq(missing_at(size), (unsigned)(STRINGS - fitting));
            else
                ck_assert_int_eq(record_service(record, size, &sample.service, false, &stamp, NULL),
                                 RECORD_TOO_LARGE);
        }
    }
}
END_TEST

/* Names alone can be too much for 2048 bytes, and then nothing is written; never for the largest
 * size. */
START_TEST(names_that_do_not_fit)
{
    char host[SERVICE_HOST_MAX + 1] = "";

    memset(host, 0x01, SERVICE_HOST_MAX);
    memset(sample.id.name, 0xff, SERVICE_NAME_MAX);
    memset(sample.id.type, 0x01, SERVICE_TYPE_MAX);
    memset(sample.id.domain, 0x01, SERVICE_DOMAIN_MAX);
    memset(sample.id.interface, 0x01, SERVICE_INTERFACE_MAX);
    sample.service.host = host;
    sample_add(&sample, BYTES("a=1"));

    memset(record, '#', sizeof record);
    ck_assert_int_eq(record_service(record, RECORD_SIZE_MIN, &sample.service, false, &stamp, NULL),
                     RECORD_TOO_LARGE);
    ck_assert_int_eq(record[0], '#');
    ck_assert_uint_eq(missing_at(RECORD_SIZE_MAX), 0);
}
END_TEST

START_TEST(small_records_that_do_not_fit)
{
    static char hostname[RECORD_SIZE_MIN];
    static struct record_counter counters[200];
    struct bridge_state state = {"online", "1.0.0", hostname, true, RECORD_SIZE_MIN, 0, 0};

    memset(hostname, 'h', sizeof hostname - 1);
    for (size_t i = 0; i < 200; i++)
        counters[i] = (struct record_counter){"counter", i};

    ck_assert_int_eq(record_state(record, RECORD_SIZE_MIN, &state, &stamp), RECORD_TOO_LARGE);
    ck_assert_int_eq(record_stats(record, RECORD_SIZE_MIN, counters, 200, &stamp),
                     RECORD_TOO_LARGE);
    ck_assert_int_eq(record_stats(record, RECORD_SIZE_DEFAULT, counters, 200, &stamp), RECORD_OK);
}
END_TEST

static void random_text(char *out, size_t length_max)
{
    size_t length = (size_t)rand() % (length_max + 1);
    bool tame = rand() % 2;

    for (size_t i = 0; i < length; i++)
        out[i] = (char)(tame ? ' ' + rand() % 95 : 1 + rand() % 255);
    out[length] = '\0';
}

START_TEST(random_bytes)
{
    static const size_t sizes[] = {RECORD_SIZE_MIN, RECORD_SIZE_DEFAULT, RECORD_SIZE_MAX};
    char host[SERVICE_HOST_MAX + 1];
    char owner[SERVICE_OWNER_MAX + 1];

    srand(20240229);
    for (int round = 0; round < 3000; round++) {
        sample_init(&sample);
        random_text(sample.id.name, SERVICE_NAME_MAX);
        random_text(sample.id.type, 20);
        random_text(sample.id.domain, 20);
        random_text(sample.id.interface, SERVICE_INTERFACE_MAX);
        random_text(host, 60);
        random_text(owner, 60);
        sample.service.host = host;
        sample.service.owner = rand() % 2 ? owner : NULL;
        sample.service.port = (uint16_t)rand();
        sample.service.local = rand() % 2;
        for (int i = rand() % 100; i > 0; i--) {
            uint8_t string[255];
            size_t length = (size_t)rand() % (rand() % 4 ? 12 : 256);

            for (size_t b = 0; b < length; b++)
                string[b] = (uint8_t)(rand() % 3 ? "ab=\"\xc3\xbc\t\n"[rand() % 8] : rand());
            sample_add(&sample, string, length);
        }
        missing_at(sizes[round % 3]);
    }
}
END_TEST

/* ---- memory ---- */

static int allocations_left;

static void *failing_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Whichever allocation fails: the answer is RECORD_NO_MEMORY and (says the sanitizer) nothing
 * leaks. */
START_TEST(any_allocation_may_fail)
{
    cJSON_Hooks hooks = {failing_malloc, free};
    enum record_result result = RECORD_NO_MEMORY;
    int allocations = 0;
    struct bridge_state state = {"online", "1.0.0", "b\xff", true, RECORD_SIZE_DEFAULT, 0, 0};

    strcpy(sample.id.name, "a\xff");
    sample.service.owner = "web/\xff";
    sample_add(&sample, BYTES("a=1"));
    sample_add(&sample, BYTES("b=\xff"));
    sample_add(&sample, BYTES("\xff"));
    sample_add(&sample, BYTES("c"));
    cJSON_InitHooks(&hooks);

    for (; result == RECORD_NO_MEMORY; allocations++) {
        allocations_left = allocations;
        result = record_service(record, RECORD_SIZE_DEFAULT, &sample.service, false, &stamp, NULL);
    }
    ck_assert_int_eq(result, RECORD_OK);
    ck_assert_int_gt(allocations, 40);

    result = RECORD_NO_MEMORY;
    for (allocations = 0; result == RECORD_NO_MEMORY; allocations++) {
        allocations_left = allocations;
        result = record_state(record, RECORD_SIZE_DEFAULT, &state, &stamp);
    }
    ck_assert_int_eq(result, RECORD_OK);
    ck_assert_int_gt(allocations, 10);
    cJSON_InitHooks(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("record_hostile");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, foreign_txt_of_any_size);
    tcase_add_test(tests, as_many_as_fit_at_every_size);
    tcase_add_test(tests, names_that_do_not_fit);
    tcase_add_test(tests, small_records_that_do_not_fit);
    tcase_add_test(tests, random_bytes);
    tcase_add_test(tests, any_allocation_may_fail);
    return run("record_hostile", tests);
}
