/* SPDX-License-Identifier: MIT */
/* Each rule, by what breaks it: the code and the key that the sender is told. */
#include "request_text.h"

#define A_NAME(name) "{\"name\":" name "," TYPE "," PORT "}"
#define A_TYPE(type) "{" NAME ",\"type\":" type "," PORT "}"
#define A_PORT(port) "{" NAME "," TYPE ",\"port\":" port "}"

static const struct row {
    const uint8_t *payload;
    size_t length;
    enum status_code code;
    const char *key;
} rows[] = {
    /* no JSON, or not that of a request */
    {BYTES(""), STATUS_BAD_JSON, ""},
    {BYTES("   "), STATUS_BAD_JSON, ""},
    {BYTES("hello"), STATUS_BAD_JSON, ""},
    {BYTES("null"), STATUS_BAD_JSON, ""},
    {BYTES("\"{}\""), STATUS_BAD_JSON, ""},
    {BYTES("[" WITH("\"lease\":60") "]"), STATUS_BAD_JSON, ""},
    {BYTES(WITH("\"lease\":60") "x"), STATUS_BAD_JSON, ""},
    {BYTES(WITH("\"lease\":60") "\0"), STATUS_BAD_JSON, ""},
    {BYTES(WITH("\"lease\":60") WITH("\"lease\":60")), STATUS_BAD_JSON, ""},
    {BYTES("\xef\xbb\xbf" WITH("\"lease\":60")), STATUS_BAD_JSON, ""},
    {BYTES(WITH("\"lease\":60,")), STATUS_BAD_JSON, ""},
    {BYTES(WITH("\"lease\":+60")), STATUS_BAD_JSON, "lease"},
    {BYTES(WITH("\"lease\":060")), STATUS_BAD_JSON, "lease"},
    {BYTES(WITH("\"lease\":NaN")), STATUS_BAD_JSON, "lease"},
    {BYTES(WITH("\"txt\":{\"a\":{\"b64\":[]}}")), STATUS_BAD_JSON, "txt"},
    {BYTES(WITH("\"txt\":{\"a\":{\"b64\":{}}}")), STATUS_BAD_JSON, "txt"},
    {BYTES(WITH("\"x\":[[[[[[[[]]]]]]]]")), STATUS_BAD_JSON, "x"},
    {BYTES(A_NAME("\"a\0b\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"a\\u0000b\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"a\xff\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"a\xc3\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"\xed\xa0\x80\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"\\ud83d\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"a\nb\"")), STATUS_BAD_JSON, "name"},
    {BYTES(A_NAME("\"\\032\"")), STATUS_BAD_JSON, "name"},
    {BYTES(WITH_TXT("\"a\":\"\\u0000\"")), STATUS_BAD_JSON, "txt"},
    {BYTES(WITH("\"\\u0000\":1")), STATUS_BAD_JSON, ""},

    /* keys */
    {BYTES("{}"), STATUS_MISSING_KEY, "name"},
    {BYTES("{" TYPE "," PORT "}"), STATUS_MISSING_KEY, "name"},
    {BYTES("{" NAME "," PORT "}"), STATUS_MISSING_KEY, "type"},
    {BYTES("{" NAME "," TYPE "}"), STATUS_MISSING_KEY, "port"},
    {BYTES("{" NAME ",\"Type\":\"_http._tcp\"," PORT "}"), STATUS_BAD_KEY, "Type"},
    {BYTES(WITH("\"flags\":8")), STATUS_BAD_KEY, "flags"},
    {BYTES(WITH("\"domain\":\"local\"")), STATUS_BAD_KEY, "domain"},
    {BYTES(WITH("\"host\":\"a.local\"")), STATUS_BAD_KEY, "host"},
    {BYTES(WITH("\"v\":1")), STATUS_BAD_KEY, "v"},
    {BYTES(WITH("\"\":1")), STATUS_BAD_KEY, "\"\""},
    {BYTES(WITH("\"a\\u001b[2J\\u0085\":1")), STATUS_BAD_KEY, "a?[2J?"},
    {BYTES(WITH("\"" X64("k") "\":1")), STATUS_BAD_KEY, X15("k") X15("k") X15("k") X15("k") "..."},
    {BYTES(WITH("\"x\":{\"y\":[1]}")), STATUS_BAD_KEY, "x"},
    {BYTES(WITH(NAME)), STATUS_BAD_KEY, "name"},
    {BYTES(WITH("\"n\\u0061me\":\"x\"")), STATUS_BAD_KEY, "name"},
    {BYTES(WITH("\"lease\":60,\"lease\":60")), STATUS_BAD_KEY, "lease"},
    {BYTES(WITH("\"txt\":{},\"txt\":{}")), STATUS_BAD_KEY, "txt"},

    /* the first wrong member counts, and comes before what is missing */
    {BYTES("{\"port\":0,\"name\":1}"), STATUS_BAD_PORT, "port"},
    {BYTES("{\"x\":1,\"port\":0}"), STATUS_BAD_KEY, "x"},

    /* name, RFC 6763 4.1.1 */
    {BYTES(A_NAME("\"\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"" X64("n") "\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"" X15("\xf0\x9f\x98\x80") "\xf0\x9f\x98\x80\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"a\\nb\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"\\u0001\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"\x7f\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"\xc2\x85\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"\\u009f\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("\"\\uffff\"")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("null")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("1")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("[\"a\"]")), STATUS_BAD_NAME, "name"},
    {BYTES(A_NAME("{\"b64\":\"YQ==\"}")), STATUS_BAD_NAME, "name"},

    /* type, RFC 6335 5.1 and RFC 6763 section 7 */
    {BYTES(A_TYPE("\"\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("null")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"http\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http.\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"http._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"__a._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_a_b._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http._sctp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http._TCP\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http.tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http._tcp.\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http._tcp.local\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_x._sub._http._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_http._tcp \"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\" _http._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_ht tp._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_ht\\\\046tp._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_h\\u00fc._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_123._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_1-2._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_-a._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_a-._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_a--b._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_-._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_" X15("t") "t._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_a-b-c-d-e-f-g-h-i._tcp\"")), STATUS_BAD_TYPE, "type"},
    {BYTES(A_TYPE("\"_" X64(X15("t")) "._tcp\"")), STATUS_BAD_TYPE, "type"},

    /* port */
    {BYTES(A_PORT("0")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("-1")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("-0")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("65536")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("65616")), STATUS_BAD_PORT, "port"}, /* 80 modulo 2^16 */
    {BYTES(A_PORT("4294967376")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("18446744073709551696")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("1e999")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("-1e999")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("1e-999")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("80.5")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("0.99")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("65535.5")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("\"80\"")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("true")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("null")), STATUS_BAD_PORT, "port"},
    {BYTES(A_PORT("[80]")), STATUS_BAD_PORT, "port"},

    /* TXT; test_txt_from_json.c has the rest */
    {BYTES(WITH("\"txt\":null")), STATUS_BAD_TXT, "txt"},
    {BYTES(WITH("\"txt\":[]")), STATUS_BAD_TXT, "txt"},
    {BYTES(WITH("\"txt\":\"a=b\"")), STATUS_BAD_TXT, "txt"},
    {BYTES(WITH_TXT("\"a\":1")), STATUS_BAD_TXT, "txt.a"},
    {BYTES(WITH_TXT("\"\":true")), STATUS_BAD_TXT, "txt."},
    {BYTES(WITH_TXT("\"a\\nb\":true")), STATUS_BAD_TXT, "txt.a?b"},
    {BYTES(WITH_TXT("\"a\":true,\"A\":true")), STATUS_BAD_TXT, "txt.A"},
    {BYTES(WITH_TXT("\"" X64("k") "\":1")), STATUS_BAD_TXT,
     "txt." X15("k") X15("k") X15("k") "kkkkkkkkkkk..."},
    {BYTES(WITH_TXT("\"a\":\"" X64("v") X64("v") X64("v") X63("v") "\"")), STATUS_BAD_TXT, "txt.a"},
    {BYTES(WITH_TXT("\"" X64("k") X64("k") X64("k") X64("k") "\":true")), STATUS_BAD_TXT,
     "txt." X15("k") X15("k") X15("k") "kkkkkkkkkkk..."},

    /* subtypes, narrower than RFC 6763 7.1 */
    {BYTES(WITH("\"subtypes\":null")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":\"_aa\"")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":{\"_aa\":true}")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[1]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[[\"_aa\"]]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_a\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"abc\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_a.b\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_a\\\\b\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_a b\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_printer._sub._http._tcp\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_\xc3\xbc\xc3\xbc\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_" X63("s") "\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_aa\",\"_bb\",\"_aa\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_aa\",\"_AA\"]")), STATUS_BAD_KEY, "subtypes"},
    {BYTES(WITH("\"subtypes\":[\"_1s\",\"_2s\",\"_3s\",\"_4s\",\"_5s\",\"_6s\",\"_7s\",\"_8s\","
                "\"_9s\"]")),
     STATUS_BAD_KEY, "subtypes"},

    /* the rest */
    {BYTES(WITH("\"interface\":\"\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":null")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":1")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\".\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\"..\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\"a/b\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\"a b\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\"eth0:1\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\"a\\tb\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"interface\":\"" X15("i") "i\"")), STATUS_BAD_KEY, "interface"},
    {BYTES(WITH("\"rename\":\"true\"")), STATUS_BAD_KEY, "rename"},
    {BYTES(WITH("\"rename\":1")), STATUS_BAD_KEY, "rename"},
    {BYTES(WITH("\"rename\":null")), STATUS_BAD_KEY, "rename"},
    {BYTES(WITH("\"lease\":\"60\"")), STATUS_BAD_KEY, "lease"},
    {BYTES(WITH("\"lease\":60.5")), STATUS_BAD_KEY, "lease"},
    {BYTES(WITH("\"lease\":null")), STATUS_BAD_KEY, "lease"},
    {BYTES(WITH("\"lease\":true")), STATUS_BAD_KEY, "lease"},
    {BYTES(WITH("\"transaction\":1")), STATUS_BAD_KEY, "transaction"},
    {BYTES(WITH("\"transaction\":null")), STATUS_BAD_KEY, "transaction"},
    {BYTES(WITH("\"transaction\":\"a\\nb\"")), STATUS_BAD_KEY, "transaction"},
    {BYTES(WITH("\"transaction\":\"\\u0090\"")), STATUS_BAD_KEY, "transaction"},
    {BYTES(WITH("\"transaction\":\"" X64("t") "t\"")), STATUS_BAD_KEY, "transaction"},
    {BYTES(WITH("\"transaction\":\"" X64("\xc3\xbc") "t\"")), STATUS_BAD_KEY, "transaction"},
};

#define ROWS (sizeof rows / sizeof rows[0])

static void check_row(const struct row *row)
{
    struct request request;
    struct status_error error;
    enum request_result result = parse_bytes(&request, &error, row->payload, row->length);

    ck_assert_msg(result == REQUEST_REFUSED, "%.*s", (int)row->length, row->payload);
    ck_assert_msg(error.code == row->code && strcmp(error.key, row->key) == 0, "%.*s\n%s %s: %s",
                  (int)row->length, row->payload, status_code_name(error.code), error.key,
                  error.message);
    ck_assert_int_eq(strncmp(error.message, error.key, strlen(error.key)), 0);
    ck_assert_uint_gt(strlen(error.message), strlen(error.key) + 2);
    ck_assert(!request.name[0] && !request.type[0] && !request.port && !request.txt_length &&
              !request.subtype_count && !request.interface[0] && !request.lease &&
              !request.transaction[0]);
}

START_TEST(refused)
{
    for (size_t i = 0; i < ROWS; i++)
        check_row(&rows[i]);
}
END_TEST

START_TEST(messages_say_it)
{
#define V X64("v") X64("v") X64("v")
    static const struct {
        const char *payload, *message;
    } says[] = {
        {"{\"a\":01}", "a: expected ',' or '}', at byte 7"},
        {"[]", "expected an object"},
        {"{}", "name: a request needs this key"},
        {WITH("\"flags\":8"), "flags: a request has no such key"},
        {WITH(PORT), "port: given twice"},
        {A_PORT("0"), "port: expected a whole number from 1 to 65535"},
        {WITH("\"lease\":\"60\""), "lease: expected a number of seconds"},
        {WITH_TXT("\"b\":{\"b64\":\"A\"}"), "txt.b: expected base64 with its padding"},
        {WITH_TXT("\"a\":\"" V "\",\"b\":\"" V "\",\"c\":\"" V "\",\"d\":\"" V "\",\"e\":\"" V
                  "\",\"f\":\"" V "\",\"g\":\"" V "\""),
         "txt.g: no room left, TXT data has at most 1300 bytes"},
        {WITH("\"subtypes\":[\"_aa\",\"_AA\"]"), "subtypes: _AA given twice"},
    };
    struct request request;
    struct status_error error;

    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        parse_bytes(&request, &error, (const uint8_t *)says[i].payload, strlen(says[i].payload));
        ck_assert_str_eq(error.message, says[i].message);
    }
}
END_TEST

/* No message of the table is cut where it says what is expected. */
START_TEST(messages_are_whole)
{
    struct request request;
    struct status_error error;

    for (size_t i = 0; i < ROWS; i++) {
        parse_bytes(&request, &error, rows[i].payload, rows[i].length);
        ck_assert_msg(strlen(error.message) < STATUS_MESSAGE_MAX - 3, "%s", error.message);
    }
}
END_TEST

/* The refusal can say what it answers, wherever the transaction stands. */
START_TEST(transaction_survives)
{
    static const struct {
        const char *payload, *transaction;
    } answers[] = {
        {"{\"transaction\":\"r1\",\"port\":0}", "r1"},
        {"{\"port\":0,\"transaction\":\"r1\"}", "r1"},
        {"{\"x\":0,\"transaction\":\"r1\",\"transaction\":\"r2\"}", "r1"},
        {"{\"port\":0,\"transaction\":7}", ""},
        {"{\"port\":0,\"transaction\":\"r1\"}x", ""},
        {"{\"txt\":{\"transaction\":\"r1\"}}", ""},
    };
    struct request request;
    struct status_error error;

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const char *payload = answers[i].payload;

        ck_assert_int_eq(parse_bytes(&request, &error, (const uint8_t *)payload, strlen(payload)),
                         REQUEST_REFUSED);
        ck_assert_str_eq(request.transaction, answers[i].transaction);
        ck_assert_str_eq(request.name, "");
    }
    /* What is wrong is that of its turn, not of the look ahead. */
    ck_assert_str_eq(error.key, "name");
}
END_TEST

START_TEST(nothing_at_all)
{
    struct request request;
    struct status_error error;

    ck_assert_int_eq(request_parse(&request, &error, NULL, 0, 4096), REQUEST_REFUSED);
    ck_assert_int_eq(error.code, STATUS_BAD_JSON);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("request_refused");

    tcase_add_test(tests, refused);
    tcase_add_test(tests, messages_say_it);
    tcase_add_test(tests, messages_are_whole);
    tcase_add_test(tests, transaction_survives);
    tcase_add_test(tests, nothing_at_all);
    return run("request_refused", tests);
}
