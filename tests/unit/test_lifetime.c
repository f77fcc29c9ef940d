/* SPDX-License-Identifier: MIT */
/* The lifetime of an advertisement: every state with every input, and what that adds up to. */
#include "lifetime.h"

#include <stdio.h>

#include "run_suite.h"

/* All rows happen at NOW. */
enum {
    NOW = 100000,
    PAST = NOW - 1,
    SOON = NOW + 200,
    LEASE = NOW + 60000,
    HELD = NOW + LIFETIME_HOLD_MS,
    OFFLINE = NOW + LIFETIME_OFFLINE_MS,
    CLEARED = NOW + LIFETIME_CLEAR_MS,
};

#define NO_TIME INT64_MAX
#define FIVE 5 /* the present reading, or round trip, of all rows */

struct row {
    const char *what;
    struct lifetime given; /* usual() */
    enum lifetime_input input;
    struct lifetime_facts facts; /* `now` is NOW; lease_until 0: no lease */
    struct lifetime expected;    /* usual(), too */
};

/* Each with its usual deadline, unless AT() says another one: none, or SOON; see usual(). */
#define CONFIRMED(...)                                                                             \
    {                                                                                              \
        .state = LIFETIME_CONFIRMED, __VA_ARGS__                                                   \
    }
#define UNCONFIRMED(...)                                                                           \
    {                                                                                              \
        .state = LIFETIME_UNCONFIRMED, __VA_ARGS__                                                 \
    }
#define DORMANT(...)                                                                               \
    {                                                                                              \
        .state = LIFETIME_DORMANT, __VA_ARGS__                                                     \
    }
#define LEAVING(...)                                                                               \
    {                                                                                              \
        .state = LIFETIME_LEAVING, __VA_ARGS__                                                     \
    }
#define ENDED(...)                                                                                 \
    {                                                                                              \
        .state = LIFETIME_ENDED, __VA_ARGS__                                                       \
    }

/* Why it leaves, or has ended. */
#define ASKED .reason = STATUS_REQUESTED
#define GONE .reason = STATUS_CLIENT_OFFLINE
#define EXPIRED .reason = STATUS_LEASE_EXPIRED

#define RETAINED .retention = RETENTION_RETAINED
#define PERHAPS .retention = RETENTION_UNKNOWN
#define LIVE .retention = RETENTION_NONE
#define AT(time) .deadline = (time)
#define WAITS .round_trip = FIVE
#define READ .reading = FIVE
#define LEASED .lease_until = LEASE

static const struct row rows[] = {
    /* ---- A live request confirms whatever has not ended. ---- */
    {"again", CONFIRMED(), LIFETIME_REQUEST, {READ}, CONFIRMED(READ)},
    {"renews",
     CONFIRMED(AT(SOON)),
     LIFETIME_REQUEST,
     {LEASED, READ},
     CONFIRMED(AT(LEASE), LEASED, READ)},
    {"without the lease that it had",
     CONFIRMED(AT(SOON)),
     LIFETIME_REQUEST,
     {READ},
     CONFIRMED(READ)},
    {"is retained now", CONFIRMED(), LIFETIME_REQUEST, {READ, RETAINED}, CONFIRMED(READ, RETAINED)},
    {"is not retained now", CONFIRMED(RETAINED), LIFETIME_REQUEST, {READ}, CONFIRMED(READ)},
    {"may be retained now",
     CONFIRMED(),
     LIFETIME_REQUEST,
     {READ, PERHAPS},
     CONFIRMED(READ, PERHAPS)},
    {"is known to be retained",
     CONFIRMED(RETAINED),
     LIFETIME_REQUEST,
     {READ, PERHAPS},
     CONFIRMED(READ, RETAINED)},
    {"of a client that is offline",
     CONFIRMED(),
     LIFETIME_REQUEST,
     {READ, .client_is_offline = true},
     CONFIRMED(READ)},
    {"after a reconnection",
     UNCONFIRMED(),
     LIFETIME_REQUEST,
     {LEASED, READ},
     CONFIRMED(AT(LEASE), LEASED, READ)},
    {"wakes",
     DORMANT(RETAINED),
     LIFETIME_REQUEST,
     {READ, .client_is_offline = true},
     CONFIRMED(READ)},
    {"renewed after offline",
     LEAVING(GONE, WAITS),
     LIFETIME_REQUEST,
     {LEASED, READ},
     CONFIRMED(AT(LEASE), LEASED, READ)},
    {"asked anew", LEAVING(ASKED), LIFETIME_REQUEST, {READ}, CONFIRMED(READ)},
    {"has ended",
     ENDED(EXPIRED, AT(SOON), RETAINED),
     LIFETIME_REQUEST,
     {READ},
     ENDED(EXPIRED, AT(SOON), RETAINED)},

    /* ---- A retained one does where somebody stands for it. ---- */
    {"read again",
     CONFIRMED(RETAINED),
     LIFETIME_REPLAY,
     {LEASED, READ, RETAINED},
     CONFIRMED(AT(LEASE), LEASED, READ, RETAINED)},
    {"client has gone",
     CONFIRMED(RETAINED),
     LIFETIME_REPLAY,
     {READ, RETAINED, .client_is_offline = true},
     UNCONFIRMED(AT(HELD), READ, RETAINED)},
    {"is there",
     UNCONFIRMED(RETAINED),
     LIFETIME_REPLAY,
     {LEASED, READ, RETAINED},
     CONFIRMED(AT(LEASE), LEASED, READ, RETAINED)},
    {"of nobody",
     UNCONFIRMED(RETAINED),
     LIFETIME_REPLAY,
     {READ, RETAINED, .client_is_offline = true},
     UNCONFIRMED(READ, RETAINED)},
    {"client was back",
     DORMANT(RETAINED),
     LIFETIME_REPLAY,
     {READ, RETAINED},
     CONFIRMED(READ, RETAINED)},
    {"client is not back",
     DORMANT(RETAINED),
     LIFETIME_REPLAY,
     {READ, RETAINED, .client_is_offline = true},
     DORMANT(READ, RETAINED)},
    {"no answer to offline",
     LEAVING(GONE, RETAINED, WAITS),
     LIFETIME_REPLAY,
     {READ, RETAINED, .client_is_offline = true},
     LEAVING(GONE, READ, RETAINED, WAITS)},
    {"not what was deleted",
     LEAVING(ASKED, WAITS),
     LIFETIME_REPLAY,
     {READ, RETAINED},
     CONFIRMED(READ, RETAINED)},
    {"perhaps what was taken back",
     LEAVING(ASKED, RETAINED, WAITS),
     LIFETIME_REPLAY,
     {READ, RETAINED},
     LEAVING(ASKED, READ, RETAINED, WAITS)},
    {"has ended", ENDED(GONE, RETAINED), LIFETIME_REPLAY, {READ, RETAINED}, ENDED(GONE, RETAINED)},

    /* ---- The empty payload counts when the broker has answered. ---- */
    {"taken back",
     CONFIRMED(RETAINED, AT(LEASE)),
     LIFETIME_EMPTY,
     {WAITS},
     LEAVING(ASKED, AT(NOW), RETAINED, WAITS)},
    {"deleted",
     CONFIRMED(RETAINED),
     LIFETIME_EMPTY,
     {WAITS, RETAINED},
     LEAVING(ASKED, AT(NOW), WAITS)},
    {"perhaps deleted",
     CONFIRMED(PERHAPS),
     LIFETIME_EMPTY,
     {WAITS, PERHAPS},
     LEAVING(ASKED, AT(NOW), PERHAPS, WAITS)},
    {"nobody to ask", CONFIRMED(), LIFETIME_EMPTY, {LIVE}, LEAVING(ASKED, AT(NOW))},
    {"not confirmed yet",
     UNCONFIRMED(RETAINED),
     LIFETIME_EMPTY,
     {WAITS},
     LEAVING(ASKED, AT(NOW), RETAINED, WAITS)},
    {"not on the network",
     DORMANT(RETAINED),
     LIFETIME_EMPTY,
     {WAITS},
     ENDED(ASKED, AT(CLEARED), RETAINED)},
    {"deleted, and not on the network",
     DORMANT(RETAINED),
     LIFETIME_EMPTY,
     {WAITS, RETAINED},
     ENDED(ASKED)},
    {"and offline before", LEAVING(GONE), LIFETIME_EMPTY, {WAITS}, LEAVING(ASKED, AT(NOW), WAITS)},
    {"twice", LEAVING(ASKED), LIFETIME_EMPTY, {WAITS}, LEAVING(ASKED, AT(NOW), WAITS)},
    {"has ended",
     ENDED(EXPIRED, AT(SOON), RETAINED),
     LIFETIME_EMPTY,
     {WAITS},
     ENDED(EXPIRED, AT(SOON), RETAINED)},
    {"has ended, and is deleted",
     ENDED(EXPIRED, AT(SOON), RETAINED),
     LIFETIME_EMPTY,
     {WAITS, RETAINED},
     ENDED(EXPIRED, AT(SOON))},

    /* ---- So does offline, a little later. ---- */
    {"gone",
     CONFIRMED(RETAINED, AT(LEASE)),
     LIFETIME_OFFLINE,
     {WAITS},
     LEAVING(GONE, AT(OFFLINE), RETAINED, WAITS)},
    {"may come back", UNCONFIRMED(), LIFETIME_OFFLINE, {WAITS}, UNCONFIRMED()},
    {"known", DORMANT(), LIFETIME_OFFLINE, {WAITS}, DORMANT()},
    {"twice", LEAVING(GONE), LIFETIME_OFFLINE, {WAITS}, LEAVING(GONE, AT(OFFLINE), WAITS)},
    {"taken back before", LEAVING(ASKED), LIFETIME_OFFLINE, {WAITS}, LEAVING(ASKED)},
    {"has ended",
     ENDED(ASKED, AT(SOON), RETAINED),
     LIFETIME_OFFLINE,
     {WAITS},
     ENDED(ASKED, AT(SOON), RETAINED)},

    /* ---- Online stands for all that would not have been seen again. ---- */
    {"was never in doubt",
     CONFIRMED(AT(LEASE), LEASED),
     LIFETIME_ONLINE,
     {READ},
     CONFIRMED(AT(LEASE), LEASED)},
    {"never retained", UNCONFIRMED(LEASED), LIFETIME_ONLINE, {READ}, CONFIRMED(AT(LEASE), LEASED)},
    {"retained and seen",
     UNCONFIRMED(RETAINED, READ),
     LIFETIME_ONLINE,
     {READ},
     CONFIRMED(RETAINED, READ)},
    {"retained and not seen",
     UNCONFIRMED(RETAINED, .reading = 4),
     LIFETIME_ONLINE,
     {READ},
     UNCONFIRMED(RETAINED, .reading = 4)},
    {"perhaps retained",
     UNCONFIRMED(PERHAPS, .reading = 4),
     LIFETIME_ONLINE,
     {READ},
     CONFIRMED(PERHAPS, .reading = 4)},
    {"wakes",
     DORMANT(RETAINED, READ, LEASED),
     LIFETIME_ONLINE,
     {READ},
     CONFIRMED(RETAINED, READ, AT(LEASE), LEASED)},
    {"sleeps on",
     DORMANT(RETAINED, .reading = 4),
     LIFETIME_ONLINE,
     {READ},
     DORMANT(RETAINED, .reading = 4)},
    {"back at once",
     LEAVING(GONE, WAITS, LEASED),
     LIFETIME_ONLINE,
     {READ},
     CONFIRMED(AT(LEASE), LEASED)},
    {"taken back all the same",
     LEAVING(ASKED, WAITS),
     LIFETIME_ONLINE,
     {READ},
     LEAVING(ASKED, WAITS)},
    {"has ended",
     ENDED(GONE, RETAINED, AT(SOON)),
     LIFETIME_ONLINE,
     {READ},
     ENDED(GONE, RETAINED, AT(SOON))},

    /* ---- Behind a reconnection nothing is sure. ---- */
    {"to be confirmed",
     CONFIRMED(RETAINED),
     LIFETIME_RECONNECTED,
     {READ},
     UNCONFIRMED(AT(HELD), RETAINED)},
    {"to be confirmed, lease or not",
     CONFIRMED(AT(PAST), .lease_until = PAST),
     LIFETIME_RECONNECTED,
     {READ},
     UNCONFIRMED(AT(HELD), .lease_until = PAST)},
    {"once more", UNCONFIRMED(), LIFETIME_RECONNECTED, {READ}, UNCONFIRMED(AT(HELD))},
    {"once more", DORMANT(RETAINED), LIFETIME_RECONNECTED, {READ}, DORMANT(AT(HELD), RETAINED)},
    {"offline was a will",
     LEAVING(GONE, WAITS),
     LIFETIME_RECONNECTED,
     {READ},
     UNCONFIRMED(AT(HELD))},
    {"empty may have been a will",
     LEAVING(ASKED, WAITS),
     LIFETIME_RECONNECTED,
     {READ},
     UNCONFIRMED(AT(HELD), RETAINED)},
    {"overdue",
     LEAVING(GONE, AT(PAST), WAITS),
     LIFETIME_RECONNECTED,
     {READ},
     UNCONFIRMED(AT(HELD))},
    {"the replay says what to clear",
     ENDED(GONE, RETAINED, AT(SOON)),
     LIFETIME_RECONNECTED,
     {READ},
     ENDED(GONE)},

    /* ---- The broker answers. ---- */
    {"an end that it waited for",
     LEAVING(ASKED, AT(NOW), WAITS),
     LIFETIME_ROUND_TRIP,
     {.round_trip = FIVE},
     ENDED(ASKED)},
    {"by a later one",
     LEAVING(ASKED, AT(NOW), WAITS),
     LIFETIME_ROUND_TRIP,
     {.round_trip = 6},
     ENDED(ASKED)},
    {"with something to clear",
     LEAVING(ASKED, AT(NOW), WAITS, RETAINED),
     LIFETIME_ROUND_TRIP,
     {.round_trip = FIVE},
     ENDED(ASKED, AT(CLEARED), RETAINED)},
    {"with something to clear, perhaps",
     LEAVING(ASKED, AT(NOW), WAITS, PERHAPS),
     LIFETIME_ROUND_TRIP,
     {.round_trip = FIVE},
     ENDED(ASKED, AT(CLEARED), PERHAPS)},
    {"behind the deadline",
     LEAVING(GONE, AT(PAST), WAITS),
     LIFETIME_ROUND_TRIP,
     {.round_trip = FIVE},
     ENDED(GONE)},
    {"before the deadline",
     LEAVING(GONE, WAITS),
     LIFETIME_ROUND_TRIP,
     {.round_trip = FIVE},
     LEAVING(GONE)},
    {"an older one",
     LEAVING(ASKED, AT(NOW), WAITS),
     LIFETIME_ROUND_TRIP,
     {.round_trip = 4},
     LEAVING(ASKED, AT(NOW), WAITS)},
    {"retained and read",
     CONFIRMED(RETAINED, READ),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     CONFIRMED(RETAINED, READ)},
    {"retained and not there",
     CONFIRMED(RETAINED, .reading = 4),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     ENDED(ASKED, .reading = 4)},
    {"that ends no reading",
     CONFIRMED(RETAINED, .reading = 4),
     LIFETIME_ROUND_TRIP,
     {.round_trip = FIVE},
     CONFIRMED(RETAINED, .reading = 4)},
    {"not retained",
     CONFIRMED(.reading = 4),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     CONFIRMED(.reading = 4)},
    {"perhaps not retained",
     CONFIRMED(PERHAPS, .reading = 4),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     CONFIRMED(PERHAPS, .reading = 4)},
    {"has its time",
     UNCONFIRMED(RETAINED, .reading = 4),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     UNCONFIRMED(RETAINED, .reading = 4)},
    {"has its time",
     DORMANT(RETAINED, .reading = 4),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     DORMANT(RETAINED, .reading = 4)},
    {"has ended",
     ENDED(GONE, RETAINED, AT(SOON)),
     LIFETIME_ROUND_TRIP,
     {READ, .round_trip = FIVE},
     ENDED(GONE, RETAINED, AT(SOON))},

    /* ---- Time passes. ---- */
    {"no lease", CONFIRMED(), LIFETIME_TIMER, {LIVE}, CONFIRMED()},
    {"not yet", CONFIRMED(AT(NOW + 1)), LIFETIME_TIMER, {LIVE}, CONFIRMED(AT(NOW + 1))},
    {"lease", CONFIRMED(AT(NOW)), LIFETIME_TIMER, {LIVE}, ENDED(EXPIRED)},
    {"lease of a retained one",
     CONFIRMED(AT(NOW), RETAINED),
     LIFETIME_TIMER,
     {LIVE},
     ENDED(EXPIRED, AT(CLEARED), RETAINED)},
    {"not yet", UNCONFIRMED(), LIFETIME_TIMER, {LIVE}, UNCONFIRMED()},
    {"nobody came", UNCONFIRMED(AT(NOW)), LIFETIME_TIMER, {LIVE}, ENDED(GONE)},
    {"nobody came, perhaps",
     UNCONFIRMED(AT(NOW), PERHAPS),
     LIFETIME_TIMER,
     {LIVE},
     ENDED(GONE, AT(CLEARED), PERHAPS)},
    {"was taken back",
     UNCONFIRMED(AT(NOW), RETAINED),
     LIFETIME_TIMER,
     {LIVE},
     ENDED(ASKED, AT(CLEARED), RETAINED)},
    {"client stayed away",
     UNCONFIRMED(AT(NOW), RETAINED),
     LIFETIME_TIMER,
     {.client_is_offline = true},
     ENDED(GONE, AT(CLEARED), RETAINED)},
    {"not yet", DORMANT(RETAINED), LIFETIME_TIMER, {.client_is_offline = true}, DORMANT(RETAINED)},
    {"never came",
     DORMANT(AT(NOW), RETAINED),
     LIFETIME_TIMER,
     {.client_is_offline = true},
     ENDED(GONE, AT(CLEARED), RETAINED)},
    {"not yet", LEAVING(GONE), LIFETIME_TIMER, {LIVE}, LEAVING(GONE)},
    {"answered before", LEAVING(GONE, AT(NOW)), LIFETIME_TIMER, {LIVE}, ENDED(GONE)},
    {"answered before, retained",
     LEAVING(GONE, AT(NOW), RETAINED),
     LIFETIME_TIMER,
     {LIVE},
     ENDED(GONE, AT(CLEARED), RETAINED)},
    {"not answered",
     LEAVING(GONE, AT(PAST), WAITS),
     LIFETIME_TIMER,
     {LIVE},
     LEAVING(GONE, AT(PAST), WAITS)},
    {"not to be cleared yet",
     ENDED(GONE, AT(SOON), RETAINED),
     LIFETIME_TIMER,
     {LIVE},
     ENDED(GONE, AT(SOON), RETAINED)},
    {"cleared", ENDED(GONE, AT(NOW), RETAINED), LIFETIME_TIMER, {LIVE}, ENDED(GONE, RETAINED)},
    {"nothing to clear", ENDED(ASKED), LIFETIME_TIMER, {LIVE}, ENDED(ASKED)},
};

enum { ROWS = sizeof rows / sizeof *rows };

static struct lifetime usual(const struct lifetime *given)
{
    struct lifetime l = *given;
    bool has_none = l.state == LIFETIME_CONFIRMED || l.state == LIFETIME_ENDED;
    if (l.deadline == 0)
        l.deadline = has_none ? NO_TIME : SOON;
    if (l.lease_until == 0)
        l.lease_until = NO_TIME;
    return l;
}

/* By the rules of its header, whatever the state. */
static int64_t due(const struct lifetime *lifetime)
{
    return lifetime->state == LIFETIME_LEAVING && lifetime->round_trip != 0 ? NO_TIME
                                                                            : lifetime->deadline;
}

/* A reason, and a round trip, are of the states that have one. */
static void check_row(const struct row *row)
{
    char what[128];
    struct lifetime l = usual(&row->given);
    const struct lifetime expected = usual(&row->expected);
    struct lifetime_facts facts = row->facts;
    snprintf(what, sizeof what, "%s, input %d: %s", lifetime_state_name(l.state), row->input,
             row->what);
    facts.now = NOW;
    if (facts.lease_until == 0)
        facts.lease_until = NO_TIME;
    lifetime_take(&l, row->input, &facts);
    ck_assert_msg(l.state == expected.state, "%s: is %s", what, lifetime_state_name(l.state));
    ck_assert_msg(l.deadline == expected.deadline, "%s: deadline %lld", what,
                  (long long)l.deadline);
    ck_assert_msg(l.retention == expected.retention, "%s: retention %d", what, l.retention);
    ck_assert_msg(l.reading == expected.reading, "%s: reading %u", what, l.reading);
    ck_assert_msg(lifetime_deadline(&l) == due(&expected), "%s: when due", what);
    if (l.state != LIFETIME_ENDED)
        ck_assert_msg(l.lease_until == expected.lease_until, "%s: lease", what);
    if (l.state == LIFETIME_LEAVING)
        ck_assert_msg(l.round_trip == expected.round_trip, "%s: round trip %u", what, l.round_trip);
    if (l.state == LIFETIME_LEAVING || l.state == LIFETIME_ENDED)
        ck_assert_msg(l.reason == expected.reason, "%s: %s", what, status_reason_name(l.reason));
}

START_TEST(a_row)
{
    check_row(&rows[_i]);
}
END_TEST

START_TEST(no_pair_is_missing)
{
    bool seen[LIFETIME_STATES][LIFETIME_INPUTS] = {{false}};
    for (int i = 0; i < ROWS; i++)
        seen[rows[i].given.state][rows[i].input] = true;
    for (int s = 0; s < LIFETIME_STATES; s++)
        for (int input = 0; input < LIFETIME_INPUTS; input++)
            ck_assert_msg(seen[s][input], "no row: %s, input %d",
                          lifetime_state_name((enum lifetime_state)s), input);
}
END_TEST

/* ---- How it begins, and ends by others' will ---- */

START_TEST(begins)
{
    static const struct {
        enum lifetime_input input;
        bool offline;
        enum lifetime_state state;
        int64_t deadline;
    } cases[] = {
        {LIFETIME_REQUEST, false, LIFETIME_CONFIRMED, LEASE},
        {LIFETIME_REQUEST, true, LIFETIME_CONFIRMED, LEASE},
        {LIFETIME_REPLAY, false, LIFETIME_CONFIRMED, LEASE},
        {LIFETIME_REPLAY, true, LIFETIME_DORMANT, HELD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lifetime l = ENDED(GONE, WAITS, .reading = 9);
        struct lifetime_facts facts = {.now = NOW,
                                       .reading = FIVE,
                                       .client_is_offline = cases[i].offline,
                                       .retention = RETENTION_UNKNOWN,
                                       .lease_until = LEASE};
        lifetime_begin(&l, cases[i].input, &facts);
        ck_assert_int_eq(l.state, cases[i].state);
        ck_assert_int_eq(l.retention, RETENTION_UNKNOWN);
        ck_assert_int_eq(lifetime_deadline(&l), cases[i].deadline);
        ck_assert_int_eq(l.lease_until, LEASE);
        ck_assert_uint_eq(l.reading, FIVE);
        ck_assert_uint_eq(l.round_trip, 0);
    }
}
END_TEST

START_TEST(ends_by_policy)
{
    static const struct lifetime given[] = {CONFIRMED(), UNCONFIRMED(), DORMANT(),
                                            LEAVING(GONE, WAITS)};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        for (int retention = RETENTION_NONE; retention <= RETENTION_RETAINED; retention++) {
            struct lifetime l = given[i];
            l.retention = (enum retention)retention;
            lifetime_end(&l, STATUS_REPLACED_BY_POLICY, NOW);
            ck_assert_int_eq(l.state, LIFETIME_ENDED);
            ck_assert_int_eq(l.reason, STATUS_REPLACED_BY_POLICY);
            ck_assert_int_eq(lifetime_deadline(&l),
                             retention == RETENTION_NONE ? NO_TIME : CLEARED);
        }
}
END_TEST

START_TEST(names_of_states)
{
    static const char *const names[LIFETIME_STATES] = {"confirmed", "unconfirmed", "dormant",
                                                       "leaving", "ended"};
    for (int s = 0; s < LIFETIME_STATES; s++)
        ck_assert_str_eq(lifetime_state_name((enum lifetime_state)s), names[s]);
}
END_TEST

/* ---- One after the other ---- */

static struct lifetime life;
static struct lifetime_facts facts;

static void begin(enum lifetime_input input, enum retention retention)
{
    facts = (struct lifetime_facts){
        .now = NOW, .reading = FIVE, .retention = retention, .lease_until = NO_TIME};
    lifetime_begin(&life, input, &facts);
}

/* After so many milliseconds more. */
static void take(int64_t after, enum lifetime_input input)
{
    facts.now += after;
    lifetime_take(&life, input, &facts);
}

static void take_trip(int64_t after, enum lifetime_input input, uint32_t number)
{
    facts.round_trip = number;
    take(after, input);
}

static void is(enum lifetime_state state)
{
    ck_assert_msg(life.state == state, "is %s, not %s", lifetime_state_name(life.state),
                  lifetime_state_name(state));
}

static void has_ended(enum status_reason reason)
{
    is(LIFETIME_ENDED);
    ck_assert_int_eq(life.reason, reason);
}

START_TEST(offline_then_online)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_OFFLINE, 1);
    take_trip(10, LIFETIME_ROUND_TRIP, 1);
    take(400, LIFETIME_ONLINE);
    take(60000, LIFETIME_TIMER);
    is(LIFETIME_CONFIRMED);
}
END_TEST

START_TEST(offline_answered_in_time)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_OFFLINE, 1);
    take_trip(10, LIFETIME_ROUND_TRIP, 1);
    take(LIFETIME_OFFLINE_MS - 11, LIFETIME_TIMER);
    is(LIFETIME_LEAVING);
    take(1, LIFETIME_TIMER);
    has_ended(STATUS_CLIENT_OFFLINE);
}
END_TEST

/* No timer ends it; the answer does, however late. */
START_TEST(offline_answered_late)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_OFFLINE, 1);
    take(10000, LIFETIME_TIMER);
    is(LIFETIME_LEAVING);
    take_trip(0, LIFETIME_ROUND_TRIP, 1);
    has_ended(STATUS_CLIENT_OFFLINE);
}
END_TEST

START_TEST(renewed_after_offline)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_OFFLINE, 1);
    take(100, LIFETIME_REQUEST);
    take_trip(10, LIFETIME_ROUND_TRIP, 1);
    take(60000, LIFETIME_TIMER);
    is(LIFETIME_CONFIRMED);
    take_trip(0, LIFETIME_OFFLINE, 2);
    take_trip(LIFETIME_OFFLINE_MS, LIFETIME_ROUND_TRIP, 2);
    has_ended(STATUS_CLIENT_OFFLINE);
}
END_TEST

/* A second offline waits for its own answer, not for that of the first. */
START_TEST(offline_twice)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_OFFLINE, 1);
    take_trip(400, LIFETIME_OFFLINE, 2);
    take_trip(100, LIFETIME_ROUND_TRIP, 1);
    take(1000, LIFETIME_TIMER);
    is(LIFETIME_LEAVING);
    take_trip(0, LIFETIME_ROUND_TRIP, 2);
    has_ended(STATUS_CLIENT_OFFLINE);
}
END_TEST

START_TEST(empty_as_a_will)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_EMPTY, 1);
    take(60000, LIFETIME_TIMER); /* the broker saves what it has */
    take(0, LIFETIME_RECONNECTED);
    is(LIFETIME_UNCONFIRMED);
    take(1000, LIFETIME_ONLINE);
    is(LIFETIME_CONFIRMED);
    take_trip(0, LIFETIME_ROUND_TRIP, 1); /* that was never lost after all */
    take(60000, LIFETIME_TIMER);
    is(LIFETIME_CONFIRMED);
}
END_TEST

START_TEST(empty_as_a_will_and_nobody_comes_back)
{
    begin(LIFETIME_REQUEST, RETENTION_NONE);
    take_trip(0, LIFETIME_EMPTY, 1);
    take(0, LIFETIME_RECONNECTED);
    take(LIFETIME_HOLD_MS - 1, LIFETIME_TIMER);
    is(LIFETIME_UNCONFIRMED);
    take(1, LIFETIME_TIMER);
    has_ended(STATUS_REQUESTED);
}
END_TEST

/* Its connection was lost before the broker had answered: its client alone does not bring it back. */
START_TEST(taken_back_before_a_lost_connection)
{
    begin(LIFETIME_REQUEST, RETENTION_RETAINED);
    facts.retention = RETENTION_RETAINED;
    take_trip(0, LIFETIME_EMPTY, 1);
    facts.reading++;
    take(100, LIFETIME_RECONNECTED);
    take(100, LIFETIME_ONLINE);
    is(LIFETIME_UNCONFIRMED);
    take(LIFETIME_HOLD_MS, LIFETIME_TIMER);
    has_ended(STATUS_REQUESTED);
}
END_TEST

/* A will that is retained, and a broker that comes back with it. */
START_TEST(offline_and_a_replay_after_a_restart_of_the_broker)
{
    begin(LIFETIME_REQUEST, RETENTION_RETAINED);
    take_trip(0, LIFETIME_OFFLINE, 1);
    facts.reading++;
    take(0, LIFETIME_RECONNECTED);
    facts.client_is_offline = true;
    take(0, LIFETIME_OFFLINE);
    take(0, LIFETIME_REPLAY);
    is(LIFETIME_UNCONFIRMED);
    facts.client_is_offline = false;
    take(LIFETIME_HOLD_MS - 1, LIFETIME_ONLINE);
    is(LIFETIME_CONFIRMED);
}
END_TEST

START_TEST(dormant_until_its_client_is_back)
{
    begin(LIFETIME_REPLAY, RETENTION_RETAINED);
    is(LIFETIME_CONFIRMED);
    facts.client_is_offline = true;
    lifetime_begin(&life, LIFETIME_REPLAY, &facts);
    is(LIFETIME_DORMANT);
    take(10000, LIFETIME_RECONNECTED); /* the time begins anew */
    take(LIFETIME_HOLD_MS - 1, LIFETIME_TIMER);
    is(LIFETIME_DORMANT);
    facts.client_is_offline = false;
    take(0, LIFETIME_ONLINE);
    is(LIFETIME_CONFIRMED);
}
END_TEST

/* Behind a burst: what a reading does not find is gone; what came while it went on is not. */
START_TEST(reading_after_a_burst)
{
    begin(LIFETIME_REQUEST, RETENTION_RETAINED);
    struct lifetime other = life;
    facts.reading = FIVE + 1; /* a reading begins */
    take(0, LIFETIME_REPLAY);
    is(LIFETIME_CONFIRMED);
    take_trip(10, LIFETIME_ROUND_TRIP, 3);
    is(LIFETIME_CONFIRMED);
    life = other;
    take_trip(10, LIFETIME_ROUND_TRIP, 4);
    has_ended(STATUS_REQUESTED);
    ck_assert_int_eq(lifetime_deadline(&life), NO_TIME); /* there is nothing to clear */
}
END_TEST

/* What has ended once does not come back by any input. */
START_TEST(ended_is_for_good)
{
    for (int first = 0; first < LIFETIME_INPUTS; first++)
        for (int second = 0; second < LIFETIME_INPUTS; second++) {
            begin(LIFETIME_REQUEST, RETENTION_RETAINED);
            lifetime_end(&life, STATUS_REPLACED_BY_POLICY, NOW);
            take_trip(1000, (enum lifetime_input)first, 9);
            take_trip(1000, (enum lifetime_input)second, 9);
            has_ended(STATUS_REPLACED_BY_POLICY);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifetime");
    TCase *table = tcase_create("table"), *life_of_one = tcase_create("one");
    tcase_add_loop_test(table, a_row, 0, ROWS);
    tcase_add_test(table, no_pair_is_missing);
    suite_add_tcase(suite, table);
    tcase_add_test(life_of_one, begins);
    tcase_add_test(life_of_one, ends_by_policy);
    tcase_add_test(life_of_one, names_of_states);
    tcase_add_test(life_of_one, offline_then_online);
    tcase_add_test(life_of_one, offline_answered_in_time);
    tcase_add_test(life_of_one, offline_answered_late);
    tcase_add_test(life_of_one, renewed_after_offline);
    tcase_add_test(life_of_one, offline_twice);
    tcase_add_test(life_of_one, empty_as_a_will);
    tcase_add_test(life_of_one, empty_as_a_will_and_nobody_comes_back);
    tcase_add_test(life_of_one, taken_back_before_a_lost_connection);
    tcase_add_test(life_of_one, offline_and_a_replay_after_a_restart_of_the_broker);
    tcase_add_test(life_of_one, dormant_until_its_client_is_back);
    tcase_add_test(life_of_one, reading_after_a_burst);
    tcase_add_test(life_of_one, ended_is_for_good);
    suite_add_tcase(suite, life_of_one);
    return run_suite(suite);
}
