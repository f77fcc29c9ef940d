/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "record_back.h"

#define X5(s) s s s s s
#define X50(s) X5(s) X5(s) X5(s) X5(s) X5(s) X5(s) X5(s) X5(s) X5(s) X5(s)
#define X250(s) X5(X50(s))

#define CAPACITY 1300

static uint8_t bytes[CAPACITY];
static struct txt txt;
static struct txt_problem problem;
static char key[512];

static bool convert(const char *text)
{
    cJSON *json = cJSON_Parse(text);

    ck_assert_msg(json, "%s", text);
    txt = (struct txt){.bytes = bytes, .capacity = sizeof bytes};
    problem = (struct txt_problem){0};
    bool good = txt_from_json(&txt, json, &problem);

    if (!good) {
        ck_assert_ptr_nonnull(problem.what);
        snprintf(key, sizeof key, "%s", problem.key);
    }
    cJSON_Delete(json);
    return good;
}

START_TEST(attributes)
{
    static const struct {
        const char *json;
        const uint8_t *wire;
        size_t length;
    } rows[] = {
        {"{}", BYTES("")},
        {"{\"a\":true}", BYTES("\1a")},
        {"{\"a\":null}", BYTES("\1a")},
        {"{\"a\":\"\"}", BYTES("\2a=")},
        {"{\"a\":\"1\"}", BYTES("\3a=1")},
        {"{\"a\":\"true\"}", BYTES("\6a=true")},
        {"{\"a\":\"b=c\"}", BYTES("\5a=b=c")},
        {"{\"b\":\"1\",\"a\":true,\"C\":\"2\"}", BYTES("\3b=1\1a\3C=2")},
        {"{\"a\":\"\\t\\u001b\\u0085\"}", BYTES("\6a=\t\x1b\xc2\x85")},
        {"{\"a\":\"\\u00fc\\ud83d\\ude00\"}", BYTES("\x8"
                                                    "a=\xc3\xbc\xf0\x9f\x98\x80")},
        {"{\" ~!\\\"\\\\\":true}", BYTES("\5 ~!\"\\")},
        {"{\"a\":{\"b64\":\"\"}}", BYTES("\2a=")},
        {"{\"a\":{\"b64\":\"AAECAw==\"}}", BYTES("\6a=\0\1\2\3")},
        {"{\"a\":{\"b64\":\"/w==\"}}", BYTES("\3a=\xff")},
        {"{\"b64\":\"x\"}", BYTES("\5b64=x")},
        {"{\"a\":\"x\",\"ab\":\"x\"}", BYTES("\3a=x\4ab=x")},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(convert(rows[i].json), "%s: %s", rows[i].json, problem.what);
        ck_assert_msg(txt.length == rows[i].length && memcmp(bytes, rows[i].wire, txt.length) == 0,
                      "%s", rows[i].json);
    }
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *json, *key;
    } rows[] = {
        {"{\"a\":false}", "a"},
        {"{\"a\":1}", "a"},
        {"{\"a\":0}", "a"},
        {"{\"a\":[]}", "a"},
        {"{\"a\":[\"x\"]}", "a"},
        {"{\"a\":{}}", "a"},
        {"{\"a\":{\"B64\":\"AA==\"}}", "a"},
        {"{\"a\":{\"b64\":true}}", "a"},
        {"{\"a\":{\"b64\":null}}", "a"},
        {"{\"a\":{\"b64\":1}}", "a"},
        {"{\"a\":{\"b64\":{}}}", "a"},
        {"{\"a\":{\"b64\":\"AA==\",\"x\":1}}", "a"},
        {"{\"a\":{\"b64\":\"AA==\",\"b64\":\"AA==\"}}", "a"},
        {"{\"a\":{\"x\":1,\"b64\":\"AA==\"}}", "a"},
        {"{\"a\":{\"b64\":\"AA=\"}}", "a"},
        {"{\"a\":{\"b64\":\"AB==\"}}", "a"},
        {"{\"a\":{\"b64\":\"A-_=\"}}", "a"},
        {"{\"a\":{\"b64\":\" AA==\"}}", "a"},
        {"{\"\":\"x\"}", ""},
        {"{\"\":true}", ""},
        {"{\"a=b\":true}", "a=b"},
        {"{\"=\":true}", "="},
        {"{\"a\\tb\":true}", "a\tb"},
        {"{\"\\u007f\":true}", "\x7f"},
        {"{\"\\u00fc\":true}", "\xc3\xbc"},
        {"{\"b\":\"1\",\"a\":\"1\",\"a\":\"1\"}", "a"},
        {"{\"Key\":\"1\",\"kEY\":\"2\"}", "kEY"},
        {"{\"a\":true,\"A\":\"\"}", "A"},
        {"{\"ok\":true,\"bad\":1,\"worse\":2}", "bad"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(!convert(rows[i].json), "%s", rows[i].json);
        ck_assert_msg(strcmp(key, rows[i].key) == 0, "%s: %s", rows[i].json, key);
    }
}
END_TEST

/* One attribute has 255 bytes, however they are written. */
START_TEST(longest_attribute)
{
    static const char zeros[] = X250("AAAA"); /* in base64 */
    char text[1024];

    ck_assert(convert("{\"" X250("k") "12345\":true}"));
    ck_assert_uint_eq(bytes[0], 255);
    ck_assert(!convert("{\"" X250("k") "123456\":true}"));
    ck_assert(convert("{\"" X250("k") "1234\":\"\"}"));
    ck_assert(!convert("{\"" X250("k") "12345\":\"\"}"));
    ck_assert(convert("{\"k\":\"" X250("v") "123\"}"));
    ck_assert_uint_eq(bytes[0], 255);
    ck_assert(!convert("{\"k\":\"" X250("v") "1234\"}"));
    ck_assert(convert("{\"k\":\"" X250("v") "1\xc3\xbc\"}"));
    ck_assert(!convert("{\"k\":\"" X250("v") "12\xc3\xbc\"}"));

    for (size_t length = 320; length <= 400; length += 4) {
        snprintf(text, sizeof text, "{\"k\":{\"b64\":\"%.*s\"}}", (int)length, zeros);
        ck_assert_msg(convert(text) == (length / 4 * 3 <= 253), "%zu", length);
    }
    snprintf(text, sizeof text, "{\"k\":{\"b64\":\"%.336sAA==\"}}", zeros);
    ck_assert(convert(text));
    ck_assert_uint_eq(bytes[0], 255);
    snprintf(text, sizeof text, "{\"k\":{\"b64\":\"%.336sAAA=\"}}", zeros);
    ck_assert(!convert(text));
    ck_assert_uint_eq(txt.omitted, 0);
}
END_TEST

/* All of them together fill the room to the last byte, and the first one too many is named. */
START_TEST(all_attributes)
{
    static const char format[] = "{\"a\":\"%.253s\",\"b\":\"%.253s\",\"c\":\"%.253s\",\"d\":"
                                 "\"%.253s\",\"e\":\"%.253s\",\"f\":\"%.*s\"%s}";
    static const char v[] = X250("v") "123";
    static const struct {
        int length; /* of the last value but one */
        const char *more;
        const char *key; /* that is too much */
    } rows[] = {{17, "", NULL},
                {18, "", "f"},
                {17, ",\"g\":true", "g"},
                {15, ",\"g\":true", NULL},
                {250, ",\"g\":true", "f"}};
    char text[2048];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, format, v, v, v, v, v, rows[i].length, v, rows[i].more);
        ck_assert_msg(convert(text) == !rows[i].key, "%s", text);
        if (rows[i].key) {
            ck_assert_str_eq(key, rows[i].key);
            ck_assert_str_eq(problem.what, "no room is left for this attribute");
        } else {
            ck_assert_uint_eq(txt.length, CAPACITY);
        }
        ck_assert_uint_eq(txt.omitted, rows[i].key ? 1 : 0);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("txt_from_json");

    tcase_add_test(tests, attributes);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, longest_attribute);
    tcase_add_test(tests, all_attributes);
    return run("txt_from_json", tests);
}
