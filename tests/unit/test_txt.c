/* SPDX-License-Identifier: MIT */
#include "run_suite.h"
#include "txt.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1
#define STRINGS_MAX 8

struct string {
    const uint8_t *bytes;
    size_t length;
};

START_TEST(add_normalises)
{
    static const struct {
        const char *what;
        struct string in[STRINGS_MAX];
        struct string wire;
    } rows[] = {
        {"nothing", {{0}}, {BYTES("")}},
        {"order stays", {{BYTES("b=1")}, {BYTES("a=2")}}, {BYTES("\3b=1\3a=2")}},
        {"empty string", {{BYTES("")}, {BYTES("a")}}, {BYTES("\1a")}},
        {"no key", {{BYTES("=x")}, {BYTES("=")}, {BYTES("a=")}}, {BYTES("\2a=")}},
        {"first of equal keys", {{BYTES("a=1")}, {BYTES("a=2")}}, {BYTES("\3a=1")}},
        {"case ignored", {{BYTES("Key=1")}, {BYTES("kEY=2")}}, {BYTES("\5Key=1")}},
        {"bare and valued", {{BYTES("a")}, {BYTES("A=2")}}, {BYTES("\1a")}},
        {"valued and bare", {{BYTES("a=2")}, {BYTES("A")}}, {BYTES("\3a=2")}},
        {"longer keys differ",
         {{BYTES("ab=1")}, {BYTES("a=1")}, {BYTES("abc")}},
         {BYTES("\4ab=1\3a=1\3abc")}},
        {"case of ASCII only",
         {{BYTES("\xc3\xa4")}, {BYTES("\xc3\x84")}, {BYTES("[")}, {BYTES("{")}},
         {BYTES("\2\xc3\xa4\2\xc3\x84\1[\1{")}},
        {"values may be equal", {{BYTES("a=x")}, {BYTES("b=x")}}, {BYTES("\3a=x\3b=x")}},
        {"NUL in a key",
         {{BYTES("a\0b")}, {BYTES("a\0c")}, {BYTES("A\0B=1")}},
         {BYTES("\3a\0b\3a\0c")}},
        {"a second = is value", {{BYTES("a==")}, {BYTES("a=b=c")}}, {BYTES("\3a==")}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[64];
        struct txt txt = {.bytes = bytes, .capacity = sizeof bytes};

        for (size_t s = 0; s < STRINGS_MAX && rows[i].in[s].bytes; s++)
            txt_add(&txt, rows[i].in[s].bytes, rows[i].in[s].length);
        ck_assert_msg(txt.length == rows[i].wire.length &&
                          memcmp(bytes, rows[i].wire.bytes, txt.length) == 0,
                      "%s", rows[i].what);
        ck_assert_uint_eq(txt.omitted, 0);
    }
}
END_TEST

/* Left out is from the end: after the first that finds no room none is taken, even one that would
 * fit. */
START_TEST(add_leaves_out_from_the_end)
{
    uint8_t bytes[10];
    struct txt txt = {.bytes = bytes, .capacity = sizeof bytes};

    txt_add(&txt, BYTES("a=1"));
    txt_add(&txt, BYTES("b=234567"));
    txt_add(&txt, BYTES("c"));
    txt_add(&txt, BYTES("A=repeated, so not missing"));
    txt_add(&txt, BYTES("=no key"));

    ck_assert_uint_eq(txt.attributes, 1);
    ck_assert_uint_eq(txt.omitted, 2);
    ck_assert_uint_eq(txt.length, 4);
}
END_TEST

START_TEST(add_fills_to_the_last_byte)
{
    uint8_t bytes[8];
    struct txt txt = {.bytes = bytes, .capacity = sizeof bytes};

    txt_add(&txt, BYTES("a=1"));
    txt_add(&txt, BYTES("b=2"));
    ck_assert_uint_eq(txt.length, 8);
    ck_assert_uint_eq(txt.omitted, 0);
    txt_add(&txt, BYTES("c"));
    ck_assert_uint_eq(txt.omitted, 1);
}
END_TEST

START_TEST(add_takes_255_bytes_and_the_bound_of_attributes)
{
    static uint8_t bytes[16384];
    struct txt txt = {.bytes = bytes, .capacity = sizeof bytes};
    uint8_t longest[255];
    char key[8];

    memset(longest, 'k', sizeof longest);
    txt_add(&txt, longest, sizeof longest);
    ck_assert_uint_eq(txt.length, 256);

    for (int i = 1; i < TXT_ATTRIBUTES_MAX + 5; i++) {
        snprintf(key, sizeof key, "%d", i);
        txt_add(&txt, (const uint8_t *)key, strlen(key));
    }
    ck_assert_uint_eq(txt.attributes, TXT_ATTRIBUTES_MAX);
    ck_assert_uint_eq(txt.omitted, 5);
}
END_TEST

/* No flood of repeated keys pushes out a real one. */
START_TEST(repeated_keys_take_no_room)
{
    uint8_t bytes[16];
    struct txt txt = {.bytes = bytes, .capacity = sizeof bytes};

    for (int i = 0; i < 100000; i++)
        txt_add(&txt, BYTES("flood=1"));
    txt_add(&txt, BYTES("real=1"));
    ck_assert_uint_eq(txt.attributes, 2);
    ck_assert_uint_eq(txt.omitted, 0);
}
END_TEST

START_TEST(next_walks_and_stops)
{
    static const struct {
        const char *what;
        struct string wire;
        size_t ends[STRINGS_MAX]; /* what txt_next() returns, one after the other */
    } rows[] = {
        {"nothing", {BYTES("")}, {0}},
        {"two", {BYTES("\3a=1\1b")}, {4, 6, 0}},
        {"an empty string", {BYTES("\0\1b")}, {1, 3, 0}},
        {"breaks off", {BYTES("\1a\5abc")}, {2, 0}},
        {"only a length", {BYTES("\1")}, {0}},
    };
    struct txt_string string;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t at = 0;

        for (size_t s = 0; s < STRINGS_MAX && (s == 0 || at > 0); s++) {
            at = txt_next(&string, rows[i].wire.bytes, rows[i].wire.length, at);
            ck_assert_msg(at == rows[i].ends[s], "%s, %zu", rows[i].what, s);
        }
    }
}
END_TEST

START_TEST(next_finds_the_key)
{
    static const struct {
        struct string wire;
        size_t key_length;
    } rows[] = {{{BYTES("\3a=1")}, 1}, {{BYTES("\3abc")}, 3}, {{BYTES("\4ab==")}, 2},
                {{BYTES("\2=a")}, 0},  {{BYTES("\0")}, 0},    {{BYTES("\2a=")}, 1}};
    struct txt_string string;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_uint_gt(txt_next(&string, rows[i].wire.bytes, rows[i].wire.length, 0), 0);
        ck_assert_uint_eq(string.key_length, rows[i].key_length);
        ck_assert_uint_eq(string.length, rows[i].wire.length - 1);
    }
}
END_TEST

START_TEST(values_become_json)
{
    static const struct {
        struct string string;
        const char *json;
    } rows[] = {
        {{BYTES("a")}, "true"},
        {{BYTES("a=")}, "\"\""},
        {{BYTES("a=true")}, "\"true\""},
        {{BYTES("a=b=c")}, "\"b=c\""},
        {{BYTES("a=K\xc3\xbc"
                "che")},
         "\"K\xc3\xbc"
         "che\""},
        {{BYTES("a=\"\\/")}, "\"\\\"\\\\/\""},
        {{BYTES("a=\t\r\n")}, "\"\\t\\r\\n\""},
        {{BYTES("a=\0")}, "{\"b64\":\"AA==\"}"},
        {{BYTES("a=\0\1\2\3")}, "{\"b64\":\"AAECAw==\"}"},
        {{BYTES("a=b\0")}, "{\"b64\":\"YgA=\"}"},
        {{BYTES("a=\x1b")}, "{\"b64\":\"Gw==\"}"},
        {{BYTES("a=\x7f")}, "{\"b64\":\"fw==\"}"},
        {{BYTES("a=\xc2\x85")}, "{\"b64\":\"woU=\"}"},
        {{BYTES("a=ok\xff")}, "{\"b64\":\"b2v/\"}"},
        {{BYTES("a=\xed\xa0\x80")}, "{\"b64\":\"7aCA\"}"},
        {{BYTES("a=\xef\xbf\xbf")}, "\"\xef\xbf\xbf\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[32];
        struct txt txt = {.bytes = bytes, .capacity = sizeof bytes};
        struct txt_string string;

        txt_add(&txt, rows[i].string.bytes, rows[i].string.length);
        ck_assert_uint_gt(txt_next(&string, bytes, txt.length, 0), 0);

        cJSON *value = txt_value_to_json(&string);
        char *json = cJSON_PrintUnformatted(value);

        ck_assert_str_eq(json, rows[i].json);
        cJSON_free(json);
        cJSON_Delete(value);
    }
}
END_TEST

START_TEST(longest_values_become_json)
{
    uint8_t bytes[255] = "k=";
    struct txt_string string = {bytes, sizeof bytes, 1};

    memset(bytes + 2, 'v', sizeof bytes - 2);
    cJSON *text = txt_value_to_json(&string);

    ck_assert_uint_eq(strlen(cJSON_GetStringValue(text)), 253);
    cJSON_Delete(text);

    bytes[254] = 0xff;
    cJSON *binary = txt_value_to_json(&string);

    ck_assert_uint_eq(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(binary, "b64"))), 340);
    cJSON_Delete(binary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("txt");
    TCase *tests = tcase_create("txt");

    tcase_add_test(tests, add_normalises);
    tcase_add_test(tests, add_leaves_out_from_the_end);
    tcase_add_test(tests, add_fills_to_the_last_byte);
    tcase_add_test(tests, add_takes_255_bytes_and_the_bound_of_attributes);
    tcase_add_test(tests, repeated_keys_take_no_room);
    tcase_add_test(tests, next_walks_and_stops);
    tcase_add_test(tests, next_finds_the_key);
    tcase_add_test(tests, values_become_json);
    tcase_add_test(tests, longest_values_become_json);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
