/* SPDX-License-Identifier: MIT */
/* Wishes, with a list in place of Avahi and of the broker. */
#include "adverts.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

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

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    va_list arguments;
    ck_assert_int_lt(event_count, EVENTS_MAX);
    va_start(arguments, format);
    vsnprintf(events[event_count++], sizeof events[0], format, arguments);
    va_end(arguments);
}

static bool out_advertise(void *context, uint32_t number, uint32_t generation,
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

static bool out_withdraw(void *context, uint32_t number)
{
    (void)context, (void)number;
    if (avahi_has_room)
        note("withdraw");
    return avahi_has_room;
}

static bool out_status(void *context, const char *path, const struct status *status, bool retain,
                       struct record_digests *digests)
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

static void out_clear(void *context, const char *path)
{
    (void)context;
    note("clear %s", path);
}

static bool out_probe(void *context)
{
    (void)context;
    was_probed = true;
    return true;
}

static void out_renamed(void *context, const char *type, const char *name)
{
    (void)context, (void)type, (void)name;
}

/* Runs, and compares all that came out since the last call with these lines. */
static void expect(const char *const *lines)
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

static void send(const char *path, const char *payload, bool replayed, uint32_t expiry)
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

static void request(const char *path, const char *payload)
{
    send(path, payload, false, 0);
}

static void presence(const char *client, const char *payload)
{
    adverts_presence(adverts, client, (const uint8_t *)payload, strlen(payload), now);
}

static void avahi(enum mdns_event_kind kind)
{
    struct mdns_event event = {.kind = kind};
    adverts_mdns_event(adverts, &event);
}

static void news(enum mdns_advert_state state, const char *name, bool kept)
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
static const char *owner(const char *name)
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

#define OTHER "{\"name\":\"Other\",\"type\":\"_http._tcp\",\"port\":81}"

static void setup(void)
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

static void teardown(void)
{
    adverts_free(adverts);
    config_free(&config);
}

static void establish(void)
{
    request("web/app", WEB);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    adverts_run(adverts, true, now);
    ck_assert_int_eq(last_status.state, STATUS_ESTABLISHED);
    event_count = 0;
}

START_TEST(from_wish_to_goodbye)
{
    request("web/app", WEB);
    EXPECT("advertise Web app", "web/app/status pending");
    news(MDNS_ADVERT_PENDING, "Web app", false);
    EXPECT_NOTHING();
    news(MDNS_ADVERT_ESTABLISHED, "Web app #2", false);
    EXPECT("web/app/status established");
    ck_assert_str_eq(last_status.name, "Web app #2");
    ck_assert_str_eq(owner("Web app #2"), "web/app");
    ck_assert_ptr_null(owner("Web app"));
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
    EXPECT_NOTHING();
    struct adverts_counters counters;
    adverts_get_counters(adverts, &counters);
    ck_assert_uint_eq(counters.wishes, 0);
    ck_assert_uint_eq(counters.established, 0);
}
END_TEST

/* A retained withdrawal has deleted the request; the bridge must not delete one that comes after it. */
START_TEST(a_retained_withdrawal_is_not_cleared_again)
{
    establish();
    messages_retained = true;
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
}
END_TEST

/* `online` speaks for requests that cannot be seen again, not for retained ones that are gone. */
START_TEST(online_confirms_what_was_not_retained)
{
    establish();
    messages_retained = true;
    request("web/two", OTHER);
    request("web/three", "{\"name\":\"Three\",\"type\":\"_http._tcp\",\"port\":83}");
    adverts_run(adverts, true, now);
    event_count = 0;
    adverts_disconnected(adverts);
    adverts_connected(adverts, now);
    presence("web", "online");
    send("web/three", "{\"name\":\"Three\",\"type\":\"_http._tcp\",\"port\":83}", true, 0);
    now += 15000;
    EXPECT("withdraw", "web/two/status withdrawn unretained requested", "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(the_same_again_does_nothing)
{
    establish();
    request("web/app", WEB);
    EXPECT_NOTHING();
    request("web/app",
            "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":8080,\"transaction\":\"x\"}");
    EXPECT("web/app/status established");
    ck_assert_str_eq(last_status.transaction, "x");
}
END_TEST

#define LEASED "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":8080,\"lease\":60}"

START_TEST(a_lease_is_renewed_or_ends)
{
    request("web/app", LEASED);
    EXPECT("advertise Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 59000;
    request("web/app", LEASED);
    EXPECT("web/app/status pending");
    now += 59000;
    EXPECT_NOTHING();
    now += 1000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_message_expiry_is_a_lease)
{
    send("web/app", LEASED, false, 40);
    EXPECT("advertise Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 40);
    now += 40000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(refused_but_what_stands_stands)
{
    establish();
    request("web/app", "{\"name\":\"Web app\",\"type\":\"_http._tcp\",\"port\":0}");
    EXPECT("web/app/status failed bad-port");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.error.key, "port");
    ck_assert_uint_eq(last_status.port, 8080);
    ck_assert_str_eq(owner("Web app"), "web/app");
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

START_TEST(a_replacement_that_fails_at_avahi)
{
    establish();
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    news(MDNS_ADVERT_FAILED, "Other", true);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    /* After a restart of Avahi it is the former one that comes back. */
    avahi(MDNS_DOWN);
    avahi(MDNS_UP);
    adverts_run(adverts, true, now);
    ck_assert_str_eq(last_request.name, "Web app");
}
END_TEST

/* Words about a request are not taken for words about the one that has replaced it. */
START_TEST(late_news_of_a_replaced_request)
{
    request("web/app", WEB);
    EXPECT("advertise Web app", "web/app/status pending");
    uint32_t first = last_generation;
    request("web/app", OTHER);
    adverts_run(adverts, true, now);
    uint32_t second = last_generation;
    ck_assert_uint_ne(first, second);
    event_count = 0;
    last_generation = first;
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    EXPECT_NOTHING();
    ck_assert_str_eq(owner("Web app"), "web/app");
    last_generation = second;
    news(MDNS_ADVERT_FAILED, "Other", true);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

START_TEST(a_refusal_leaves_the_lease_alone)
{
    char error[CONFIG_ERROR_SIZE];
    request("web/app", LEASED);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    adverts_run(adverts, true, now);
    event_count = 0;
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    request("web/app", OTHER); /* without a lease, and not allowed */
    EXPECT("web/app/status failed denied");
    now += 60000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
}
END_TEST

/* What was accepted before goes on, be it established or still being tried. */
START_TEST(nonsense_ends_nothing)
{
    establish();
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    request("web/app", "{");
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    news(MDNS_ADVERT_ESTABLISHED, "Other", false);
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Other");

    request("web/two", WEB);
    EXPECT("advertise Web app", "web/two/status pending");
    request("web/two", "{");
    EXPECT("web/two/status failed bad-json");
    news(MDNS_ADVERT_FAILED, "Web app", false);
    EXPECT("web/two/status failed conflict");
    ck_assert(!last_status.kept);
}
END_TEST

/* While Avahi is away, what was established is no less so. */
START_TEST(a_refusal_while_avahi_is_away)
{
    establish();
    avahi(MDNS_DOWN);
    EXPECT("web/app/status pending");
    request("web/app", "{");
    EXPECT("web/app/status failed bad-json");
    ck_assert(last_status.kept);
    avahi(MDNS_UP);
    EXPECT("advertise Web app");
}
END_TEST

START_TEST(a_conflict_while_avahi_is_away)
{
    establish();
    avahi(MDNS_DOWN);
    request("web/app", OTHER);
    EXPECT("web/app/status pending");
    avahi(MDNS_UP);
    EXPECT("advertise Other");
    news(MDNS_ADVERT_FAILED, "Other", false);
    EXPECT("advertise Web app", "web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

/* What is refused never reaches Avahi, whatever is heard late of the request before it. */
START_TEST(a_refused_request_is_nothing_to_return_to)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "deny-types", "_ipp._tcp", error));
    request("web/app", WEB);
    EXPECT("advertise Web app", "web/app/status pending");
    uint32_t first = last_generation;
    request("web/app", "{\"name\":\"Denied\",\"type\":\"_ipp._tcp\",\"port\":631}");
    EXPECT("web/app/status failed denied");
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    uint32_t third = last_generation;
    last_generation = first;
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    last_generation = third;
    news(MDNS_ADVERT_FAILED, "Other", false);
    EXPECT("advertise Web app", "web/app/status failed conflict");
}
END_TEST

/* A lease counts from the request, even where it is not allowed before later. */
START_TEST(the_lease_of_a_refused_request)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "ports", "1-100", error));
    request("web/app", LEASED);
    EXPECT("web/app/status failed denied");
    now += 30000;
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    adverts_set_config(adverts, &config, now);
    EXPECT("advertise Web app", "web/app/status pending");
    ck_assert_uint_eq(last_status.lease, 60);
    now += 30000;
    EXPECT("withdraw", "web/app/status withdrawn unretained lease-expired", "clear web/app/status");
}
END_TEST

/* Something is kept; the request that was refused is tried all the same when it is allowed. */
START_TEST(allowed_later_on)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    establish();
    request("web/app", OTHER);
    EXPECT("web/app/status failed denied");
    ck_assert(last_status.kept);
    /* Now the other way round: the kept one is denied, and is gone for good if the new one fails. */
    ck_assert(config_set(&config, "advertise", "ports", "81", error));
    adverts_set_config(adverts, &config, now);
    EXPECT("advertise Other", "web/app/status pending");
    news(MDNS_ADVERT_FAILED, "Other", true);
    EXPECT("withdraw", "web/app/status failed conflict");
    ck_assert(!last_status.kept);
}
END_TEST

START_TEST(a_policy_against_what_is_being_tried)
{
    char error[CONFIG_ERROR_SIZE];
    establish();
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    ck_assert(config_set(&config, "advertise", "ports", "8080", error));
    adverts_set_config(adverts, &config, now);
    EXPECT("advertise Web app", "web/app/status failed denied");
    ck_assert(last_status.kept);
}
END_TEST

/* Who had a name first has it first again; one/app is older, but got its name later. */
START_TEST(names_are_taken_in_order)
{
    request("one/app", OTHER);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Other", false);
    request("two/app", WEB);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Web app", false);
    request("three/app", "{\"name\":\"New\",\"type\":\"_http._tcp\",\"port\":83}");
    request("one/app", WEB);
    adverts_run(adverts, true, now);
    ck_assert_str_eq(last_request.name, "Web app");
    news(MDNS_ADVERT_ESTABLISHED, "Web app #2", false);
    adverts_run(adverts, true, now);
    avahi(MDNS_DOWN);
    adverts_run(adverts, true, now);
    event_count = 0;
    avahi(MDNS_UP);
    EXPECT("advertise Web app", "advertise Web app", "advertise New");
    ck_assert_uint_eq(last_number, 2);
    ck_assert_uint_eq(first_number, 1);
}
END_TEST

/* The client asks anew at once: its request is not what is cleared. */
START_TEST(asked_again_right_behind_the_end)
{
    establish();
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    now += 100;
    request("web/app", OTHER);
    EXPECT("advertise Other", "web/app/status pending");
    now += 1000;
    EXPECT_NOTHING();
    struct adverts_counters counters;
    adverts_get_counters(adverts, &counters);
    ck_assert_uint_eq(counters.wishes, 1);
}
END_TEST

/* A sign of life of one wish is none of the others. */
START_TEST(a_request_behind_offline)
{
    establish();
    presence("web", "offline");
    request("web/two", OTHER);
    adverts_run(adverts, true, now);
    event_count = 0;
    now += 500;
    EXPECT("withdraw", "web/app/status withdrawn unretained client-offline",
           "clear web/app/status");
    now += 250;
    EXPECT("clear web/app");
    presence("web", "offline");
    now += 500;
    EXPECT("withdraw", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
}
END_TEST

START_TEST(a_failure_later_on)
{
    establish();
    news(MDNS_ADVERT_FAILED, "Web app", false);
    EXPECT("web/app/status failed conflict");
    ck_assert_ptr_null(owner("Web app"));
    request("web/app", WEB); /* the same wish again is tried again */
    EXPECT("advertise Web app", "web/app/status pending");
}
END_TEST

START_TEST(avahi_comes_and_goes)
{
    establish();
    avahi(MDNS_DOWN);
    EXPECT("web/app/status pending");
    request("web/two", OTHER);
    EXPECT("web/two/status pending");
    avahi(MDNS_UP);
    EXPECT("advertise Web app", "advertise Other");
}
END_TEST

START_TEST(offline_ends_all_of_a_client)
{
    establish();
    request("web/two", OTHER);
    request("else/app", "{\"name\":\"Else\",\"type\":\"_http._tcp\",\"port\":82}");
    adverts_run(adverts, true, now);
    event_count = 0;
    presence("web", "offline");
    EXPECT_NOTHING();
    now += 500;
    EXPECT("withdraw", "web/app/status withdrawn unretained client-offline", "clear web/app/status",
           "withdraw", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/app", "clear web/two");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(offline_and_back_at_once)
{
    establish();
    presence("web", "offline");
    now += 400;
    presence("web", "online");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* A broker that is shut down cleanly fires the wills, then closes our connection. */
START_TEST(a_clean_broker_restart_ends_nothing_that_is_confirmed)
{
    establish();
    request("other/app", OTHER);
    adverts_run(adverts, true, now);
    news(MDNS_ADVERT_ESTABLISHED, "Other", false);
    adverts_run(adverts, true, now);
    event_count = 0;
    presence("web", "offline");
    presence("other", "offline");
    adverts_disconnected(adverts);
    now += 60000;
    adverts_run(adverts, false, now);
    ck_assert_int_eq(event_count, 0);
    adverts_connected(adverts, now);
    presence("web", "offline");
    presence("other", "offline");
    send("web/app", WEB, true, 0);
    send("other/app", OTHER, true, 0);
    now += 10000;
    presence("web", "online");
    now += 5000;
    EXPECT("withdraw", "other/app/status withdrawn unretained client-offline",
           "clear other/app/status");
    EXPECT_CLEARED_LATER("clear other/app");
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

/* It takes long to save what it has; but it answers nothing once it has fired the wills. */
START_TEST(a_broker_that_shuts_down_slowly)
{
    establish();
    broker_answers = false;
    request("web/two", OTHER);
    EXPECT("advertise Other", "web/two/status pending");
    presence("web", "offline");
    request("web/two", ""); /* a will, too */
    now += 10000;
    EXPECT_NOTHING();
    ck_assert(was_probed);
    adverts_disconnected(adverts);
    was_probed = false;
    broker_answers = true;
    adverts_connected(adverts, now);
    send("web/app", WEB, true, 0);
    presence("web", "online");
    request("web/two", OTHER);
    now += 60000;
    EXPECT_NOTHING();
}
END_TEST

START_TEST(what_is_not_confirmed_after_a_reconnection_ends)
{
    establish();
    request("web/two", OTHER);
    adverts_run(adverts, true, now);
    event_count = 0;
    adverts_disconnected(adverts);
    adverts_connected(adverts, now);
    send("web/app", WEB, true, 0);
    now += 14999;
    EXPECT_NOTHING();
    now += 1;
    EXPECT("withdraw", "web/two/status withdrawn unretained client-offline",
           "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(a_replay_for_an_absent_client_sleeps)
{
    presence("web", "offline");
    send("web/app", WEB, true, 0);
    EXPECT("web/app/status pending");
    now += 5000;
    EXPECT_NOTHING();
    presence("web", "online");
    EXPECT("advertise Web app");

    presence("gone", "offline");
    send("gone/app", OTHER, true, 0);
    EXPECT("gone/app/status pending");
    now += 15000;
    adverts_run(adverts, true, now);
    ck_assert_int_eq(last_status.reason, STATUS_CLIENT_OFFLINE);
}
END_TEST

START_TEST(quota_and_flood)
{
    char path[64];
    config.advertise.max_per_client = 3;
    config.advertise_max_total = 5;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "web/%d", i);
        request(path, i == 1 ? "junk" : WEB); /* what failed counts, too */
    }
    adverts_run(adverts, true, now);
    event_count = 0;
    request("web/3", WEB);
    EXPECT("clear web/3", "web/3/status failed quota");
    request("web/4", "junk");
    EXPECT("clear web/4", "web/4/status failed bad-json");
    request("web/1", WEB); /* the slots that he has are his */
    EXPECT("advertise Web app", "web/1/status pending");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "c%d/app", i);
        request(path, WEB);
    }
    adverts_run(adverts, true, now);
    bool refused = false;
    for (int i = 0; i < event_count; i++)
        refused |= strcmp(events[i], "c2/app/status failed quota") == 0;
    ck_assert(refused);
    struct adverts_counters counters;
    adverts_get_counters(adverts, &counters);
    ck_assert_uint_eq(counters.wishes, 5);

    /* A flood of other requests: the oldest answers are cleared, one for each that comes. */
    adverts_run(adverts, true, now);
    int retained = 0;
    for (int i = 10; i < 500; i++) {
        event_count = 0;
        snprintf(path, sizeof path, "web/%d", i);
        request(path, WEB);
        adverts_run(adverts, true, now);
        retained++;
        for (int e = 0; e < event_count; e++)
            retained -= strncmp(events[e], "clear", 5) == 0 && strstr(events[e], "/status");
    }
    ck_assert_int_le(retained, 64);
    event_count = 0;
    request("web/499", "");
    EXPECT("clear web/499/status");
}
END_TEST

START_TEST(policy)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert(config_set(&config, "advertise", "deny-types", "_ssh._tcp", error));
    ck_assert(config_set(&config, "advertise", "ports", "8000-8999", error));
    request("web/app", "{\"name\":\"x\",\"type\":\"_ssh._tcp\",\"port\":8022}");
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "type");
    request("web/app", OTHER);
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "port");
    request("web/two", WEB);
    EXPECT("advertise Web app", "web/two/status pending");
    /* The configuration changes: what was denied is tried, what is denied now ends. */
    ck_assert(config_set(&config, "advertise", "ports", "1-100", error));
    adverts_set_config(adverts, &config, now);
    adverts_run(adverts, true, now);
    EXPECT("advertise Other", "web/app/status pending", "withdraw",
           "web/two/status withdrawn unretained replaced-by-policy", "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(bad_topics)
{
    request("we!rd/app", WEB);
    EXPECT("clear we!rd/app", "we!rd/app/status failed bad-topic");
    request("../app", WEB);
    EXPECT("clear ../app", "../app/status failed bad-topic");
    request("a/b/c", WEB);
    request("a/b/status", WEB);
    request("alone", WEB);
    EXPECT_NOTHING();
}
END_TEST

/* Nothing is lost while there is no room, and only the last state is handed out. */
START_TEST(no_room_for_a_while)
{
    avahi_has_room = broker_has_room = false;
    request("web/app", WEB);
    adverts_run(adverts, true, now);
    request("web/app", OTHER);
    adverts_run(adverts, true, now);
    request("web/two", WEB);
    adverts_run(adverts, true, now);
    request("web/two", "");
    adverts_run(adverts, true, now);
    adverts_broker_answers(adverts, now);
    adverts_run(adverts, true, now);
    ck_assert_int_eq(event_count, 0);
    avahi_has_room = broker_has_room = true;
    EXPECT("advertise Other", "web/app/status pending", "withdraw",
           "web/two/status withdrawn unretained requested", "clear web/two/status");
    EXPECT_CLEARED_LATER("clear web/two");
}
END_TEST

START_TEST(back_before_its_end_was_told)
{
    establish();
    broker_has_room = avahi_has_room = false;
    request("web/app", "");
    adverts_run(adverts, true, now);
    adverts_broker_answers(adverts, now);
    adverts_run(adverts, true, now);
    request("web/app", WEB);
    adverts_run(adverts, true, now);
    broker_has_room = avahi_has_room = true;
    EXPECT("advertise Web app", "web/app/status pending");
}
END_TEST

/* MQTT 3.1.1: the deletion of the request comes back, perhaps behind a new request. */
START_TEST(echoes_are_not_withdrawals)
{
    adverts_hear_echoes(adverts);
    establish();
    request("web/app", "");
    EXPECT("withdraw", "web/app/status withdrawn unretained requested", "clear web/app/status");
    EXPECT_CLEARED_LATER("clear web/app");
    request("web/app", WEB);
    request("web/app", ""); /* ours */
    EXPECT("advertise Web app", "web/app/status pending");
    request("web/app", ""); /* the client's */
    adverts_run(adverts, true, now);
    adverts_broker_answers(adverts, now);
    adverts_run(adverts, true, now);
    ck_assert_int_eq(last_status.state, STATUS_WITHDRAWN);
}
END_TEST

START_TEST(statuses_of_a_former_life)
{
    establish();
    adverts_disconnected(adverts);
    adverts_connected(adverts, now);
    adverts_read_begin(adverts);
    send("web/app", WEB, true, 0);
    adverts_read_back(adverts, "web/old/status", 77);
    adverts_read_back(adverts, "web/app/status", 78);
    adverts_read_back(adverts, "not one", 78);
    adverts_read_end(adverts);
    EXPECT("clear web/old/status", "web/app/status established");
    adverts_read_begin(adverts);
    adverts_read_end(adverts);
    EXPECT("web/app/status established"); /* the broker has lost it */
}
END_TEST

/* An answer to a request that has no place here is no leftover of a former life. */
START_TEST(answers_are_not_cleared_by_reading)
{
    config.advertise.max_per_client = 1;
    establish();
    request("web/two", OTHER);
    EXPECT("clear web/two", "web/two/status failed quota");
    adverts_read_begin(adverts);
    adverts_read_back(adverts, "web/two/status", 79);
    adverts_read_back(adverts, "web/three/status", 80);
    adverts_read_end(adverts);
    EXPECT("clear web/three/status", "web/app/status established");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, from_wish_to_goodbye);
    tcase_add_test(tcase, a_retained_withdrawal_is_not_cleared_again);
    tcase_add_test(tcase, online_confirms_what_was_not_retained);
    tcase_add_test(tcase, the_same_again_does_nothing);
    tcase_add_test(tcase, a_lease_is_renewed_or_ends);
    tcase_add_test(tcase, a_message_expiry_is_a_lease);
    tcase_add_test(tcase, refused_but_what_stands_stands);
    tcase_add_test(tcase, a_replacement_that_fails_at_avahi);
    tcase_add_test(tcase, late_news_of_a_replaced_request);
    tcase_add_test(tcase, a_refusal_leaves_the_lease_alone);
    tcase_add_test(tcase, nonsense_ends_nothing);
    tcase_add_test(tcase, a_refusal_while_avahi_is_away);
    tcase_add_test(tcase, a_conflict_while_avahi_is_away);
    tcase_add_test(tcase, a_refused_request_is_nothing_to_return_to);
    tcase_add_test(tcase, the_lease_of_a_refused_request);
    tcase_add_test(tcase, allowed_later_on);
    tcase_add_test(tcase, a_policy_against_what_is_being_tried);
    tcase_add_test(tcase, names_are_taken_in_order);
    tcase_add_test(tcase, asked_again_right_behind_the_end);
    tcase_add_test(tcase, a_request_behind_offline);
    tcase_add_test(tcase, a_failure_later_on);
    tcase_add_test(tcase, avahi_comes_and_goes);
    tcase_add_test(tcase, offline_ends_all_of_a_client);
    tcase_add_test(tcase, offline_and_back_at_once);
    tcase_add_test(tcase, a_clean_broker_restart_ends_nothing_that_is_confirmed);
    tcase_add_test(tcase, a_broker_that_shuts_down_slowly);
    tcase_add_test(tcase, what_is_not_confirmed_after_a_reconnection_ends);
    tcase_add_test(tcase, a_replay_for_an_absent_client_sleeps);
    tcase_add_test(tcase, quota_and_flood);
    tcase_add_test(tcase, policy);
    tcase_add_test(tcase, bad_topics);
    tcase_add_test(tcase, no_room_for_a_while);
    tcase_add_test(tcase, back_before_its_end_was_told);
    tcase_add_test(tcase, echoes_are_not_withdrawals);
    tcase_add_test(tcase, statuses_of_a_former_life);
    tcase_add_test(tcase, answers_are_not_cleared_by_reading);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("adverts");
    TCase *tcase = tcase_create("adverts");
    tcase_add_checked_fixture(tcase, setup, teardown);
    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
