/* SPDX-License-Identifier: MIT */
#include "record_tree.h"
#include "run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the tree told, one letter each: + ~ - of a service with the name behind it, B the bridge,
 * C complete, N not online. */
static char told[1024];
static struct record_tree *tree;

static void note(const char *what, const char *name)
{
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s%s ", what, name);
}

static void on_service(void *context, const struct service_record *before,
                       const struct service_record *now)
{
    ck_assert_ptr_eq(context, told);
    note(!before ? "+" : now ? "~" : "-", now ? now->id.name : before->id.name);
}

static void on_bridge(void *context, const struct state_record *state)
{
    (void)context;
    note("B", state ? bridge_life_name(state->life) : "none");
}

static void on_complete(void *context)
{
    (void)context;
    ck_assert(record_tree_is_complete(tree));
    note("C", "");
}

static void on_not_online(void *context)
{
    (void)context;
    ck_assert(!record_tree_is_complete(tree));
    note("N", "");
}

static bool wants(void *context, const struct service_id *id)
{
    (void)context;
    return strcmp(id->name, "unwanted") != 0;
}

static void setup(void)
{
    static const struct record_tree_handlers handlers = {on_service, on_bridge, on_complete,
                                                         on_not_online, wants};
    *told = '\0';
    tree = record_tree_new("a/b", &handlers, told);
    ck_assert_ptr_nonnull(tree);
}

static void teardown(void)
{
    record_tree_free(tree);
}

static void check_told(const char *expected)
{
    ck_assert_str_eq(told, expected);
    *told = '\0';
}

static void receive(const char *topic, const char *payload)
{
    record_tree_message(tree, topic, (const uint8_t *)payload, strlen(payload));
}

static void say_service(const char *name, unsigned port, const char *state)
{
    char topic[200], payload[400];
    snprintf(topic, sizeof topic, "a/b/service/local/_x._tcp/%s/eth0", name);
    snprintf(payload, sizeof payload,
             "{\"v\":1,\"state\":\"%s\",\"name\":\"%s\",\"type\":\"_x._tcp\",\"domain\":\"local\","
             "\"interface\":\"eth0\",\"port\":%u}   ",
             state, name, port);
    receive(topic, payload);
}

static void say_state(const char *state, int epoch)
{
    char payload[200];
    snprintf(payload, sizeof payload, "{\"v\":1,\"state\":\"%s\",\"epoch\":%d}", state, epoch);
    receive("a/b/bridge/state", payload);
}

START_TEST(services_come_change_and_go)
{
    say_service("one", 1, "up");
    say_service("two", 1, "up");
    say_service("one", 1, "up"); /* said again, by a new life of the bridge */
    say_service("one", 2, "up");
    check_told("+one +two ~one ");
    ck_assert_uint_eq(record_tree_count(tree), 2);
    say_service("one", 2, "gone");
    receive("a/b/service/local/_x._tcp/one/eth0", "");
    receive("a/b/service/local/_x._tcp/two/eth0", ""); /* without a last word */
    say_service("never", 1, "gone");
    say_service("unwanted", 1, "up");
    say_service("unwanted", 1, "gone");
    check_told("-one -two ");
    ck_assert_uint_eq(record_tree_count(tree), 0);
}
END_TEST

START_TEST(complete_when_replayed_and_online)
{
    say_state("starting", 1);
    say_service("one", 1, "up");
    check_told("Bstarting +one ");
    record_tree_settled(tree);
    check_told("N ");
    say_state("online", 1);
    say_state("online", 1);
    check_told("Bonline C ");
    say_state("offline", 1);
    check_told("Boffline ");
    ck_assert(!record_tree_is_complete(tree));
    say_state("online", 2);
    check_told("Bonline C ");
    receive("a/b/bridge/state", "");
    check_told("Bnone ");
    ck_assert_ptr_null(record_tree_bridge(tree));
}
END_TEST

START_TEST(complete_at_once)
{
    say_state("online", 1);
    say_service("one", 1, "up");
    check_told("Bonline +one ");
    record_tree_settled(tree);
    check_told("C ");
}
END_TEST

/* A broker that has lost all is filled again by the bridge: nothing goes that is still there. */
START_TEST(over_a_loss)
{
    say_state("online", 1);
    say_service("stays", 1, "up");
    say_service("goes", 1, "up");
    say_service("changes", 1, "up");
    record_tree_settled(tree);
    *told = '\0';
    record_tree_lost(tree);
    check_told("");
    ck_assert_uint_eq(record_tree_count(tree), 3);
    record_tree_settled(tree); /* the broker has nothing */
    check_told("N ");
    say_state("starting", 1);
    say_service("stays", 1, "up");
    say_service("changes", 2, "up");
    say_service("comes", 1, "up");
    check_told("Bstarting ~changes +comes ");
    say_state("online", 1);
    check_told("Bonline -goes C ");
    ck_assert_uint_eq(record_tree_count(tree), 3);
}
END_TEST

/* Not what a bridge says: as if it were not there. */
START_TEST(ignored)
{
    char payload[400];
    static const char *const topics[] = {
        "a/b/service/local/_x._tcp/one",
        "a/b/service/local/_x._tcp/one/eth0/more",
        "a/b/service/local/_x._tcp/%6fne/e",
        "a/service/local/_x._tcp/one/eth0",
        "a/bservice/local/_x._tcp/one/eth0",
        "x/b/service/local/_x._tcp/one/eth0",
        "a/b/service/local/_x._tcp/two/eth0",
        "a/b/bridge/state/x",
        "a/b/bridge/stats",
        "a/b",
        "",
    };

    snprintf(payload, sizeof payload,
             "{\"v\":1,\"state\":\"up\",\"name\":\"one\",\"type\":\"_x._tcp\",\"domain\":\"local\","
             "\"interface\":\"eth0\"}");
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        receive(topics[i], payload);
    receive("a/b/service/local/_x._tcp/one/eth0", "nonsense");
    receive("a/b/bridge/state", "nonsense");
    receive("a/b/bridge/state", payload);
    check_told("");
    receive("a/b/service/local/_x._tcp/one/eth0", payload);
    receive("a/b/service/local/_x._tcp/one/eth0", "{}"); /* does not take it away, either */
    check_told("+one ");
}
END_TEST

START_TEST(list_in_order)
{
    static const char *const names[] = {"b", "A", "a", "C"};
    size_t count;

    for (size_t i = 0; i < 4; i++)
        say_service(names[i], 1, "up");
    const struct service_record **list = record_tree_list(tree, &count);
    ck_assert_uint_eq(count, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(list[i]->id.name, ((const char *[]){"A", "a", "b", "C"})[i]);
    free(list);
}
END_TEST

START_TEST(filters)
{
    char out[RECORD_TREE_FILTER_SIZE], longest[TOPIC_PREFIX_MAX + 1];
    char type[SERVICE_TYPE_MAX + 1], name[SERVICE_NAME_MAX + 1];

    record_tree_service_filter(out, "mdns", NULL, "");
    ck_assert_str_eq(out, "mdns/service/+/+/+/+");
    record_tree_service_filter(out, "mdns", "_x._tcp", "a/b +#");
    ck_assert_str_eq(out, "mdns/service/+/_x._tcp/a%2Fb %2B%23/+");
    record_tree_state_filter(out, "a/b");
    ck_assert_str_eq(out, "a/b/bridge/state");

    memset(longest, 'p', sizeof longest);
    memset(type, '/', sizeof type);
    memset(name, '/', sizeof name);
    longest[sizeof longest - 1] = type[sizeof type - 1] = name[sizeof name - 1] = '\0';
    record_tree_service_filter(out, longest, type, name);
    ck_assert_uint_lt(strlen(out), sizeof out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_record_tree");
    TCase *tests = tcase_create("client_record_tree");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, services_come_change_and_go);
    tcase_add_test(tests, complete_when_replayed_and_online);
    tcase_add_test(tests, complete_at_once);
    tcase_add_test(tests, over_a_loss);
    tcase_add_test(tests, ignored);
    tcase_add_test(tests, list_in_order);
    tcase_add_test(tests, filters);
    return run_suite(suite);
}
