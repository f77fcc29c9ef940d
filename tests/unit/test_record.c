/* SPDX-License-Identifier: MIT */
#include "record_back.h"

static struct sample sample;
static uint8_t record[RECORD_SIZE_MAX];

static void set_up(void)
{
    sample_init(&sample);
    memset(record, '#', sizeof record);
}

/* The text of the service record of `sample`, without padding. */
static const char *rendered(bool gone)
{
    static char text[RECORD_SIZE_DEFAULT + 1];

    ck_assert_int_eq(
        record_service(record, RECORD_SIZE_DEFAULT, &sample.service, gone, &stamp, NULL),
        RECORD_OK);
    ck_assert_int_eq(record[RECORD_SIZE_DEFAULT], '#');
    check_back(record, RECORD_SIZE_DEFAULT, &sample.service);

    size_t length = record_length(record, RECORD_SIZE_DEFAULT);

    memcpy(text, record, length);
    text[length] = '\0';
    return text;
}

/* The example of README.md section 3, in its order. */
START_TEST(service_record)
{
    sample.service.owner = "web/app";
    sample_add(&sample, BYTES("rp=ipp/print"));
    sample_add(&sample, BYTES("Color=T"));
    sample_add(&sample, BYTES("Duplex"));
    sample_add(&sample, BYTES("blob=\0\1\2\3"));

    ck_assert_str_eq(
        rendered(false),
        "{\"v\":1,\"state\":\"up\",\"name\":\"Kitchen printer\",\"type\":\"_ipp._tcp\","
        "\"domain\":\"local\",\"interface\":\"eth0\",\"protocols\":[\"IPv4\",\"IPv6\"],"
        "\"host\":\"printer.local\",\"port\":631,\"addresses\":[\"192.168.1.20\",\"fe80::1%eth0\"],"
        "\"txt\":{\"rp\":\"ipp/"
        "print\",\"Color\":\"T\",\"Duplex\":true,\"blob\":{\"b64\":\"AAECAw==\"}},"
        "\"local\":false,\"owner\":\"web/app\",\"epoch\":1795292704123,\"seq\":42,"
        "\"time\":1795292710456}");
}
END_TEST

START_TEST(every_optional_key_in_its_place)
{
    strcpy(sample.id.name, "a\xff");
    sample.service.owner = "web/app";
    sample.service.local = true;
    sample_add(&sample, BYTES("\xfe=raw"));
    sample.service.txt_omitted = 3;

    ck_assert_str_eq(
        rendered(true),
        "{\"v\":1,\"state\":\"gone\",\"name\":\"a\xef\xbf\xbd\",\"name_b64\":\"Yf8=\","
        "\"type\":\"_ipp._tcp\",\"domain\":\"local\",\"interface\":\"eth0\","
        "\"protocols\":[\"IPv4\",\"IPv6\"],\"host\":\"printer.local\",\"port\":631,"
        "\"addresses\":[\"192.168.1.20\",\"fe80::1%eth0\"],\"txt\":{},\"txt_raw\":[\"/j1yYXc=\"],"
        "\"txt_omitted\":3,\"local\":true,\"owner\":\"web/app\",\"epoch\":1795292704123,"
        "\"seq\":42,\"time\":1795292710456}");
}
END_TEST

/* Attributes of all kinds: what the record says of them; that it leads back, checks rendered(). */
START_TEST(attributes)
{
    static const struct {
        const char *what;
        const uint8_t *strings[3];
        size_t lengths[3];
        const char *json;
    } rows[] = {
        {"none", {0}, {0}, "\"txt\":{},\"local\""},
        {"bare", {(const uint8_t *)"a"}, {1}, "\"txt\":{\"a\":true},\"local\""},
        {"empty value", {(const uint8_t *)"a="}, {2}, "\"txt\":{\"a\":\"\"},\"local\""},
        {"keyless", {(const uint8_t *)"=a", (const uint8_t *)""}, {2, 0}, "\"txt\":{},\"local\""},
        {"equal keys",
         {(const uint8_t *)"Key=1", (const uint8_t *)"kEY=2"},
         {5, 5},
         "\"txt\":{\"Key\":\"1\"},\"local\""},
        {"binary value",
         {(const uint8_t *)"a=\0\xff"},
         {4},
         "\"txt\":{\"a\":{\"b64\":\"AP8=\"}},\"local\""},
        {"a key with blanks and quotes",
         {(const uint8_t *)" \"\\\t"},
         {4},
         "\"txt\":{\" \\\"\\\\\\t\":true},\"local\""},
        {"a key that is no text",
         {(const uint8_t *)"\x01=v", (const uint8_t *)"a", (const uint8_t *)"\xff"},
         {3, 1, 1},
         "\"txt\":{\"a\":true},\"txt_raw\":[\"AT12\",\"/w==\"],\"local\""},
        {"keys of the record",
         {(const uint8_t *)"epoch=1", (const uint8_t *)"txt_raw", (const uint8_t *)"b64=x"},
         {7, 7, 5},
         "\"txt\":{\"epoch\":\"1\",\"txt_raw\":true,\"b64\":\"x\"},\"local\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sample_init(&sample);
        for (size_t s = 0; s < 3 && rows[i].strings[s]; s++)
            sample_add(&sample, rows[i].strings[s], rows[i].lengths[s]);
        const char *text = rendered(false);

        ck_assert_msg(strstr(text, rows[i].json), "%s: %s", rows[i].what, text);
    }
}
END_TEST

START_TEST(places)
{
    static const struct {
        bool seen[2];
        const char *addresses[2];
        const char *json;
    } rows[] = {
        {{true, true},
         {"10.0.0.1", "fe80::1%eth0"},
         "\"protocols\":[\"IPv4\",\"IPv6\"],\"host\":\"printer.local\",\"port\":631,"
         "\"addresses\":[\"10.0.0.1\",\"fe80::1%eth0\"],"},
        {{true, false},
         {"10.0.0.1", NULL},
         "\"protocols\":[\"IPv4\"],\"host\":\"printer.local\",\"port\":631,"
         "\"addresses\":[\"10.0.0.1\"],"},
        {{false, true},
         {NULL, "fe80::1%eth0"},
         "\"protocols\":[\"IPv6\"],\"host\":\"printer.local\",\"port\":631,"
         "\"addresses\":[\"fe80::1%eth0\"],"},
        {{true, true},
         {"10.0.0.1", "10.0.0.1"},
         "\"protocols\":[\"IPv4\",\"IPv6\"],\"host\":\"printer.local\",\"port\":631,"
         "\"addresses\":[\"10.0.0.1\"],"},
        {{false, false},
         {NULL, NULL},
         "\"protocols\":[],\"host\":\"printer.local\",\"port\":631,\"addresses\":[],"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memcpy(sample.service.seen, rows[i].seen, sizeof rows[i].seen);
        memcpy(sample.service.addresses, rows[i].addresses, sizeof rows[i].addresses);
        const char *text = rendered(false);

        ck_assert_msg(strstr(text, rows[i].json), "%s", text);
    }
}
END_TEST

/* Every string of the service may be any bytes. */
START_TEST(bad_bytes_everywhere)
{
    strcpy(sample.id.name, "n\xff\x01");
    strcpy(sample.id.type, "t\xc3");
    strcpy(sample.id.domain, "d\x80");
    strcpy(sample.id.interface, "i\xed\xa0\x80");
    sample.service.host = "h\xf8\"\\\n";
    sample.service.owner = "o\xfe";
    sample.service.addresses[SERVICE_IPV6] = "fe80::1%\xff";

    const char *text = rendered(false);
    static const char *const parts[] = {
        "\"name\":\"n\xef\xbf\xbd\\u0001\",\"name_b64\":\"bv8B\",\"type\":\"t\xef\xbf\xbd\"",
        "\"domain\":\"d\xef\xbf\xbd\",\"interface\":\"i\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
        "\"host\":\"h\xef\xbf\xbd\\\"\\\\\\n\"",
        "\"owner\":\"o\xef\xbf\xbd\"",
        "\"fe80::1%\xef\xbf\xbd\"",
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(text, parts[i]), "%s", text);
}
END_TEST

START_TEST(integers_print_every_digit)
{
    static const struct {
        struct record_stamp stamp;
        const char *json;
    } rows[] = {
        {{1795292704123, 42, 1795292710456},
         "\"epoch\":1795292704123,\"seq\":42,\"time\":1795292710456}"},
        {{9999999999999, 999999999999, 9999999999999},
         "\"epoch\":9999999999999,\"seq\":999999999999,\"time\":9999999999999}"},
        {{9007199254740992, 9007199254740992, 9007199254740991},
         "\"epoch\":9007199254740992,\"seq\":9007199254740992,\"time\":9007199254740991}"},
        {{0, 0, -1}, "\"epoch\":0,\"seq\":0,\"time\":-1}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(
            record_service(record, RECORD_SIZE_MIN, &sample.service, false, &rows[i].stamp, NULL),
            RECORD_OK);
        size_t length = record_length(record, RECORD_SIZE_MIN);
        size_t tail = strlen(rows[i].json);

        ck_assert_mem_eq(record + length - tail, rows[i].json, tail);
    }
}
END_TEST

START_TEST(state_record)
{
    static const struct {
        struct bridge_state state;
        const char *json;
    } rows[] = {
        {{"online", "1.0.0", "box", true, 4096, 12, 3},
         "{\"v\":1,\"state\":\"online\",\"epoch\":1795292704123,\"version\":\"1.0.0\","
         "\"hostname\":\"box\",\"avahi\":\"up\",\"record_size\":4096,\"services\":12,"
         "\"advertised\":3,\"seq\":42,\"time\":1795292710456}"},
        {{"offline", "1.0.0", "b\xff\"", false, 65536, 0, 0},
         "{\"v\":1,\"state\":\"offline\",\"epoch\":1795292704123,\"version\":\"1.0.0\","
         "\"hostname\":\"b\xef\xbf\xbd\\\"\",\"avahi\":\"down\",\"record_size\":65536,"
         "\"services\":0,\"advertised\":0,\"seq\":42,\"time\":1795292710456}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(record_state(record, RECORD_SIZE_MIN, &rows[i].state, &stamp), RECORD_OK);
        cJSON_Delete(record_parse(record, RECORD_SIZE_MIN));
        ck_assert_uint_eq(record_length(record, RECORD_SIZE_MIN), strlen(rows[i].json));
        ck_assert_mem_eq(record, rows[i].json, strlen(rows[i].json));
    }
}
END_TEST

START_TEST(stats_record)
{
    static const struct record_counter counters[] = {
        {"published", 0}, {"refused", 7}, {"uptime", 9007199254740992}};
    static const char json[] = "{\"v\":1,\"published\":0,\"refused\":7,\"uptime\":9007199254740992,"
                               "\"epoch\":1795292704123,\"seq\":42,\"time\":1795292710456}";

    ck_assert_int_eq(record_stats(record, RECORD_SIZE_MIN, counters, 3, &stamp), RECORD_OK);
    cJSON_Delete(record_parse(record, RECORD_SIZE_MIN));
    ck_assert_uint_eq(record_length(record, RECORD_SIZE_MIN), strlen(json));
    ck_assert_mem_eq(record, json, strlen(json));
    ck_assert_int_eq(record[RECORD_SIZE_MIN], '#');
}
END_TEST

static uint64_t digest_of_sample(const struct record_stamp *with, bool gone)
{
    ck_assert_int_eq(record_service(record, RECORD_SIZE_DEFAULT, &sample.service, gone, with, NULL),
                     RECORD_OK);
    return record_digest(record, RECORD_SIZE_DEFAULT);
}

START_TEST(digest_leaves_out_the_stamp_alone)
{
    static const struct record_stamp other = {1, 2, 3};

    sample_add(&sample, BYTES("epoch=1"));
    sample_add(&sample, BYTES("x=,\"epoch\":"));

    uint64_t digest = digest_of_sample(&stamp, false);

    ck_assert_uint_eq(digest_of_sample(&other, false), digest);
    ck_assert_uint_ne(digest_of_sample(&stamp, true), digest);
    sample.service.port++;
    ck_assert_uint_ne(digest_of_sample(&stamp, false), digest);
    sample.service.port--;
    sample.service.local = true; /* stands behind the attribute "epoch" */
    ck_assert_uint_ne(digest_of_sample(&stamp, false), digest);
}
END_TEST

START_TEST(digest_is_fnv_1a)
{
    static const struct {
        const uint8_t *bytes;
        size_t length;
        uint64_t digest;
    } rows[] = {
        {BYTES(""), 0xcbf29ce484222325},
        {BYTES("a"), 0xaf63dc4c8601ec8c},
        {BYTES("foobar"), 0x85944171f73967e8},
        {BYTES("foobar,\"epoch\":1}  "), 0x85944171f73967e8},
        {BYTES(",\"epoch\":"), 0xcbf29ce484222325},
        /* what the authors of FNV found to hash to 0 */
        {BYTES("\xd5\x6b\xb9\x53\x42\x87\x08\x36"), 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_uint_eq(record_digest(rows[i].bytes, rows[i].length), rows[i].digest);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("record");

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, service_record);
    tcase_add_test(tests, every_optional_key_in_its_place);
    tcase_add_test(tests, attributes);
    tcase_add_test(tests, places);
    tcase_add_test(tests, bad_bytes_everywhere);
    tcase_add_test(tests, integers_print_every_digit);
    tcase_add_test(tests, state_record);
    tcase_add_test(tests, stats_record);
    tcase_add_test(tests, digest_leaves_out_the_stamp_alone);
    tcase_add_test(tests, digest_is_fnv_1a);
    return run("record", tests);
}
