/* SPDX-License-Identifier: MIT */
#include "request_text.h"

static uint8_t record[RECORD_SIZE_MIN + 1];
static struct status status;

static void set_up(void)
{
    status = (struct status){0};
    memset(record, '#', sizeof record);
}

/* The record of `status`, without padding. */
static const char *rendered(const struct record_stamp *with)
{
    static char text[RECORD_SIZE_MIN + 1];

    ck_assert_int_eq(record_status(record, RECORD_SIZE_MIN, &status, with), RECORD_OK);
    ck_assert_int_eq(record[RECORD_SIZE_MIN], '#');
    cJSON_Delete(record_parse(record, RECORD_SIZE_MIN));

    size_t length = record_length(record, RECORD_SIZE_MIN);

    memcpy(text, record, length);
    text[length] = '\0';
    return text;
}

/* The example of README.md section 6, in its order. */
START_TEST(status_record)
{
    static const struct record_stamp of_example = {1795292704123, 44, 1795292704999};
    struct request request = parsed(WITH("\"lease\":120,\"transaction\":\"r1\""));

    status.state = STATUS_ESTABLISHED;
    status.owner = (struct request_owner){"web", "app"};
    status_set_request(&status, &request);
    strcpy(status.name, "Web app #2");
    status.expires = 1795292824000;
    status_warn(&status, STATUS_PORT_UNPUBLISHED, "nothing listens on port %d of this host", 8080);

    ck_assert_str_eq(
        rendered(&of_example),
        "{\"v\":1,\"state\":\"established\",\"client\":\"web\",\"id\":\"app\","
        "\"transaction\":\"r1\",\"name\":\"Web app #2\",\"type\":\"_http._tcp\",\"port\":8080,"
        "\"lease\":120,\"expires\":1795292824000,\"warnings\":[{\"code\":\"port-unpublished\","
        "\"message\":\"nothing listens on port 8080 of this host\"}],\"epoch\":1795292704123,"
        "\"seq\":44,\"time\":1795292704999}");
}
END_TEST

START_TEST(failure)
{
    status.state = STATUS_FAILED;
    status.owner = (struct request_owner){"web", "app"};
    status.kept = true;
    ck_assert(!status_refuse(&status.error, STATUS_BAD_PORT, "port", "expected %s", "more"));

    ck_assert_str_eq(rendered(&stamp),
                     "{\"v\":1,\"state\":\"failed\",\"client\":\"web\",\"id\":\"app\","
                     "\"error\":{\"code\":\"bad-port\",\"key\":\"port\",\"message\":\"port: "
                     "expected more\"},\"kept\":true,\"epoch\":1795292704123,\"seq\":42,"
                     "\"time\":1795292710456}");
}
END_TEST

START_TEST(withdrawal)
{
    status.state = STATUS_WITHDRAWN;
    status.reason = STATUS_LEASE_EXPIRED;

    ck_assert_str_eq(rendered(&stamp), "{\"v\":1,\"state\":\"withdrawn\",\"reason\":\"lease-"
                                       "expired\",\"epoch\":1795292704123,\"seq\":42,"
                                       "\"time\":1795292710456}");
}
END_TEST

/* An error without a key of the request. */
START_TEST(failure_without_a_key)
{
    status.state = STATUS_FAILED;
    status_refuse(&status.error, STATUS_AVAHI, "", "Too many objects");

    ck_assert(strstr(rendered(&stamp),
                     ",\"error\":{\"code\":\"avahi\",\"message\":\"Too many objects\"},\"epoch\""));
}
END_TEST

START_TEST(names)
{
    static const char *const states[] = {"pending", "established", "failed", "withdrawn"};
    static const char *const codes[] = {
        "",         "bad-json", "too-large", "bad-key", "missing-key", "bad-name", "bad-type",
        "bad-port", "bad-txt",  "bad-topic", "denied",  "quota",       "conflict", "avahi"};
    static const char *const reasons[] = {"", "requested", "lease-expired", "client-offline",
                                          "replaced-by-policy"};
    static const char *const warnings[] = {"port-unpublished", "port-loopback-only",
                                           "port-foreign-owner"};

    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++)
        ck_assert_str_eq(status_state_name((enum status_state)i), states[i]);
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        ck_assert_str_eq(status_code_name((enum status_code)i), codes[i]);
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        ck_assert_str_eq(status_reason_name((enum status_reason)i), reasons[i]);
    for (unsigned i = 0; i < sizeof warnings / sizeof warnings[0]; i++)
        ck_assert_str_eq(status_warning_name((enum status_warning_code)i), warnings[i]);
    ck_assert_uint_eq(sizeof warnings / sizeof warnings[0], STATUS_WARNINGS);
}
END_TEST

/* Messages are one safe line, whatever words they quote. */
START_TEST(messages_are_safe)
{
    static const struct {
        const char *key, *words, *key_shown, *message;
    } rows[] = {
        {"k", "w", "k", "k: w"},
        {"", "w", "", "w"},
        {"a\nb", "\x1b[2J\xff", "a?b", "a?b: ?[2J?"},
        {X64("k"), "w", X15("k") X15("k") X15("k") X15("k") "...",
         X15("k") X15("k") X15("k") X15("k") "...: w"},
        {"k", X64("w") X64("w") X64("w"), "k",
         "k: " X64("w") X64("w") "wwwwwwwwwwwwwwwwwwwwwwwww..."},
        {"k", X64("www") X64("www") X64("www"), "k",
         "k: " X64("w") X64("w") "wwwwwwwwwwwwwwwwwwwwwwwww..."},
        {"\xff\xff", X64("\xff") X64("\xff"), "??", "??: " X64("?") X64("?")},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct status_error error;

        memset(&error, '#', sizeof error);
        status_refuse(&error, STATUS_AVAHI, rows[i].key, "%s", rows[i].words);
        ck_assert_str_eq(error.key, rows[i].key_shown);
        ck_assert_str_eq(error.message, rows[i].message);
    }
}
END_TEST

START_TEST(warnings_are_bounded)
{
    for (int i = 0; i < 5; i++)
        status_warn(&status, STATUS_PORT_FOREIGN_OWNER, "\n%s", X64("w") X64("w"));
    ck_assert_uint_eq(status.warning_count, STATUS_WARNINGS);
    ck_assert_uint_eq(strlen(status.warnings[2].message), STATUS_WARNING_MAX);
    ck_assert_str_eq(status.warnings[2].message, "?" X64("w") X15("w") X15("w") "wwwww...");
    rendered(&stamp);
}
END_TEST

static void fill(char *field, size_t size, const char *pattern)
{
    for (size_t i = 0; i + 1 < size; i++)
        field[i] = pattern[i % strlen(pattern)];
    field[size - 1] = '\0';
}

#define FILL(field, pattern) fill(field, sizeof(field), pattern)

/* Epoch and time as in record_longest.h; seq is the largest there is. */
static const struct record_stamp longest_stamp = {9999999999999, INT64_MAX, 9999999999999};

/*
 * Every key is there, each as long as it can be: more than any real status has. Quotes are two
 * bytes each in JSON; four-byte characters make the longest transaction.
 */
START_TEST(longest_fits_the_smallest_record)
{
    status.state = STATUS_ESTABLISHED;
    FILL(status.owner.client, "c");
    FILL(status.owner.id, "i");
    FILL(status.transaction, "\xf0\x9f\x98\x80");
    FILL(status.name, "\"\\");
    FILL(status.type, "t");
    status.port = UINT16_MAX;
    status.lease = REQUEST_LEASE_MAX;
    status.expires = 9999999999999;
    status.warning_count = STATUS_WARNINGS;
    for (size_t i = 0; i < STATUS_WARNINGS; i++) {
        status.warnings[i].code = STATUS_PORT_FOREIGN_OWNER;
        FILL(status.warnings[i].message, "\"\\");
    }
    status.error.code = STATUS_MISSING_KEY;
    FILL(status.error.key, "\"\\");
    FILL(status.error.message, "\"\\");
    status.reason = STATUS_REPLACED_BY_POLICY;
    status.kept = true;

    ck_assert_uint_le(strlen(rendered(&longest_stamp)), RECORD_SIZE_MIN);
}
END_TEST

/* The longest name of each kind is the one that the balance above counts with. */
START_TEST(no_name_is_longer)
{
    for (unsigned i = 0; i <= STATUS_WITHDRAWN; i++)
        ck_assert_uint_le(strlen(status_state_name((enum status_state)i)), strlen("established"));
    for (unsigned i = 0; i <= STATUS_AVAHI; i++)
        ck_assert_uint_le(strlen(status_code_name((enum status_code)i)), strlen("missing-key"));
    for (unsigned i = 0; i <= STATUS_REPLACED_BY_POLICY; i++)
        ck_assert_uint_le(strlen(status_reason_name((enum status_reason)i)),
                          strlen("replaced-by-policy"));
    for (unsigned i = 0; i < STATUS_WARNINGS; i++)
        ck_assert_uint_le(strlen(status_warning_name((enum status_warning_code)i)),
                          strlen("port-foreign-owner"));
}
END_TEST

START_TEST(digest_leaves_out_the_stamp)
{
    static const struct record_stamp other = {1, 2, 3};
    uint64_t digest;

    status.state = STATUS_FAILED;
    status_refuse(&status.error, STATUS_BAD_KEY, "epoch", ",\"epoch\":");
    rendered(&stamp);
    digest = record_digest(record, RECORD_SIZE_MIN);
    rendered(&other);
    ck_assert_uint_eq(record_digest(record, RECORD_SIZE_MIN), digest);
    status.kept = true;
    rendered(&stamp);
    ck_assert_uint_ne(record_digest(record, RECORD_SIZE_MIN), digest);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("status");

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, status_record);
    tcase_add_test(tests, failure);
    tcase_add_test(tests, withdrawal);
    tcase_add_test(tests, failure_without_a_key);
    tcase_add_test(tests, names);
    tcase_add_test(tests, messages_are_safe);
    tcase_add_test(tests, warnings_are_bounded);
    tcase_add_test(tests, longest_fits_the_smallest_record);
    tcase_add_test(tests, no_name_is_longer);
    tcase_add_test(tests, digest_leaves_out_the_stamp);
    return run("status", tests);
}
