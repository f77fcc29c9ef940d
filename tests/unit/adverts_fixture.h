/* SPDX-License-Identifier: MIT */
/* Adverts, with a list in place of Avahi and of the broker. For one test program each. */
#ifndef TESTS_ADVERTS_FIXTURE_H
#define TESTS_ADVERTS_FIXTURE_H

#include "adverts.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "run_suite.h"

enum { EVENTS_MAX = 4096 };

/* What came out, a line each: "advertise 0 Web app", "withdraw 0", "status web/app/status pending". */
static char events[EVENTS_MAX][128];
static int event_count;
static bool avahi_has_room, broker_has_room;
static bool broker_answers, was_probed;
static struct status last_status;
static struct request last_request;
static uint32_t first_number, last_number, last_generation;
static uint32_t standing_generation; /* of what Avahi keeps when another one fails */

static struct config config;
static struct adverts *adverts;
static int64_t now;
static bool messages_retained; /* as published */

static inline void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void note(const char *format, ...)
{
    va_list arguments;
    ck_assert_int_lt(event_count, EVENTS_MAX);
    va_start(arguments, format);
    vsnprintf(events[event_count++], sizeof events[0], format, arguments);
    va_end(arguments);
}

static inline bool out_advertise(void *context, uint32_t number, uint32_t generation,
                                 const struct request *request)
{
    (void)context;
    if (avahi_has_room)
        note("advertise %s", request->name);
    if (event_count == 1)
        first_number = number;
    last_number = number;
    last_generation = generation;
    last_request = *request;
    return avahi_has_room;
}

static inline bool out_withdraw(void *context, uint32_t number)
{
    (void)context, (void)number;
    if (avahi_has_room)
        note("withdraw");
    return avahi_has_room;
}

static inline bool out_status(void *context, const char *path, const struct status *status,
                              bool retain, struct record_digests *digests)
{
    static uint64_t last_digest;
    (void)context;
    if (!broker_has_room)
        return false;
    digests->content = digests->payload = ++last_digest;
    last_status = *status;
    note("%s %s%s%s%s%s%s", path, status_state_name(status->state), retain ? "" : " unretained",
         status->error.code ? " " : "", status_code_name(status->error.code),
         status->reason ? " " : "", status_reason_name(status->reason));
    return true;
}

static inline void out_clear(void *context, const char *path)
{
    (void)context;
    note("clear %s", path);
}

static inline bool out_probe(void *context)
{
    (void)context;
    was_probed = true;
    return true;
}

static inline void out_renamed(void *context, const char *type, const char *name)
{
    (void)context, (void)type, (void)name;
}

/* Runs, and compares all that came out since the last call with these lines. */
static inline void expect(const char *const *lines)
{
    adverts_run(adverts, true, now);
    if (was_probed && broker_answers) {
        was_probed = false;
        adverts_broker_answers(adverts, now);
        adverts_run(adverts, true, now);
    }
    int i = 0;
    for (; lines[i]; i++) {
        ck_assert_msg(i < event_count, "missing: %s", lines[i]);
        ck_assert_str_eq(events[i], lines[i]);
    }
    ck_assert_msg(i == event_count, "too much: %s", events[i]);
    event_count = 0;
}

#define EXPECT(...) expect((const char *const[]){__VA_ARGS__, NULL})
#define EXPECT_NOTHING() expect((const char *const[]){NULL})

static inline void send(const char *path, const char *payload, bool replayed, uint32_t expiry)
{
    struct adverts_message message = {.path = path,
                                      .payload = (const uint8_t *)payload,
                                      .length = strlen(payload),
                                      .replayed = replayed,
                                      .retained = messages_retained ? ADVERTS_RETAINED
                                                                    : ADVERTS_NOT_RETAINED,
                                      .expiry = expiry};
    adverts_request(adverts, &message, now);
}

static inline void request(const char *path, const char *payload)
{
    send(path, payload, false, 0);
}

static inline void presence(const char *client, const char *payload)
{
    adverts_presence(adverts, client, (const uint8_t *)payload, strlen(payload), now);
}

static inline void avahi(enum mdns_event_kind kind)
{
    struct mdns_event event = {.kind = kind};
    adverts_mdns_event(adverts, &event);
}

static inline void news(enum mdns_advert_state state, const char *name, bool kept)
{
    struct mdns_event event = {.kind = MDNS_ADVERT};
    event.advert.id = last_number;
    event.advert.generation = last_generation;
    event.advert.state = state;
    event.advert.kept = kept;
    event.advert.kept_generation = kept ? standing_generation : 0;
    if (state == MDNS_ADVERT_ESTABLISHED)
        standing_generation = last_generation;
    snprintf(event.advert.name, sizeof event.advert.name, "%s", name);
    snprintf(event.advert.message, sizeof event.advert.message, "taken");
    adverts_mdns_event(adverts, &event);
}

/* Whose is the service of this name, type _http._tcp, on lan0? NULL: nobody's. */
static inline const char *owner(const char *name)
{
    struct service_id id = {.type = "_http._tcp", .interface = "lan0"};
    snprintf(id.name, sizeof id.name, "%s", name);
    return adverts_owner(adverts, &id);
}

/* The request is cleared at the broker a little after the end. */
#define EXPECT_CLEARED_LATER(...)                                                                  \
    do {                                                                                           \
        EXPECT_NOTHING();                                                                          \
        now += 250;                                                                                \
        EXPECT(__VA_ARGS__);                                                                       \
    } while (0)

#define WEB "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":8080}"

#define LEASED "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":8080,\"lease\":60}"

#define OTHER "{\"name\":\"Other\",\"type\":\"_http._tcp\",\"port\":81}"

static inline void setup(void)
{
    static const struct adverts_outlets outlets = {.advertise = out_advertise,
                                                   .withdraw = out_withdraw,
                                                   .publish_status = out_status,
                                                   .clear = out_clear,
                                                   .probe = out_probe,
                                                   .renamed = out_renamed};
    char error[CONFIG_ERROR_SIZE];
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(config_set(&config, "advertise", "port-check", "off", error));
    avahi_has_room = broker_has_room = broker_answers = true;
    was_probed = false;
    event_count = 0;
    now = 1000;
    messages_retained = false;
    adverts = adverts_new(&config, &outlets);
    adverts_connected(adverts, now);
    avahi(MDNS_UP);
}

static inline void teardown(void)
{
    adverts_free(adverts);
    config_free(&config);
}

static inline void establish(void)
{
    request("web/app", WEB);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    adverts_run(adverts, true, now);
    ck_assert_int_eq(last_status.state, STATUS_ESTABLISHED);
    event_count = 0;
}

/* The suite of that name, run. Returns the program's exit code. */
static inline int run(const char *name, void add_tests(TCase *tcase))
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}

#endif
