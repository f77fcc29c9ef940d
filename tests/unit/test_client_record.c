/* SPDX-License-Identifier: MIT */
/* What clients read records with: against the records that the bridge really makes, against cJSON
 * and the strict scanner that requests pass, and against bytes that nobody should send. */
#include "client_record.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#include "json.h"
#include "record_back.h"
#include "topic.h"

#define ROOM 4200 /* any record, any file of the corpus */

/* A copy at its exact size, so that a sanitizer sees a read beyond it. */
static char *exactly(const void *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);

    MUST(copy);
    memcpy(copy, bytes, length);
    return copy;
}

static struct client_json value_of(const char *text)
{
    struct client_json value = {text, strlen(text)};
    return value;
}

/* ---- the real thing ---- */

static struct client_json service_record(struct sample *sample, bool gone)
{
    static uint8_t buffer[RECORD_SIZE_DEFAULT];

    MUST(record_service(buffer, sizeof buffer, &sample->service, gone, &stamp, NULL) == RECORD_OK);
    return client_record(buffer, sizeof buffer);
}

static void check_number(struct client_json value, int64_t wanted)
{
    int64_t number = -1;

    ck_assert(client_json_number(value, &number));
    ck_assert_int_eq(number, wanted);
}

static void check_text(struct client_json value, const char *wanted)
{
    char text[1024];

    ck_assert(client_json_text(value, text, sizeof text));
    ck_assert_str_eq(text, wanted);
    ck_assert(client_json_is(value, wanted));
    ck_assert(client_json_text(value, text, strlen(wanted) + 1));
    if (*wanted)
        ck_assert(!client_json_text(value, text, strlen(wanted)));
}

START_TEST(test_service)
{
    struct sample sample;
    bool local = true;

    sample_init(&sample);
    sample_add(&sample, BYTES("rp=ipp/print"));
    sample_add(&sample, BYTES("Duplex"));
    sample_add(&sample, BYTES("\"quo\\ted\"=\ttab"));
    sample_add(&sample, BYTES("blob=\x01\x02"));
    sample_add(&sample, BYTES("empty="));

    struct client_json record = service_record(&sample, false);
    struct client_json txt = client_json_member(record, "txt");
    struct client_json addresses = client_json_member(record, "addresses");

    ck_assert_int_eq(record.at[record.length - 1], '}');
    ck_assert(client_json_is(client_json_member(record, "state"), "up"));
    check_text(client_json_member(record, "name"), "Kitchen printer");
    check_text(client_json_member(record, "host"), "printer.local");
    check_number(client_json_member(record, "port"), 631);
    check_number(client_json_member(record, "epoch"), stamp.epoch);
    check_number(client_json_member(record, "seq"), (int64_t)stamp.seq);
    ck_assert(client_json_bool(client_json_member(record, "local"), &local));
    ck_assert(!local);
    check_text(client_json_item(addresses, 0), "192.168.1.20");
    check_text(client_json_item(addresses, 1), "fe80::1%eth0");
    ck_assert_uint_eq(client_json_item(addresses, 2).length, 0);
    check_text(client_json_member(txt, "rp"), "ipp/print");
    ck_assert(client_json_bool(client_json_member(txt, "Duplex"), &local));
    ck_assert(local);
    check_text(client_json_member(txt, "\"quo\\ted\""), "\ttab");
    check_text(client_json_member(client_json_member(txt, "blob"), "b64"), "AQI=");
    check_text(client_json_member(txt, "empty"), "");
    ck_assert_uint_eq(client_json_member(txt, "host").length, 0); /* not one of the outer object */
    ck_assert_uint_eq(client_json_member(record, "owner").length, 0);
    ck_assert(client_json_is(client_json_member(service_record(&sample, true), "state"), "gone"));
}
END_TEST

START_TEST(test_other_records)
{
    static uint8_t buffer[RECORD_SIZE_MIN];
    const struct bridge_state state = {"online", "1.0.0", "box", true, sizeof buffer, 12, 3};
    const struct record_counter counters[] = {{"uptime", 7}, {"published", (uint64_t)1 << 53}};

    ck_assert_int_eq(record_state(buffer, sizeof buffer, &state, &stamp), RECORD_OK);

    struct client_json record = client_record(buffer, sizeof buffer);

    check_text(client_json_member(record, "state"), "online");
    check_number(client_json_member(record, "services"), 12);
    ck_assert_int_eq(record_stats(buffer, sizeof buffer, counters, 2, &stamp), RECORD_OK);
    record = client_record(buffer, sizeof buffer);
    check_number(client_json_member(record, "published"), (int64_t)1 << 53);
}
END_TEST

START_TEST(test_names)
{
    static const char *const names[] = {"Kitchen printer",
                                        "50% off/on + #1 K\xc3\xb6ln",
                                        "\"\\/\b\f\n\r\t\x01\x1f\x7f",
                                        "\xf0\x9f\x96\xa8",
                                        "a/b/c",
                                        "\\u0041",
                                        "%41%",
                                        "\xc2\x9f\xef\xbf\xbf"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char topic[TOPIC_SIZE], level[SERVICE_NAME_MAX + 1];
        struct sample sample;

        sample_init(&sample);
        memcpy(sample.id.name, names[i], strlen(names[i]) + 1);
        check_text(client_json_member(service_record(&sample, false), "name"), names[i]);

        memcpy(topic, "a/b/service/", 12);
        topic_path(topic + 12, &sample.id);
        ck_assert(client_topic_level(topic, 1, level, sizeof level));
        ck_assert_str_eq(level, names[i]);
        ck_assert(client_topic_level(topic, 1, level, strlen(names[i]) + 1));
        ck_assert(!client_topic_level(topic, 1, level, strlen(names[i])));
        ck_assert_str_eq(level, "");
        ck_assert(client_topic_level(topic, 0, level, sizeof level));
        ck_assert_str_eq(level, "eth0");
        ck_assert(client_topic_level(topic, 6, level, sizeof level));
        ck_assert_str_eq(level, "a");
        ck_assert(!client_topic_level(topic, 7, level, sizeof level));
    }
}
END_TEST

START_TEST(test_levels)
{
    static const char *const bad[] = {"a/%", "a/%4", "a/%4g", "a/%00", "a/%%41", "a/4%"};
    char level[8] = "x";

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!client_topic_level(bad[i], 0, level, sizeof level), "%s", bad[i]);
        ck_assert_str_eq(level, "");
    }
    ck_assert(client_topic_level("a/%FF%0A", 0, level, sizeof level));
    ck_assert_str_eq(level, "\xff\n");
    ck_assert(client_topic_level("", 0, level, 1) && client_topic_level("//", 2, level, 1));
    ck_assert(!client_topic_level("", 1, level, 1));
}
END_TEST

/* ---- one by one ---- */

START_TEST(test_numbers)
{
    static const struct {
        const char *text;
        bool good;
        int64_t number;
    } numbers[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-1", true, -1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"01", false, 0},
        {"+1", false, 0},
        {"-", false, 0},
        {"", false, 0},
        {"1 ", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t number = 77;

        ck_assert_msg(client_json_number(value_of(numbers[i].text), &number) == numbers[i].good,
                      "%s", numbers[i].text);
        ck_assert_int_eq(number, numbers[i].good ? numbers[i].number : 77);
    }
}
END_TEST

START_TEST(test_of_another_type)
{
    static const char *const values[] = {"1", "\"1\"", "null", "true", "{\"a\":1}", "[1]", ""};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct client_json value = value_of(values[i]);
        char text[8] = "old";
        int64_t number;
        bool flag;

        ck_assert_int_eq(client_json_text(value, text, sizeof text), i == 1);
        ck_assert_str_eq(text, i == 1 ? "1" : "");
        ck_assert_int_eq(client_json_number(value, &number), i == 0);
        ck_assert_int_eq(client_json_bool(value, &flag), i == 3);
        ck_assert_int_eq(client_json_is(value, "1"), i == 1);
        ck_assert_int_eq(client_json_member(value, "a").length > 0, i == 4);
        ck_assert_int_eq(client_json_item(value, 0).length > 0, i == 5);
    }
    ck_assert(!client_json_is(value_of("\"on\""), "online"));
    ck_assert(!client_json_is(value_of("\"online\""), "on"));
    ck_assert_uint_eq(client_json_member(value_of("{}"), "").length, 0);
    ck_assert_uint_eq(client_json_item(value_of("[ ]"), 0).length, 0);
}
END_TEST

START_TEST(test_quote)
{
    char out[64], back[16];

    for (int byte = 1; byte < 0x80; byte++) {
        const char text[] = {'a', (char)byte, 'z', '\0'};

        ck_assert(client_json_quote(text, out, sizeof out));
        ck_assert(client_json_text(value_of(out), back, sizeof back));
        ck_assert_str_eq(back, text);

        size_t length = strlen(out);
        char *exact = malloc(length + 1);

        MUST(exact);
        ck_assert(client_json_quote(text, exact, length + 1));
        ck_assert(!client_json_quote(text, exact, length));
        ck_assert_str_eq(exact, "");
        free(exact);
    }
    ck_assert(client_json_quote("", out, 3));
    ck_assert_str_eq(out, "\"\"");
    ck_assert(!client_json_quote("", out, 2) && !client_json_quote("a", out, 1));
}
END_TEST

START_TEST(test_pick)
{
    static const char *const keys[] = {"b", "missing", "a", NULL}, *const none[] = {NULL};
    struct client_json object = value_of("{ \"a\" : \"x\\\"\" , \"b\":[1, 2],\"c\":0}");
    static const char wanted[] = "{\"b\":[1, 2],\"a\":\"x\\\"\"}";
    char out[64];

    ck_assert(client_json_pick(object, keys, out, sizeof out));
    ck_assert_str_eq(out, wanted);
    ck_assert(client_json_pick(object, keys, out, sizeof wanted));
    ck_assert_str_eq(out, wanted);
    for (size_t size = 1; size < sizeof wanted; size++) {
        char *exact = exactly(out, size);

        ck_assert(!client_json_pick(object, keys, exact, size));
        ck_assert_str_eq(exact, "");
        free(exact);
    }
    ck_assert(client_json_pick(object, none, out, 1) && out[0] == '\0');
    ck_assert(client_json_pick(client_json_none(), keys, out, 1) && out[0] == '\0');
}
END_TEST

/* ---- remembering ---- */

static struct client_known known[3];

/* Takes a message, or with a NULL topic a connection, and says what came of it, like
 * "add {...};remove {...};". */
static const char *takes(const char *topic, const char *payload)
{
    static const char *const keys[] = {"state", "n", NULL};
    static char said[2 * sizeof known];
    const struct client_known *entry;
    enum client_event event;
    size_t used = 0;

    if (topic)
        client_known_take(known, 3, keys, topic, payload, strlen(payload));
    else
        client_known_connected(known, 3);
    said[0] = '\0';
    while ((event = client_known_next(known, 3, &entry)) != CLIENT_NO_EVENT)
        used += (size_t)snprintf(said + used, sizeof said - used, "%s %s %s;",
                                 client_event_name(event), entry->topic, entry->text);
    return said;
}

START_TEST(test_remembered)
{
    memset(known, 0, sizeof known);
    ck_assert_str_eq(takes("s/1", "{\"state\":\"up\",\"n\":1,\"seq\":1}"),
                     "add s/1 {\"state\":\"up\",\"n\":1};");
    ck_assert_str_eq(takes("s/1", "{\"state\":\"up\",\"n\":1,\"seq\":2}  "), "");
    ck_assert_str_eq(takes("s/1", "{\"state\":\"up\",\"n\":2}"),
                     "change s/1 {\"state\":\"up\",\"n\":2};");
    ck_assert_str_eq(takes("s/1", "{\"state\":\"gone\",\"n\":2}"),
                     "remove s/1 {\"state\":\"up\",\"n\":2};");
    ck_assert_str_eq(takes("s/1", ""), "");
    ck_assert_str_eq(takes("s/1", "{\"n\":1}"), "add s/1 {\"n\":1};");
    ck_assert_str_eq(takes("s/1", ""), "remove s/1 {\"n\":1};"); /* its `gone` was missed */
    ck_assert_str_eq(takes("s/1", "rubbish"), "");
}
END_TEST

START_TEST(test_gone_meanwhile)
{
    memset(known, 0, sizeof known);
    takes("s/1", "{\"n\":1}");
    takes("s/2", "{\"n\":2}");
    takes("p/bridge/state", "{\"state\":\"online\"}");
    ck_assert_str_eq(takes(NULL, ""), "");
    ck_assert_str_eq(takes("s/2", "{\"n\":2}"), "");
    ck_assert_str_eq(takes("s/3/state", "{\"state\":\"online\"}"),
                     ""); /* no room, not the bridge */
    ck_assert_str_eq(takes("p/bridge/state", "{\"state\":\"starting\"}"),
                     "change p/bridge/state {\"state\":\"starting\"};");
    ck_assert_str_eq(takes("p/bridge/state", "{\"state\":\"online\",\"n\":1}"),
                     "remove s/1 {\"n\":1};change p/bridge/state {\"state\":\"online\",\"n\":1};");
    ck_assert_str_eq(takes("s/3", "{\"n\":3}"), "add s/3 {\"n\":3};"); /* where s/1 was */
}
END_TEST

START_TEST(test_no_room)
{
    static const char *const keys[] = {"n", NULL};
    static char topic[sizeof known[0].topic + 1], payload[sizeof known[0].text + 32];

    memset(known, 0, sizeof known);
    memset(topic, 't', sizeof topic - 1);
    ck_assert(!client_known_take(known, 3, keys, topic, "{\"n\":1}", 7));
    ck_assert(client_known_take(known, 3, keys, topic + 1, "{\"n\":1}", 7));
    snprintf(payload, sizeof payload, "{\"n\":\"%0*d\"}", (int)sizeof known[0].text, 0);
    ck_assert(!client_known_take(known, 3, keys, "long", payload, strlen(payload)));
    takes("s/2", "{\"n\":2}");
    takes("s/3", "{\"n\":3}");
    ck_assert_str_eq(takes("s/4", "{\"n\":4}"), "");
    ck_assert(!client_known_take(known, 3, keys, "s/4", "{\"n\":4}", 7));
    ck_assert_str_eq(takes(NULL, ""), "");
    takes("p/bridge/state", "{\"state\":\"online\"}"); /* though there is no room for it */
    ck_assert_uint_eq(known[0].used + known[1].used + known[2].used, 0);
}
END_TEST

/* ---- against other readers ---- */

/* What cJSON says of the text, and what we say, of each of its members. */
static void compare_members(struct client_json record, const cJSON *json)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json)
    {
        const cJSON *first = cJSON_GetObjectItemCaseSensitive(json, item->string);
        struct client_json value = client_json_member(record, item->string);
        char text[ROOM];
        bool flag = false;

        MUST(value.length > 0);
        MUST(client_json_text(value, text, sizeof text) == cJSON_IsString(first));
        if (cJSON_IsString(first))
            MUST(strcmp(text, first->valuestring) == 0);
        MUST(client_json_bool(value, &flag) == cJSON_IsBool(first));
        MUST(flag == cJSON_IsTrue(first));
        MUST((value.at[0] == '{') == cJSON_IsObject(first));
        if (cJSON_IsArray(first)) {
            size_t count = (size_t)cJSON_GetArraySize(first);
            MUST(count == 0 || client_json_item(value, count - 1).length > 0);
            MUST(client_json_item(value, count).length == 0);
        }
    }
}

/* Is it a record to the scanner that requests pass? */
static bool scanner_takes(const uint8_t *bytes, size_t length)
{
    struct json_problem problem;

    if (length == 0 || bytes[0] != '{')
        return false;
    while (length > 0 && bytes[length - 1] == ' ')
        length--;
    if (bytes[length - 1] != '}')
        return false;
    return json_check(&problem, bytes, length, CLIENT_JSON_DEPTH_MAX) ||
           strcmp(problem.what, "a number of too many digits") == 0; /* a bound of cJSON's */
}

/* Any bytes: not read beyond, and taken or refused as others do. Returns whether taken. */
static bool try_bytes(const void *bytes, size_t length)
{
    char *copy = exactly(bytes, length);
    struct client_json record = client_record(copy, length);
    bool taken = record.length > 0;

    MUST(taken == scanner_takes(bytes, length));
    if (taken) {
        cJSON *json = cJSON_ParseWithLength(copy, length);

        MUST(json);
        compare_members(record, json);
        cJSON_Delete(json);
    }

    /* And where nobody has looked at it before: a value is what its finder says it is. */
    struct client_json raw = {copy, length};
    char text[16];
    int64_t number;
    bool flag;

    client_json_member(raw, "name");
    client_json_item(raw, 3);
    client_json_text(raw, text, sizeof text);
    client_json_is(raw, "up");
    client_json_number(raw, &number);
    client_json_bool(raw, &flag);
    free(copy);
    return taken;
}

START_TEST(test_refused)
{
    static const char *const good[] = {"{}",
                                       "{}  ",
                                       "{ \"a\" : [ ] , \"b\":{}}",
                                       "{\"a\":[[[[[[[1]]]]]]]}",
                                       "{\"\\u00e9\\ud83d\\ude00\\/\":-0.5e+7}",
                                       "{\"a\":1,\"a\":2}"};
    static const char *const bad[] = {"",
                                      " ",
                                      " {}",
                                      "{}\n",
                                      "{}x",
                                      "{} {}",
                                      "[]",
                                      "1",
                                      "{",
                                      "{\"a\"",
                                      "{\"a\":",
                                      "{\"a\":1",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{\"a\":[1,]}",
                                      "{\"a\":[1}",
                                      "{\"a\":1]",
                                      "{a:1}",
                                      "{\"a\" 1}",
                                      "{\"a\":tru}",
                                      "{\"a\":01}",
                                      "{\"a\":.5}",
                                      "{\"a\":1.}",
                                      "{\"a\":1e}",
                                      "{\"a\":-}",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\\u12\"}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\\ud800\"}",
                                      "{\"a\":\"\\udc00\"}",
                                      "{\"a\":\"\\ud800\\u0041\"}",
                                      "{\"a\":\"\x80\"}",
                                      "{\"a\":\"\xc0\x80\"}",
                                      "{\"a\":\"\xe0\x9f\xbf\"}",
                                      "{\"a\":\"\xf0\x8f\xbf\xbf\"}",
                                      "{\"a\":\"\x1f\"}",
                                      "{\"a\":\"\xed\xa0\x80\"}",
                                      "{\"a\":\"\xf4\x90\x80\x80\"}",
                                      "{\"a\":\"\xe2\x82\"}",
                                      "{\"a\":[[[[[[[[1]]]]]]]]}"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(try_bytes(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!try_bytes(bad[i], strlen(bad[i])), "%s", bad[i]);
    ck_assert(!try_bytes("{}\0", 3));
}
END_TEST

/* A record, changed a little, again and again. */
START_TEST(test_mutated)
{
    static const char snippets[] = "\"\"\\{}[]:,,0-1.eutnf \x80\xc3\xe2\xf0\n";
    static uint8_t record[RECORD_SIZE_DEFAULT], bytes[ROOM];
    unsigned taken = 0;
    struct sample sample;

    sample_init(&sample);
    sample_add(&sample, BYTES("\"q\\=\xc3\xbc\t"));
    sample_add(&sample, BYTES("blob=\x01"));
    MUST(record_service(record, sizeof record, &sample.service, false, &stamp, NULL) == RECORD_OK);
    srand(1);
    for (unsigned round = 0; round < 30000; round++) {
        size_t length = record_length(record, sizeof record);

        memcpy(bytes, record, length);
        for (int i = rand() % 4; i >= 0; i--) {
            size_t at = (size_t)rand() % length;
            uint8_t byte = (uint8_t)snippets[(size_t)rand() % (sizeof snippets - 1)];

            switch (rand() % 4) {
            case 0:
                length = at + 1; /* cut short */
                break;
            case 1:
                memmove(bytes + at, bytes + at + 1, --length - at);
                length += length == 0;
                break;
            case 2:
                memmove(bytes + at + 1, bytes + at, length++ - at);
                bytes[at] = byte;
                break;
            default:
                bytes[at] = byte;
            }
        }
        taken += try_bytes(bytes, length);
    }
    ck_assert_uint_gt(taken, 300); /* not only rubbish */
}
END_TEST

START_TEST(test_corpus)
{
    static uint8_t bytes[ROOM];
    DIR *corpus = opendir(CORPUS);
    const struct dirent *entry;
    unsigned count = 0;

    ck_assert_ptr_nonnull(corpus);
    while ((entry = readdir(corpus))) {
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", CORPUS, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");

        if (!file)
            continue;
        try_bytes(bytes, fread(bytes, 1, sizeof bytes, file));
        fclose(file);
        count++;
    }
    closedir(corpus);
    ck_assert_uint_gt(count, 100);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("client_record");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_service);
    tcase_add_test(tests, test_other_records);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_levels);
    tcase_add_test(tests, test_numbers);
    tcase_add_test(tests, test_of_another_type);
    tcase_add_test(tests, test_quote);
    tcase_add_test(tests, test_pick);
    tcase_add_test(tests, test_remembered);
    tcase_add_test(tests, test_gone_meanwhile);
    tcase_add_test(tests, test_no_room);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_mutated);
    tcase_add_test(tests, test_corpus);
    return run("client_record", tests);
}
