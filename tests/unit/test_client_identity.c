/* SPDX-License-Identifier: MIT */
/* Who we are, and who listens, from what the kernel tells. */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_identity.h"
#include "container.h"
#include "listening.h"
#include "run_suite.h"

#define SOCKET "/run/mdns-mqtt/mqtt.sock"

static const char mounts[] =
    "22 1 0:20 / / rw,relatime - overlay overlay rw\n"
    "31 22 0:21 / /run rw - tmpfs tmpfs rw\n"
    "40 31 0:25 /mdns-mqtt/laba/s /run/mdns-mqtt ro,nosuid - tmpfs tmpfs rw\n"
    "41 31 0:25 /some\\040where/labb/s /mnt/a\\040b rw - tmpfs tmpfs rw\n"
    "42 31 0:25 /file/mqtt.sock /srv/mqtt.sock rw - tmpfs tmpfs rw\n";

START_TEST(mounted)
{
    char from[128] = "";
    bool is_path = true;

    ck_assert(container_mounted_from(from, sizeof from, mounts, SOCKET, &is_path));
    ck_assert_str_eq(from, "/mdns-mqtt/laba/s");
    ck_assert(!is_path);
    ck_assert(container_mounted_from(from, sizeof from, mounts, "/mnt/a b/x", &is_path));
    ck_assert_str_eq(from, "/some where/labb/s");
    ck_assert(container_mounted_from(from, sizeof from, mounts, "/srv/mqtt.sock", &is_path));
    ck_assert(is_path);
    ck_assert(!container_mounted_from(from, sizeof from, mounts, "/run/mdns/mqtt.sock", &is_path));
    ck_assert(
        !container_mounted_from(from, sizeof from, mounts, "/run/mdns-mqtt2/mqtt.sock", &is_path));
    ck_assert(!container_mounted_from(from, sizeof from, "", SOCKET, &is_path));
    ck_assert(!container_mounted_from(from, sizeof from, "\n\nx\n1 2 3", SOCKET, &is_path));
    ck_assert(container_mounted_from(from, 4, mounts, SOCKET, &is_path));
    ck_assert_str_eq(from, "/md");
}
END_TEST

START_TEST(of_podman)
{
    static const char podman[] =
        "50 22 0:30 / /run rw - tmpfs tmpfs rw\n"
        "51 22 0:31 /containers/overlay-containers/02a5ad0e/userdata/hostname /etc/hostname rw - t "
        "t rw\n";
    static const char docker[] =
        "50 22 0:30 /var/lib/docker/containers/02a5ad0e/hostname /etc/hostname rw - t t rw\n";

    ck_assert(container_is_podman(podman));
    ck_assert(!container_is_podman(docker));
    ck_assert(!container_is_podman(mounts));
}
END_TEST

START_TEST(of_folder)
{
    static const char *const bad[] = {"",          "/",       "/s",         "laba/s/", "/laba/t",
                                      "/run/../s", "/run//s", "/run/a b/s", "s"};
    char client[TOPIC_CLIENT_MAX + 1], long_name[128];

    ck_assert(client_identity_of_folder(client, "/run/mdns-mqtt/laba/s"));
    ck_assert_str_eq(client, "laba");
    ck_assert(client_identity_of_folder(client, "/laba/s"));
    ck_assert_str_eq(client, "laba");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!client_identity_of_folder(client, bad[i]), "%s", bad[i]);
    memset(long_name, 'x', sizeof long_name);
    long_name[0] = '/';
    memcpy(long_name + 66, "/s", 3);
    ck_assert(!client_identity_of_folder(client, long_name));
    memcpy(long_name + 65, "/s", 3);
    ck_assert(client_identity_of_folder(client, long_name));
}
END_TEST

static const char *client_of(const char *given, const struct options *options,
                             const struct broker_place *place)
{
    static char client[TOPIC_CLIENT_MAX + 1];
    return client_identity_find(client, given, options, place) ? NULL : client;
}

START_TEST(client)
{
    struct options options = {0};
    struct broker_place place = {.broker.host = "/run/mdns-mqtt/labc/s/mqtt.sock"};

    unsetenv("MDNS_MQTT_CLIENT");
    ck_assert_str_eq(client_of(NULL, &options, &place), "labc");
    options.username = "web";
    ck_assert_str_eq(client_of(NULL, &options, &place), "web");
    setenv("MDNS_MQTT_CLIENT", "env", 1);
    ck_assert_str_eq(client_of(NULL, &options, &place), "env");
    ck_assert_str_eq(client_of("given", &options, &place), "given");
    ck_assert_ptr_null(client_of("a/b", &options, &place));
    ck_assert_ptr_null(client_of("..", &options, &place));
    unsetenv("MDNS_MQTT_CLIENT");
}
END_TEST

START_TEST(client_of_the_host)
{
    struct options options = {0};
    struct broker_place place = {.broker.host = "127.0.0.1", .broker.port = 1883};
    char user[64];

    unsetenv("MDNS_MQTT_CLIENT");
    if (container_runtime() != CONTAINER_NONE)
        ck_assert_ptr_null(client_of(NULL, &options, &place));
    else if (client_identity_user(user, sizeof user))
        ck_assert_str_eq(client_of(NULL, &options, &place), user);
}
END_TEST

START_TEST(tables)
{
    static const char tcp[] =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000\n"
        "   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000\n";
    static const char udp6[] =
        "  sl  local_address                         remote_address                        st\n"
        "  12: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07\n";

    ck_assert(listening_in_table(tcp, false, 8080));
    ck_assert(!listening_in_table(tcp, false, 8081)); /* a connection */
    ck_assert(!listening_in_table(tcp, false, 80));
    ck_assert(!listening_in_table(tcp, true, 8080));
    ck_assert(listening_in_table(udp6, true, 5353));
    ck_assert(!listening_in_table("", false, 8080));
}
END_TEST

static void looks_at_sockets(int family, int type)
{
    struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
    socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof address;
    int fd = socket(family, type, 0);
    bool udp = type == SOCK_DGRAM;

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0)
        return; /* no IPv6 here */
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    uint16_t port = ntohs(address.sin6_port); /* where an IPv4 address has it, too */
    if (!udp) {
        ck_assert_int_eq(listening(false, port), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
    }
    ck_assert_int_eq(listening(udp, port), 1);
    close(fd);
    ck_assert_int_eq(listening(udp, port), 0);
}

START_TEST(sockets)
{
    looks_at_sockets(AF_INET, SOCK_STREAM);
    looks_at_sockets(AF_INET, SOCK_DGRAM);
    looks_at_sockets(AF_INET6, SOCK_STREAM);
    looks_at_sockets(AF_INET6, SOCK_DGRAM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_identity");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, mounted);
    tcase_add_test(tests, of_podman);
    tcase_add_test(tests, of_folder);
    tcase_add_test(tests, client);
    tcase_add_test(tests, client_of_the_host);
    tcase_add_test(tests, tables);
    tcase_add_test(tests, sockets);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
