/* SPDX-License-Identifier: MIT */
/* The configuration as a whole: defaults, files, sections of clients, dump, and the sample file. */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_fixture.h"

static const char default_dump[] = "[broker]\n"
                                   "url = mqtt://127.0.0.1:1883\n"
                                   "username =\n"
                                   "password-file =\n"
                                   "ca-file =\n"
                                   "cert-file =\n"
                                   "key-file =\n"
                                   "client-id =\n"
                                   "keepalive = 30\n"
                                   "protocol = 5\n"
                                   "\n[records]\n"
                                   "prefix = mdns\n"
                                   "size = 4096\n"
                                   "stats-interval = 60\n"
                                   "\n[browse]\n"
                                   "enabled = yes\n"
                                   "types = auto\n"
                                   "domains = local\n"
                                   "interfaces =\n"
                                   "ignore-interfaces = lo veth* br-* docker* podman* cni* tap*\n"
                                   "ipv4 = yes\n"
                                   "ipv6 = yes\n"
                                   "local = yes\n"
                                   "max-services = 4096\n"
                                   "avahi-grace = 30\n"
                                   "\n[advertise]\n"
                                   "enabled = yes\n"
                                   "types =\n"
                                   "deny-types =\n"
                                   "ports = all\n"
                                   "max-per-client = 32\n"
                                   "max-total = 512\n"
                                   "port-check = warn\n"
                                   "user =\n"
                                   "\n[log]\n"
                                   "level = info\n";

/* The same once more as the values that the program sees. */
static void assert_defaults(const struct config *config)
{
    ck_assert_str_eq(config->broker.url.host, "127.0.0.1");
    ck_assert_uint_eq(config->broker.url.port, 1883);
    ck_assert(!config->broker.url.tls);
    ck_assert_str_eq(config->broker.username, "");
    ck_assert_str_eq(config->broker.client_id, "");
    ck_assert_uint_eq(config->broker.keepalive, 30);
    ck_assert_int_eq(config->broker.protocol, BROKER_MQTT_5);
    ck_assert_str_eq(config->records.prefix, "mdns");
    ck_assert_uint_eq(config->records.size, 4096);
    ck_assert_uint_eq(config->records.stats_interval, 60);
    ck_assert(config->browse.enabled && config->browse.types.automatic);
    ck_assert_uint_eq(config->browse.types.named.count, 0);
    ck_assert_str_eq(config_list_items(&config->browse.domains)[0], "local");
    ck_assert_ptr_null(config_list_items(&config->browse.domains)[1]);
    ck_assert_ptr_null(config_list_items(&config->browse.interfaces)[0]);
    ck_assert_uint_eq(config->browse.ignore_interfaces.count, 7);
    ck_assert(config->browse.ipv4 && config->browse.ipv6 && config->browse.local);
    ck_assert_uint_eq(config->browse.max_services, 4096);
    ck_assert_uint_eq(config->browse.avahi_grace, 30);
    ck_assert(config->advertise.enabled);
    ck_assert_uint_eq(config->advertise.types.count, 0);
    ck_assert_uint_eq(config->advertise.deny_types.count, 0);
    ck_assert_uint_eq(config->advertise.ports.count, 1);
    ck_assert_uint_eq(config->advertise.ports.ranges[0].first, 1);
    ck_assert_uint_eq(config->advertise.ports.ranges[0].last, 65535);
    ck_assert_uint_eq(config->advertise.max_per_client, 32);
    ck_assert_uint_eq(config->advertise_max_total, 512);
    ck_assert_int_eq(config->advertise.port_check, PORT_CHECK_WARN);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
}

static void assert_dump(struct config *config, const char *expected)
{
    char *dump = fixture_dump(config);
    ck_assert_str_eq(dump, expected);
    free(dump);
}

START_TEST(test_defaults)
{
    struct config config;
    ck_assert_int_eq(config_init(&config), 0);
    assert_defaults(&config);
    assert_dump(&config, default_dump);
    config_free(&config);
    config_free(&config);
}
END_TEST

START_TEST(test_missing_file)
{
    struct config config;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_init(&config), 0);
    config_read_file(&config, "missing.conf", false, &errors);
    ck_assert_uint_eq(errors.count, 0);
    assert_defaults(&config);
    config_read_file(&config, "missing.conf", true, &errors);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.text[0], "missing.conf: No such file or directory");
    config_free(&config);
}
END_TEST

/* What all sorts of files mean: the keys named differ from the defaults. */
static const struct {
    const char *text, *line;
} files[] = {
    {"", "url = mqtt://127.0.0.1:1883\n"},
    {"[log]\nlevel = debug", "level = debug\n"},
    {"\xef\xbb\xbf[log]\r\nlevel=debug\r\n", "level = debug\n"},
    {"[log]\nlevel: debug\n", "level = debug\n"},
    {"# one\n; two\n  # three\n[log] ; four\nlevel = debug ; five\n", "level = debug\n"},
    {"[broker]\nusername = a;b#c ;d\n", "username = a;b#c\n"},
    {"[broker]\nurl = unix:///run/a=b:c\n", "url = unix:///run/a=b:c\n"},
    {"[browse]\ntypes = auto _http._tcp,_ipp._tcp\n", "types = auto _http._tcp _ipp._tcp\n"},
    {"[browse]\ntypes =\n  _http._tcp ; web\n\n# print\n\t_ipp._tcp\n",
     "types = _http._tcp _ipp._tcp\n"},
    {"[browse]\ntypes = _http._tcp _HTTP._tcp\n", "types = _http._tcp\n"},
    {"[advertise]\nports = 80,\n  443 8000-8999\n", "ports = 80 443 8000-8999\n"},
    {"[advertise]\nports =\n", "ports = all\n"},
    {"[browse]\nignore-interfaces =\n", "\nignore-interfaces =\n"},
    {"[browse]\ninterfaces = eth? [we]*n0\n", "\ninterfaces = eth? [we]*n0\n"},
};

START_TEST(test_files)
{
    struct config config, again;
    fixture_load(&config, files[_i].text);
    char *dump = fixture_dump(&config);
    ck_assert_msg(strstr(dump, files[_i].line) != NULL, "no %s in %s", files[_i].line, dump);
    fixture_load(&again, dump);
    assert_dump(&again, dump);
    free(dump);
    config_free(&config);
    config_free(&again);
}
END_TEST

static const char policies[] = "[advertise web]\n"
                               "ports = 8080\n"
                               "types = _http._tcp\n"
                               "[advertise kiosk]\n"
                               "enabled = no\n"
                               "[advertise]\n"
                               "types = _ipp._tcp _http._tcp\n"
                               "deny-types = _ssh._tcp\n"
                               "ports = 1-1023\n"
                               "max-per-client = 5\n"
                               "port-check = enforce\n"
                               "user = laba\n"
                               "[advertise\t open]\n"
                               "types =\n"
                               "ports = all\n"
                               "deny-types =\n"
                               "port-check = off\n"
                               "user =\n"
                               "max-per-client = 7\n";

START_TEST(test_policies)
{
    struct config config;
    fixture_load(&config, policies);

    const struct advertise_policy *web = config_policy(&config, "web");
    ck_assert(web->enabled);
    ck_assert_uint_eq(web->types.count, 1);
    ck_assert_str_eq(web->types.items[0], "_http._tcp");
    ck_assert_uint_eq(web->deny_types.count, 1);
    ck_assert_str_eq(web->deny_types.items[0], "_ssh._tcp");
    ck_assert_uint_eq(web->ports.count, 1);
    ck_assert_uint_eq(web->ports.ranges[0].first, 8080);
    ck_assert_uint_eq(web->ports.ranges[0].last, 8080);
    ck_assert_uint_eq(web->max_per_client, 5);
    ck_assert_int_eq(web->port_check, PORT_CHECK_ENFORCE);
    ck_assert_str_eq(web->user, "laba");

    const struct advertise_policy *kiosk = config_policy(&config, "kiosk");
    ck_assert(!kiosk->enabled);
    ck_assert_uint_eq(kiosk->types.count, 2);
    ck_assert_uint_eq(kiosk->ports.ranges[0].last, 1023);

    const struct advertise_policy *open = config_policy(&config, "open");
    ck_assert_uint_eq(open->types.count, 0);
    ck_assert_uint_eq(open->deny_types.count, 0);
    ck_assert_uint_eq(open->ports.ranges[0].first, 1);
    ck_assert_uint_eq(open->ports.ranges[0].last, 65535);
    ck_assert_int_eq(open->port_check, PORT_CHECK_OFF);
    ck_assert_str_eq(open->user, "");
    ck_assert_uint_eq(open->max_per_client, 7);

    ck_assert_ptr_eq(config_policy(&config, "other"), &config.advertise);
    ck_assert_ptr_eq(config_policy(&config, ""), &config.advertise);
    ck_assert_ptr_eq(config_policy(&config, "WEB"), &config.advertise);

    struct config again;
    char *dump = fixture_dump(&config);
    fixture_load(&again, dump);
    assert_dump(&again, dump);
    ck_assert_uint_eq(again.client_count, 3);
    free(dump);
    config_free(&config);
    config_free(&again);
}
END_TEST

START_TEST(test_longest_client)
{
    struct config config;
    char text[256], client[65];
    memset(client, 'x', 64);
    client[64] = '\0';
    snprintf(text, sizeof text, "[advertise %s]\nenabled = no\n[advertise %.63s]\n", client,
             client);
    fixture_load(&config, text);
    ck_assert_uint_eq(config.client_count, 2);
    ck_assert(!config_policy(&config, client)->enabled);
    client[63] = '\0';
    ck_assert(config_policy(&config, client)->enabled);
    config_free(&config);
}
END_TEST

/* Everything as long as it may be. */
START_TEST(test_longest_values_come_back)
{
    struct config config, again;
    char error[CONFIG_ERROR_SIZE];
    char value[CONFIG_VALUE_MAX + 1], types[CONFIG_LIST_MAX * 14 + 1];
    memset(value, 'x', CONFIG_VALUE_MAX);
    value[0] = '/';
    value[CONFIG_VALUE_MAX] = '\0';
    for (int i = 0; i < CONFIG_LIST_MAX; i++)
        sprintf(types + i * 14, "_type%03d._tcp ", i);

    ck_assert_int_eq(config_init(&config), 0);
    ck_assert(config_set(&config, "broker", "username", value, error));
    ck_assert(config_set(&config, "broker", "password-file", value, error));
    ck_assert(config_set(&config, "browse", "types", types, error));

    char *dump = fixture_dump(&config);
    fixture_load(&again, dump);
    assert_dump(&again, dump);
    ck_assert_uint_eq(again.browse.types.named.count, CONFIG_LIST_MAX);
    free(dump);
    config_free(&config);
    config_free(&again);
}
END_TEST

START_TEST(test_dump_that_cannot_be_written)
{
    struct config config;
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    ck_assert_int_eq(config_init(&config), 0);
    ck_assert_int_eq(config_dump(&config, full), -EIO);
    fclose(full);
    config_free(&config);
}
END_TEST

/* The sample, and the sample with every "#key = value" in force, is the defaults; it lacks none. */
START_TEST(test_sample)
{
    struct config config;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_init(&config), 0);
    config_read_file(&config, SAMPLE_FILE, true, &errors);
    ck_assert_msg(errors.count == 0, "%s", errors.text[0]);
    assert_dump(&config, default_dump);
    for (size_t i = 0; i < CONFIG_KEYS; i++)
        ck_assert_uint_eq(config.lines[i], 0);
    config_free(&config);

    char text[16384];
    size_t length = 0;
    FILE *sample = fopen(SAMPLE_FILE, "r");
    ck_assert_ptr_nonnull(sample);
    for (char line[512]; fgets(line, sizeof line, sample);) {
        bool key = line[0] == '#' && islower((unsigned char)line[1]);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s", line + key);
        ck_assert_uint_lt(length, sizeof text);
    }
    fclose(sample);
    fixture_load(&config, text);
    assert_dump(&config, default_dump);
    for (size_t i = 0; i < CONFIG_KEYS; i++)
        ck_assert_msg(config.lines[i] > 0, "key %zu is not in the sample", i);
    config_free(&config);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config");
    tcase_add_test(tests, test_defaults);
    tcase_add_test(tests, test_missing_file);
    tcase_add_loop_test(tests, test_files, 0, COUNT(files));
    tcase_add_test(tests, test_policies);
    tcase_add_test(tests, test_longest_client);
    tcase_add_test(tests, test_longest_values_come_back);
    tcase_add_test(tests, test_dump_that_cannot_be_written);
    tcase_add_test(tests, test_sample);
    return fixture_run(tests, "config");
}
