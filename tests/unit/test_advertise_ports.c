/* SPDX-License-Identifier: MIT */
/* The port check, with ports and users of its own in place of the host's. The thread that asks for users is the real one. */
#include "advertise_fixture.h"

#include <stdatomic.h>
#include <unistd.h>

#include "port_owner.h"
#include "ports.h"

enum { WEBS_UID = 1601, OTHERS_UID = 1602, PATIENCE_MS = 10000 };

/* ---- In place of bridge/ports/ports.h: each port is as it is said to be, and belongs to whom it is said to ---- */

struct ports {
    int snapshots;
};

static struct ports the_ports;
static enum port_state states[UINT16_MAX + 1]; /* PORT_OK where nobody says */
static uint32_t uids[UINT16_MAX + 1];

struct ports *ports_new(void)
{
    return &the_ports;
}

void ports_free(struct ports *ports)
{
    (void)ports;
}

int ports_refresh(struct ports *ports)
{
    ports->snapshots++;
    return 0;
}

enum port_state ports_state(const struct ports *ports, bool udp, uint16_t port,
                            const struct port_owner *allowed, uint32_t *uid_found)
{
    (void)ports, (void)udp;
    if (states[port] != PORT_OK || !allowed || port_owner_has(allowed, uids[port]) ||
        allowed->incomplete)
        return states[port];
    *uid_found = uids[port];
    return PORT_FOREIGN_OWNER;
}

const char *port_state_code(enum port_state state)
{
    static const char *const codes[PORT_STATES] = {
        [PORT_UNPUBLISHED] = "port-unpublished",
        [PORT_LOOPBACK_ONLY] = "port-loopback-only",
        [PORT_FOREIGN_OWNER] = "port-foreign-owner",
    };
    return codes[state];
}

void port_state_message(enum port_state state, bool udp, uint16_t port, uint32_t uid, char *text,
                        size_t size)
{
    snprintf(text, size, "%s %s/%u of %u", port_state_code(state), udp ? "udp" : "tcp", port, uid);
}

/* ---- In place of bridge/ports/port_owner.h ---- */

static atomic_bool hangs;
static atomic_int lookups;

int port_owner_lookup(const char *user, struct port_owner *owner)
{
    lookups++;
    while (hangs)
        usleep(1000);
    if (strcmp(user, "web") == 0)
        *owner = (struct port_owner){.uid = WEBS_UID};
    else if (strcmp(user, "other") == 0)
        *owner = (struct port_owner){.uid = OTHERS_UID};
    else
        return -ENOENT;
    return 0;
}

bool port_owner_has(const struct port_owner *owner, uint32_t uid)
{
    return owner->uid == uid;
}

/* ---- ---- */

/* The thread has answered. */
static void hear_users(void)
{
    struct pollfd fd = {.fd = advertise_fd(advertise), .events = POLLIN};
    hangs = false;
    ck_assert_int_eq(poll(&fd, 1, PATIENCE_MS), 1);
    advertise_dispatch(advertise, now);
}

static bool has_answers(void)
{
    struct pollfd fd = {.fd = advertise_fd(advertise), .events = POLLIN};
    return poll(&fd, 1, 0) != 0;
}

static void has_warning(enum status_warning_code code)
{
    ck_assert_uint_eq(last_status.warning_count, 1);
    ck_assert_int_eq(last_status.warnings[0].code, code);
}

/* As it is on a host where they all belong to the client. */
static void set_up_ports(const char *port_check)
{
    for (int i = 0; i <= UINT16_MAX; i++)
        uids[i] = WEBS_UID;
    reconfigure("port-check", port_check);
    hangs = false;
}

static void establish_with(const char *port_check)
{
    set_up_ports(port_check);
    request("web/app", WEB);
    hear_users();
    run_all();
    established(1, "Web app");
    run_all();
    ck_assert_int_eq(last_status.state, STATUS_ESTABLISHED);
    ck_assert_uint_eq(last_status.warning_count, 0);
    event_count = 0;
}

/* The next time that ports are looked at. */
static void next_look(void)
{
    now += 5000;
}

/* ---- Whose it is ---- */

static const char *const checks[] = {"warn", "enforce"};

/* Nothing is registered before it is known; however often something else is done meanwhile. */
START_TEST(held_until_the_user_is_known)
{
    set_up_ports(checks[_i]);
    hangs = true;
    request("web/app", WEB);
    EXPECT("web/app/status pending");
    for (int i = 0; i < 10; i++) {
        now += 100;
        EXPECT_NOTHING();
    }
    ck_assert(!has_answers());
    hear_users();
    EXPECT("register 1 Web app");
    /* The next one of this client does not wait. */
    hangs = true;
    request("web/two", OTHER);
    EXPECT("register 2 Other", "web/two/status pending");
}
END_TEST

START_TEST(the_port_of_somebody_else)
{
    set_up_ports("enforce");
    hangs = true;
    uids[8080] = 4711;
    request("web/app", WEB);
    EXPECT("web/app/status pending");
    hear_users();
    EXPECT("web/app/status failed denied");
    ck_assert_str_eq(last_status.error.key, "port");
    ck_assert_uint_eq(last_number, 0);
    uids[8080] = WEBS_UID;
    next_look();
    EXPECT("register 2 Web app", "web/app/status pending"); /* the first number was never used */
}
END_TEST

START_TEST(a_warning_of_somebody_else)
{
    set_up_ports("warn");
    hangs = true;
    uids[8080] = 4711;
    request("web/app", WEB);
    EXPECT("web/app/status pending");
    ck_assert_uint_eq(last_status.warning_count, 0);
    hear_users();
    EXPECT("register 1 Web app", "web/app/status pending");
    has_warning(STATUS_PORT_FOREIGN_OWNER);
}
END_TEST

/* A directory server that does not answer holds nobody up for good. */
START_TEST(nobody_answers)
{
    set_up_ports("enforce");
    hangs = true;
    request("web/app", WEB);
    EXPECT("web/app/status pending");
    now += 4999;
    EXPECT_NOTHING();
    next_look();
    run_all();
    next_look();
    EXPECT("register 1 Web app");
    established(1, "Web app");
    forget_events();
    next_look();
    EXPECT_NOTHING();
    hangs = false;
}
END_TEST

START_TEST(no_such_user)
{
    set_up_ports("enforce");
    request("nobody/app", WEB); /* whose port is another user's: there is no rule */
    hear_users();
    EXPECT("register 1 Web app", "nobody/app/status pending");
}
END_TEST

/* A user that is named, and does not exist, owns nothing. */
START_TEST(no_such_user_but_named)
{
    set_option("user", "none");
    set_up_ports("enforce");
    request("web/app", WEB);
    hear_users();
    EXPECT("web/app/status failed denied");
}
END_TEST

START_TEST(another_user_by_configuration)
{
    establish_with("enforce");
    reconfigure("user", "other");
    hear_users();
    next_look();
    EXPECT("withdraw 1", "web/app/status failed denied");
    ck_assert(!last_status.kept);
}
END_TEST

/* Users are asked for anew; what is on the network stays there meanwhile. */
START_TEST(what_stands_does_not_wait)
{
    establish_with("enforce");
    hangs = true;
    reconfigure("user", "other");
    next_look();
    EXPECT_NOTHING();
    request("web/app", REQUEST("Web app", 8080, ",\"transaction\":\"x\""));
    EXPECT("web/app/status established");
    uids[8080] = OTHERS_UID;
    hear_users();
    EXPECT_NOTHING();
}
END_TEST

START_TEST(withdrawn_while_it_waits)
{
    set_up_ports("enforce");
    hangs = true;
    request("web/app", WEB);
    request("web/app", "");
    EXPECT("web/app/status pending", "web/app/status withdrawn unretained requested",
           "clear web/app/status");
    hear_users();
    EXPECT_CLEARED_LATER("clear web/app");
    next_look();
    EXPECT_NOTHING();
    ck_assert_uint_eq(last_number, 0);
}
END_TEST

START_TEST(off_asks_nobody)
{
    request("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
    ck_assert_int_eq(lookups, 0);
    ck_assert(!has_answers());
}
END_TEST

/* ---- What listens ---- */

START_TEST(not_there_yet)
{
    establish_with("enforce");
    states[81] = PORT_UNPUBLISHED;
    request("web/two", OTHER);
    EXPECT("web/two/status failed denied");
    next_look();
    EXPECT_NOTHING();
    states[81] = PORT_OK;
    next_look();
    EXPECT("register 2 Other", "web/two/status pending");
}
END_TEST

/* While it is not known whose it has to be there is no warning; and one that was said is not taken back meanwhile. */
START_TEST(one_warning)
{
    set_up_ports("warn");
    hangs = true;
    states[8080] = PORT_UNPUBLISHED;
    request("web/app", WEB);
    EXPECT("web/app/status pending");
    ck_assert_uint_eq(last_status.warning_count, 0);
    now += 1;
    hear_users();
    run_all();
    ck_assert_uint_eq(last_status.warning_count, 0);
    now += 20;
    run_all();
    has_warning(STATUS_PORT_UNPUBLISHED);
    event_count = 0;
    now += 1;
    request("web/app", WEB);
    run_all();
    has_warning(STATUS_PORT_UNPUBLISHED);
    event_count = 0;
    request("web/two", OTHER);
    now += 1;
    reconfigure("port-check", "warn");
    run_all();
    for (int i = 0; i < event_count; i++)
        ck_assert_ptr_null(strstr(events[i], "web/app/status"));
}
END_TEST

/* Who listens may have begun since the snapshot: that is no reason to refuse. */
START_TEST(begun_since_the_snapshot)
{
    establish_with("enforce");
    now += 1000;
    request("web/two", REQUEST("Two", 82, "")); /* takes a snapshot */
    EXPECT("register 2 Two", "web/two/status pending");
    now += 10;
    states[81] = PORT_UNPUBLISHED;
    request("web/three", OTHER);
    EXPECT("web/three/status pending");
    ck_assert_int_le(next_run, now + 10);
    if (_i == 0)
        states[81] = PORT_OK;
    now += 10;
    if (_i == 0)
        EXPECT("register 3 Other");
    else
        EXPECT("web/three/status failed denied");
}
END_TEST

START_TEST(gone_and_back)
{
    establish_with("enforce");
    states[8080] = PORT_LOOPBACK_ONLY;
    next_look();
    EXPECT("withdraw 1", "web/app/status failed denied");
    ck_assert(!last_status.kept);
    states[8080] = PORT_OK;
    next_look();
    EXPECT("register 2 Web app", "web/app/status pending");
}
END_TEST

START_TEST(unknown_is_no_reason)
{
    establish_with("enforce");
    states[8080] = PORT_UNKNOWN;
    next_look();
    EXPECT_NOTHING();
}
END_TEST

START_TEST(warnings_come_and_go)
{
    establish_with("warn");
    states[8080] = PORT_UNPUBLISHED;
    next_look();
    EXPECT("web/app/status established");
    has_warning(STATUS_PORT_UNPUBLISHED);
    states[8080] = PORT_OK;
    next_look();
    EXPECT("web/app/status established");
    ck_assert_uint_eq(last_status.warning_count, 0);
}
END_TEST

/* What the replacement lacks is no fault of what stands. */
START_TEST(the_port_of_a_replacement_is_gone)
{
    establish_with("enforce");
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    states[81] = PORT_UNPUBLISHED;
    next_look();
    EXPECT("withdraw 2", "web/app/status failed denied");
    ck_assert(last_status.kept);
    ck_assert_str_eq(last_status.name, "Web app");
    states[81] = PORT_OK;
    next_look();
    EXPECT("register 3 for 1 Other", "web/app/status pending");
}
END_TEST

START_TEST(both_ports_are_gone)
{
    establish_with("enforce");
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    states[81] = states[8080] = PORT_UNPUBLISHED;
    next_look();
    EXPECT("withdraw 2", "withdraw 1", "web/app/status failed denied");
    ck_assert(!last_status.kept);
    ck_assert_str_eq(last_status.name, "Other"); /* the last request is what is tried again */
}
END_TEST

START_TEST(a_failed_replacement_takes_its_warning_along)
{
    establish_with("warn");
    states[81] = PORT_UNPUBLISHED;
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
    has_warning(STATUS_PORT_UNPUBLISHED);
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert_str_eq(last_status.name, "Web app");
    ck_assert_uint_eq(last_status.warning_count, 0);
}
END_TEST

/* A later request that nobody can read is no reason to give up what was accepted. */
START_TEST(gone_behind_a_refusal)
{
    establish_with("enforce");
    request("web/app", "{");
    EXPECT("web/app/status failed bad-json");
    states[8080] = PORT_UNPUBLISHED;
    next_look();
    EXPECT("withdraw 1", "web/app/status failed denied");
    states[8080] = PORT_OK;
    next_look();
    EXPECT("register 2 Web app", "web/app/status pending");
}
END_TEST

/* So many requests at once make one snapshot. */
START_TEST(a_flood_makes_no_flood_of_snapshots)
{
    char path[32];
    establish_with("enforce");
    now += 1000;
    int before = the_ports.snapshots;
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "web/%d", i);
        request(path, OTHER);
        run_all();
    }
    ck_assert_int_eq(the_ports.snapshots, before + 1);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, held_until_the_user_is_known, 0, 2);
    tcase_add_test(tcase, the_port_of_somebody_else);
    tcase_add_test(tcase, a_warning_of_somebody_else);
    tcase_add_test(tcase, nobody_answers);
    tcase_add_test(tcase, no_such_user);
    tcase_add_test(tcase, no_such_user_but_named);
    tcase_add_test(tcase, another_user_by_configuration);
    tcase_add_test(tcase, what_stands_does_not_wait);
    tcase_add_test(tcase, withdrawn_while_it_waits);
    tcase_add_test(tcase, off_asks_nobody);
    tcase_add_test(tcase, not_there_yet);
    tcase_add_test(tcase, one_warning);
    tcase_add_loop_test(tcase, begun_since_the_snapshot, 0, 2);
    tcase_add_test(tcase, gone_and_back);
    tcase_add_test(tcase, unknown_is_no_reason);
    tcase_add_test(tcase, warnings_come_and_go);
    tcase_add_test(tcase, the_port_of_a_replacement_is_gone);
    tcase_add_test(tcase, both_ports_are_gone);
    tcase_add_test(tcase, a_failed_replacement_takes_its_warning_along);
    tcase_add_test(tcase, gone_behind_a_refusal);
    tcase_add_test(tcase, a_flood_makes_no_flood_of_snapshots);
}

int main(void)
{
    return run("advertise_ports", add_tests);
}
