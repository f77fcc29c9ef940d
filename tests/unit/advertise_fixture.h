/* SPDX-License-Identifier: MIT */
/*
 * Advertisements, with an Avahi, a mirror and a broker of their own behind struct advertise_outlets. For one test
 * program each.
 *
 * The Avahi knows which numbers stand for something, and fails the test where one is used twice, or replaced twice. The
 * mirror does what bridge/mirror does: a status is asked for when there is room, published where it differs, and
 * released when it has ended and the broker has it.
 */
#ifndef TESTS_ADVERTISE_FIXTURE_H
#define TESTS_ADVERTISE_FIXTURE_H

#include "advertise.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "record.h"
#include "run_suite.h"

enum { EVENTS_MAX = 8192, NUMBERS_MAX = 4096, PLACES_MAX = 1024, CLEARS_MAX = 4096 };

/*
 * What came out, a line each: "register 2 for 1 Web app", "update 2.1 Web app", "withdraw 1", "clear web/app",
 * "web/app/status failed conflict", "web/app/status withdrawn unretained requested".
 */
static char events[EVENTS_MAX][128];
static int event_count;

/* What the outlets answer, and whether the broker answers. */
static int avahi_error;
static bool broker_has_room, broker_answers, clears_have_room, broker_acknowledges;

static struct status last_status; /* published */
static int64_t next_run;          /* as advertise_run() returned it */

/* What Avahi was asked for, by number; `there`: it stands for something. */
static struct {
    bool used, there;
    uint32_t replaces, revision;
    char name[SERVICE_NAME_MAX + 1];
    struct request request;
} registrations[NUMBERS_MAX];
static uint32_t last_number; /* that was registered last */

/* What the mirror has been told of a status topic. */
struct place {
    char path[TOPIC_STATUS_SIZE];
    void *subject;
    bool is_answer;
    bool known;       /* the broker holds a record */
    unsigned dirty;   /* its place in the line; 0: none */
    uint64_t content; /* that it holds */
    int64_t expires;
};
static struct place places[PLACES_MAX];
static unsigned place_count, line;

/* Requests that are cleared, until the broker has acknowledged that. */
static char clears[CLEARS_MAX][TOPIC_REQUEST_SIZE];
static int clear_count;
static char last_cleared[65536], last_kept[TOPIC_REQUEST_SIZE];

static const char *stale_status; /* that the broker holds, and the mirror has read; or NULL */
static uint32_t trip, answered;  /* round trips asked for, and answered */
static int renamed_count;        /* outlets.renamed */

static struct config config;
static struct advertise *advertise;
static int64_t now;
static enum retention retention;       /* of requests */
static enum retention empty_retention; /* of the empty payload */
static enum registration_failure failure;

static inline void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void note(const char *format, ...)
{
    va_list arguments;
    ck_assert_int_lt(event_count, EVENTS_MAX);
    va_start(arguments, format);
    vsnprintf(events[event_count++], sizeof events[0], format, arguments);
    va_end(arguments);
}

/* ---- The Avahi ---- */

static inline int out_register(void *context, uint32_t number, uint32_t replaces, const char *name,
                               const struct request *request)
{
    (void)context;
    ck_assert_uint_gt(number, 0);
    ck_assert_uint_lt(number, NUMBERS_MAX);
    ck_assert_msg(!registrations[number].there, "%u is there already", number);
    if (avahi_error)
        return avahi_error;
    if (replaces)
        ck_assert_msg(registrations[replaces].there, "%u replaces nothing", number);
    for (uint32_t i = 1; i < NUMBERS_MAX && replaces; i++)
        ck_assert_msg(!registrations[i].there || registrations[i].replaces != replaces,
                      "%u and %u replace %u", i, number, replaces);
    /* Behind a restart of Avahi a number may come again, for the same request. */
    if (registrations[number].used)
        ck_assert_int_ne(request_compare(&registrations[number].request, request), REQUEST_CHANGED);
    registrations[number].used = registrations[number].there = true;
    registrations[number].replaces = replaces;
    registrations[number].revision = 0;
    registrations[number].request = *request;
    snprintf(registrations[number].name, sizeof registrations[number].name, "%s", name);
    last_number = number;
    if (replaces)
        note("register %u for %u %s", number, replaces, name);
    else
        note("register %u %s", number, name);
    return 0;
}

static inline int out_update_txt(void *context, uint32_t number, uint32_t revision,
                                 const struct request *request)
{
    (void)context;
    ck_assert_msg(registrations[number].there, "%u is not there", number);
    ck_assert_int_eq(request_compare(&registrations[number].request, request), REQUEST_TXT_CHANGED);
    if (avahi_error)
        return avahi_error;
    ck_assert_uint_gt(revision, registrations[number].revision);
    registrations[number].revision = revision;
    registrations[number].request = *request;
    note("update %u.%u %s", number, revision, request->name);
    return 0;
}

static inline int out_withdraw(void *context, uint32_t number)
{
    (void)context;
    if (avahi_error)
        return avahi_error;
    ck_assert_msg(registrations[number].there, "%u is not there", number);
    registrations[number].there = false;
    note("withdraw %u", number);
    return 0;
}

static inline void out_renamed(void *context, const char *type, const char *name)
{
    (void)context, (void)type, (void)name;
    renamed_count++;
}

static inline void avahi(enum mdns_event_kind kind)
{
    struct mdns_event event = {.kind = kind};
    for (uint32_t i = 0; i < NUMBERS_MAX && kind == MDNS_DOWN; i++)
        registrations[i].there = false;
    advertise_mdns_event(advertise, &event);
}

/* An event of this number, true or not. */
static inline void hear(uint32_t number, uint32_t revision, enum registration_state state,
                        const char *name)
{
    struct mdns_event event = {.kind = MDNS_REGISTRATION};
    event.registration = (struct registration_event){
        .number = number, .revision = revision, .state = state, .failure = failure};
    snprintf(event.registration.name, sizeof event.registration.name, "%s", name);
    snprintf(event.registration.message, sizeof event.registration.message, "taken");
    advertise_mdns_event(advertise, &event);
}

/* What comes of a number, with the TXT data that it has by now. */
static inline void avahi_says(uint32_t number, enum registration_state state, const char *name)
{
    ck_assert(registrations[number].there);
    if (state == REGISTRATION_FAILED)
        registrations[number].there = false;
    hear(number, registrations[number].revision, state, name);
}

static inline void pending(uint32_t number, const char *name)
{
    avahi_says(number, REGISTRATION_PENDING, name);
}

static inline void established(uint32_t number, const char *name)
{
    avahi_says(number, REGISTRATION_ESTABLISHED, name);
}

static inline void failed(uint32_t number, enum registration_failure why)
{
    failure = why;
    avahi_says(number, REGISTRATION_FAILED, registrations[number].name);
}

static inline int registered_count(void)
{
    int count = 0;
    for (uint32_t i = 0; i < NUMBERS_MAX; i++)
        count += registrations[i].there;
    return count;
}

/* Whose is the service of this name, type _http._tcp, on lan0? NULL: nobody's. */
static inline const char *owner(const char *name)
{
    struct service_id id = {.type = "_http._tcp", .interface = "lan0"};
    snprintf(id.name, sizeof id.name, "%s", name);
    return advertise_owner(advertise, &id);
}

/* ---- The mirror ---- */

static inline struct place *find_place(const char *path, bool add)
{
    for (unsigned i = 0; i < place_count; i++)
        if (strcmp(places[i].path, path) == 0)
            return &places[i];
    if (!add)
        return NULL;
    ck_assert_uint_lt(place_count, PLACES_MAX);
    places[place_count] = (struct place){.subject = NULL};
    snprintf(places[place_count].path, sizeof places[0].path, "%s", path);
    return &places[place_count++];
}

static inline void say(const char *path, void *subject, bool is_answer)
{
    struct place *place = find_place(path, true);
    place->subject = subject;
    place->is_answer = is_answer;
    if (!place->dirty)
        place->dirty = ++line;
}

static inline void retire(const char *path, void *subject)
{
    struct place *place = find_place(path, subject != NULL);
    if (!place)
        return;
    say(path, subject, false);
    if (!subject && !place->known)
        *place = places[--place_count];
}

static inline void out_say_status(void *context, const char *path, void *subject)
{
    struct status status;
    (void)context;
    ck_assert(!advertise_status(subject, &status));
    say(path, subject, false);
}

static inline void out_end_status(void *context, const char *path, void *subject)
{
    struct status status;
    (void)context;
    if (subject)
        ck_assert(advertise_status(subject, &status));
    retire(path, subject);
}

static inline void out_answer(void *context, const char *path, void *subject)
{
    (void)context;
    if (subject)
        say(path, subject, true);
    else
        retire(path, NULL);
}

/* "expires" is Unix time; it is compared apart from the rest. */
static inline uint64_t digest(const struct status *status)
{
    static const struct record_stamp stamp = {.epoch = 1, .seq = 1, .time = 1};
    uint8_t record[2048];
    struct status timeless = *status;
    timeless.expires = 0;
    ck_assert_int_eq(record_status(record, sizeof record, &timeless, &stamp), RECORD_OK);
    return record_digest(record, sizeof record);
}

static inline void publish(const char *path, const struct status *status)
{
    last_status = *status;
    note("%s %s%s%s%s%s%s", path, status_state_name(status->state),
         status->state == STATUS_WITHDRAWN ? " unretained" : "", status->error.code ? " " : "",
         status_code_name(status->error.code), status->reason ? " " : "",
         status_reason_name(status->reason));
}

static inline void end_place(struct place *place, void *released)
{
    if (place->known)
        note("clear %s", place->path);
    *place = places[--place_count];
    if (released)
        advertise_released(advertise, released);
}

static inline void compose(struct place *place)
{
    struct status status;
    bool ended = false;
    place->dirty = 0;
    if (!place->subject) {
        end_place(place, NULL);
        return;
    }
    if (place->is_answer)
        status = *advertise_answer(place->subject);
    else
        ended = advertise_status(place->subject, &status);
    uint64_t content = digest(&status);
    if (ended) {
        publish(place->path, &status);
        end_place(place, place->subject);
    } else if (content != place->content || status.expires != place->expires) {
        publish(place->path, &status);
        place->content = content;
        place->expires = status.expires;
        place->known = true;
    }
}

static inline void run_mirror(void)
{
    while (broker_has_room) {
        struct place *first = NULL;
        for (unsigned i = 0; i < place_count; i++)
            if (places[i].dirty && (!first || places[i].dirty < first->dirty))
                first = &places[i];
        if (!first)
            return;
        compose(first);
    }
}

static inline bool out_clear_request(void *context, const char *path)
{
    (void)context;
    if (!clears_have_room)
        return false;
    note("clear %s", path);
    snprintf(last_cleared, sizeof last_cleared, "%s", path);
    if (strlen(path) < TOPIC_REQUEST_SIZE) {
        ck_assert_int_lt(clear_count, CLEARS_MAX);
        memcpy(clears[clear_count++], path, strlen(path) + 1);
    }
    return true;
}

static inline void out_keep_request(void *context, const char *path)
{
    (void)context;
    snprintf(last_kept, sizeof last_kept, "%s", path);
}

static inline bool out_has_stale_status(void *context, const char *path)
{
    (void)context;
    return stale_status && strcmp(stale_status, path) == 0;
}

static inline uint32_t out_round_trip(void *context)
{
    (void)context;
    return ++trip;
}

/* ---- All of it ---- */

static inline void answer_round_trips(void)
{
    answered = trip;
    advertise_round_trip(advertise, trip, false, now);
}

static inline void run_once(void)
{
    next_run = advertise_run(advertise, now);
    run_mirror();
}

static inline void run_all(void)
{
    run_once();
    if (broker_answers && answered != trip) {
        answer_round_trips();
        run_once();
    }
    while (broker_acknowledges && clear_count > 0)
        advertise_cleared(advertise, clears[--clear_count]);
}

static inline void forget_events(void)
{
    run_all();
    event_count = 0;
}

/* Runs, and compares all that came out since the last call with these lines. */
static inline void expect(const char *const *lines)
{
    run_all();
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

/* The request is cleared at the broker a little after the end. */
#define EXPECT_CLEARED_LATER(...)                                                                  \
    do {                                                                                           \
        EXPECT_NOTHING();                                                                          \
        now += 250;                                                                                \
        EXPECT(__VA_ARGS__);                                                                       \
    } while (0)

/* Two leases of the same millisecond would end in the same one. */
static inline void next_millisecond(void)
{
    int64_t start = clock_unix();
    while (clock_unix() == start) {
    }
}

static inline void send(const char *path, const char *payload, bool replayed, uint32_t expiry)
{
    struct advertise_message message = {.path = path,
                                        .payload = (const uint8_t *)payload,
                                        .length = strlen(payload),
                                        .replayed = replayed,
                                        .retention = replayed     ? RETENTION_RETAINED
                                                     : payload[0] ? retention
                                                                  : empty_retention,
                                        .expiry = expiry};
    if (expiry > 0 || strstr(payload, "lease"))
        next_millisecond();
    advertise_request(advertise, &message, now);
}

static inline void request(const char *path, const char *payload)
{
    send(path, payload, false, 0);
}

static inline void replay(const char *path, const char *payload)
{
    send(path, payload, true, 0);
}

static inline void presence(const char *client, const char *payload)
{
    advertise_presence(advertise, client, (const uint8_t *)payload, strlen(payload), now);
}

/* The connection is lost, and with it what was not acknowledged. */
static inline void disconnect(void)
{
    advertise_disconnected(advertise);
    clear_count = 0;
    answered = trip;
}

static inline void reconnect(void)
{
    disconnect();
    advertise_connected(advertise, now);
}

static inline void set_option(const char *key, const char *value)
{
    char error[CONFIG_ERROR_SIZE];
    ck_assert_msg(config_set(&config, "advertise", key, value, error), "%s", error);
}

/* The configuration is read again, with this in it. */
static inline void reconfigure(const char *key, const char *value)
{
    set_option(key, value);
    advertise_set_config(advertise, &config, now);
}

static inline struct advertise_counters counters(void)
{
    struct advertise_counters numbers;
    advertise_get_counters(advertise, &numbers);
    return numbers;
}

#define REQUEST(name, port, more)                                                                  \
    "{\"name\":\"" name "\",\"type\":\"_http._tcp\",\"port\":" #port more "}"

#define WEB REQUEST("Web app", 8080, "")
#define LEASED REQUEST("Web app", 8080, ",\"lease\":60")
#define OTHER REQUEST("Other", 81, "")
#define THIRD REQUEST("Third", 82, "")

static inline void setup(void)
{
    static const struct advertise_outlets outlets = {.register_ = out_register,
                                                     .update_txt = out_update_txt,
                                                     .withdraw = out_withdraw,
                                                     .renamed = out_renamed,
                                                     .say_status = out_say_status,
                                                     .end_status = out_end_status,
                                                     .answer = out_answer,
                                                     .clear_request = out_clear_request,
                                                     .keep_request = out_keep_request,
                                                     .has_stale_status = out_has_stale_status,
                                                     .round_trip = out_round_trip};
    ck_assert_int_eq(config_init(&config), 0);
    set_option("port-check", "off");
    broker_has_room = broker_answers = clears_have_room = broker_acknowledges = true;
    avahi_error = 0;
    now = 1000;
    retention = RETENTION_RETAINED;
    empty_retention = RETENTION_NONE;
    failure = REGISTRATION_CONFLICT;
    advertise = advertise_new(&config, &outlets);
    ck_assert_ptr_nonnull(advertise);
    advertise_connected(advertise, now);
    avahi(MDNS_UP);
}

static inline void teardown(void)
{
    advertise_free(advertise);
    config_free(&config);
}

/* web/app is number 1. */
static inline void establish(void)
{
    request("web/app", WEB);
    run_all();
    established(1, "Web app");
    run_all();
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
