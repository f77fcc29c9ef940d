/* SPDX-License-Identifier: MIT */
#include "record_back.h"

START_TEST(base64_is_that_of_rfc_4648)
{
    static const struct {
        const uint8_t *bytes;
        size_t length;
        const char *base64;
    } rows[] = {
        {BYTES(""), ""},
        {BYTES("f"), "Zg=="},
        {BYTES("fo"), "Zm8="},
        {BYTES("foo"), "Zm9v"},
        {BYTES("foob"), "Zm9vYg=="},
        {BYTES("fooba"), "Zm9vYmE="},
        {BYTES("foobar"), "Zm9vYmFy"},
        {BYTES("\xff\xff\xff"), "////"},
        {BYTES("\xfb\xef\xbe"), "++++"},
        {BYTES("\0"), "AA=="},
        {BYTES("\0\1\2\3"), "AAECAw=="},
    };
    char out[16];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length = text_base64(out, rows[i].bytes, rows[i].length);

        ck_assert_str_eq(out, rows[i].base64);
        ck_assert_uint_eq(length, strlen(rows[i].base64));
        ck_assert_uint_eq(TEXT_BASE64_SIZE(rows[i].length), length + 1);
    }
}
END_TEST

START_TEST(base64_decodes_what_it_encodes)
{
    static const char *const rows[] = {"",         "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=",
                                       "Zm9vYmFy", "////", "++++", "AA==", "AAECAw=="};
    uint8_t bytes[16];
    char back[32];
    size_t length;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(text_base64_decode(bytes, &length, rows[i]), "%s", rows[i]);
        text_base64(back, bytes, length);
        ck_assert_str_eq(back, rows[i]);
    }
}
END_TEST

START_TEST(base64_has_one_spelling)
{
    static const char *const rows[] = {
        "A",     "AA",    "AAA",      "AAAAA",    "=",    "==",   "===",         "====",
        "A===",  "AA=A",  "AA==AA==", "AAA=AAAA", "Zh==", "Zm9=", "Zg=",         "Zg",
        "Zg== ", " Zg==", "Zg==\n",   "Zm9v\nYg", "Zm-v", "Zm_v", "Zm9\xc3\xbc", "\xff\xff\xff\xff",
        "Zm.v",  "AB==",  "AAB=",     "=AAA",
    };
    uint8_t bytes[16];
    size_t length;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(!text_base64_decode(bytes, &length, rows[i]), "%s", rows[i]);
}
END_TEST

/* All texts of four characters of a few kinds: what is taken is what encoding gives back. */
START_TEST(base64_is_one_to_one)
{
    static const char kinds[] = "AQgwz09+/=-\x80";
    enum { KINDS = sizeof kinds - 1 };
    char back[8];
    uint8_t bytes[3];
    size_t length;

    for (unsigned n = 0; n < KINDS * KINDS * KINDS * KINDS; n++) {
        char text[] = {kinds[n % KINDS], kinds[n / KINDS % KINDS], kinds[n / KINDS / KINDS % KINDS],
                       kinds[n / KINDS / KINDS / KINDS], '\0'};

        if (text_base64_decode(bytes, &length, text)) {
            text_base64(back, bytes, length);
            if (strcmp(back, text) != 0)
                ck_abort_msg("%s", text);
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("text_base64");

    tcase_add_test(tests, base64_is_that_of_rfc_4648);
    tcase_add_test(tests, base64_decodes_what_it_encodes);
    tcase_add_test(tests, base64_has_one_spelling);
    tcase_add_test(tests, base64_is_one_to_one);
    return run("text_base64", tests);
}
