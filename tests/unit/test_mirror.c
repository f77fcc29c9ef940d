/* SPDX-License-Identifier: MIT */
/* The mirror: what is to be there, and its way to the broker. */
#include "mirror_fixture.h"

/* ---- What is to be there ---- */

START_TEST(a_record_comes_changes_and_goes)
{
    say(0, 80);
    ck_assert(!is_in_line());
    ck_assert_int_eq(count, 0);
    ck_assert_int_eq(run(), INT64_MAX);
    ck_assert_int_eq(count, 1);
    expect_message(0, "a/b/service/s0", true, 80);
    ck_assert(!is_in_line() && !mirror_is_acknowledged(mirror));
    acknowledge_all();
    ck_assert(is_in_line() && mirror_is_acknowledged(mirror));

    say(0, 81);
    run();
    ck_assert_int_eq(count, 2);
    expect_message(1, "a/b/service/s0", true, 81);
    acknowledge_all();

    retire(0);
    ck_assert_int_eq(things[0].released, 0);
    run();
    ck_assert_int_eq(count, 4);
    expect_message(2, "a/b/service/s0", false, 81);
    expect_empty(3, "a/b/service/s0");
    mirror_acknowledged(mirror, 2, false);
    ck_assert_int_eq(things[0].released, 0);
    ck_assert(!is_in_line());
    mirror_acknowledged(mirror, 3, false);
    ck_assert_int_eq(things[0].released, 1);
    ck_assert(is_in_line());
    expect_numbers_without_holes();

    struct mirror_counters counters;
    mirror_get_counters(mirror, &counters);
    ck_assert_uint_eq(counters.published, 2);
    ck_assert_uint_eq(counters.withdrawn, 1);
    ck_assert_uint_eq(counters.refused, 0);
}
END_TEST

START_TEST(each_folder_has_its_place)
{
    mirror_say(mirror, MIRROR_BRIDGE, "state", &things[0]);
    mirror_say(mirror, MIRROR_STATUSES, "c/i/status", &things[1]);
    mirror_say(mirror, MIRROR_ANSWERS, "c/j/status", &things[2]);
    ck_assert(mirror_clear(mirror, "c/k"));
    for (int folder = 0; folder < MIRROR_FOLDERS; folder++)
        ck_assert_int_eq(mirror_is_in_line(mirror, folder), folder == MIRROR_SERVICES);
    run();
    ck_assert_int_eq(count, 4);
    expect_message(0, "a/b/bridge/state", true, 0);
    expect_message(1, "a/b/advertise/c/i/status", true, 0);
    expect_message(2, "a/b/advertise/c/j/status", true, 0);
    expect_empty(3, "a/b/advertise/c/k");
    acknowledge_all();
    for (int folder = 0; folder < MIRROR_FOLDERS; folder++)
        ck_assert(mirror_is_in_line(mirror, folder));
    ck_assert_int_eq(clearings, 1);
    ck_assert_str_eq(cleared, "c/k");
    /* An answer makes room for another: no subject any more, and no farewell. */
    mirror_retire(mirror, MIRROR_ANSWERS, "c/j/status", NULL);
    run();
    ck_assert_int_eq(count, 5);
    expect_empty(4, "a/b/advertise/c/j/status");
    acknowledge_all();
    ck_assert(mirror_is_in_line(mirror, MIRROR_ANSWERS));
}
END_TEST

START_TEST(the_same_again_publishes_nothing)
{
    say(0, 80);
    run_all();
    say(0, 80);
    ck_assert(!is_in_line());
    run();
    ck_assert(is_in_line());
    say(0, 81); /* and there and back again */
    say(0, 80);
    run();
    ck_assert_int_eq(count, 1);
    say(0, 82);
    run();
    ck_assert_int_eq(count, 2);
    expect_numbers_without_holes(); /* the record that was not published has used no number */
}
END_TEST

START_TEST(it_is_repeated_where_somebody_else_has_overwritten_it)
{
    say(0, 80);
    run_all();
    mirror_repeat(mirror, MIRROR_SERVICES, "s0");
    mirror_repeat(mirror, MIRROR_SERVICES, "nobody's");
    run();
    ck_assert_int_eq(count, 2);
    expect_message(1, "a/b/service/s0", true, 80);
    mirror_repeat(mirror, MIRROR_SERVICES, "s0"); /* while it is under way */
    run();
    ck_assert_int_eq(count, 2);
    run_all();
    ck_assert_int_eq(count, 3);
    ck_assert(is_in_line());
}
END_TEST

START_TEST(what_no_record_can_be_made_of_stays_as_it_is)
{
    say(0, 80);
    run_all();
    things[0].text = MIRROR_AS_IT_IS;
    say(0, 81);
    run();
    ck_assert_int_eq(count, 1);
    ck_assert(is_in_line());
    things[0].text = MIRROR_RETAINED;
    say(0, 81);
    run();
    ck_assert_int_eq(count, 2);
    expect_numbers_without_holes();
}
END_TEST

START_TEST(one_message_of_a_record_is_under_way_at_a_time)
{
    say(0, 1);
    run();
    for (int value = 2; value < 10; value++) {
        say(0, value);
        run();
    }
    ck_assert_int_eq(count, 1);
    acknowledge_all();
    ck_assert(!is_in_line());
    run();
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(messages[1].value, 9);
    acknowledge_all();
    ck_assert(is_in_line());
}
END_TEST

START_TEST(what_the_broker_has_nothing_of_is_released_at_once)
{
    retire(0); /* never said */
    ck_assert_int_eq(things[0].released, 1);
    say(1, 80);
    retire(1); /* never published */
    ck_assert_int_eq(things[1].released, 1);
    mirror_retire(mirror, MIRROR_STATUSES, "c/i/status", NULL); /* nobody's at all */
    ck_assert(is_in_line() && mirror_is_in_line(mirror, MIRROR_STATUSES));
    run();
    ck_assert_int_eq(count, 0);
}
END_TEST

START_TEST(said_again_while_it_is_retired)
{
    say(0, 80);
    run_all();
    retire(0);
    run();
    ck_assert_int_eq(count, 3); /* farewell and end are under way */
    say(0, 80);
    run();
    ck_assert_int_eq(count, 3);
    run_all();
    ck_assert_int_eq(count, 4);
    expect_message(3, "a/b/service/s0", true, 80);
    ck_assert_int_eq(things[0].released, 0);
    ck_assert(is_in_line());

    retire(0);
    say(0, 80); /* before anything was sent: nothing has happened */
    run_all();
    ck_assert_int_eq(count, 4);
    ck_assert_int_eq(things[0].released, 0);
}
END_TEST

START_TEST(retired_while_it_is_under_way)
{
    say(0, 80);
    run();
    retire(0);
    ck_assert_int_eq(things[0].released, 0);
    run();
    ck_assert_int_eq(count, 1);
    run_all();
    ck_assert_int_eq(count, 3);
    expect_message(1, "a/b/service/s0", false, 80);
    expect_empty(2, "a/b/service/s0");
    ck_assert_int_eq(things[0].released, 1);
}
END_TEST

/* ---- The window ---- */

START_TEST(a_stalled_broker_costs_a_window_and_gets_the_last_state)
{
    for (int i = 0; i < THINGS; i++)
        say(i, 80);
    for (int i = 0; i < 10; i++)
        run();
    ck_assert_int_eq(count, WINDOW - 1);
    /* Each of them changes ten times while the broker stands still. */
    for (int change = 0; change < 10; change++)
        for (int i = 0; i < THINGS; i++)
            say(i, 100 + change);
    run();
    ck_assert_int_eq(count, WINDOW - 1);
    while (acknowledged < count) {
        mirror_acknowledged(mirror, acknowledged++, false);
        run();
        ck_assert_int_le(count - acknowledged, WINDOW);
    }
    ck_assert(is_in_line());
    ck_assert_int_eq(count, THINGS + WINDOW - 1); /* those under way once more, all others once */
    for (int i = WINDOW - 1; i < count; i++)
        ck_assert_int_eq(messages[i].value, 109);
    expect_numbers_without_holes();
}
END_TEST

START_TEST(every_message_takes_a_place_in_the_window)
{
    static struct thing states[2];
    char path[32];
    for (int i = 0; i < 20; i++)
        say(i, 80);
    run_all();
    int before = count;
    for (int i = 0; i < 20; i++)
        retire(i); /* two each */
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "c/%d/status", i);
        mirror_say(mirror, MIRROR_STATUSES, path, &things[100 + i]);
        snprintf(path, sizeof path, "d/%d/status", i);
        mirror_say(mirror, MIRROR_ANSWERS, path, &things[200 + i]);
        snprintf(path, sizeof path, "e/%d", i);
        ck_assert(mirror_clear(mirror, path));
    }
    run();
    ck_assert_int_ge(count - before, WINDOW - 1);
    ck_assert_int_le(count - before, WINDOW);
    int full = count;
    /* The bridge's own two are not held up by it, nor are they more than two. */
    mirror_say(mirror, MIRROR_BRIDGE, "state", &states[0]);
    mirror_say(mirror, MIRROR_BRIDGE, "stats", &states[1]);
    run();
    ck_assert_int_eq(count, full + 2);
    states[0].value = states[1].value = 1;
    mirror_say(mirror, MIRROR_BRIDGE, "state", &states[0]);
    mirror_say(mirror, MIRROR_BRIDGE, "stats", &states[1]);
    run();
    ck_assert_int_eq(count, full + 2);
    mirror_acknowledged(mirror, full, false);
    run();
    ck_assert_int_eq(count, full + 3);
    expect_message(full + 2, "a/b/bridge/state", true, 1);
    ck_assert(!mirror_is_in_line(mirror, MIRROR_BRIDGE));
    run_all();
    for (int folder = 0; folder < MIRROR_FOLDERS; folder++)
        ck_assert(mirror_is_in_line(mirror, folder));
    ck_assert_int_eq(clearings, 20);
    expect_numbers_without_holes();
}
END_TEST

START_TEST(nothing_but_the_bridges_own_where_that_is_asked_for)
{
    say(0, 80);
    mirror_clear(mirror, "c/i");
    mirror_say(mirror, MIRROR_BRIDGE, "state", &things[1]);
    mirror_run(mirror, true, now);
    ck_assert_int_eq(count, 1);
    expect_message(0, "a/b/bridge/state", true, 0);
    run();
    ck_assert_int_eq(count, 3);
}
END_TEST

/* A device that never rests would else wait for ever where the broker is slow. */
START_TEST(what_changes_again_keeps_its_turn)
{
    for (int i = 0; i < 200; i++)
        say(i, 80);
    run();
    int next = count;
    for (int change = 0; change < 10; change++)
        say(next, 81 + change);
    mirror_acknowledged(mirror, 0, false);
    run();
    ck_assert_int_eq(count, next + 1);
    ck_assert_int_eq(messages[next].value, 90);
}
END_TEST

START_TEST(folders_take_turns)
{
    char path[32];
    for (int i = 0; i < 4096; i++) {
        snprintf(path, sizeof path, "c/%d", i);
        ck_assert(mirror_clear(mirror, path));
    }
    run();
    acknowledge_all();
    run();
    int before = count;
    say(0, 80);
    mirror_say(mirror, MIRROR_STATUSES, "c/i/status", &things[1]);
    mirror_say(mirror, MIRROR_ANSWERS, "c/j/status", &things[2]);
    mirror_acknowledged(mirror, acknowledged++, false);
    for (int i = 0; i < 4; i++) {
        run();
        mirror_acknowledged(mirror, acknowledged++, false);
    }
    bool service = false, status = false, answer = false;
    for (int i = before; i < before + 4; i++) {
        service |= strcmp(messages[i].topic, "a/b/service/s0") == 0;
        status |= strcmp(messages[i].topic, "a/b/advertise/c/i/status") == 0;
        answer |= strcmp(messages[i].topic, "a/b/advertise/c/j/status") == 0;
    }
    ck_assert(service && status && answer);
}
END_TEST

START_TEST(services_do_not_go_first)
{
    for (int i = 0; i < THINGS; i++)
        say(i, 80);
    run();
    int next = count;
    mirror_say(mirror, MIRROR_STATUSES, "c/i/status", &things[1]);
    mirror_clear(mirror, "c/j");
    for (int i = 0; i < 3; i++) {
        mirror_acknowledged(mirror, acknowledged++, false);
        run();
    }
    bool status = false, clearing = false;
    for (int i = next; i < next + 3; i++) {
        status |= strcmp(messages[i].topic, "a/b/advertise/c/i/status") == 0;
        clearing |= strcmp(messages[i].topic, "a/b/advertise/c/j") == 0;
    }
    ck_assert(status && clearing);
}
END_TEST

/* ---- What is refused ---- */

START_TEST(what_the_broker_refuses_is_tried_again)
{
    struct mirror_counters counters;
    say(0, 80);
    ck_assert_int_eq(run(), INT64_MAX);
    mirror_acknowledged(mirror, 0, true);
    mirror_acknowledged(mirror, 0, true);  /* nobody waits for it any more */
    mirror_acknowledged(mirror, 77, true); /* nor ever did */
    mirror_get_counters(mirror, &counters);
    ck_assert_uint_eq(counters.refused, 1);
    ck_assert(!is_in_line());
    int64_t wait = 1000;
    for (int i = 0; i < 10; i++) {
        int64_t again = run(), asked = clock_now();
        ck_assert_int_eq(count, i + 1);
        ck_assert_int_le(again, asked + wait);
        ck_assert_int_ge(again, now + wait);
        ck_assert_int_eq(mirror_run(mirror, false, again - 1), again);
        ck_assert_int_eq(count, i + 1);
        ck_assert_int_eq(mirror_run(mirror, false, again), INT64_MAX);
        ck_assert_int_eq(count, i + 2);
        expect_message(i + 1, "a/b/service/s0", true, 80);
        mirror_acknowledged(mirror, i + 1, i < 9);
        wait = wait * 2 < 60000 ? wait * 2 : 60000;
    }
    ck_assert(is_in_line());
    ck_assert_int_eq(run(), INT64_MAX);
    say(0, 81); /* once it is taken, the wait begins anew */
    run();
    mirror_acknowledged(mirror, count - 1, true);
    ck_assert_int_le(run(), clock_now() + 1000);
}
END_TEST

START_TEST(what_was_refused_and_changes_is_tried_at_once)
{
    say(0, 80);
    run();
    refuse_all();
    say(0, 81);
    run();
    ck_assert_int_eq(count, 2);
    say(0, 82); /* the same while it is under way */
    acknowledged = 2;
    mirror_acknowledged(mirror, 1, true);
    ck_assert(!is_in_line());
    mirror_run(mirror, false, now + 120000);
    ck_assert_int_eq(count, 3);
    ck_assert_int_eq(messages[2].value, 82);
}
END_TEST

/* A broker that refuses everything costs no memory for what has gone. */
START_TEST(what_was_refused_and_is_gone_leaves_nothing)
{
    for (int i = 0; i < 2; i++) {
        say(i, 80);
        run();
        if (i == 0)
            retire(i);
        refuse_all();
        if (i == 1)
            retire(i);
        ck_assert_int_eq(things[i].released, 1);
        ck_assert(is_in_line());
    }
    mirror_run(mirror, false, now + 120000);
    ck_assert_int_eq(count, 2);
}
END_TEST

START_TEST(a_record_stays_as_long_as_its_end_is_refused)
{
    static const bool refused[][2] = {{true, true}, {false, true}, {true, false}};
    for (int i = 0; i < 3; i++) {
        say(i, 80);
        run_all();
        retire(i);
        run();
        mirror_acknowledged(mirror, count - 2, refused[i][0]);
        mirror_acknowledged(mirror, count - 1, refused[i][1]);
        acknowledged = count;
        ck_assert_int_eq(things[i].released, 0);
        ck_assert(!is_in_line());
        now += 120000;
        run();
        expect_message(count - 2, messages[count - 3].topic, false, 80);
        expect_empty(count - 1, messages[count - 3].topic);
        acknowledge_all();
        ck_assert_int_eq(things[i].released, 1);
        ck_assert(is_in_line());
    }
}
END_TEST

START_TEST(a_clearing_that_is_refused_is_not_tried_again)
{
    mirror_clear(mirror, "c/i");
    run();
    refuse_all();
    ck_assert(mirror_is_in_line(mirror, MIRROR_REQUESTS));
    mirror_run(mirror, false, now + 120000);
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(what_cannot_be_sent_is_tried_again_and_not_in_a_loop)
{
    broker_refuses_topics = true;
    say(0, 80);
    int64_t again = run();
    ck_assert_int_lt(again, INT64_MAX);
    ck_assert_int_eq(run(), again);
    ck_assert(!is_in_line() && mirror_is_acknowledged(mirror));
    broker_refuses_topics = false;
    mirror_run(mirror, false, again);
    ck_assert_int_eq(count, 1);
    acknowledge_all();
    ck_assert(is_in_line());
    expect_numbers_without_holes();
}
END_TEST

START_TEST(an_end_that_cannot_be_sent_is_tried_again)
{
    struct mirror_counters counters;
    say(0, 80);
    run_all();
    broker_refuses_ends = true;
    retire(0);
    mirror_clear(mirror, "c/i");
    run_all();
    ck_assert_int_eq(count, 2); /* the farewell alone */
    ck_assert_int_eq(things[0].released + clearings, 0);
    broker_refuses_ends = false;
    broker_refuses_topics = true;
    mirror_run(mirror, false, now + 120000);
    ck_assert_int_eq(things[0].released + clearings, 0);
    broker_refuses_topics = false;
    mirror_run(mirror, false, now + 240000);
    ck_assert_int_eq(count, 5);
    acknowledge_all();
    ck_assert_int_eq(things[0].released, 1);
    ck_assert_int_eq(clearings, 1);
    mirror_get_counters(mirror, &counters);
    ck_assert_uint_eq(counters.withdrawn, 1);
    expect_numbers_without_holes();
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("mirror");
    TCase *tcase = add_case(suite, "publishing", setup);
    tcase_add_test(tcase, a_record_comes_changes_and_goes);
    tcase_add_test(tcase, each_folder_has_its_place);
    tcase_add_test(tcase, the_same_again_publishes_nothing);
    tcase_add_test(tcase, it_is_repeated_where_somebody_else_has_overwritten_it);
    tcase_add_test(tcase, what_no_record_can_be_made_of_stays_as_it_is);
    tcase_add_test(tcase, one_message_of_a_record_is_under_way_at_a_time);
    tcase_add_test(tcase, what_the_broker_has_nothing_of_is_released_at_once);
    tcase_add_test(tcase, said_again_while_it_is_retired);
    tcase_add_test(tcase, retired_while_it_is_under_way);
    tcase_add_test(tcase, a_stalled_broker_costs_a_window_and_gets_the_last_state);
    tcase_add_test(tcase, every_message_takes_a_place_in_the_window);
    tcase_add_test(tcase, nothing_but_the_bridges_own_where_that_is_asked_for);
    tcase_add_test(tcase, what_changes_again_keeps_its_turn);
    tcase_add_test(tcase, folders_take_turns);
    tcase_add_test(tcase, services_do_not_go_first);
    tcase_add_test(tcase, what_the_broker_refuses_is_tried_again);
    tcase_add_test(tcase, what_was_refused_and_changes_is_tried_at_once);
    tcase_add_test(tcase, what_was_refused_and_is_gone_leaves_nothing);
    tcase_add_test(tcase, a_record_stays_as_long_as_its_end_is_refused);
    tcase_add_test(tcase, a_clearing_that_is_refused_is_not_tried_again);
    tcase_add_test(tcase, what_cannot_be_sent_is_tried_again_and_not_in_a_loop);
    tcase_add_test(tcase, an_end_that_cannot_be_sent_is_tried_again);
    return run_suite(suite);
}
