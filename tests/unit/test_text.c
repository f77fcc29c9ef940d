/* SPDX-License-Identifier: MIT */
#include "run_suite.h"
#include "text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

/* One line for each way that bytes can be, or fail to be, text. */
static const struct {
    const uint8_t *bytes;
    size_t length;
    bool utf8;
    bool readable;
    const char *replaced; /* by text_replace_bad_utf8() */
    const char *encoded;  /* by text_percent_encode() */
} texts[] = {
    {BYTES(""), true, true, "", ""},
    {BYTES("Kitchen printer"), true, true, "Kitchen printer", "Kitchen printer"},
    {BYTES("50% off/on"), true, true, "50% off/on", "50%25 off%2Fon"},
    {BYTES("a+b#c$d"), true, true, "a+b#c$d", "a%2Bb%23c$d"},
    {BYTES("\"\\"), true, true, "\"\\", "\"\\"},
    {BYTES("\t\r\n"), true, true, "\t\r\n", "%09%0D%0A"},
    {BYTES("\x01"), true, false, "\x01", "%01"},
    {BYTES("\x1f"), true, false, "\x1f", "%1F"},
    {BYTES(" ~"), true, true, " ~", " ~"},
    {BYTES("\x7f"), true, false, "\x7f", "%7F"},
    {BYTES("\xc2\x80"), true, false, "\xc2\x80", "%C2%80"},
    {BYTES("\xc2\x9f"), true, false, "\xc2\x9f", "%C2%9F"},
    {BYTES("\xc2\xa0"), true, true, "\xc2\xa0", "\xc2\xa0"},
    {BYTES("K\xc3\xbc"
           "che"),
     true, true,
     "K\xc3\xbc"
     "che",
     "K\xc3\xbc"
     "che"},
    {BYTES("\xe2\x82\xac"), true, true, "\xe2\x82\xac", "\xe2\x82\xac"},
    {BYTES("\xf0\x9f\x96\xa8"), true, true, "\xf0\x9f\x96\xa8", "\xf0\x9f\x96\xa8"},
    {BYTES("\xef\xbf\xbd"), true, true, "\xef\xbf\xbd", "\xef\xbf\xbd"},
    /* the neighbours of the surrogates, and the last code point */
    {BYTES("\xed\x9f\xbf"), true, true, "\xed\x9f\xbf", "\xed\x9f\xbf"},
    {BYTES("\xee\x80\x80"), true, true, "\xee\x80\x80", "\xee\x80\x80"},
    {BYTES("\xf4\x8f\xbf\xbd"), true, true, "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"},
    /* non-characters are text, but not for MQTT */
    {BYTES("\xef\xb7\x8f"), true, true, "\xef\xb7\x8f", "\xef\xb7\x8f"},
    {BYTES("\xef\xb7\x90"), true, true, "\xef\xb7\x90", "%EF%B7%90"},
    {BYTES("\xef\xb7\xaf"), true, true, "\xef\xb7\xaf", "%EF%B7%AF"},
    {BYTES("\xef\xb7\xb0"), true, true, "\xef\xb7\xb0", "\xef\xb7\xb0"},
    {BYTES("\xef\xbf\xbe"), true, true, "\xef\xbf\xbe", "%EF%BF%BE"},
    {BYTES("\xef\xbf\xbf"), true, true, "\xef\xbf\xbf", "%EF%BF%BF"},
    {BYTES("\xf0\x9f\xbf\xbe"), true, true, "\xf0\x9f\xbf\xbe", "%F0%9F%BF%BE"},
    {BYTES("\xf4\x8f\xbf\xbf"), true, true, "\xf4\x8f\xbf\xbf", "%F4%8F%BF%BF"},
    /* not UTF-8: stray, cut short, overlong, surrogate, too large; each byte by itself */
    {BYTES("a\x80z"), false, false, "a\xef\xbf\xbdz", "a%80z"},
    {BYTES("\xc3"), false, false, "\xef\xbf\xbd", "%C3"},
    {BYTES("\xc3z"), false, false, "\xef\xbf\xbdz", "%C3z"},
    {BYTES("\xe2\x82"), false, false, "\xef\xbf\xbd\xef\xbf\xbd", "%E2%82"},
    {BYTES("\xe2\x82\xc3\xbc"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xc3\xbc", "%E2%82\xc3\xbc"},
    {BYTES("\xf0\x9f\x96"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "%F0%9F%96"},
    {BYTES("\xc0\x80"), false, false, "\xef\xbf\xbd\xef\xbf\xbd", "%C0%80"},
    {BYTES("\xc1\xbf"), false, false, "\xef\xbf\xbd\xef\xbf\xbd", "%C1%BF"},
    {BYTES("\xe0\x9f\xbf"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "%E0%9F%BF"},
    {BYTES("\xf0\x8f\xbf\xbf"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
     "%F0%8F%BF%BF"},
    {BYTES("\xed\xa0\x80"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "%ED%A0%80"},
    {BYTES("\xed\xbf\xbf"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "%ED%BF%BF"},
    {BYTES("\xf4\x90\x80\x80"), false, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
     "%F4%90%80%80"},
    {BYTES("\xf8\x88\x80\x80\x80"), false, false,
     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "%F8%88%80%80%80"},
    {BYTES("\xff"), false, false, "\xef\xbf\xbd", "%FF"},
};

#define TEXTS (sizeof texts / sizeof texts[0])

START_TEST(classifies)
{
    ck_assert_int_eq(text_is_utf8(texts[_i].bytes, texts[_i].length), texts[_i].utf8);
    ck_assert_int_eq(text_is_readable(texts[_i].bytes, texts[_i].length), texts[_i].readable);
}
END_TEST

START_TEST(replaces)
{
    char out[64];

    ck_assert_uint_eq(text_replace_bad_utf8(out, texts[_i].bytes, texts[_i].length),
                      strlen(texts[_i].replaced));
    ck_assert_str_eq(out, texts[_i].replaced);
}
END_TEST

START_TEST(encodes_and_decodes)
{
    char out[64];
    char back[64];
    size_t length = text_percent_encode(out, texts[_i].bytes, texts[_i].length);

    ck_assert_uint_eq(length, strlen(texts[_i].encoded));
    ck_assert_str_eq(out, texts[_i].encoded);
    if (texts[_i].length == 0)
        return;

    /* just enough room, and one byte too little */
    ck_assert(text_percent_decode(back, texts[_i].length + 1, out, length));
    ck_assert_mem_eq(back, texts[_i].bytes, texts[_i].length + 1);
    ck_assert(!text_percent_decode(back, texts[_i].length, out, length));
}
END_TEST

START_TEST(next_gives_the_codepoint)
{
    static const struct {
        const uint8_t *bytes;
        size_t available;
        size_t length;
        uint32_t codepoint;
    } rows[] = {
        {BYTES("a"), 1, 'a'},
        {BYTES("\xc3\xbc"), 2, 0xfc},
        {BYTES("\xe2\x82\xac"), 3, 0x20ac},
        {BYTES("\xf4\x8f\xbf\xbf"), 4, 0x10ffff},
        {BYTES("\0"), 1, 0},
        {BYTES(""), 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t codepoint = 0;

        ck_assert_uint_eq(text_utf8_next(rows[i].bytes, rows[i].available, &codepoint),
                          rows[i].length);
        ck_assert_uint_eq(codepoint, rows[i].codepoint);
    }
}
END_TEST

/* Each code point that there is, each surrogate, and one beyond the last. */
START_TEST(next_knows_every_codepoint)
{
    for (uint32_t c = 0; c <= 0x110000; c++) {
        uint8_t bytes[4] = {(uint8_t)c};
        size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        uint32_t codepoint = 0;

        for (size_t i = length - 1; i > 0; i--)
            bytes[i] = (uint8_t)(0x80 | (c >> 6 * (length - 1 - i) & 0x3f));
        if (length > 1)
            bytes[0] = (uint8_t)(0xf00 >> length | c >> 6 * (length - 1));

        if (text_utf8_next(bytes, length, &codepoint) != (valid ? length : 0) ||
            (valid && codepoint != c) || text_utf8_next(bytes, length - 1, NULL) != 0)
            ck_abort_msg("U+%04X", (unsigned)c);
    }
}
END_TEST

START_TEST(decoding_refuses_other_spellings)
{
    static const struct {
        const char *level;
        size_t length;
    } rows[] = {
        {"", 0},          {"%", 1},    {"%2", 2},       {"a%", 2},
        {"%2f", 3},       {"%2F%", 4}, {"%c3%bc", 6},   {"%C3%BC", 6},
        {"%41", 3},       {"%20", 3},  {"%00", 3},      {"a%00b", 5},
        {"%G0", 3},       {"% 1", 3},  {"%+1", 3},      {"/", 1},
        {"+", 1},         {"#", 1},    {"a/b", 3},      {"a\0b", 3},
        {"\x01", 1},      {"\x7f", 1}, {"\xc2\x80", 2}, {"\x80", 1},
        {"\xc3", 1},      {"%ZZ", 3},  {"%%25", 4},     {"\xef\xbf\xbe", 3},
        {"%E2%82%AC", 9}, {"%2\0", 3}, {"\xc3%BC", 4},  {"%C3\xbc", 4},
    };
    char out[64];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(!text_percent_decode(out, sizeof out, rows[i].level, rows[i].length),
                      "row %zu: %s", i, rows[i].level);
}
END_TEST

/* Decoding gives back what was encoded, and what it accepts is what encoding gives. */
START_TEST(encoding_is_one_to_one)
{
    static const char pieces[] = "%2FC3ab/+#\x80\xc3\xbc\xef\xbf\xbe\x7f";
    char level[64];
    char back[64];

    srand(4711);
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[8];
        size_t length = 1 + (size_t)rand() % sizeof bytes;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)pieces[(size_t)rand() % (sizeof pieces - 1)];

        size_t encoded = text_percent_encode(level, bytes, length);

        ck_assert(text_percent_decode(back, sizeof back, level, encoded));
        if (strlen(back) != length || memcmp(back, bytes, length) != 0)
            ck_abort_msg("%s", level);

        if (text_percent_decode(back, sizeof back, (const char *)bytes, length)) {
            encoded = text_percent_encode(level, (const uint8_t *)back, strlen(back));
            if (encoded != length || memcmp(level, bytes, length) != 0)
                ck_abort_msg("%s", level);
        }
    }
}
END_TEST

START_TEST(excerpts)
{
    static const struct {
        const char *text;
        size_t size;
        const char *excerpt;
    } rows[] = {
        {"", 4, ""},
        {"abc", 4, "abc"},
        {"abcd", 4, "..."},
        {"abcdefgh", 8, "abcd..."},
        {"abcdefg", 8, "abcdefg"},
        {"a\x1b[31m\n", 16, "a?[31m?"},
        {"a\x7f\xc2\x80\xef\xbf\xbf", 16, "a???"},
        {"a\xff\xc3", 16, "a??"},
        {"K\xc3\xbch", 16, "K\xc3\xbch"},
        {"abc\xc3\xbc"
         "defg",
         8, "abc..."},
        {"ab\xc3\xbc"
         "defg",
         8, "ab\xc3\xbc..."},
        {"abcd\xff\xff\xff\xff", 8, "abcd..."},
        {"\xc2\x80\xc2\x80\xc2\x80\xc2\x80", 8, "????"},
    };
    char out[16];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(out, '#', sizeof out);
        ck_assert_uint_eq(text_excerpt(out, rows[i].size, rows[i].text), strlen(rows[i].excerpt));
        ck_assert_str_eq(out, rows[i].excerpt);
        if (rows[i].size < sizeof out)
            ck_assert_int_eq(out[rows[i].size], '#');
    }
}
END_TEST

START_TEST(case_is_that_of_ascii)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"", "", true},
        {"aZ", "Az", true},
        {"a", "", false},
        {"", "a", false},
        {"ab", "a", false},
        {"@", "`", false},
        {"[", "{", false},
        {"\xc3\xa4", "\xc3\x84", false},
        {"K\xc3\xbc"
         "che",
         "k\xc3\xbc"
         "CHE",
         true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(text_same_ignoring_case(rows[i].a, rows[i].b) == rows[i].same, "%s, %s",
                      rows[i].a, rows[i].b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");

    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, classifies, 0, TEXTS);
    tcase_add_loop_test(tests, replaces, 0, TEXTS);
    tcase_add_loop_test(tests, encodes_and_decodes, 0, TEXTS);
    tcase_add_test(tests, next_gives_the_codepoint);
    tcase_add_test(tests, next_knows_every_codepoint);
    tcase_add_test(tests, decoding_refuses_other_spellings);
    tcase_add_test(tests, encoding_is_one_to_one);
    tcase_add_test(tests, excerpts);
    tcase_add_test(tests, case_is_that_of_ascii);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
