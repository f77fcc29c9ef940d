/* SPDX-License-Identifier: MIT */
#include "fnv.h"

#include <stdlib.h>
#include <string.h>

#include "run_suite.h"

/* What the authors of FNV give as its test vectors. */
START_TEST(vectors)
{
    static const struct {
        const char *text;
        uint32_t hash_32;
        uint64_t hash_64;
    } rows[] = {
        {"", 0x811c9dc5, 0xcbf29ce484222325},
        {"a", 0xe40c292c, 0xaf63dc4c8601ec8c},
        {"foobar", 0xbf9cf968, 0x85944171f73967e8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = rows[i].text;
        size_t length = strlen(text), half = length / 2;
        uint32_t hash = fnv_32(FNV_32_BASIS, text, half);
        ck_assert_uint_eq(fnv_32(hash, text + half, length - half), rows[i].hash_32);
        ck_assert_uint_eq(fnv_64(FNV_64_BASIS, text, length), rows[i].hash_64);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fnv");
    TCase *tests = tcase_create("fnv");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, vectors);
    return run_suite(suite);
}
