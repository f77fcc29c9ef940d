/* SPDX-License-Identifier: MIT */
/* Browsing and resolving with an Avahi of its own, which says what the test wants it to say. */
#include "browse.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-common/error.h>

#include "clock.h"
#include "log.h"
#include "run_suite.h"

#define TYPES_MAX 1024
#define LOOPBACK 1

/* ---- In place of libavahi-client ---- */

struct AvahiServiceTypeBrowser {
    AvahiServiceTypeBrowserCallback callback;
    void *userdata;
};

struct AvahiServiceBrowser {
    AvahiServiceBrowserCallback callback;
    void *userdata;
};

struct AvahiServiceResolver {
    AvahiServiceResolverCallback callback;
    void *userdata;
    AvahiProtocol protocol, address; /* the last: which kind is asked for */
    const char *name;
};

#define OBJECTS_MAX 4096

/* Never freed: what Avahi would free with its client needs no account then. */
static AvahiServiceTypeBrowser type_browsers[OBJECTS_MAX];
static AvahiServiceBrowser browsers[OBJECTS_MAX];
static AvahiServiceResolver resolvers[OBJECTS_MAX];
static int type_browser_count, browser_count, resolver_count;

static AvahiServiceTypeBrowser *type_browser; /* made last */
static AvahiServiceResolver *resolver;        /* likewise */
static AvahiServiceBrowser *browser;          /* likewise */
static int browsers_made, avahi_error; /* avahi_error: of what is made from now on; 0: none */

AvahiClient *avahi_client_new(const AvahiPoll *poll, AvahiClientFlags flags,
                              AvahiClientCallback callback, void *userdata,
                              int *error) // NOLINT(readability-non-const-parameter): as is Avahi's
{
    (void)poll, (void)flags, (void)error;
    AvahiClient *client = (AvahiClient *)&browsers_made; /* anything */
    callback(client, AVAHI_CLIENT_S_RUNNING, userdata);
    return client;
}

void avahi_client_free(AvahiClient *client)
{
    (void)client;
}

int avahi_client_errno(AvahiClient *client)
{
    (void)client;
    return avahi_error;
}

AvahiServiceTypeBrowser *avahi_service_type_browser_new(AvahiClient *client, AvahiIfIndex interface,
                                                        AvahiProtocol protocol, const char *domain,
                                                        AvahiLookupFlags flags,
                                                        AvahiServiceTypeBrowserCallback callback,
                                                        void *userdata)
{
    (void)client, (void)interface, (void)protocol, (void)domain, (void)flags;
    type_browser = &type_browsers[type_browser_count++];
    *type_browser = (AvahiServiceTypeBrowser){callback, userdata};
    return type_browser;
}

int avahi_service_type_browser_free(AvahiServiceTypeBrowser *freed)
{
    (void)freed;
    return 0;
}

AvahiClient *avahi_service_type_browser_get_client(AvahiServiceTypeBrowser *asked)
{
    (void)asked;
    return NULL;
}

AvahiServiceBrowser *avahi_service_browser_new(AvahiClient *client, AvahiIfIndex interface,
                                               AvahiProtocol protocol, const char *type,
                                               const char *domain, AvahiLookupFlags flags,
                                               AvahiServiceBrowserCallback callback, void *userdata)
{
    (void)client, (void)interface, (void)protocol, (void)type, (void)domain, (void)flags;
    browsers_made++;
    if (avahi_error)
        return NULL;
    browser = &browsers[browser_count++];
    *browser = (AvahiServiceBrowser){callback, userdata};
    return browser;
}

int avahi_service_browser_free(AvahiServiceBrowser *freed)
{
    (void)freed;
    return 0;
}

AvahiClient *avahi_service_browser_get_client(AvahiServiceBrowser *asked)
{
    (void)asked;
    return NULL;
}

AvahiServiceResolver *avahi_service_resolver_new(AvahiClient *client, AvahiIfIndex interface,
                                                 AvahiProtocol protocol, const char *name,
                                                 const char *type, const char *domain,
                                                 AvahiProtocol aprotocol, AvahiLookupFlags flags,
                                                 AvahiServiceResolverCallback callback,
                                                 void *userdata)
{
    (void)client, (void)interface, (void)type, (void)domain, (void)flags;
    resolver = &resolvers[resolver_count++];
    *resolver = (AvahiServiceResolver){callback, userdata, protocol, aprotocol, name};
    return resolver;
}

int avahi_service_resolver_free(AvahiServiceResolver *r)
{
    (void)r;
    return 0;
}

AvahiClient *avahi_service_resolver_get_client(AvahiServiceResolver *asked)
{
    (void)asked;
    return NULL;
}

/* ---- */

static struct client_pool pool;
static struct browse_counters browse_counters;
static struct resolve_counters resolve_counters;
static struct filter *filter;
static struct resolve *resolve;
static struct browse *browse;
static int found;
static char lost[64]; /* names, one behind the other */

static void emit(void *context, struct mdns_event *event)
{
    (void)context;
    found += event->kind == MDNS_FOUND;
    if (event->kind == MDNS_LOST)
        strncat(lost, event->id.name, sizeof lost - strlen(lost) - 1);
    free(event);
}

static void begin(bool enumerate, const char *const *types)
{
    static const char *const local[] = {"local", NULL}, *const none[] = {NULL};
    const struct mdns_options options = {.browse = true,
                                         .enumerate = enumerate,
                                         .types = types,
                                         .domains = local,
                                         .interfaces = none,
                                         .ignore_interfaces = none,
                                         .ipv4 = true,
                                         .ipv6 = true,
                                         .local = true,
                                         .max_services = 100,
                                         .txt_max = 100};
    browsers_made = avahi_error = found = 0;
    lost[0] = '\0';
    filter = filter_new(&options);
    client_pool_init(&pool, NULL);
    client_pool_open(&pool);
    resolve = resolve_new(&pool, filter, &resolve_counters, (struct event_sink){emit, NULL});
    browse = browse_new(&pool, resolve, filter, &browse_counters);
}

static void end(void)
{
    browse_free(browse);
    resolve_free(resolve);
    filter_free(filter);
}

static void says(AvahiBrowserEvent event, const char *name)
{
    browser->callback(browser, LOOPBACK, AVAHI_PROTO_INET, event, name, "_a._tcp", "local", 0,
                      browser->userdata);
}

static void resolves(AvahiProtocol protocol)
{
    const AvahiAddress ip = {.proto = protocol};
    resolver->callback(resolver, LOOPBACK, resolver->protocol, AVAHI_RESOLVER_FOUND, resolver->name,
                       "_a._tcp", "local", "h.local", &ip, 80, NULL, 0, resolver->userdata);
}

static void times_out(void)
{
    avahi_error = AVAHI_ERR_TIMEOUT;
    resolver->callback(resolver, LOOPBACK, resolver->protocol, AVAHI_RESOLVER_FAILURE, NULL, NULL,
                       NULL, NULL, NULL, 0, NULL, 0, resolver->userdata);
    avahi_error = 0;
}

static void says_type(AvahiBrowserEvent event, int number)
{
    char type[32];
    snprintf(type, sizeof type, "_t%d._tcp", number);
    type_browser->callback(type_browser, LOOPBACK, AVAHI_PROTO_INET, event, type, "local", 0,
                           type_browser->userdata);
}

static const char *const type_a[] = {"_a._tcp", NULL};

/* The goodbye of "y" was lost between the old browser and the new one. */
START_TEST(what_a_new_browser_does_not_confirm_is_lost)
{
    begin(false, type_a);
    browse_restart(browse, filter);
    says(AVAHI_BROWSER_NEW, "x");
    resolves(AVAHI_PROTO_INET);
    says(AVAHI_BROWSER_NEW, "y");
    resolves(AVAHI_PROTO_INET);
    says(AVAHI_BROWSER_ALL_FOR_NOW, NULL);
    ck_assert_uint_eq(resolve_counters.instances, 2);
    ck_assert_str_eq(lost, "");
    browse_restart(browse, filter);
    says(AVAHI_BROWSER_NEW, "x");
    ck_assert_str_eq(lost, "");
    says(AVAHI_BROWSER_ALL_FOR_NOW, NULL);
    ck_assert_str_eq(lost, "y");
    ck_assert_uint_eq(resolve_counters.instances, 1);
    end();
}
END_TEST

/* A device whose AAAA record comes late, or is lost at first. */
START_TEST(a_borrowed_address_is_given_back)
{
    begin(false, type_a);
    browse_restart(browse, filter);
    browser->callback(browser, LOOPBACK, AVAHI_PROTO_INET6, AVAHI_BROWSER_NEW, "x", "_a._tcp",
                      "local", 0, browser->userdata);
    ck_assert_int_eq(resolver->address, AVAHI_PROTO_INET6);
    int64_t next_at = clock_now();
    for (int round = 1; round <= 3; round++) {
        times_out();
        resolve_run(resolve, next_at);
        ck_assert_int_eq(resolver->address, AVAHI_PROTO_UNSPEC);
        resolves(AVAHI_PROTO_INET);
        ck_assert_int_eq(found, round);
        ck_assert_uint_eq(resolve_pending(resolve), 0);
        next_at = resolve_run(resolve, clock_now());
        ck_assert_int_gt(next_at, clock_now());
        resolve_run(resolve, next_at);
        ck_assert_int_eq(resolver->address, AVAHI_PROTO_INET6);
    }
    resolves(AVAHI_PROTO_INET6);
    ck_assert_int_eq(found, 4);
    ck_assert_str_eq(lost, "");
    int made = resolver_count;
    ck_assert_int_eq(resolve_run(resolve, INT64_MAX), INT64_MAX);
    ck_assert_int_eq(resolver_count, made);
    end();
}
END_TEST

START_TEST(types_that_were_too_many_are_asked_for_again)
{
    static const char *const none[] = {NULL};
    begin(true, none);
    browse_restart(browse, filter);
    for (int i = 0; i < TYPES_MAX + 100; i++)
        says_type(AVAHI_BROWSER_NEW, i);
    ck_assert_uint_eq(browse_counters.types, TYPES_MAX);
    ck_assert(!browse_has_room_again(browse));
    for (int i = 0; i < TYPES_MAX / 2; i++)
        says_type(AVAHI_BROWSER_REMOVE, i);
    int64_t later = clock_now() + 3600000;
    while (browse_run(browse, later) <= later)
        ;
    ck_assert(browse_has_room_again(browse));
    browse_restart(browse, filter);
    ck_assert(!browse_has_room_again(browse));
    for (int i = TYPES_MAX / 2; i < TYPES_MAX + 100; i++)
        says_type(AVAHI_BROWSER_NEW, i);
    ck_assert_uint_eq(browse_counters.types, TYPES_MAX / 2 + 100 + 1); /* and the one for types */
    ck_assert(!browse_has_room_again(browse));
    end();
}
END_TEST

/* The daemon's side of it would leak, and each further call could hang as long. */
START_TEST(a_call_without_an_answer_breaks_the_connection)
{
    static const char *const types[] = {"_a._tcp", "_b._tcp", "_c._tcp", NULL};
    begin(false, types);
    avahi_error = AVAHI_ERR_TIMEOUT;
    browse_restart(browse, filter);
    ck_assert_int_eq(pool.state, CLIENT_POOL_BROKEN);
    ck_assert_int_eq(pool.error, AVAHI_ERR_TIMEOUT);
    ck_assert_int_eq(browsers_made, 1);
    end();
}
END_TEST

START_TEST(what_avahi_refuses_does_not)
{
    begin(false, type_a);
    avahi_error = AVAHI_ERR_INVALID_SERVICE_TYPE;
    browse_restart(browse, filter);
    ck_assert_int_eq(pool.state, CLIENT_POOL_UP);
    end();
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("browse");
    TCase *tcase = tcase_create("browse");
    tcase_add_test(tcase, what_a_new_browser_does_not_confirm_is_lost);
    tcase_add_test(tcase, a_borrowed_address_is_given_back);
    tcase_add_test(tcase, types_that_were_too_many_are_asked_for_again);
    tcase_add_test(tcase, a_call_without_an_answer_breaks_the_connection);
    tcase_add_test(tcase, what_avahi_refuses_does_not);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
