/* SPDX-License-Identifier: MIT */
/* The session: what it says of the bridge, and how it ends. */
#include "session_fixture.h"

#include <unistd.h>

static const char foreign[] =
    "{\"v\":1,\"state\":\"offline\",\"epoch\":1,\"version\":\"\",\"hostname\":\"\",\"avahi\":"
    "\"up\","
    "\"record_size\":4096,\"services\":0,\"advertised\":0,\"seq\":1,\"time\":1}";

static void deliver_foreign(int64_t at, bool retain)
{
    now = at;
    deliver(STATE, foreign, sizeof foreign - 1, retain);
}

START_TEST(a_foreign_state_is_put_right_after_five_seconds)
{
    go_online();
    turns(5000);
    states_published = 0;
    deliver_foreign(7000, false);
    ck_assert_int_eq(turn(7000), 12000);
    turns(11999);
    ck_assert_int_eq(states_published, 0);
    turns(12000);
    ck_assert_int_eq(states_published, 1);
    ck_assert_str_eq(state, "online");
    turns(20000);
    ck_assert_int_eq(states_published, 1);
}
END_TEST

START_TEST(who_says_it_again_and_again_does_not_prolong_that)
{
    go_online();
    states_published = 0;
    for (int64_t at = 1000; at < 6000; at += 1000) {
        deliver_foreign(at, false);
        turns(at);
    }
    ck_assert_int_eq(states_published, 0);
    turns(6000);
    ck_assert_int_eq(states_published, 1);
}
END_TEST

START_TEST(what_is_no_state_at_all_is_put_right_too)
{
    go_online();
    states_published = 0;
    now = 1000;
    deliver(STATE, "", 0, false);
    turns(6000);
    ck_assert_int_eq(states_published, 1);
}
END_TEST

/* It was there before the bridge's own, which is under way. */
START_TEST(a_retained_state_is_of_the_past)
{
    go_online();
    states_published = 0;
    deliver_foreign(1000, true);
    turns(20000);
    ck_assert_int_eq(states_published, 0);
}
END_TEST

START_TEST(our_own_state_behind_it_has_put_it_right)
{
    go_online();
    states_published = 0;
    deliver_foreign(1000, false);
    see("a", 80, 1500);
    turns(1500);
    ck_assert_int_eq(states_published, 1); /* a count */
    turns(20000);
    ck_assert_int_eq(states_published, 1);
}
END_TEST

static int warnings;

/* Stands for stderr: what is logged while it runs. */
static void count_warnings(void (*run)(void))
{
    char text[4096] = "";
    FILE *file = tmpfile();
    int saved = dup(2);
    ck_assert(file && saved >= 0);
    fflush(stderr);
    dup2(fileno(file), 2);
    log_set_level(LOG_LEVEL_WARNING);
    run();
    log_set_level(LOG_LEVEL_ERROR);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    warnings = 0;
    for (const char *at = text; (at = strstr(at, "two bridges")); at++)
        warnings++;
}

static void deliver_two_foreign(void)
{
    deliver_foreign(1000, false);
    turns(6000);
    deliver_foreign(10000, false);
    turns(15000);
}

static void deliver_own_will(void)
{
    char *text = cJSON_PrintUnformatted(will);
    now = 1000;
    deliver(STATE, text, strlen(text), false);
    turns(6000);
    free(text);
}

START_TEST(a_foreign_state_is_warned_of_once)
{
    go_online();
    count_warnings(deliver_two_foreign);
    ck_assert_int_eq(warnings, 1);
}
END_TEST

/* A broker that is shut down sends it before it hangs up. */
START_TEST(our_own_last_will_is_put_right_without_a_warning)
{
    go_online();
    states_published = 0;
    count_warnings(deliver_own_will);
    ck_assert_int_eq(warnings, 0);
    ck_assert_int_eq(states_published, 1);
    ck_assert_str_eq(state, "online");
}
END_TEST

START_TEST(counts_are_said_once_a_second_at_most)
{
    go_online();
    turns(10000);
    states_published = 0;
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        see(name, 80, 10000 + i * 50);
        turns(10000 + i * 50);
    }
    ck_assert_int_le(states_published, 3);
    ck_assert_int_ge(states_published, 2);
    turns(13500);
    ck_assert_int_eq(services_said, 50);
    int said = states_published;
    turns(20000);
    ck_assert_int_eq(states_published, said);
}
END_TEST

START_TEST(avahi_is_said_at_once)
{
    go_online();
    see("a", 80, 1000);
    turns(1000);
    ck_assert_str_eq(avahi_state, "up");
    ck_assert(session_avahi_is_up(session));
    states_published = 0;
    avahi(MDNS_DOWN, 1001);
    turn(1001);
    ck_assert_str_eq(avahi_state, "down");
    ck_assert_str_eq(state, "online");
    ck_assert(!session_avahi_is_up(session));
    avahi(MDNS_UP, 1002);
    turn(1002);
    ck_assert_str_eq(avahi_state, "up");
    ck_assert_int_eq(states_published, 2);
}
END_TEST

START_TEST(stats_come_in_their_interval)
{
    session_set_intervals(session, 30000, 60000, 0);
    go_online();
    int before = stats_published;
    see("a", 80, 1000);
    turns(59999);
    ck_assert_int_eq(stats_published, before);
    turns(60000);
    turns(60001);
    ck_assert_int_eq(stats_published, before + 1);
    see("b", 80, 61000); /* they differ anyway, by their uptime */
    turns(120000);
    ck_assert_int_eq(stats_published, before + 2);
}
END_TEST

START_TEST(the_last_will_carries_the_present_number_and_does_not_count)
{
    go_online();
    cJSON *online = cJSON_ParseWithLength((const char *)states[0], SIZE);
    disconnect();
    connect_at(1000);
    ck_assert_str_eq(cJSON_GetObjectItem(will, "state")->valuestring, "offline");
    double seq = cJSON_GetObjectItem(will, "seq")->valuedouble;
    ck_assert(cJSON_GetObjectItem(will, "epoch")->valuedouble ==
              cJSON_GetObjectItem(online, "epoch")->valuedouble);
    turn(1000);
    cJSON_Delete(online);
    online = cJSON_ParseWithLength((const char *)states[0], SIZE);
    ck_assert(cJSON_GetObjectItem(online, "seq")->valuedouble == seq + 1);
    cJSON_Delete(online);
}
END_TEST

START_TEST(what_a_consumer_would_miss_is_counted)
{
    for (int drops = 0; drops < 2; drops++) {
        drops_records = drops;
        if (drops)
            disconnect();
        connect_at(0);
        avahi(MDNS_UP, 0);
        avahi(MDNS_SETTLED, 0);
        see("a", 80, 0);
        see("b", 80, 0);
        turns(0);
        ck_assert(is_online());
        ck_assert_int_eq(readings_qos, 1);
        turns(2000);
        turns(2001);
        ck_assert_int_eq(stat_of("retained_missing"), drops ? 2 : 0);
        ck_assert_int_eq(service_messages, 2); /* it is not mended by that */
    }
}
END_TEST

START_TEST(it_has_ended_when_offline_is_taken)
{
    go_online();
    ck_assert(!session_said_goodbye(session));
    session_end(session);
    see("a", 80, 0);
    ck_assert(!session_has_ended(session) && !session_said_goodbye(session));
    turn(0);
    ck_assert_str_eq(state, "offline");
    ck_assert(session_has_ended(session) && session_said_goodbye(session));
    turns(10000);
    ck_assert_int_eq(service_messages, 0);
    ck_assert_str_eq(state, "offline");
}
END_TEST

/* The last will has to say it then. */
START_TEST(nobody_said_goodbye_where_offline_is_not_taken)
{
    go_online();
    refuses = true;
    session_end(session);
    turn(0);
    ck_assert(!session_said_goodbye(session));
    disconnect();
    ck_assert(session_has_ended(session) && !session_said_goodbye(session));
}
END_TEST

START_TEST(nobody_said_goodbye_where_nobody_is_connected)
{
    go_online();
    disconnect();
    session_end(session);
    turn(0);
    ck_assert(session_has_ended(session) && !session_said_goodbye(session));
    ck_assert_str_ne(state, "offline");
}
END_TEST

/* A broker that stands still has no room for services, but for that. */
START_TEST(offline_has_a_place_in_any_case)
{
    char name[16];
    go_online();
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        see(name, 80, 0);
    }
    session_run(session, &(struct mdns_counters){0}, 5000);
    ck_assert_int_lt(service_messages, 100);
    session_end(session);
    session_run(session, &(struct mdns_counters){0}, 5000);
    int offline = published - 1;
    ck_assert(!session_said_goodbye(session));
    while (acknowledged <= offline) {
        ck_assert(!session_has_ended(session));
        mirror_acknowledged(rooms.mirror, acknowledged++, false);
        session_run(session, &(struct mdns_counters){0}, 5000);
    }
    turns(5000);
    ck_assert_str_eq(state, "offline");
    ck_assert(session_has_ended(session) && session_said_goodbye(session));
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("session_state");
    TCase *tcase = add_case(suite, "state", setup);
    tcase_add_test(tcase, a_foreign_state_is_put_right_after_five_seconds);
    tcase_add_test(tcase, who_says_it_again_and_again_does_not_prolong_that);
    tcase_add_test(tcase, what_is_no_state_at_all_is_put_right_too);
    tcase_add_test(tcase, a_retained_state_is_of_the_past);
    tcase_add_test(tcase, our_own_state_behind_it_has_put_it_right);
    tcase_add_test(tcase, a_foreign_state_is_warned_of_once);
    tcase_add_test(tcase, our_own_last_will_is_put_right_without_a_warning);
    tcase_add_test(tcase, counts_are_said_once_a_second_at_most);
    tcase_add_test(tcase, avahi_is_said_at_once);
    tcase_add_test(tcase, stats_come_in_their_interval);
    tcase_add_test(tcase, the_last_will_carries_the_present_number_and_does_not_count);
    tcase_add_test(tcase, what_a_consumer_would_miss_is_counted);
    tcase_add_test(tcase, it_has_ended_when_offline_is_taken);
    tcase_add_test(tcase, nobody_said_goodbye_where_offline_is_not_taken);
    tcase_add_test(tcase, nobody_said_goodbye_where_nobody_is_connected);
    tcase_add_test(tcase, offline_has_a_place_in_any_case);
    return run_suite(suite);
}
