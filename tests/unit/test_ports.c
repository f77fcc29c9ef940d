/* SPDX-License-Identifier: MIT */
/*
 * The port check and the kernel: sockets of all kinds are opened here, on ports that the kernel
 * chooses, and looked for through both sources. What this machine lacks is skipped, with a word.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "ports_table.h"
#include "run_suite.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define SOURCES 2 /* 0: sock_diag, 1: /proc */

static struct ports *ports;

static void set_up(void)
{
    ports = ports_new();
    ck_assert_ptr_nonnull(ports);
    /* Even where a sandbox hides the other users, the owner of the sockets below is seen. */
    ports->owners_visible = true;
}

static void tear_down(void)
{
    ports_free(ports);
}

static void take(int source)
{
    if (source == 1)
        ports->tcp.without_diag = ports->udp.without_diag = true;
    ck_assert_int_eq(ports_refresh(ports), 0);
    ck_assert(ports->tcp.complete && ports->udp.complete);
    if (source == 0 && (ports->tcp.without_diag || ports->udp.without_diag))
        printf("sock_diag not tested: this kernel has or permits none\n");
}

/* A socket bound to that address and port, 0 for any; `*port` becomes the one it has. Or -errno. */
static int try_bound(int type, const char *address, int v6only, uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {0};
    socklen_t size = sizeof name.v4;
    if (inet_pton(AF_INET, address, &name.v4.sin_addr) == 1) {
        name.v4.sin_family = AF_INET;
        name.v4.sin_port = htons(*port);
    } else {
        size = sizeof name.v6;
        ck_assert_int_eq(inet_pton(AF_INET6, address, &name.v6.sin6_addr), 1);
        name.v6.sin6_family = AF_INET6;
        name.v6.sin6_port = htons(*port);
    }
    int fd = socket(name.any.sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (name.any.sa_family == AF_INET6)
        ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only), 0);
    if (bind(fd, &name.any, size) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    ck_assert_int_eq(getsockname(fd, &name.any, &size), 0);
    *port = ntohs(name.any.sa_family == AF_INET ? name.v4.sin_port : name.v6.sin6_port);
    return fd;
}

/* The same; -1, with a word, where this machine cannot. */
static int bound(int type, const char *address, int v6only, uint16_t *port)
{
    int fd = try_bound(type, address, v6only, port);
    if (fd >= 0)
        return fd;
    ck_assert_msg(strchr(address, ':') != NULL, "%s: %s", address, strerror(-fd));
    printf("%s not tested: %s\n", address, strerror(-fd));
    return -1;
}

/* To a port of this host's loopback address. False where there is none. */
static bool connect_udp(int fd, bool ipv6)
{
    const struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return (ipv6 ? connect(fd, (const struct sockaddr *)&v6, sizeof v6)
                 : connect(fd, (const struct sockaddr *)&v4, sizeof v4)) == 0;
}

/*
 * The same, and nobody else gets the port in the other IP protocol, where one socket does not keep
 * others away. What does that must not be seen: it does not listen, or is connected.
 */
static int bound_alone(int type, const char *address, int v6only, uint16_t *port)
{
    const bool ipv6 = strchr(address, ':') && !strchr(address, '.');
    for (;;) {
        int fd = bound(type, address, v6only, port);
        if (fd < 0)
            return fd;
        int other = try_bound(type, ipv6 ? "0.0.0.0" : "::", 1, port);
        if (other >= 0 && type == SOCK_DGRAM && !connect_udp(other, !ipv6))
            close(other);
        if (other != -EADDRINUSE)
            return fd;
        close(fd);
        *port = 0;
    }
}

static int listening(const char *address, int v6only, uint16_t *port)
{
    int fd = bound(SOCK_STREAM, address, v6only, port);
    if (fd >= 0)
        ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static int listening_alone(const char *address, int v6only, uint16_t *port)
{
    int fd = bound_alone(SOCK_STREAM, address, v6only, port);
    if (fd >= 0)
        ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static const struct {
    const char *address;
    bool v6only;
    enum port_state state;
} addresses[] = {
    {"0.0.0.0", false, PORT_OK},
    {"127.0.0.1", false, PORT_LOOPBACK_ONLY},
    {"127.1.2.3", false, PORT_LOOPBACK_ONLY},
    {"::", false, PORT_OK},
    {"::", true, PORT_OK},
    {"::1", false, PORT_LOOPBACK_ONLY},
    {"::1", true, PORT_LOOPBACK_ONLY},
    {"::ffff:127.0.0.1", false, PORT_LOOPBACK_ONLY},
    {"::ffff:0.0.0.0", false, PORT_OK},
};

START_TEST(test_tcp)
{
    const int row = _i / SOURCES;
    const bool alone = addresses[row].state != PORT_OK;
    uint16_t port = 0;
    if ((alone ? listening_alone : listening)(addresses[row].address, addresses[row].v6only,
                                              &port) < 0)
        return;
    take(_i % SOURCES);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), addresses[row].state);
}
END_TEST

START_TEST(test_udp)
{
    const int row = _i / SOURCES;
    const bool alone = addresses[row].state != PORT_OK;
    uint16_t port = 0;
    if ((alone ? bound_alone : bound)(SOCK_DGRAM, addresses[row].address, addresses[row].v6only,
                                      &port) < 0)
        return;
    take(_i % SOURCES);
    ck_assert_int_eq(ports_state(ports, true, port, NULL, NULL), addresses[row].state);
}
END_TEST

START_TEST(test_not_listening)
{
    uint16_t port = 0;
    int fd = bound_alone(SOCK_STREAM, "0.0.0.0", 0, &port);
    take(_i);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_UNPUBLISHED);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_UNPUBLISHED);
    take(_i);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_OK);
}
END_TEST

START_TEST(test_udp_connected)
{
    uint16_t port = 0;
    int fd = bound_alone(SOCK_DGRAM, "0.0.0.0", 0, &port);
    ck_assert(connect_udp(fd, false));
    take(_i);
    ck_assert_int_eq(ports_state(ports, true, port, NULL, NULL), PORT_UNPUBLISHED);
}
END_TEST

/* The rootless Docker way: one socket for each protocol. */
START_TEST(test_several_listeners)
{
    uint16_t port = 0;
    if (listening("::", 1, &port) < 0)
        return;
    int loopback = try_bound(SOCK_STREAM, "127.0.0.1", 0, &port);
    if (loopback >= 0) /* somebody else may have it: then it is his that is the second one */
        ck_assert_int_eq(listen(loopback, 1), 0);
    take(_i);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_OK);
}
END_TEST

START_TEST(test_bound_to_lo)
{
    uint16_t port = 0;
    int fd = listening_alone("0.0.0.0", 0, &port);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") < 0) {
        printf("a socket bound to lo not tested: %s\n", strerror(errno));
        return;
    }
    take(0);
    if (!ports->tcp.without_diag)
        ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_LOOPBACK_ONLY);
    take(1); /* does not tell */
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_OK);
}
END_TEST

START_TEST(test_owner)
{
    const struct port_owner self = {.uid = getuid()}, other = {.uid = getuid() + 1};
    uint32_t uid = 4242;
    uint16_t port = 0;
    listening("0.0.0.0", 0, &port);
    take(_i);
    ck_assert_int_eq(ports_state(ports, false, port, &self, &uid), PORT_OK);
    ck_assert_uint_eq(uid, 4242);
    ck_assert_int_eq(ports_state(ports, false, port, &other, NULL), PORT_FOREIGN_OWNER);
    ck_assert_int_eq(ports_state(ports, false, port, &other, &uid), PORT_FOREIGN_OWNER);
    ck_assert_uint_eq(uid, getuid());
}
END_TEST

/* A container's user 1000 on the host's network: a subordinate uid of its user. */
START_TEST(test_subordinate_owner)
{
    const struct port_owner owner = {.uid = 1601, .range_count = 1, .ranges = {{400000, 465535}}};
    uint16_t port = 0;
    if (getuid() != 0 || seteuid(400999) < 0) {
        printf("a socket of a subordinate uid not tested: needs root\n");
        return;
    }
    listening("0.0.0.0", 0, &port);
    ck_assert_int_eq(seteuid(0), 0);
    take(_i);
    ck_assert_int_eq(ports_state(ports, false, port, &owner, NULL), PORT_OK);
}
END_TEST

START_TEST(test_no_snapshot)
{
    ck_assert_int_eq(ports_state(ports, false, 80, NULL, NULL), PORT_UNKNOWN);
    ck_assert_int_eq(ports_state(ports, true, 80, NULL, NULL), PORT_UNKNOWN);
}
END_TEST

/* Without a file descriptor to be had nothing is known; the next time all is well. */
START_TEST(test_passing_error)
{
    struct rlimit limit, none = {0};
    uint16_t port = 0;
    listening_alone("127.0.0.1", 0, &port);
    take(_i);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool refused = ports->tcp.without_diag;
    int error = ports_refresh(ports);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(error, -EMFILE);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_UNKNOWN);
    ck_assert_int_eq(ports->tcp.without_diag, refused);
    take(_i);
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_LOOPBACK_ONLY);
}
END_TEST

/* Room for nothing more: the error is said, and no port is missed wrongly. */
START_TEST(test_full_table)
{
    uint16_t port = 0;
    listening("0.0.0.0", 0, &port);
    for (int i = 0; i < PORTS_MAX; i++)
        ck_assert(ports_table_add(&ports->tcp, 1, true, 0));
    if (_i == 1) {
        ck_assert_int_eq(ports_proc_read(&ports->tcp, false), -ENOSPC);
    } else {
        int error = ports_diag_read(&ports->tcp, false, ports->buffer);
        ck_assert_msg(error == -ENOSPC || error == -ENOENT || error == -EPERM, "%d", error);
    }
    ck_assert_int_eq(ports_state(ports, false, port, NULL, NULL), PORT_UNKNOWN);
}
END_TEST

/* One that hardly any kernel has loaded: an answer, or a refusal, but an end. */
START_TEST(test_other_protocol)
{
    ck_assert_int_le(
        ports_diag_dump(&ports->tcp, AF_INET, IPPROTO_DCCP, 1U << TCP_LISTEN, ports->buffer), 0);
}
END_TEST

/* Runs it in a process that can be confined. */
static int status_of(int (*function)(uint16_t port), uint16_t port)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(function(port));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

enum { CANNOT = 100 };

/* What systemd's RestrictAddressFamilies= does to AF_NETLINK. */
static int refresh_without_netlink(uint16_t port)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT(filter), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ||
        socket(AF_NETLINK, SOCK_RAW, 0) >= 0)
        return CANNOT;
    if (ports_refresh(ports) != 0 || !ports->tcp.without_diag || !ports->udp.without_diag)
        return 1;
    return ports_state(ports, false, port, NULL, NULL) == PORT_OK ? 0 : 2;
}

START_TEST(test_diag_refused)
{
    uint16_t port = 0;
    listening("0.0.0.0", 0, &port);
    int status = status_of(refresh_without_netlink, port);
    if (status == CANNOT)
        printf("a refusal of netlink not tested: no seccomp\n");
    else
        ck_assert_int_eq(status, 0);
}
END_TEST

/* A namespace of its own, in which every user is "nobody". */
static int owner_in_user_namespace(uint16_t port)
{
    const struct port_owner foreign = {.uid = 1}, nobody = {.uid = 65534};
    struct ports *inside = unshare(CLONE_NEWUSER) == 0 ? ports_new() : NULL;
    if (!inside)
        return CANNOT;
    if (inside->owners_visible || ports_refresh(inside) != 0)
        return 1;
    if (ports_state(inside, false, port, &foreign, NULL) != PORT_UNKNOWN ||
        ports_state(inside, false, port, &nobody, NULL) != PORT_UNKNOWN)
        return 2;
    if (ports_state(inside, false, port, NULL, NULL) != PORT_OK)
        return 3;
    ports_free(inside);
    return 0;
}

START_TEST(test_user_namespace)
{
    uint16_t port = 0;
    listening("0.0.0.0", 0, &port);
    int status = status_of(owner_in_user_namespace, port);
    if (status == CANNOT)
        printf("a user namespace not tested: may not be made here\n");
    else
        ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_WARNING);
    TCase *tests = tcase_create("ports");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, test_tcp, 0, COUNT(addresses) * SOURCES);
    tcase_add_loop_test(tests, test_udp, 0, COUNT(addresses) * SOURCES);
    tcase_add_loop_test(tests, test_not_listening, 0, SOURCES);
    tcase_add_loop_test(tests, test_udp_connected, 0, SOURCES);
    tcase_add_loop_test(tests, test_several_listeners, 0, SOURCES);
    tcase_add_test(tests, test_bound_to_lo);
    tcase_add_loop_test(tests, test_owner, 0, SOURCES);
    tcase_add_loop_test(tests, test_subordinate_owner, 0, SOURCES);
    tcase_add_test(tests, test_no_snapshot);
    tcase_add_loop_test(tests, test_passing_error, 0, SOURCES);
    tcase_add_loop_test(tests, test_full_table, 0, SOURCES);
    tcase_add_test(tests, test_other_protocol);
    tcase_add_test(tests, test_diag_refused);
    tcase_add_test(tests, test_user_namespace);

    Suite *suite = suite_create("ports");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
