/* SPDX-License-Identifier: MIT */
/*
 * One advertisement at the broker, from the connection to the clean end. Connection, session and loop are
 * the test's own. Each row is what happens, word for word, and what comes of it: what is published,
 * reported and printed, in this order, and how the loop is ended.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "diagnostic.h"
#include "publication.h"
#include "record.h"
#include "run_suite.h"

#define EXIT_CODE 7
#define REFUSED 0x87

static struct publication publication;
static struct connection_handlers connection;
static void *connection_context;
static enum exit_code session_result;
static char trace[1024], setup[1024];
static int last_number;
static bool up, unpublishable;

static void note(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void note(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(out);

    length += (size_t)snprintf(out + length, size - length, length ? " " : "");
    va_start(arguments, format);
    vsnprintf(out + length, size - length, format, arguments);
    va_end(arguments);
}
#define TRACE(...) note(trace, sizeof trace, __VA_ARGS__)
#define SETUP(...) note(setup, sizeof setup, __VA_ARGS__)

/* ---- the connection, the session and the loop ---- */

int mqtt_publish(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length,
                 bool retain)
{
    (void)mqtt;
    ck_assert(up && retain);
    if (strcmp(topic, "mdns/client/web") == 0)
        TRACE("%.*s", (int)length, (const char *)payload);
    else if (strcmp(topic, "mdns/advertise/web/app") == 0)
        TRACE(length ? "request" : "withdraw");
    else
        ck_abort_msg("published at %s", topic);
    return unpublishable ? -1 : ++last_number;
}

bool connection_subscribe(struct connection *c, const char *filter)
{
    (void)c;
    SETUP("%s", filter);
    return true;
}

void mqtt_set_will(struct mqtt *mqtt, const char *topic, const uint8_t *payload, size_t length)
{
    (void)mqtt;
    SETUP("will:%s=%.*s", topic, (int)length, (const char *)payload);
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
    (void)mqtt;
    return up;
}

enum exit_code session_open(struct session *session, const struct options *options,
                            const struct connection_handlers *handlers, void *context)
{
    static struct connection its_connection;
    memset(session, 0, sizeof *session);
    session->options = options;
    session->connection = &its_connection;
    connection = *handlers;
    connection_context = context;
    return session_result;
}

void session_close(struct session *session, bool clean)
{
    (void)session;
    ck_assert(clean);
}

void loop_add_timer(struct loop *loop, struct loop_timer *timer,
                    void (*fire)(void *context, int64_t now), void *context)
{
    (void)loop;
    *timer = (struct loop_timer){NEVER, fire, context};
}

void loop_end(struct loop *loop, int exit_code)
{
    if (!loop->ended)
        TRACE("end:%d", exit_code);
    loop->ended = true;
}

void diagnostic(const char *format, ...)
{
    (void)format;
    TRACE("printed");
}

/* ---- the program ---- */

static void on_status(void *context, const struct status *status)
{
    (void)context;
    TRACE("%s", status_state_name(status->state));
}

static void on_bridge(void *context, enum advert_bridge bridge)
{
    (void)context;
    TRACE(bridge == ADVERT_BRIDGE_AWAY ? "away" : "back");
}

static void on_refused(void *context, enum publication_right right, int reason)
{
    (void)context;
    ck_assert_int_eq(reason, REFUSED);
    TRACE("%s-refused", right == PUBLICATION_REQUEST ? "request" : "status");
}

static void on_lost(void *context)
{
    (void)context;
    TRACE("lost");
}

static void on_bridge_known(void *context)
{
    (void)context;
    TRACE("known");
}

static bool on_failed(void *context, const struct mqtt_failure *failure)
{
    (void)context, (void)failure;
    TRACE("failed-to-connect");
    return false;
}

static const struct publication_handlers handlers = {on_status, on_bridge,       on_refused,
                                                     on_lost,   on_bridge_known, on_failed};

static enum exit_code open_with(struct publication_plan plan)
{
    static const struct options options = {.prefix = "mdns"};

    trace[0] = setup[0] = '\0';
    last_number = 0;
    up = unpublishable = false;
    return publication_open(&publication, &options, &plan, &handlers, NULL);
}

static const struct request_builder web = {
    .name = "Web", .type = "_http._tcp", .port = 80, .lease = 120};

static void begin(bool presence)
{
    session_result = EXIT_DONE;
    ck_assert_int_eq(open_with((struct publication_plan){&web, "web", "app", presence}), EXIT_DONE);
}

/* ---- what happens ---- */

static void arrive(const char *topic, const void *payload, size_t length, bool retained)
{
    const struct mqtt_message message = {topic, payload, length, retained, 0};
    connection.message(connection_context, &message);
}

static void bridge_state(const char *life)
{
    uint8_t record[RECORD_SIZE_MIN];
    const struct bridge_state state = {
        .state = life, .version = "1", .hostname = "h", .record_size = RECORD_SIZE_MIN};
    const struct record_stamp stamp = {.epoch = 1, .time = 1};

    ck_assert_int_eq(record_state(record, sizeof record, &state, &stamp), RECORD_OK);
    arrive("mdns/bridge/state", record, sizeof record, false);
}

static void status(enum status_state state, const char *transaction, bool kept)
{
    uint8_t record[RECORD_SIZE_MIN];
    const struct record_stamp stamp = {.epoch = 1, .time = 1};
    struct status value = {.state = state, .owner = {"web", "app"}, .name = "Web", .kept = kept};

    snprintf(value.transaction, sizeof value.transaction, "%s", transaction);
    if (state == STATUS_FAILED)
        status_refuse(&value.error, STATUS_DENIED, "port", "no");
    if (state == STATUS_WITHDRAWN)
        value.reason = STATUS_REQUESTED;
    ck_assert_int_eq(record_status(record, sizeof record, &value, &stamp), RECORD_OK);
    arrive("mdns/advertise/web/app/status", record, sizeof record, false);
}

static void fire(struct loop_timer *timer)
{
    int64_t now = timer->due;
    ck_assert_msg(now != NEVER, "a timer that is not set");
    timer->due = NEVER;
    timer->fire(timer->context, now);
}

/* Well before the lease needs it. */
static void fire_soon(struct loop_timer *timer)
{
    ck_assert_int_le(timer->due, clock_now() + 15000);
    fire(timer);
}

static void connected(bool is)
{
    up = is;
    (is ? connection.connected : connection.lost)(connection_context);
}

/* A status record comes. False: the word is none of these. */
static bool happen_to_status(const char *word)
{
    const char *ours = publication.advert.transaction, *other = "of another program";
    const struct {
        const char *word;
        enum status_state state;
        const char *transaction;
        bool kept;
    } rows[] = {
        {"pending", STATUS_PENDING, ours, false},
        {"established", STATUS_ESTABLISHED, ours, false},
        {"failed", STATUS_FAILED, ours, false},
        {"failed-kept", STATUS_FAILED, ours, true},
        {"withdrawn", STATUS_WITHDRAWN, ours, false},
        {"other", STATUS_ESTABLISHED, other, false},
        {"other-ends", STATUS_WITHDRAWN, other, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(word, rows[i].word) != 0)
            continue;
        status(rows[i].state, rows[i].transaction, rows[i].kept);
        return true;
    }
    return false;
}

static void happen(const char *word)
{
    const struct mqtt_failure failure = {MQTT_SILENT, 0, ""};

    if (happen_to_status(word))
        return;
    if (strcmp(word, "connected") == 0 || strcmp(word, "lost") == 0)
        connected(*word == 'c');
    else if (strcmp(word, "settled") == 0)
        connection.settled(connection_context);
    else if (strcmp(word, "failed-to-connect") == 0)
        ck_assert(!connection.failed(connection_context, &failure));
    else if (strcmp(word, "online") == 0 || strcmp(word, "offline") == 0)
        bridge_state(word);
    else if (strcmp(word, "cleared") == 0)
        arrive("mdns/bridge/state", NULL, 0, false);
    else if (strcmp(word, "no-record") == 0)
        arrive("mdns/advertise/web/app/status", "{}", 2, false);
    else if (strcmp(word, "accepted") == 0)
        connection.acknowledged(connection_context, last_number, 0);
    else if (strcmp(word, "earlier-accepted") == 0)
        connection.acknowledged(connection_context, last_number - 1, 0);
    else if (strcmp(word, "refused") == 0)
        connection.acknowledged(connection_context, last_number, REFUSED);
    else if (strcmp(word, "subscription-refused") == 0)
        connection.subscription_refused(connection_context, REFUSED);
    else if (strcmp(word, "request") == 0)
        publication_request(&publication);
    else if (strcmp(word, "end") == 0)
        publication_end(&publication, EXIT_CODE);
    else if (strcmp(word, "end-again") == 0)
        publication_end(&publication, EXIT_CODE + 1);
    else if (strcmp(word, "due") == 0)
        fire(&publication.due);
    else if (strcmp(word, "soon") == 0)
        fire_soon(&publication.due);
    else if (strcmp(word, "end-due") == 0)
        fire(&publication.ending);
    else if (strcmp(word, "unpublishable") == 0)
        unpublishable = true;
    else if (strncmp(word, "presence-", 9) == 0)
        arrive("mdns/client/web", "offline", 7, strcmp(word, "presence-retained") == 0);
    else
        ck_abort_msg("%s: no such word", word);
}

struct row {
    const char *happens, *comes;
};

static void run(const struct row *row, bool presence)
{
    char words[512], *rest = words;

    begin(presence);
    snprintf(words, sizeof words, "%s", row->happens);
    for (const char *word; (word = strtok_r(rest, " ", &rest));)
        happen(word);
    ck_assert_msg(strcmp(trace, row->comes) == 0, "%s: %s, expected %s", row->happens, trace,
                  row->comes);
    publication_close(&publication);
}

/* Connected, requested and established, and what comes of it. */
#define ESTABLISHED "connected online request accepted established "
#define FIRST "known request established "

static const struct row rows[] = {
    /* requests */
    {"request", ""},
    {"request connected", "request"},
    {"connected", ""},
    {"connected settled", "known"},
    {"connected settled request", "known request"},
    {"request connected online", "request request known"},
    {"connected online request pending established", "known request pending established"},
    {"connected request no-record", "request"},
    {ESTABLISHED "established", "known request established"},
    {ESTABLISHED "due", FIRST "request"}, /* a third of the lease */
    {ESTABLISHED "withdrawn soon", FIRST "withdrawn request"},
    {"failed-to-connect", "failed-to-connect"},
    /* the connection is lost */
    {"request connected lost", "request lost"},
    {"request connected lost connected", "request lost request"},
    {ESTABLISHED "lost connected online established", FIRST "lost request request known"},
    /* the bridge is away, and back */
    {"connected soon", "away"},
    {"connected soon online", "away back known"},
    {ESTABLISHED "offline soon", FIRST "known away"},
    {ESTABLISHED "cleared soon", FIRST "known away"},
    {ESTABLISHED "offline soon online", FIRST "known away back request known"},
    {ESTABLISHED "offline online", FIRST "known request known"},
    {ESTABLISHED "offline established", FIRST "known"},
    /* the broker refuses */
    {"connected online request refused", "known request request-refused"},
    {"connected online request refused soon refused", "known request request-refused request"},
    {"connected online request refused soon accepted due refused",
     "known request request-refused request request request-refused"},
    {"connected online request refused soon earlier-accepted refused",
     "known request request-refused request"},
    {"request connected refused lost connected refused",
     "request request-refused lost request request-refused"},
    {"connected subscription-refused subscription-refused", "status-refused"},
    {"connected subscription-refused lost connected subscription-refused",
     "status-refused lost status-refused"},
    {"connected subscription-refused request refused", "status-refused request request-refused"},
    /* another program has our ID */
    {ESTABLISHED "other other", FIRST "printed"},
    {ESTABLISHED "other other-ends soon established", FIRST "printed request established"},
    {ESTABLISHED "other other-ends other", FIRST "printed printed"},
    {"connected online request other", "known request"},
    /* the end */
    {"end", "end:7"},
    {"request end", "end:7"},
    {"connected end", "end:7"},
    {ESTABLISHED "end accepted", FIRST "withdraw"},
    {ESTABLISHED "end withdrawn", FIRST "withdraw withdrawn"},
    {ESTABLISHED "end accepted withdrawn", FIRST "withdraw withdrawn end:7"},
    {ESTABLISHED "end withdrawn accepted", FIRST "withdraw withdrawn end:7"},
    {ESTABLISHED "end accepted end-due", FIRST "withdraw end:7"},
    {ESTABLISHED "end end-again", FIRST "withdraw end:7"},
    {ESTABLISHED "end lost", FIRST "withdraw end:7"},
    {ESTABLISHED "end refused", FIRST "withdraw end:7"},
    {ESTABLISHED "lost end", FIRST "lost end:7"},
    {ESTABLISHED "offline end accepted", FIRST "known withdraw end:7"},
    {ESTABLISHED "end accepted offline", FIRST "withdraw end:7"},
    {ESTABLISHED "end offline soon", FIRST "withdraw"},
    {ESTABLISHED "end online subscription-refused", FIRST "withdraw"},
    {ESTABLISHED "unpublishable end withdrawn", FIRST "withdraw withdrawn end:7"},
    {ESTABLISHED "withdrawn end accepted", FIRST "withdrawn withdraw end:7"},
    {ESTABLISHED "other other-ends end accepted", FIRST "printed withdraw end:7"},
    {"connected online request end accepted", "known request withdraw end:7"},
    {"connected online request end earlier-accepted", "known request withdraw"},
    {"connected online request failed end accepted", "known request failed withdraw end:7"},
    {"connected online request failed-kept end accepted", "known request failed withdraw"},
};

START_TEST(rows_without_presence)
{
    run(&rows[_i], false);
}
END_TEST

#define ONLINE "online " FIRST

static const struct row presence_rows[] = {
    {"connected", "online"},
    {"request connected", "online request"},
    {"request connected lost connected", "online request lost online request"},
    {"connected presence-offline", "online online"},
    {"connected presence-retained", "online"},
    {"connected end presence-offline", "online offline"},
    {"connected end accepted", "online offline end:7"},
    {"end", "end:7"},
    {"connected refused", "online request-refused"},
    {ESTABLISHED "end accepted withdrawn", ONLINE "withdraw offline withdrawn end:7"},
    {ESTABLISHED "end earlier-accepted withdrawn", ONLINE "withdraw offline withdrawn"},
    {ESTABLISHED "end end-again", ONLINE "withdraw offline end:7"},
    {ESTABLISHED "lost end", ONLINE "lost end:7"},
};

START_TEST(rows_with_presence)
{
    run(&presence_rows[_i], true);
}
END_TEST

/* The state comes before the statuses, which count or not by what it says. */
START_TEST(will_and_subscriptions)
{
    begin(false);
    ck_assert_str_eq(setup, "will:mdns/advertise/web/app= mdns/bridge/state "
                            "mdns/advertise/web/app/status");
    publication_close(&publication);
    begin(true);
    ck_assert_str_eq(setup, "will:mdns/client/web=offline mdns/bridge/state "
                            "mdns/advertise/web/app/status mdns/client/web");
    publication_close(&publication);
}
END_TEST

START_TEST(what_cannot_be_opened)
{
    static const struct request_builder nameless = {.type = "_http._tcp", .port = 80};
    static const struct {
        struct publication_plan plan;
        enum exit_code session, result;
    } plans[] = {
        {{&nameless, "web", "app", false}, EXIT_DONE, EXIT_USAGE},
        {{&web, "not/one", "app", false}, EXIT_DONE, EXIT_USAGE},
        {{&web, "web", "not/one", false}, EXIT_DONE, EXIT_USAGE},
        {{&web, "web", "app", false}, EXIT_BAD_CONFIG, EXIT_BAD_CONFIG},
        {{&web, "web", NULL, false}, EXIT_DONE, EXIT_DONE},
    };
    session_result = plans[_i].session;
    ck_assert_int_eq(open_with(plans[_i].plan), plans[_i].result);
    ck_assert_str_eq(trace, plans[_i].result == EXIT_USAGE ? "printed" : "");
    publication_close(&publication);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_publication");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, rows_without_presence, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(tests, rows_with_presence, 0, sizeof presence_rows / sizeof *presence_rows);
    tcase_add_test(tests, will_and_subscriptions);
    tcase_add_loop_test(tests, what_cannot_be_opened, 0, 5);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
