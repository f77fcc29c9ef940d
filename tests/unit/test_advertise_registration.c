/* SPDX-License-Identifier: MIT */
/* What Avahi is asked for: numbers, replacements, TXT data in place, and events that come late. */
#include "advertise_fixture.h"

#define TXT(port, text) REQUEST("Web app", port, ",\"txt\":{\"a\":\"" text "\"}")

/* web/app is established as number 1, and number 2 is to take its place. */
static void replace(void)
{
    establish();
    request("web/app", OTHER);
    EXPECT("register 2 for 1 Other", "web/app/status pending");
}

/* ---- Replacements ---- */

START_TEST(the_new_one_takes_over)
{
    replace();
    ck_assert_int_eq(registered_count(), 2);
    pending(2, "Other");
    EXPECT_NOTHING();
    established(2, "Other");
    EXPECT("withdraw 1", "web/app/status established");
    ck_assert_str_eq(last_status.name, "Other");
    ck_assert_str_eq(owner("Other"), "web/app");
    ck_assert_ptr_null(owner("Web app"));
    ck_assert_uint_eq(counters().advertisements, 1);
    ck_assert_uint_eq(counters().established, 1);
}
END_TEST

START_TEST(the_new_one_fails)
{
    replace();
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(last_status.kept);
    ck_assert_uint_eq(last_status.port, 8080);
    ck_assert_str_eq(owner("Web app"), "web/app");
    ck_assert_int_eq(registered_count(), 1);
    /* It is asked for again, and succeeds. */
    request("web/app", OTHER);
    EXPECT("register 3 for 1 Other", "web/app/status pending");
    established(3, "Other");
    EXPECT("withdraw 1", "web/app/status established");
}
END_TEST

START_TEST(a_third_one)
{
    replace();
    request("web/app", THIRD);
    EXPECT("withdraw 2", "register 3 for 1 Third", "web/app/status pending");
    ck_assert_ptr_null(owner("Other"));
    established(3, "Third");
    EXPECT("withdraw 1", "web/app/status established");
    ck_assert_int_eq(registered_count(), 1);
}
END_TEST

/* However fast they come: never more than two at a time, each but the last withdrawn. */
START_TEST(many)
{
    char payload[128];
    establish();
    for (int i = 0; i < 100; i++) {
        snprintf(payload, sizeof payload,
                 "{\"name\":\"Many %d\",\"type\":\"_http._tcp\",\"port\":%d}", i % 7, 100 + i);
        request("web/app", payload);
        if (i % 3 == 0)
            run_all();
        ck_assert_int_le(registered_count(), 2);
    }
    forget_events();
    ck_assert_int_eq(registered_count(), 2);
    established(last_number, "Many 1");
    forget_events();
    ck_assert_int_eq(registered_count(), 1);
    ck_assert_uint_eq(registrations[last_number].request.port, 199);
}
END_TEST

START_TEST(back_to_what_stands)
{
    replace();
    request("web/app", WEB);
    EXPECT("withdraw 2", "web/app/status established");
    ck_assert_str_eq(last_status.name, "Web app");
}
END_TEST

START_TEST(back_to_what_stands_with_other_txt)
{
    replace();
    request("web/app", TXT(8080, "1"));
    EXPECT("withdraw 2", "update 1.1 Web app", "web/app/status pending");
    established(1, "Web app");
    EXPECT("web/app/status established");
}
END_TEST

START_TEST(the_replacement_again)
{
    replace();
    request("web/app", OTHER);
    EXPECT_NOTHING();
    request("web/app", REQUEST("Other", 81, ",\"transaction\":\"x\""));
    EXPECT("web/app/status pending");
    ck_assert_str_eq(last_status.transaction, "x");
}
END_TEST

/* "Web app #2" does not become "Web app" by another port, but by another name. */
START_TEST(the_name_that_it_has)
{
    request("web/app", WEB);
    run_all();
    established(1, "Web app #2");
    forget_events();
    request("web/app", REQUEST("Web app", 9090, ""));
    EXPECT("register 2 for 1 Web app #2", "web/app/status pending");
    ck_assert_str_eq(last_status.name, "Web app #2");
    established(2, "Web app #2");
    EXPECT("withdraw 1", "web/app/status established");
    request("web/app", REQUEST("Web app", 9090, ",\"rename\":false"));
    EXPECT("register 3 for 2 Web app", "web/app/status pending");
    established(3, "Web app");
    forget_events();
    request("web/app", OTHER);
    EXPECT("register 4 for 3 Other", "web/app/status pending");
}
END_TEST

/* What is to be replaced makes way, or goes. */
START_TEST(what_is_replaced_is_pending)
{
    replace();
    pending(1, "Web app");
    EXPECT_NOTHING();
    failed(2, REGISTRATION_REFUSED);
    EXPECT("web/app/status failed avahi");
    ck_assert(last_status.kept);
    established(1, "Web app");
    EXPECT_NOTHING();
}
END_TEST

START_TEST(what_is_replaced_fails)
{
    replace();
    failed(1, REGISTRATION_CONFLICT);
    EXPECT_NOTHING(); /* that was not asked about */
    failed(2, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    ck_assert(!last_status.kept);
    ck_assert_int_eq(registered_count(), 0);
}
END_TEST

START_TEST(what_is_replaced_fails_and_the_new_one_does_not)
{
    replace();
    failed(1, REGISTRATION_CONFLICT);
    EXPECT_NOTHING();
    established(2, "Other");
    EXPECT("web/app/status established");
    /* And the next one replaces that. */
    request("web/app", THIRD);
    EXPECT("register 3 for 2 Third", "web/app/status pending");
}
END_TEST

START_TEST(both_end_with_the_advertisement)
{
    replace();
    request("web/app", "");
    EXPECT("withdraw 2", "withdraw 1", "web/app/status withdrawn unretained requested",
           "clear web/app/status");
    ck_assert_int_eq(registered_count(), 0);
}
END_TEST

START_TEST(no_room_for_the_replacement)
{
    static const int errors[] = {-EAGAIN, -ENOMEM};
    establish();
    avahi_error = errors[_i];
    request("web/app", OTHER);
    EXPECT("web/app/status pending");
    ck_assert_int_le(next_run, now + 50);
    request("web/app", THIRD);
    EXPECT("web/app/status pending");
    avahi_error = 0;
    EXPECT("register 3 for 1 Third"); /* the one before was never asked for */
    avahi_error = errors[_i];
    established(3, "Third");
    EXPECT("web/app/status established");
    ck_assert(registrations[1].there);
    avahi_error = 0;
    EXPECT("withdraw 1");
    EXPECT_NOTHING();
}
END_TEST

/* ---- TXT data ---- */

START_TEST(txt_in_place)
{
    establish();
    request("web/app", TXT(8080, "1"));
    EXPECT("update 1.1 Web app", "web/app/status pending");
    request("web/app", TXT(8080, "2"));
    EXPECT("update 1.2 Web app");
    hear(1, 1, REGISTRATION_ESTABLISHED, "Web app");
    EXPECT_NOTHING(); /* that is what was asked for before */
    hear(1, 2, REGISTRATION_ESTABLISHED, "Web app");
    EXPECT("web/app/status established");
    request("web/app", TXT(8080, "2"));
    EXPECT_NOTHING();
}
END_TEST

START_TEST(txt_coalesces)
{
    establish();
    avahi_error = -EAGAIN;
    request("web/app", TXT(8080, "1"));
    request("web/app", TXT(8080, "2"));
    EXPECT("web/app/status pending");
    request("web/app", TXT(8080, "3"));
    EXPECT_NOTHING();
    avahi_error = 0;
    EXPECT("update 1.3 Web app");
    ck_assert_mem_eq(registrations[1].request.txt, "\3a=3", 4);
    established(1, "Web app");
    EXPECT("web/app/status established");
}
END_TEST

START_TEST(txt_before_it_is_asked_for)
{
    avahi_error = -EAGAIN;
    request("web/app", WEB);
    request("web/app", TXT(8080, "1"));
    run_all();
    event_count = 0;
    avahi_error = 0;
    EXPECT("register 1 Web app");
    ck_assert_mem_eq(registrations[1].request.txt, "\3a=1", 4);
    established(1, "Web app");
    EXPECT("web/app/status established");
}
END_TEST

START_TEST(txt_before_it_is_established)
{
    request("web/app", WEB);
    EXPECT("register 1 Web app", "web/app/status pending");
    request("web/app", TXT(8080, "1"));
    EXPECT("update 1.1 Web app");
    hear(1, 0, REGISTRATION_ESTABLISHED, "Web app");
    EXPECT_NOTHING();
    hear(1, 1, REGISTRATION_ESTABLISHED, "Web app");
    EXPECT("web/app/status established");
}
END_TEST

/* It takes over when it is established with whatever data; the status waits for the right ones. */
START_TEST(txt_of_a_replacement)
{
    replace();
    request("web/app", REQUEST("Other", 81, ",\"txt\":{\"a\":\"1\"}"));
    EXPECT("update 2.1 Other");
    hear(2, 0, REGISTRATION_ESTABLISHED, "Other");
    EXPECT("withdraw 1");
    hear(2, 1, REGISTRATION_ESTABLISHED, "Other");
    EXPECT("web/app/status established");
}
END_TEST

/* Avahi refused them, and registers anew. */
START_TEST(txt_that_is_registered_anew)
{
    establish();
    request("web/app", TXT(8080, "1"));
    EXPECT("update 1.1 Web app", "web/app/status pending");
    pending(1, "Web app");
    EXPECT_NOTHING();
    failed(1, REGISTRATION_REFUSED);
    EXPECT("web/app/status failed avahi");
    ck_assert(!last_status.kept);
}
END_TEST

START_TEST(other_attributes_and_another_port)
{
    establish();
    request("web/app", TXT(9090, "1"));
    EXPECT("register 2 for 1 Web app", "web/app/status pending");
    ck_assert_mem_eq(registrations[2].request.txt, "\3a=1", 4);
}
END_TEST

/* ---- Events that come late ---- */

static void hear_all(uint32_t number)
{
    static const char *const names[] = {"Web app", "Web app #2", "Other"};
    for (int state = REGISTRATION_PENDING; state <= REGISTRATION_FAILED; state++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            for (uint32_t revision = 0; revision < 2; revision++) {
                hear(number, revision, (enum registration_state)state, names[i]);
                EXPECT_NOTHING();
            }
}

START_TEST(events_of_what_was_withdrawn)
{
    replace();
    request("web/app", THIRD);
    EXPECT("withdraw 2", "register 3 for 1 Third", "web/app/status pending");
    hear_all(2);
    established(3, "Third");
    EXPECT("withdraw 1", "web/app/status established");
    hear_all(1);
    hear_all(2);
    ck_assert_str_eq(owner("Third"), "web/app");
    ck_assert_ptr_null(owner("Web app"));
}
END_TEST

/* Also where there was no room yet to withdraw it. */
START_TEST(events_of_what_is_to_be_withdrawn)
{
    replace();
    avahi_error = -EAGAIN;
    request("web/app", WEB);
    EXPECT("web/app/status established");
    hear_all(2);
    avahi_error = 0;
    EXPECT("withdraw 2");
    hear_all(2);
}
END_TEST

START_TEST(events_of_what_has_ended)
{
    establish();
    request("web/two", OTHER);
    forget_events();
    broker_has_room = false; /* so that its last word is still to be said */
    request("web/app", "");
    EXPECT("withdraw 1");
    hear_all(1);
    broker_has_room = true;
    EXPECT("web/app/status withdrawn unretained requested", "clear web/app/status");
    ck_assert_str_eq(last_status.name, "Web app");
    hear_all(1);
    ck_assert_ptr_null(owner("Web app"));
    now += 250;
    EXPECT("clear web/app");
    hear_all(1);
    ck_assert_uint_eq(counters().advertisements, 1);
    ck_assert_int_eq(registered_count(), 1);
    /* Nor does a restart of Avahi bring it back. */
    avahi(MDNS_DOWN);
    avahi(MDNS_UP);
    EXPECT("register 2 Other");
}
END_TEST

START_TEST(events_of_what_failed)
{
    establish();
    failed(1, REGISTRATION_CONFLICT);
    EXPECT("web/app/status failed conflict");
    hear_all(1);
}
END_TEST

START_TEST(events_of_nobody)
{
    establish();
    hear_all(0);
    hear_all(77);
    hear_all(UINT32_MAX);
}
END_TEST

/* ---- Avahi is away ---- */

/* What both had is registered again: what stood first, and what is to replace it, for that number. */
START_TEST(a_replacement_across_a_restart)
{
    replace();
    avahi(MDNS_DOWN);
    EXPECT_NOTHING(); /* it was pending before */
    avahi(MDNS_UP);
    EXPECT("register 1 Web app", "register 2 for 1 Other");
    established(1, "Web app");
    established(2, "Other");
    EXPECT("withdraw 1", "web/app/status established");
}
END_TEST

/* Nothing is withdrawn of what stands for nothing. */
START_TEST(withdrawn_while_avahi_is_away)
{
    replace();
    avahi(MDNS_DOWN);
    request("web/app", "");
    EXPECT("web/app/status withdrawn unretained requested", "clear web/app/status");
    avahi(MDNS_UP);
    EXPECT_NOTHING();
    ck_assert_int_eq(registered_count(), 0);
}
END_TEST

START_TEST(withdrawals_that_were_left_when_avahi_went)
{
    establish();
    avahi_error = -EAGAIN;
    request("web/app", "");
    EXPECT("web/app/status withdrawn unretained requested", "clear web/app/status");
    avahi(MDNS_DOWN);
    avahi_error = 0;
    EXPECT_NOTHING();
    avahi(MDNS_UP);
    EXPECT_NOTHING();
}
END_TEST

/* All in one turn: what is asked for is what was there at the end. */
START_TEST(replaced_while_avahi_is_away)
{
    establish();
    avahi(MDNS_DOWN);
    request("web/app", OTHER);
    request("web/app", THIRD);
    avahi(MDNS_UP);
    EXPECT("register 1 Web app", "register 3 for 1 Third", "web/app/status pending");
}
END_TEST

/* TXT data that changed meanwhile come with the registration; so do those that Avahi had not got yet. */
START_TEST(txt_while_avahi_is_away)
{
    establish();
    request("web/app", TXT(8080, "1"));
    EXPECT("update 1.1 Web app", "web/app/status pending");
    avahi(MDNS_DOWN);
    request("web/app", TXT(8080, "2"));
    EXPECT_NOTHING();
    avahi(MDNS_UP);
    EXPECT("register 1 Web app");
    ck_assert_mem_eq(registrations[1].request.txt, "\3a=2", 4);
    established(1, "Web app");
    EXPECT("web/app/status established");
    request("web/app", TXT(8080, "3"));
    EXPECT("update 1.1 Web app", "web/app/status pending");
}
END_TEST

/* Its own name may be free again, and is tried first; but who never had one keeps to what it tried. */
START_TEST(names_after_a_restart)
{
    request("web/app", WEB);
    request("web/two", WEB);
    run_all();
    established(1, "Web app #2");
    pending(2, "Web app #3");
    forget_events();
    avahi(MDNS_DOWN);
    avahi(MDNS_UP);
    EXPECT("register 1 Web app", "register 2 Web app #3", "web/app/status pending");
}
END_TEST

/* A rank is of a name: a replacement of the same name keeps it, and so do other TXT data. */
START_TEST(ranks_of_names)
{
    establish();
    request("web/two", OTHER);
    run_all();
    established(2, "Other");
    request("web/app", REQUEST("Web app", 9090, ""));
    run_all();
    established(3, "Web app");
    request("web/app", TXT(9090, "1"));
    run_all();
    established(3, "Web app");
    forget_events();
    avahi(MDNS_DOWN);
    forget_events();
    avahi(MDNS_UP);
    EXPECT("register 3 Web app", "register 2 Other");
    /* Not so one that lost its name, and got another one. */
    established(3, "Web app");
    established(2, "Other");
    pending(3, "Web app #2");
    established(3, "Web app #2");
    avahi(MDNS_DOWN);
    forget_events();
    avahi(MDNS_UP);
    EXPECT("register 2 Other", "register 3 Web app");
}
END_TEST

/* An advertisement that is dormant is not asked for, whatever Avahi does. */
START_TEST(dormant_across_a_restart)
{
    presence("web", "offline");
    replay("web/app", WEB);
    EXPECT("web/app/status pending");
    avahi(MDNS_DOWN);
    avahi(MDNS_UP);
    EXPECT_NOTHING();
    presence("web", "online");
    EXPECT("register 1 Web app");
}
END_TEST

/* Who looks at services is told of each name that came or went. */
START_TEST(renamed)
{
    request("web/app", WEB);
    run_all();
    int before = renamed_count;
    established(1, "Web app #2");
    ck_assert_int_ge(renamed_count, before + 2); /* of the one, and of the other */
    before = renamed_count;
    request("web/app", "");
    run_all();
    ck_assert_int_gt(renamed_count, before);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, the_new_one_takes_over);
    tcase_add_test(tcase, the_new_one_fails);
    tcase_add_test(tcase, a_third_one);
    tcase_add_test(tcase, many);
    tcase_add_test(tcase, back_to_what_stands);
    tcase_add_test(tcase, back_to_what_stands_with_other_txt);
    tcase_add_test(tcase, the_replacement_again);
    tcase_add_test(tcase, the_name_that_it_has);
    tcase_add_test(tcase, what_is_replaced_is_pending);
    tcase_add_test(tcase, what_is_replaced_fails);
    tcase_add_test(tcase, what_is_replaced_fails_and_the_new_one_does_not);
    tcase_add_test(tcase, both_end_with_the_advertisement);
    tcase_add_loop_test(tcase, no_room_for_the_replacement, 0, 2);
    tcase_add_test(tcase, txt_in_place);
    tcase_add_test(tcase, txt_coalesces);
    tcase_add_test(tcase, txt_before_it_is_asked_for);
    tcase_add_test(tcase, txt_before_it_is_established);
    tcase_add_test(tcase, txt_of_a_replacement);
    tcase_add_test(tcase, txt_that_is_registered_anew);
    tcase_add_test(tcase, other_attributes_and_another_port);
    tcase_add_test(tcase, events_of_what_was_withdrawn);
    tcase_add_test(tcase, events_of_what_is_to_be_withdrawn);
    tcase_add_test(tcase, events_of_what_has_ended);
    tcase_add_test(tcase, events_of_what_failed);
    tcase_add_test(tcase, events_of_nobody);
    tcase_add_test(tcase, a_replacement_across_a_restart);
    tcase_add_test(tcase, withdrawn_while_avahi_is_away);
    tcase_add_test(tcase, withdrawals_that_were_left_when_avahi_went);
    tcase_add_test(tcase, replaced_while_avahi_is_away);
    tcase_add_test(tcase, txt_while_avahi_is_away);
    tcase_add_test(tcase, names_after_a_restart);
    tcase_add_test(tcase, ranks_of_names);
    tcase_add_test(tcase, dormant_across_a_restart);
    tcase_add_test(tcase, renamed);
}

int main(void)
{
    return run("advertise_registration", add_tests);
}
