/* SPDX-License-Identifier: MIT */
/*
 * What is JSON and what is not, much of it after "Parsing JSON is a minefield" (N. Seriot), and
 * whether what is JSON means to cJSON what it says.
 */
#include "json.h"

#include <cjson/cJSON.h>

#include "record_back.h"

#define DEPTH 3

static bool check(const uint8_t *text, size_t length)
{
    struct json_problem problem;
    uint8_t *copy = malloc(length > 0 ? length : 1); /* so that a sanitizer sees its end */

    memcpy(copy, text, length);
    bool good = json_check(&problem, copy, length, DEPTH);

    ck_assert(good == !problem.what);
    ck_assert_uint_le(problem.at, length);
    free(copy);
    return good;
}

static const struct row {
    const uint8_t *text;
    size_t length;
} good_texts[] = {
    {BYTES("{}")},
    {BYTES("[]")},
    {BYTES(" \t\r\n{ \t\r\n} \t\r\n")},
    {BYTES("null")},
    {BYTES("true")},
    {BYTES("false")},
    {BYTES("0")},
    {BYTES("\"\"")},
    {BYTES("[[[]]]")},
    {BYTES("{\"a\":{\"b\":{}}}")},
    {BYTES("{\"a\":[{}]}")},
    {BYTES("[ 1 , 2 ]")},
    {BYTES("{ \"a\" : 1 , \"a\" : 2 }")},
    {BYTES("[-0,-1,0.0,1e1,1E+1,1e-1,-1.5e10,10,123456789]")},
    {BYTES("[1e999,-1e999,1e-999]")},
    {BYTES("[0.0000000000000000000000000000000000000000000000000000000000001]")}, /* 63 */
    {BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00FC\\u00fc\\uffff\"")},
    {BYTES("\"\\ud83d\\ude00\\uDBFF\\uDFFF\"")},
    {BYTES("\"K\xc3\xbc"
           "che \x7f\xf4\x8f\xbf\xbf\"")},
    {BYTES("\"[{,:]}\"")},
    {BYTES("{\"\":\"\"}")},
};

static const struct row bad_texts[] = {
    {BYTES("")},
    {BYTES(" ")},
    {BYTES("{")},
    {BYTES("}")},
    {BYTES("[")},
    {BYTES("]")},
    {BYTES("[}")},
    {BYTES("{]")},
    {BYTES("{}{}")},
    {BYTES("{} x")},
    {BYTES("{}\0")},
    {BYTES("\0{}")},
    {BYTES("{\0}")},
    {BYTES("{}\x0b")},
    {BYTES("{}\x0c")},
    {BYTES("{}\xc2\xa0")},
    {BYTES("\xef\xbb\xbf{}")}, /* a byte order mark */
    {BYTES("\xff\xfe{\0}\0")}, /* UTF-16 */
    {BYTES("[1,]")},
    {BYTES("[,1]")},
    {BYTES("[1,,2]")},
    {BYTES("[1 2]")},
    {BYTES("[1:2]")},
    {BYTES("{\"a\":1,}")},
    {BYTES("{,}")},
    {BYTES("{\"a\"}")},
    {BYTES("{\"a\":}")},
    {BYTES("{\"a\" 1}")},
    {BYTES("{\"a\",1}")},
    {BYTES("{\"a\":1 \"b\":2}")},
    {BYTES("{\"a\":1:2}")},
    {BYTES("{a:1}")},
    {BYTES("{'a':1}")},
    {BYTES("{1:1}")},
    {BYTES("{null:1}")},
    {BYTES("{\"a\":1")},
    {BYTES("{\"a\":")},
    {BYTES("{\"a")},
    {BYTES("[[[[]]]]")},
    {BYTES("{\"a\":{\"b\":{\"c\":{}}}}")},
    {BYTES("{\"a\":[[[]]]}")},
    {BYTES("True")},
    {BYTES("tru")},
    {BYTES("truex")},
    {BYTES("nul")},
    {BYTES("nil")},
    {BYTES("NaN")},
    {BYTES("Infinity")},
    {BYTES("-Infinity")},
    {BYTES("-")},
    {BYTES("-x")},
    {BYTES("--1")},
    {BYTES("+1")},
    {BYTES("01")},
    {BYTES("-01")},
    {BYTES("00")},
    {BYTES("1.")},
    {BYTES(".5")},
    {BYTES("-.5")},
    {BYTES("1.e1")},
    {BYTES("1e")},
    {BYTES("1e+")},
    {BYTES("1e+-1")},
    {BYTES("1e1.5")},
    {BYTES("1.2.3")},
    {BYTES("0x10")},
    {BYTES("1_000")},
    {BYTES("1,5")},
    {BYTES("0.00000000000000000000000000000000000000000000000000000000000001")}, /* 64 */
    {BYTES("1000000000000000000000000000000000000000000000000000000000000000")}, /* 64 */
    {BYTES("\"")},
    {BYTES("\"a")},
    {BYTES("\"\\\"")},
    {BYTES("\"\\")},
    {BYTES("\"a\nb\"")},
    {BYTES("\"a\tb\"")},
    {BYTES("\"a\0b\"")},
    {BYTES("\"\x1f\"")},
    {BYTES("\"\\u0000\"")},
    {BYTES("\"\\x41\"")},
    {BYTES("\"\\a\"")},
    {BYTES("\"\\'\"")},
    {BYTES("\"\\0\"")},
    {BYTES("\"\\\0\"")},
    {BYTES("\"\\U0041\"")},
    {BYTES("\"\\u\"")},
    {BYTES("\"\\u004\"")},
    {BYTES("\"\\u00g1\"")},
    {BYTES("\"\\u004")},
    {BYTES("\"\\ud83d\"")},
    {BYTES("\"\\ude00\"")},
    {BYTES("\"\\ud83d\\n\"")},
    {BYTES("\"\\ud83d\\u0041\"")},
    {BYTES("\"\\ud83d\\ud83d\"")},
    {BYTES("\"\\ud83d\\")},
    {BYTES("\"\\ud83dude00\"")},
    {BYTES("\"\xff\"")},
    {BYTES("\"\xc3\"")},
    {BYTES("\"\xc3")},
    {BYTES("\"\xc0\x80\"")},     /* overlong NUL */
    {BYTES("\"\xc0\xa2")},       /* overlong quote */
    {BYTES("\"\xed\xa0\x80\"")}, /* a surrogate */
    {BYTES("\"\xf4\x90\x80\x80\"")},
    {BYTES("{\"\xff\":1}")},
    {BYTES("//\n{}")},
    {BYTES("{}/**/")},
    {BYTES("#{}")},
};

START_TEST(takes)
{
    for (size_t i = 0; i < sizeof good_texts / sizeof good_texts[0]; i++) {
        const struct row *row = &good_texts[i];

        ck_assert_msg(check(row->text, row->length), "%.*s", (int)row->length, row->text);
        /* cJSON takes all that is taken here: request_parse() relies on it. */
        cJSON *json = cJSON_ParseWithLength((const char *)row->text, row->length);

        ck_assert_msg(json, "%.*s", (int)row->length, row->text);
        cJSON_Delete(json);
    }
}
END_TEST

START_TEST(refuses)
{
    for (size_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
        const struct row *row = &bad_texts[i];

        ck_assert_msg(!check(row->text, row->length), "%.*s", (int)row->length, row->text);
    }
}
END_TEST

/* No text is good once it is cut short, unless blanks are all that is cut. */
START_TEST(refuses_what_breaks_off)
{
    static const char text[] = "{\"name\":\"K\xc3\xbc\\u00fc\\ud83d\\ude00\",\"port\":[-1.5e+7,"
                               "true],\"t\":{\"b\":null}}  ";
    size_t whole = sizeof text - 3;

    for (size_t length = 0; length < sizeof text; length++)
        ck_assert_msg(check((const uint8_t *)text, length) == (length >= whole), "%zu", length);
}
END_TEST

START_TEST(problems_have_a_place)
{
    static const struct {
        const char *text;
        size_t at;
        const char *key; /* as it is spelt */
    } rows[] = {
        {"[1", 2, ""},
        {"{\"a\":01}", 6, "a"},
        {"{\"a\":1,\"b\":{\"c\":x}}", 16, "b"},
        {"{\"a\":{\"b\":{\"c\":[]}}}", 15, "a"},
        {"{\"a\":1,\"b\":2,}", 13, ""},
        {"{\"a\":1} x", 8, ""},
        {"{\"a\\u0062\":x}", 11, "a\\u0062"},
        {"{\"a\":1,b}", 7, ""},
        {"{\"a\":\"\n\"}", 6, "a"},
        {"{\"\":x}", 4, ""},
    };
    struct json_problem problem;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text = rows[i].text;

        ck_assert(!json_check(&problem, (const uint8_t *)text, strlen(text), DEPTH));
        ck_assert_msg(problem.at == rows[i].at, "%s: %zu %s", text, problem.at, problem.what);
        ck_assert_msg(problem.key_length == strlen(rows[i].key), "%s", text);
        if (problem.key)
            ck_assert_int_eq(memcmp(problem.key, rows[i].key, problem.key_length), 0);
    }
}
END_TEST

START_TEST(depth_is_bounded)
{
    static uint8_t text[65536];
    struct json_problem problem;

    memset(text, '[', sizeof text);
    for (unsigned depth = 0; depth < 2 * JSON_DEPTH_MAX; depth++) {
        ck_assert(!json_check(&problem, text, sizeof text, depth));
        ck_assert_uint_eq(problem.at, depth < JSON_DEPTH_MAX ? depth : JSON_DEPTH_MAX);
        ck_assert_str_eq(problem.what, "nested too deeply");
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("json");

    tcase_add_test(tests, takes);
    tcase_add_test(tests, refuses);
    tcase_add_test(tests, refuses_what_breaks_off);
    tcase_add_test(tests, problems_have_a_place);
    tcase_add_test(tests, depth_is_bounded);
    return run("json", tests);
}
