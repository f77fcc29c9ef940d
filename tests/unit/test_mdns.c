/* SPDX-License-Identifier: MIT */
/* The port to the Avahi side and its thread, with an Avahi that hangs as long as the test wants it to. */
#include "mdns.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <unistd.h>

#include <avahi-client/lookup.h>

#include "fake_entry_groups.h"
#include "log.h"
#include "run_suite.h"

#define TIMEOUT_MS 20000
#define COMMANDS_MAX 256

static sem_t browses,
    goes_on;                /* Avahi is asked for a type, and hangs until the test lets it go on */
static char asked_for[256]; /* types, in the order in which they were */
static bool dies;           /* avahi-daemon, when it is asked next */

struct AvahiServiceBrowser {
    int unused;
};

static AvahiServiceBrowser browser;

AvahiServiceBrowser *avahi_service_browser_new(AvahiClient *client, AvahiIfIndex interface,
                                               AvahiProtocol protocol, const char *type,
                                               const char *domain, AvahiLookupFlags flags,
                                               AvahiServiceBrowserCallback callback, void *userdata)
{
    (void)client, (void)interface, (void)protocol, (void)domain, (void)flags, (void)callback;
    (void)userdata;
    strncat(asked_for, type, sizeof asked_for - strlen(asked_for) - 1);
    sem_post(&browses);
    sem_wait(&goes_on);
    if (dies)
        fake.client_changed(client, AVAHI_CLIENT_FAILURE, fake.client_userdata);
    dies = false;
    return &browser;
}

int avahi_service_browser_free(AvahiServiceBrowser *freed)
{
    (void)freed;
    return 0;
}

static struct mdns *mdns;
static const struct request request = {.type = "_http._tcp", .port = 80, .rename = true};

static struct mdns_options options_for(const char *const *types)
{
    static const char *const local[] = {"local", NULL}, *const none[] = {NULL};
    return (struct mdns_options){.browse = true,
                                 .types = types,
                                 .domains = local,
                                 .interfaces = none,
                                 .ignore_interfaces = none,
                                 .ipv4 = true,
                                 .max_services = 100,
                                 .txt_max = 100};
}

static int reconfigure(const char *type)
{
    const char *const types[] = {type, NULL};
    const struct mdns_options options = options_for(types);
    return mdns_reconfigure(mdns, &options);
}

/* Begins to browse for _a._tcp, and hangs. */
static void begin(void)
{
    static const char *const types[] = {"_a._tcp", NULL};
    const struct mdns_options options = options_for(types);
    memset(&fake, 0, sizeof fake);
    asked_for[0] = '\0';
    sem_init(&browses, 0, 0);
    sem_init(&goes_on, 0, 0);
    mdns = mdns_start(&options);
    ck_assert_ptr_nonnull(mdns);
    sem_wait(&browses);
}

static void end(void)
{
    mdns_stop(mdns, TIMEOUT_MS);
}

/* The next event of that kind, which must come. */
static struct registration_event wait_for(enum mdns_event_kind kind)
{
    struct pollfd readable = {.fd = mdns_fd(mdns), .events = POLLIN};
    while (poll(&readable, 1, TIMEOUT_MS) == 1) {
        struct mdns_event *event = mdns_next(mdns);
        if (!event)
            continue;
        struct registration_event registration = event->registration;
        bool found = event->kind == kind;
        free(event);
        if (found)
            return registration;
    }
    ck_abort_msg("no event of kind %d", kind);
}

START_TEST(options_get_through_a_full_queue)
{
    int commands = 0;
    begin();
    while (mdns_withdraw(mdns, 1) == 0)
        commands++;
    ck_assert_int_eq(commands, COMMANDS_MAX);
    ck_assert_int_eq(mdns_withdraw(mdns, 1), -EAGAIN);
    ck_assert_int_eq(reconfigure("_b._tcp"), 0);
    ck_assert_int_eq(reconfigure("_c._tcp"), 0); /* the newest counts */
    sem_post(&goes_on);
    sem_wait(&browses);
    ck_assert_str_eq(asked_for, "_a._tcp_c._tcp");
    sem_post(&goes_on);
    end();
}
END_TEST

START_TEST(options_are_taken_up_by_an_idle_thread)
{
    begin();
    sem_post(&goes_on);
    wait_for(MDNS_UP);
    usleep(200000); /* until it has nothing to do */
    ck_assert_int_eq(reconfigure("_b._tcp"), 0);
    sem_wait(&browses);
    ck_assert_str_eq(asked_for, "_a._tcp_b._tcp");
    sem_post(&goes_on);
    end();
}
END_TEST

START_TEST(a_registration_and_its_events)
{
    begin();
    ck_assert_int_eq(mdns_register(mdns, 7, 0, "x", &request), 0);
    ck_assert_int_eq(mdns_update_txt(mdns, 7, 5, &request), 0);
    sem_post(&goes_on);
    struct registration_event event = wait_for(MDNS_REGISTRATION);
    ck_assert_uint_eq(event.number, 7);
    ck_assert_uint_eq(event.revision, 5);
    ck_assert_int_eq(event.state, REGISTRATION_PENDING);
    ck_assert_str_eq(event.name, "x");
    ck_assert_int_eq(mdns_register(mdns, 8, 7, "x", &request), 0);
    event = wait_for(MDNS_REGISTRATION);
    ck_assert_uint_eq(event.number, 8);
    ck_assert_str_eq(event.name, "x");
    ck_assert_int_eq(mdns_withdraw(mdns, 8), 0);
    ck_assert_int_eq(mdns_register(mdns, 9, 7, "x", &request), 0);
    event = wait_for(MDNS_REGISTRATION);
    ck_assert_uint_eq(event.number, 9);
    ck_assert_str_eq(event.name, "x");
    end();
    ck_assert_uint_eq(fake.live, 0);
}
END_TEST

/* The main thread asks for it before it hears that avahi-daemon was lost and is there again. */
START_TEST(numbers_of_a_former_life_are_not_registered)
{
    begin();
    dies = true;
    sem_post(&goes_on);
    sem_wait(&browses); /* it is there again */
    ck_assert_int_eq(mdns_register(mdns, 1, 0, "former", &request), 0);
    sem_post(&goes_on);
    wait_for(MDNS_DOWN);
    wait_for(MDNS_UP);
    ck_assert_int_eq(mdns_register(mdns, 2, 0, "present", &request), 0);
    ck_assert_str_eq(wait_for(MDNS_REGISTRATION).name, "present");
    end();
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("mdns");
    TCase *tcase = tcase_create("mdns");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, options_get_through_a_full_queue);
    tcase_add_test(tcase, options_are_taken_up_by_an_idle_thread);
    tcase_add_test(tcase, a_registration_and_its_events);
    tcase_add_test(tcase, numbers_of_a_former_life_are_not_registered);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
