/* SPDX-License-Identifier: MIT */
#include "record_read.h"

#include <stdio.h>

#include "record_back.h"

#define PRINTER                                                                                    \
    "{\"v\":1,\"state\":\"up\",\"name\":\"P\",\"type\":\"_ipp._tcp\",\"domain\":\"local\","        \
    "\"interface\":\"eth0\",\"protocols\":[\"IPv4\"],\"host\":\"p.local\",\"port\":631,"           \
    "\"addresses\":[\"192.0.2.1\"],\"txt\":{\"a\":\"1\"},\"local\":false,\"epoch\":1,\"seq\":2,"   \
    "\"time\":3}"
#define STATE                                                                                      \
    "{\"v\":1,\"state\":\"online\",\"epoch\":7,\"version\":\"1.0.0\",\"hostname\":\"box\","        \
    "\"avahi\":\"up\",\"record_size\":4096,\"services\":12,\"advertised\":3,\"seq\":4,\"time\":5}"
#define STATUS                                                                                     \
    "{\"v\":1,\"state\":\"failed\",\"client\":\"web\",\"id\":\"app\",\"transaction\":\"t\","       \
    "\"name\":\"N\",\"type\":\"_x._tcp\",\"port\":9,\"lease\":120,\"expires\":99,\"warnings\":"    \
    "[{\"code\":\"port-unpublished\",\"message\":\"w\"},{\"code\":\"new\",\"message\":\"x\"}],"    \
    "\"error\":{\"code\":\"conflict\",\"key\":\"name\",\"message\":\"taken\"},\"kept\":true,"      \
    "\"epoch\":1,\"seq\":2,\"time\":3}"

static struct service_record *read_service(const char *text)
{
    return service_record_read((const uint8_t *)text, strlen(text));
}

/* The same text with the first occurrence of `from` replaced. */
static const char *with(const char *text, const char *from, const char *to)
{
    static char out[8192];
    const char *at = strstr(text, from);
    MUST(at);
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

/* ---- services ---- */

static void check_same(const struct service *a, const struct service *b)
{
    ck_assert_str_eq(a->id->name, b->id->name);
    ck_assert_str_eq(a->id->type, b->id->type);
    ck_assert_str_eq(a->id->domain, b->id->domain);
    ck_assert_str_eq(a->id->interface, b->id->interface);
    ck_assert_str_eq(a->host, b->host);
    ck_assert_uint_eq(a->port, b->port);
    ck_assert_int_eq(a->local, b->local);
    ck_assert_pstr_eq(a->owner, b->owner);
    ck_assert_uint_eq(a->txt_length, b->txt_length);
    ck_assert_mem_eq(a->txt, b->txt, a->txt_length);
    ck_assert_uint_eq(a->txt_omitted, b->txt_omitted);
    for (int i = 0; i < SERVICE_PROTOCOLS; i++) {
        ck_assert_int_eq(a->seen[i], b->seen[i]);
        ck_assert_pstr_eq(a->addresses[i], b->addresses[i]);
    }
}

/* What was written is read, whatever bytes are in it. */
START_TEST(there_and_back)
{
    uint8_t payload[RECORD_SIZE_DEFAULT];
    struct sample sample;

    sample_init(&sample);
    snprintf(sample.id.name, sizeof sample.id.name, "bad \xff utf-8 \x01 \xe2\x82\xac");
    sample.service.local = true;
    sample.service.owner = "web/app";
    sample_add(&sample, BYTES("path=/"));
    sample_add(&sample, BYTES("bare"));
    sample_add(&sample, BYTES("empty="));
    sample_add(&sample, BYTES("b=\0\1\xff"));
    sample_add(&sample, BYTES("eq=a=b"));
    for (int key = 'A'; key <= 'G'; key++) {
        uint8_t string[TXT_STRING_MAX] = {(uint8_t)key, '='};
        memset(string + 2, key, sizeof string - 2);
        sample_add(&sample, string, sizeof string);
    }
    sample_add(&sample, BYTES("\xff=bad key"));
    for (int gone = 0; gone < 2; gone++) {
        ck_assert_int_eq(
            record_service(payload, sizeof payload, &sample.service, gone, &stamp, NULL),
            RECORD_OK);
        struct service_record *record = service_record_read(payload, sizeof payload);
        ck_assert_ptr_nonnull(record);
        check_same(&record->service, &sample.service);
        ck_assert_int_eq(record->gone, gone);
        ck_assert_int_eq(record->stamp.epoch, stamp.epoch);
        ck_assert_uint_eq(record->stamp.seq, stamp.seq);
        ck_assert_int_eq(record->stamp.time, stamp.time);
        service_record_free(record);
    }
}
END_TEST

/* An IPv4 address that stands for both protocols is written once. */
START_TEST(one_address_for_both)
{
    uint8_t payload[RECORD_SIZE_DEFAULT];
    struct sample sample;

    sample_init(&sample);
    sample.service.addresses[SERVICE_IPV6] = sample.service.addresses[SERVICE_IPV4];
    record_service(payload, sizeof payload, &sample.service, false, &stamp, NULL);
    struct service_record *record = service_record_read(payload, sizeof payload);
    check_same(&record->service, &sample.service);
    service_record_free(record);
}
END_TEST

START_TEST(unknown_keys_are_ignored)
{
    struct service_record *record =
        read_service(with(PRINTER, "\"local\":", "\"new\":[{\"x\":[1]}],\"local\":"));
    ck_assert_ptr_nonnull(record);
    ck_assert_uint_eq(record->service.port, 631);
    service_record_free(record);
}
END_TEST

START_TEST(services_refused)
{
    static const char *const rows[][2] = {
        {"\"v\":1", "\"v\":2"},
        {"\"v\":1", "\"v\":\"1\""},
        {"\"up\"", "\"down\""},
        {"\"up\"", "1"},
        {"\"P\"", "\"\""},
        {"\"P\"", "7"},
        {"\"P\"", "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""},
        {"\"type\"", "\"name_b64\":\"\",\"type\""},
        {"\"type\"", "\"name_b64\":\"AAA=\",\"type\""}, /* NUL */
        {"\"type\"", "\"name_b64\":\"QQ\",\"type\""},
        {"\"type\"", "\"name_b64\":5,\"type\""},
        {"\"eth0\"", "\"0123456789abcdef\""},
        {"[\"IPv4\"]", "[4]"},
        {"[\"IPv4\"]", "\"IPv4\""},
        {"631", "65536"},
        {"631", "-1"},
        {"631", "6.5"},
        {"631", "1e300"},
        {"631", "\"631\""},
        {"\"192.0.2.1\"", "{}"},
        {"\"192.0.2.1\"", "\"0123456789012345678901234567890123456789012345678901234567890123\""},
        {"\"1\"}", "1}"},
        {"\"1\"}", "false}"},
        {"\"1\"}", "{\"b64\":\"A\"}}"},
        {"\"1\"}", "{\"b64\":7}}"},
        {"\"1\"}", "{}}"},
        {"\"local\":", "\"txt_raw\":[\"?\"],\"local\":"},
        {"\"local\":", "\"txt_raw\":[null],\"local\":"},
        {"\"local\":", "\"txt_omitted\":-1,\"local\":"},
        {"\"seq\":2", "\"seq\":-2"},
        {"\"epoch\":1", "\"epoch\":9007199254740994"},
        {",\"time\":3}", ",\"time\":3"},
    };

    struct service_record *record = read_service(PRINTER);
    ck_assert_ptr_nonnull(record);
    service_record_free(record);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        record = read_service(with(PRINTER, rows[i][0], rows[i][1]));
        if (record)
            ck_abort_msg("taken: %s", with(PRINTER, rows[i][0], rows[i][1]));
    }
    ck_assert_ptr_null(read_service(""));
    ck_assert_ptr_null(read_service("[]"));
    ck_assert_ptr_null(read_service("1"));
}
END_TEST

/* Strings that make more than 255 bytes of an attribute, and more bytes than a record may have. */
START_TEST(too_long)
{
    static char value[300] = ":\"", payload[RECORD_SIZE_MAX + 2048];

    memset(value + 2, 'x', 253);
    value[255] = '"';
    struct service_record *record = read_service(with(PRINTER, ":\"1\"", value));
    ck_assert_ptr_nonnull(record);
    ck_assert_uint_eq(record->service.txt_length, 256);
    service_record_free(record);
    memcpy(value + 255, "x\"", 3);
    ck_assert_ptr_null(read_service(with(PRINTER, ":\"1\"", value)));

    memcpy(payload, PRINTER, strlen(PRINTER));
    memset(payload + strlen(PRINTER), ' ', RECORD_SIZE_MAX - strlen(PRINTER) + 1);
    ck_assert_ptr_nonnull(record = service_record_read((uint8_t *)payload, RECORD_SIZE_MAX));
    service_record_free(record);
    ck_assert_ptr_null(service_record_read((uint8_t *)payload, RECORD_SIZE_MAX + 1));
}
END_TEST

/* Any single byte changed, and any end cut off: read or refused, but never out of bounds (which the
 * sanitizers see), and what is read can be written again. */
START_TEST(any_damage)
{
    static const char *const texts[] = {PRINTER, STATE, STATUS};
    const char *text = texts[_i];
    uint8_t payload[1024], again[RECORD_SIZE_DEFAULT];
    struct state_record state;
    struct status status;

    for (size_t i = 0; i < strlen(text); i++)
        for (int byte = 0; byte < 256; byte++) {
            size_t length = byte == 255 ? i : strlen(text);
            memcpy(payload, text, strlen(text));
            payload[i] = (uint8_t)byte;
            struct service_record *record = service_record_read(payload, length);
            if (record)
                MUST(record_service(again, sizeof again, &record->service, record->gone,
                                    &record->stamp, NULL) == RECORD_OK);
            service_record_free(record);
            state_record_read(&state, payload, length);
            status_record_read(&status, payload, length);
        }
}
END_TEST

START_TEST(sameness)
{
    static const char *const rows[][2] = {
        {"\"up\"", "\"gone\""},
        {"[\"IPv4\"]", "[]"},
        {"p.local", "q.local"},
        {"631", "632"},
        {"192.0.2.1", "192.0.2.2"},
        {"\"1\"}", "\"2\"}"},
        {"false", "true"},
        {"\"local\":", "\"owner\":\"a/b\",\"local\":"},
        {"\"local\":", "\"txt_omitted\":1,\"local\":"},
    };
    struct service_record *one = read_service(PRINTER);
    struct service_record *other = read_service(with(PRINTER, "\"seq\":2", "\"seq\":3"));

    ck_assert(service_record_same(one, other));
    service_record_free(other);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        other = read_service(with(PRINTER, rows[i][0], rows[i][1]));
        ck_assert_ptr_nonnull(other);
        ck_assert_msg(!service_record_same(one, other), "%s", rows[i][1]);
        service_record_free(other);
    }
    service_record_free(one);
}
END_TEST

/* ---- states and statuses ---- */

START_TEST(states)
{
    struct state_record state;

    ck_assert(state_record_read(&state, BYTES(STATE)));
    ck_assert_int_eq(state.life, BRIDGE_ONLINE);
    ck_assert(state.avahi_up);
    ck_assert_str_eq(state.version, "1.0.0");
    ck_assert_str_eq(state.hostname, "box");
    ck_assert_uint_eq(state.record_size, 4096);
    ck_assert_uint_eq(state.services, 12);
    ck_assert_uint_eq(state.advertised, 3);
    ck_assert_int_eq(state.stamp.epoch, 7);
    ck_assert_str_eq(bridge_life_name(BRIDGE_STARTING), "starting");

    static const char *const bad[][2] = {
        {"online", "up"}, {"\"v\":1", "\"v\":0"}, {"12", "-12"}, {"12", "\"12\""}, {"4096", "1.5"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = with(STATE, bad[i][0], bad[i][1]);
        ck_assert(!state_record_read(&state, (const uint8_t *)text, strlen(text)));
    }
    const char *text = with(STATE, "box", "b\\u0007x");
    ck_assert(state_record_read(&state, (const uint8_t *)text, strlen(text)));
    ck_assert_str_eq(state.hostname, "b?x");
}
END_TEST

START_TEST(statuses)
{
    struct status status;

    ck_assert(status_record_read(&status, BYTES(STATUS)));
    ck_assert_int_eq(status.state, STATUS_FAILED);
    ck_assert_str_eq(status.owner.client, "web");
    ck_assert_str_eq(status.owner.id, "app");
    ck_assert_str_eq(status.transaction, "t");
    ck_assert_str_eq(status.name, "N");
    ck_assert_uint_eq(status.port, 9);
    ck_assert_uint_eq(status.lease, 120);
    ck_assert_int_eq(status.expires, 99);
    ck_assert_uint_eq(status.warning_count, 1); /* a code that we do not know is left out */
    ck_assert_int_eq(status.warnings[0].code, STATUS_PORT_UNPUBLISHED);
    ck_assert_int_eq(status.error.code, STATUS_CONFLICT);
    ck_assert_str_eq(status.error.key, "name");
    ck_assert_str_eq(status.error.message, "taken");
    ck_assert(status.kept);
    ck_assert(!status_record_read(&status, BYTES(STATE)));
    ck_assert(!status_record_read(&status, BYTES(PRINTER)));
}
END_TEST

/* All that the bridge can say of a request is understood. */
START_TEST(every_status)
{
    uint8_t payload[RECORD_SIZE_MIN];
    struct status back;

    for (int state = STATUS_PENDING; state <= STATUS_WITHDRAWN; state++)
        for (int code = STATUS_NO_ERROR; code <= STATUS_AVAHI; code++)
            for (int reason = STATUS_NO_REASON; reason <= STATUS_REPLACED_BY_POLICY; reason++) {
                struct status status = {.state = (enum status_state)state,
                                        .owner = {"c", "i"},
                                        .error = {.code = (enum status_code)code, .message = "m"},
                                        .reason = (enum status_reason)reason};
                for (int w = 0; w < STATUS_WARNINGS; w++)
                    status_warn(&status, (enum status_warning_code)w, "w");
                MUST(record_status(payload, sizeof payload, &status, &stamp) == RECORD_OK);
                MUST(status_record_read(&back, payload, sizeof payload));
                MUST(back.state == status.state && back.error.code == status.error.code);
                MUST(back.reason == status.reason);
                MUST(back.warning_count == STATUS_WARNINGS);
            }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("record_read");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, there_and_back);
    tcase_add_test(tests, one_address_for_both);
    tcase_add_test(tests, unknown_keys_are_ignored);
    tcase_add_test(tests, services_refused);
    tcase_add_test(tests, too_long);
    tcase_add_loop_test(tests, any_damage, 0, 3);
    tcase_add_test(tests, sameness);
    tcase_add_test(tests, states);
    tcase_add_test(tests, statuses);
    tcase_add_test(tests, every_status);
    return run("record_read", tests);
}
