/* SPDX-License-Identifier: MIT */
/* Registrations, with an Avahi of its own and tables of what happens and what then follows. */
#include "registrations.h"

#include <ctype.h>

#include <avahi-common/error.h>

#include "fake_entry_groups.h"
#include "log.h"
#include "run_suite.h"

#define REGISTERING_MAX 50

static struct client_pool pool;
static struct registrations *registrations;
static int64_t now;
static struct request next_request; /* that of "register" and "replace" */

static void note_event(void *context, struct mdns_event *event)
{
    static const char *const failures[] = {[REGISTRATION_CONFLICT] = "conflict",
                                           [REGISTRATION_NO_INTERFACE] = "no interface",
                                           [REGISTRATION_REFUSED] = "refused"};
    const struct registration_event *r = &event->registration;
    char revision[16] = "";
    (void)context;
    ck_assert_int_eq(event->kind, MDNS_REGISTRATION);
    if (r->revision != 0)
        snprintf(revision, sizeof revision, "/%u", r->revision);
    if (r->state == REGISTRATION_FAILED)
        trace("%u%s failed: %s (%s)", r->number, revision, failures[r->failure], r->message);
    else
        trace("%u%s %s as %s", r->number, revision,
              r->state == REGISTRATION_PENDING ? "pending" : "established", r->name);
    free(event);
}

static void begin(void)
{
    memset(&fake, 0, sizeof fake);
    now = 1000000;
    next_request = (struct request){.type = "_http._tcp", .port = 80, .rename = true};
    client_pool_init(&pool, NULL);
    client_pool_open(&pool);
    registrations = registrations_new(&pool, (struct event_sink){note_event, NULL});
}

static void end(void)
{
    registrations_free(registrations);
    client_pool_close(&pool);
}

/* As the thread's loop does. Returns when it is to be called again. */
static int64_t run(void)
{
    int64_t next_at;
    int turns = 0;
    while (pool.state == CLIENT_POOL_UP && (next_at = registrations_run(registrations, now)) <= now)
        ck_assert_int_lt(turns++, 10000);
    return pool.state == CLIENT_POOL_UP ? next_at : INT64_MAX;
}

/* What the main thread asks for, or the test of what it asks for from now on. False: not one of these. */
static bool ask(const char *word, unsigned a, unsigned b, const char *text)
{
    struct request *request = &next_request;
    if (strcmp(word, "register") == 0)
        registrations_add(registrations, a, 0, text, request);
    else if (strcmp(word, "replace") == 0) /* NEW OLD NAME */
        registrations_add(registrations, a, b, text, request);
    else if (strcmp(word, "withdraw") == 0)
        registrations_withdraw(registrations, a);
    else if (strcmp(word, "rename") == 0) /* may it be? */
        request->rename = a;
    else if (strcmp(word, "only-on") == 0) /* an interface, or all */
        snprintf(request->interface, sizeof request->interface, "%s", text);
    else if (strcmp(word, "txt") == 0) { /* NUMBER REVISION TEXT */
        struct request changed = *request;
        changed.txt[0] = (uint8_t)strlen(text);
        memcpy(changed.txt + 1, text, strlen(text));
        changed.txt_length = 1 + strlen(text);
        registrations_update_txt(registrations, a, b, &changed);
    } else
        return false;
    return true;
}

/* What Avahi says or will say, and what becomes of the machine. */
static bool happens(const char *word, unsigned a, const char *text)
{
    AvahiClient *client = (AvahiClient *)&fake;
    if (strcmp(word, "established") == 0) /* NAME */
        fake_says(AVAHI_ENTRY_GROUP_ESTABLISHED, text);
    else if (strcmp(word, "collision") == 0) /* NAME */
        fake_says(AVAHI_ENTRY_GROUP_COLLISION, text);
    else if (strcmp(word, "failure") == 0) { /* NAME */
        fake.error = AVAHI_ERR_INVALID_RECORD;
        fake_says(AVAHI_ENTRY_GROUP_FAILURE, text);
    } else if (strcmp(word, "taken") == 0) /* on this host, by others: NAME, or nothing any more */
        snprintf(fake.taken, sizeof fake.taken, "%s", text);
    else if (strcmp(word, "interface") == 0) /* its index */
        fake.interface = a;
    else if (strcmp(word, "host-ready") == 0)
        fake.client_changed(client, a ? AVAHI_CLIENT_S_RUNNING : AVAHI_CLIENT_S_REGISTERING,
                            fake.client_userdata);
    else if (strcmp(word, "make-error") ==
             0) /* of the next call: Avahi's error, without its sign */
        fake.make_error = -(int)a;
    else if (strcmp(word, "add-error") == 0)
        fake.add_error = -(int)a;
    else if (strcmp(word, "txt-error") == 0)
        fake.txt_error = -(int)a;
    else if (strcmp(word, "broken") == 0)
        ck_assert_int_eq(pool.state, CLIENT_POOL_BROKEN);
    else if (strcmp(word, "reconnect") == 0) {
        registrations_detach(registrations);
        client_pool_close(&pool);
        client_pool_open(&pool);
    } else if (strcmp(word, "wait") == 0) /* milliseconds */
        now += a;
    else
        return false;
    return true;
}

/* WORD, up to two numbers, and the rest of the line. */
static void perform(const char *line)
{
    const char *text = line + strspn(line, " ");
    size_t length = strcspn(text, " ");
    char word[16];
    unsigned long numbers[2] = {0, 0};
    snprintf(word, sizeof word, "%.*s", (int)length, text);
    text += length + strspn(text + length, " ");
    for (int i = 0; i < 2 && isdigit((unsigned char)*text); i++) {
        char *end;
        numbers[i] = strtoul(text, &end, 10);
        text = end + strspn(end, " ");
    }
    ck_assert_msg(ask(word, (unsigned)numbers[0], (unsigned)numbers[1], text) ||
                      happens(word, (unsigned)numbers[0], text),
                  "'%s'?", line);
}

struct step {
    const char
        *what; /* happens: one thing after the other behind ';', at the same time behind ' & ' */
    const char *then; /* follows: "+NAME" committed, "-NAME" freed, "NUMBER/REVISION event" */
};

static void play(const struct step *steps)
{
    begin();
    for (; steps->what; steps++) {
        char *lines = strdup(steps->what), *rest = lines;
        fake.trace[0] = '\0';
        for (char *line; (line = strsep(&rest, ";"));) {
            for (char *also; (also = strstr(line, " & ")); line = also + 3) {
                *also = '\0';
                perform(line);
            }
            perform(line);
            run();
        }
        ck_assert_msg(strcmp(fake.trace, steps->then) == 0, "after '%s': %s\n     and not: %s",
                      steps->what, fake.trace, steps->then);
        free(lines);
    }
    end();
}

#define PLAY(...) play((const struct step[]){__VA_ARGS__, {NULL, NULL}})

/* A first step of most tests. */
#define X_IS_ESTABLISHED                                                                           \
    {                                                                                              \
        "register 1 x; established x", "+x, 1 pending as x, 1 established as x"                    \
    }

/* ---- One registration ---- */

START_TEST(the_first_try)
{
    PLAY({"register 1 x", "+x, 1 pending as x"}, {"established x", "1 established as x"},
         {"wait 100000", ""}, {"withdraw 1", "-x"}, {"withdraw 1; withdraw 7", ""},
         {"register 2 x; register 2 y", "+x, 2 pending as x, -x, +y, 2 pending as y"});
}
END_TEST

START_TEST(a_name_taken_on_the_network)
{
    PLAY({"register 1 x", "+x, 1 pending as x"}, {"collision x", "-x, +x #2, 1 pending as x #2"},
         {"collision x #2", "-x #2, +x #3, 1 pending as x #3"},
         {"established x #3", "1 established as x #3"});
}
END_TEST

START_TEST(a_name_taken_on_this_host)
{
    PLAY({"taken x; register 1 x", "+x #2, 1 pending as x #2"},
         {"established x #2", "1 established as x #2"});
}
END_TEST

START_TEST(a_name_that_must_not_be_changed)
{
    PLAY({"rename 0; register 1 x", "+x, 1 pending as x"},
         {"collision x", "1 failed: conflict (the name is taken), -x"}, {"withdraw 1", ""},
         {"taken y; register 2 y", "2 failed: conflict (the name is taken)"});
}
END_TEST

START_TEST(what_is_established_tries_its_name_once_more)
{
    PLAY(X_IS_ESTABLISHED, {"collision x", "-x, 1 pending as x"}, {"wait 1999", ""},
         {"wait 1", "+x"}, {"established x", "1 established as x"},
         {"collision x", "-x, 1 pending as x"}, {"wait 2000", "+x"},
         {"collision x", "-x, +x #2, 1 pending as x #2"},
         {"established x #2", "1 established as x #2"});
}
END_TEST

START_TEST(it_does_so_where_another_program_took_the_name)
{
    PLAY(X_IS_ESTABLISHED, {"collision x & taken x", "-x, 1 pending as x"},
         {"wait 2000", "+x #2, 1 pending as x #2"});
}
END_TEST

START_TEST(it_does_so_but_for_those_that_must_not_be_renamed)
{
    PLAY({"rename 0", ""}, X_IS_ESTABLISHED, {"collision x", "-x, 1 pending as x"},
         {"wait 2000", "+x"}, {"collision x", "1 failed: conflict (the name is taken), -x"});
}
END_TEST

#define ALL_ARE_TAKEN "1 failed: conflict (the name and all that are like it are taken)"

START_TEST(numbers_behind_names_do_not_overflow)
{
    PLAY({"register 1 x #9999999; collision x #9999999; collision x #10000000",
          "+x #9999999, 1 pending as x #9999999, -x #9999999, +x #10000000, 1 pending as x "
          "#10000000, " ALL_ARE_TAKEN ", -x #10000000"},
         {"taken x #99999999; register 1 x #99999999", ALL_ARE_TAKEN});
}
END_TEST

static void collide(unsigned from, unsigned to)
{
    char name[16];
    for (unsigned i = from; i <= to; i++) {
        snprintf(name, sizeof name, i == 1 ? "x" : "x #%u", i);
        fake.trace[0] = '\0';
        fake_says(AVAHI_ENTRY_GROUP_COLLISION, name);
        run();
    }
}

START_TEST(renames_have_an_end)
{
    begin();
    perform("register 1 x");
    run();
    collide(1, 32);
    ck_assert_str_eq(fake.trace, "-x #32, +x #33, 1 pending as x #33");
    collide(33, 33);
    ck_assert_str_eq(fake.trace, ALL_ARE_TAKEN ", -x #33");
    end();
}
END_TEST

/* A life is long, and there may be more than 32 conflicts in it. */
START_TEST(renames_are_counted_from_when_it_was_established)
{
    begin();
    perform("register 1 x");
    run();
    collide(1, 32);
    perform("established x #33");
    run();
    collide(33, 33);
    perform("wait 2000");
    run();
    collide(33, 64);
    ck_assert_str_eq(fake.trace, "-x #64, +x #65, 1 pending as x #65");
    end();
}
END_TEST

START_TEST(what_avahi_refuses)
{
    PLAY({"add-error 12; register 1 x", "1 failed: refused (Invalid port number)"},
         {"register 2 x; failure x", "+x, 2 pending as x, 2 failed: refused (Invalid record), -x"},
         {"register 3 x; established x; failure x",
          "+x, 3 pending as x, 3 established as x, 3 failed: refused (Invalid record), -x"});
}
END_TEST

/* ---- TXT data ---- */

START_TEST(txt_is_updated_in_place)
{
    PLAY(X_IS_ESTABLISHED, {"txt 1 4 b", "txt of x is b, 1/4 established as x"},
         {"txt 1 5 c & txt 1 6 d", "txt of x is d, 1/6 established as x"}, {"txt 9 1 b", ""},
         {"wait 100000", ""});
}
END_TEST

START_TEST(txt_waits_until_it_is_established)
{
    PLAY({"register 1 x", "+x, 1 pending as x"}, {"txt 1 4 b", ""},
         {"established x", "txt of x is b, 1/4 established as x"});
}
END_TEST

START_TEST(txt_of_what_is_not_registered_yet)
{
    PLAY({"register 1 x & txt 1 4 b", "+x, 1/4 pending as x"},
         {"established x", "1/4 established as x"}, {"collision x", "-x, 1/4 pending as x"},
         {"txt 1 5 c", ""}, {"wait 2000", "+x"}, {"established x", "1/5 established as x"});
}
END_TEST

START_TEST(txt_that_cannot_be_updated_is_registered)
{
    PLAY(X_IS_ESTABLISHED, {"txt-error 30; txt 1 4 b", "-x, 1/4 pending as x, +x"},
         {"established x", "1/4 established as x"},
         {"txt-error 30 & add-error 9; txt 1 5 c",
          "-x, 1/5 pending as x, 1/5 failed: refused (Invalid record)"});
}
END_TEST

START_TEST(nor_when_it_has_just_been_established)
{
    PLAY({"register 1 x; txt 1 4 b", "+x, 1 pending as x"},
         {"txt-error 30; established x", "-x, +x"}, {"established x", "1/4 established as x"});
}
END_TEST

/* ---- Replacements ---- */

START_TEST(replaced_under_another_name)
{
    PLAY(X_IS_ESTABLISHED, {"replace 2 1 y", "+y, 2 pending as y"},
         {"established y", "2 established as y"}, {"wait 100000", ""}, {"withdraw 1", "-x"});
}
END_TEST

START_TEST(replaced_under_another_name_in_vain)
{
    PLAY(X_IS_ESTABLISHED, {"rename 0; replace 2 1 y", "+y, 2 pending as y"},
         {"collision y", "2 failed: conflict (the name is taken), -y"}, {"wait 100000", ""});
}
END_TEST

START_TEST(replaced_under_the_same_name)
{
    PLAY(X_IS_ESTABLISHED, {"replace 2 1 X", "-x, 1 pending as x, +X, 2 pending as X"},
         {"established X", "2 established as X"}, {"wait 100000", ""}, {"withdraw 1", ""});
}
END_TEST

START_TEST(what_made_way_comes_back_when_the_other_fails)
{
    PLAY(X_IS_ESTABLISHED, {"rename 0; replace 2 1 x", "-x, 1 pending as x, +x, 2 pending as x"},
         {"wait 100000", ""}, {"collision x", "2 failed: conflict (the name is taken), -x, +x"},
         {"established x", "1 established as x"});
}
END_TEST

START_TEST(what_made_way_comes_back_when_avahi_refuses_the_other)
{
    PLAY(X_IS_ESTABLISHED,
         {"add-error 12; replace 2 1 x",
          "-x, 1 pending as x, 2 failed: refused (Invalid port number), +x"},
         {"established x", "1 established as x"});
}
END_TEST

START_TEST(what_made_way_comes_back_when_the_other_is_withdrawn)
{
    PLAY(X_IS_ESTABLISHED, {"replace 2 1 x", "-x, 1 pending as x, +x, 2 pending as x"},
         {"withdraw 2", "-x, +x"}, {"established x", "1 established as x"});
}
END_TEST

START_TEST(what_is_being_probed_for_makes_way_too)
{
    PLAY({"register 1 x", "+x, 1 pending as x"}, {"replace 2 1 x", "-x, +x, 2 pending as x"},
         {"withdraw 2", "-x, +x"}, {"established x", "1 established as x"});
}
END_TEST

START_TEST(a_third_request_replaces_the_second)
{
    PLAY(X_IS_ESTABLISHED, {"replace 2 1 x", "-x, 1 pending as x, +x, 2 pending as x"},
         {"withdraw 2 & replace 3 1 x", "-x, +x, 3 pending as x"},
         {"established x", "3 established as x"});
}
END_TEST

/* It would only meet there what the other one met. */
START_TEST(what_made_way_waits_though_the_other_is_renamed)
{
    PLAY(X_IS_ESTABLISHED, {"replace 2 1 x", "-x, 1 pending as x, +x, 2 pending as x"},
         {"collision x", "-x, +x #2, 2 pending as x #2"},
         {"established x #2", "2 established as x #2"}, {"withdraw 1", ""});
}
END_TEST

START_TEST(renamed_onto_the_name_that_it_replaces)
{
    PLAY({"register 1 x #2; established x #2", "+x #2, 1 pending as x #2, 1 established as x #2"},
         {"replace 2 1 x", "+x, 2 pending as x"},
         {"collision x", "-x, -x #2, 1 pending as x #2, +x #2, 2 pending as x #2"},
         {"established x #2", "2 established as x #2"}, {"withdraw 1", ""});
}
END_TEST

START_TEST(nothing_makes_way_for_an_interface_that_is_not_there)
{
    PLAY(X_IS_ESTABLISHED,
         {"only-on eth0; replace 2 1 x", "2 failed: no interface (there is no such interface)"},
         {"wait 100000", ""});
}
END_TEST

/* It is established no more, so the request that replaces it has nothing to wait for. */
START_TEST(replaced_while_it_waits_after_a_collision)
{
    PLAY(X_IS_ESTABLISHED, {"collision x", "-x, 1 pending as x"},
         {"replace 2 1 x", "+x, 2 pending as x"}, {"wait 2000", ""},
         {"established x", "2 established as x"});
}
END_TEST

/* ---- Names among our own ---- */

START_TEST(a_name_that_another_one_of_ours_holds)
{
    PLAY({"register 1 x", "+x, 1 pending as x"}, {"register 2 X", "+X #2, 2 pending as X #2"},
         {"established x; register 3 x", "1 established as x, +x #3, 3 pending as x #3"},
         {"rename 0; register 4 X", "4 failed: conflict (the name is taken)"});
}
END_TEST

START_TEST(a_name_is_held_in_the_time_after_a_collision)
{
    PLAY(X_IS_ESTABLISHED, {"collision x", "-x, 1 pending as x"},
         {"register 2 x", "+x #2, 2 pending as x #2"}, {"wait 2000", "+x"},
         {"established x", "1 established as x"});
}
END_TEST

START_TEST(a_name_is_held_for_what_made_way)
{
    PLAY(X_IS_ESTABLISHED, {"replace 2 1 x", "-x, 1 pending as x, +x, 2 pending as x"},
         {"collision x", "-x, +x #2, 2 pending as x #2"},
         {"register 3 x", "+x #3, 3 pending as x #3"}, {"withdraw 2", "-x #2, +x"});
}
END_TEST

START_TEST(a_name_that_was_given_up_is_not_held)
{
    PLAY({"register 1 x; collision x", "+x, 1 pending as x, -x, +x #2, 1 pending as x #2"},
         {"register 2 x", "+x, 2 pending as x"},
         {"withdraw 2; register 3 x", "-x, +x, 3 pending as x"});
}
END_TEST

/* ---- The machine ---- */

START_TEST(an_interface_that_is_not_there)
{
    PLAY({"only-on eth0; register 1 x", "1 failed: no interface (there is no such interface)"});
}
END_TEST

START_TEST(an_interface_that_comes_back_as_another)
{
    PLAY({"only-on eth0; interface 7", ""}, X_IS_ESTABLISHED, {"interface 0; wait 5000", ""},
         {"interface 7; wait 5000", ""}, {"interface 8", ""},
         {"wait 5000", "-x, 1 pending as x, +x"}, {"established x", "1 established as x"},
         {"wait 5000", ""});
}
END_TEST

START_TEST(the_interface_is_looked_at_again_in_time)
{
    begin();
    perform("interface 7");
    perform("only-on eth0");
    perform("register 1 x");
    ck_assert_int_eq(run(), now + 5000);
    perform("withdraw 1");
    now += 5000;
    ck_assert_int_eq(run(), INT64_MAX);
    end();
}
END_TEST

START_TEST(the_host_takes_another_name)
{
    PLAY(X_IS_ESTABLISHED, {"register 2 y", "+y, 2 pending as y"},
         {"host-ready 0", "-x, 1 pending as x, -y"}, {"register 3 x; wait 100000", ""},
         {"host-ready 1", "+x, +y, +x #2, 3 pending as x #2"},
         {"established x; established y", "1 established as x, 2 established as y"});
}
END_TEST

START_TEST(a_connection_that_breaks_fails_nothing)
{
    PLAY(X_IS_ESTABLISHED, {"make-error 9; register 2 y", "2 failed: refused (Invalid record)"},
         {"make-error 23; register 2 y; broken", ""},
         {"reconnect", "1 pending as x, +x, +y, 2 pending as y"},
         {"established y; txt-error 23; txt 2 4 b; broken", "2 established as y"},
         {"reconnect", "2/4 pending as y, +x, +y"}, {"established y", "2/4 established as y"},
         {"established x; add-error 23; replace 3 1 x; broken",
          "1 established as x, -x, 1 pending as x"},
         {"reconnect", "2/4 pending as y, +y, +x, 3 pending as x"});
}
END_TEST

START_TEST(txt_and_a_broken_connection_while_it_is_registered)
{
    PLAY({"register 1 x; txt 1 4 b", "+x, 1 pending as x"},
         {"txt-error 23; established x; broken", ""}, {"reconnect", "+x"},
         {"established x", "1/4 established as x"});
}
END_TEST

START_TEST(connections_are_lost)
{
    PLAY(X_IS_ESTABLISHED, {"register 2 y", "+y, 2 pending as y"},
         {"reconnect & register 3 x", "1 pending as x, +x, +y, +x #2, 3 pending as x #2"},
         {"established x; collision x; reconnect",
          "1 established as x, -x, 1 pending as x, +y, +x #2"},
         {"wait 2000", "+x"});
}
END_TEST

START_TEST(a_connection_that_is_full)
{
    PLAY({"make-error 17; register 1 x", "+x, 1 pending as x"});
}
END_TEST

START_TEST(few_are_registered_at_the_same_time)
{
    char line[32];
    begin();
    for (unsigned i = 1; i <= REGISTERING_MAX + 2; i++) {
        snprintf(line, sizeof line, "register %u n%u", i, i);
        perform(line);
    }
    run();
    ck_assert_uint_eq(fake.live, REGISTERING_MAX);
    fake.trace[0] = '\0';
    perform("established n2");
    ck_assert_int_eq(run(), INT64_MAX);
    ck_assert_str_eq(fake.trace, "2 established as n2, +n51, 51 pending as n51");
    fake.trace[0] = '\0';
    perform("withdraw 7");
    run();
    ck_assert_str_eq(fake.trace, "-n7, +n52, 52 pending as n52");
    end();
}
END_TEST

START_TEST(withdrawn_in_every_state)
{
    PLAY({"register 1 x & withdraw 1", ""}, {"register 2 x", "+x, 2 pending as x"},
         {"withdraw 2", "-x"},
         {"register 3 x; established x; withdraw 3", "+x, 3 pending as x, 3 established as x, -x"},
         {"register 4 x; established x; collision x; withdraw 4; wait 2000",
          "+x, 4 pending as x, 4 established as x, -x, 4 pending as x"},
         {"register 5 x; established x & withdraw 5", "+x, 5 pending as x, -x"});
    ck_assert_uint_eq(fake.live, 0);
}
END_TEST

START_TEST(everything_is_forgotten)
{
    begin();
    perform("register 1 x");
    run();
    ck_assert(!registrations_is_empty(registrations));
    registrations_forget(registrations);
    ck_assert(registrations_is_empty(registrations));
    ck_assert_str_eq(fake.trace, "+x, 1 pending as x");
    perform("register 1 x");
    run();
    ck_assert_str_eq(fake.trace, "+x, 1 pending as x, +x, 1 pending as x");
    end();
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("registrations");
    TCase *tcase = tcase_create("registrations");
    tcase_add_test(tcase, the_first_try);
    tcase_add_test(tcase, a_name_taken_on_the_network);
    tcase_add_test(tcase, a_name_taken_on_this_host);
    tcase_add_test(tcase, a_name_that_must_not_be_changed);
    tcase_add_test(tcase, what_is_established_tries_its_name_once_more);
    tcase_add_test(tcase, it_does_so_where_another_program_took_the_name);
    tcase_add_test(tcase, it_does_so_but_for_those_that_must_not_be_renamed);
    tcase_add_test(tcase, numbers_behind_names_do_not_overflow);
    tcase_add_test(tcase, renames_have_an_end);
    tcase_add_test(tcase, renames_are_counted_from_when_it_was_established);
    tcase_add_test(tcase, what_avahi_refuses);
    tcase_add_test(tcase, txt_is_updated_in_place);
    tcase_add_test(tcase, txt_waits_until_it_is_established);
    tcase_add_test(tcase, txt_of_what_is_not_registered_yet);
    tcase_add_test(tcase, txt_that_cannot_be_updated_is_registered);
    tcase_add_test(tcase, nor_when_it_has_just_been_established);
    tcase_add_test(tcase, replaced_under_another_name);
    tcase_add_test(tcase, replaced_under_another_name_in_vain);
    tcase_add_test(tcase, replaced_under_the_same_name);
    tcase_add_test(tcase, what_made_way_comes_back_when_the_other_fails);
    tcase_add_test(tcase, what_made_way_comes_back_when_avahi_refuses_the_other);
    tcase_add_test(tcase, what_made_way_comes_back_when_the_other_is_withdrawn);
    tcase_add_test(tcase, what_is_being_probed_for_makes_way_too);
    tcase_add_test(tcase, a_third_request_replaces_the_second);
    tcase_add_test(tcase, what_made_way_waits_though_the_other_is_renamed);
    tcase_add_test(tcase, renamed_onto_the_name_that_it_replaces);
    tcase_add_test(tcase, nothing_makes_way_for_an_interface_that_is_not_there);
    tcase_add_test(tcase, replaced_while_it_waits_after_a_collision);
    tcase_add_test(tcase, a_name_that_another_one_of_ours_holds);
    tcase_add_test(tcase, a_name_is_held_in_the_time_after_a_collision);
    tcase_add_test(tcase, a_name_is_held_for_what_made_way);
    tcase_add_test(tcase, a_name_that_was_given_up_is_not_held);
    tcase_add_test(tcase, an_interface_that_is_not_there);
    tcase_add_test(tcase, an_interface_that_comes_back_as_another);
    tcase_add_test(tcase, the_interface_is_looked_at_again_in_time);
    tcase_add_test(tcase, the_host_takes_another_name);
    tcase_add_test(tcase, a_connection_that_breaks_fails_nothing);
    tcase_add_test(tcase, txt_and_a_broken_connection_while_it_is_registered);
    tcase_add_test(tcase, connections_are_lost);
    tcase_add_test(tcase, a_connection_that_is_full);
    tcase_add_test(tcase, few_are_registered_at_the_same_time);
    tcase_add_test(tcase, withdrawn_in_every_state);
    tcase_add_test(tcase, everything_is_forgotten);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
