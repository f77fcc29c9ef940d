/* SPDX-License-Identifier: MIT */
/* What the port check makes of tables, /proc text, netlink messages and subuid files made up here.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ports_table.h"
#include "run_suite.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static struct ports *ports;
static unsigned char message[1024]; /* from the kernel, being written */
static size_t message_length;

static void set_up(void)
{
    message_length = 0;
    ports = ports_new();
    ck_assert_ptr_nonnull(ports);
    ports->owners_visible = true;
}

static void tear_down(void)
{
    ports_free(ports);
}

static FILE *text_file(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    ck_assert_ptr_nonnull(file);
    return file;
}

/* States */

/* On port 80 one socket for each letter: l loopback, o owner's, s of its range, r root's, f of
 * another user. Complete unless '-' is first. */
static const struct {
    const char *sockets;
    enum port_state anybody, owner;
} states[] = {
    {"", PORT_UNPUBLISHED, PORT_UNPUBLISHED},
    {"l", PORT_LOOPBACK_ONLY, PORT_LOOPBACK_ONLY},
    {"ll", PORT_LOOPBACK_ONLY, PORT_LOOPBACK_ONLY},
    {"o", PORT_OK, PORT_OK},
    {"s", PORT_OK, PORT_OK},
    {"f", PORT_OK, PORT_FOREIGN_OWNER},
    {"r", PORT_OK, PORT_FOREIGN_OWNER},
    {"lo", PORT_OK, PORT_OK},
    {"fo", PORT_OK, PORT_OK},
    {"of", PORT_OK, PORT_OK},
    {"lf", PORT_OK, PORT_FOREIGN_OWNER},
    {"fl", PORT_OK, PORT_FOREIGN_OWNER},
    {"-", PORT_UNKNOWN, PORT_UNKNOWN},
    {"-l", PORT_UNKNOWN, PORT_UNKNOWN},
    {"-f", PORT_OK, PORT_UNKNOWN},
    {"-lfo", PORT_OK, PORT_OK},
};

static const struct port_owner owner = {
    .uid = 1601, .range_count = 1, .ranges = {{400000, 465535}}};

static uint32_t letter_uid(char letter)
{
    return letter == 's' ? 400999 : letter == 'r' ? 0 : letter == 'f' ? 1602 : owner.uid;
}

START_TEST(test_states)
{
    const char *sockets = states[_i].sockets;
    ports->tcp.complete = *sockets != '-';
    ports->udp.complete = true;
    ports_table_add(&ports->tcp, 81, false, 1602);
    for (const char *c = sockets + !ports->tcp.complete; *c; c++)
        ports_table_add(&ports->tcp, 80, *c == 'l', letter_uid(*c));
    uint32_t uid = 4242;
    ck_assert_int_eq(ports_state(ports, false, 80, NULL, &uid), states[_i].anybody);
    ck_assert_uint_eq(uid, 4242);
    ck_assert_int_eq(ports_state(ports, false, 80, &owner, &uid), states[_i].owner);
    if (states[_i].owner == PORT_FOREIGN_OWNER)
        ck_assert_uint_eq(uid, strchr(sockets, 'r') ? 0 : 1602);
    else
        ck_assert_uint_eq(uid, 4242);
    ck_assert_int_eq(ports_state(ports, true, 80, NULL, &uid), PORT_UNPUBLISHED);
}
END_TEST

/* Who cannot be recognised with certainty is neither welcome nor foreign. */
START_TEST(test_owner_unknown)
{
    struct port_owner many = owner;
    many.incomplete = true;
    ports->tcp.complete = true;
    ports_table_add(&ports->tcp, 80, false, 1602);
    ck_assert_int_eq(ports_state(ports, false, 80, &many, NULL), PORT_UNKNOWN);
    ports_table_add(&ports->tcp, 80, false, 1601);
    ck_assert_int_eq(ports_state(ports, false, 80, &many, NULL), PORT_OK);
    ports->owners_visible = false;
    ck_assert_int_eq(ports_state(ports, false, 80, &owner, NULL), PORT_UNKNOWN);
    ck_assert_int_eq(ports_state(ports, false, 80, NULL, NULL), PORT_OK);
    ck_assert_int_eq(ports_state(ports, false, 81, &owner, NULL), PORT_UNPUBLISHED);
}
END_TEST

START_TEST(test_table_is_bounded)
{
    ck_assert(ports_table_add(&ports->tcp, 0, false, 0));
    ck_assert_uint_eq(ports->tcp.count, 0);
    for (int i = 0; i < PORTS_MAX; i++)
        ck_assert(ports_table_add(&ports->tcp, (uint16_t)(i + 1), false, 0));
    ck_assert(!ports_table_add(&ports->tcp, 65535, false, 0));
    ck_assert_int_eq(ports_state(ports, false, PORTS_MAX, NULL, NULL), PORT_OK);
    ck_assert_int_eq(ports_state(ports, false, 65535, NULL, NULL), PORT_UNKNOWN);
}
END_TEST

static const struct {
    enum port_state state;
    const char *code, *tcp, *udp;
} texts[] = {
    {PORT_OK, NULL, "port 65535 of this host is published",
     "UDP port 65535 of this host is published"},
    {PORT_UNPUBLISHED, "port-unpublished", "nothing listens on port 65535 of this host",
     "nothing listens on UDP port 65535 of this host"},
    {PORT_LOOPBACK_ONLY, "port-loopback-only",
     "port 65535 of this host is open to this host only (loopback)",
     "UDP port 65535 of this host is open to this host only (loopback)"},
    {PORT_FOREIGN_OWNER, "port-foreign-owner",
     "port 65535 of this host belongs to another user (uid 4294967295)",
     "UDP port 65535 of this host belongs to another user (uid 4294967295)"},
    {PORT_UNKNOWN, NULL, "who listens on port 65535 of this host cannot be told",
     "who listens on UDP port 65535 of this host cannot be told"},
};

START_TEST(test_texts)
{
    char text[PORT_MESSAGE_SIZE];
    if (texts[_i].code)
        ck_assert_str_eq(port_state_code(texts[_i].state), texts[_i].code);
    else
        ck_assert_ptr_null(port_state_code(texts[_i].state));
    port_state_message(texts[_i].state, false, 65535, UINT32_MAX, text, sizeof text);
    ck_assert_str_eq(text, texts[_i].tcp);
    port_state_message(texts[_i].state, true, 65535, UINT32_MAX, text, sizeof text);
    ck_assert_str_eq(text, texts[_i].udp);
    port_state_message(texts[_i].state, true, 65535, UINT32_MAX, text, 4);
    ck_assert_uint_eq(strlen(text), 3);
}
END_TEST

static const struct {
    const char *address;
    bool loopback;
} addresses[] = {
    {"0.0.0.0", false},
    {"127.0.0.1", true},
    {"127.255.255.254", true},
    {"128.0.0.1", false},
    {"1.0.0.127", false},
    {"192.168.1.2", false},
    {"224.0.0.251", false},
    {"::", false},
    {"::1", true},
    {"::2", false},
    {"::127.0.0.1", false}, /* not an IPv4 address */
    {"::ffff:127.0.0.1", true},
    {"::ffff:127.9.9.9", true},
    {"::ffff:192.168.1.2", false},
    {"::ffff:0.0.0.0", false},
    {"fe80::1", false},
    {"7f00::1", false},
};

/* In network order; true if it is IPv6. */
static bool parse_address(const char *text, uint32_t words[4])
{
    memset(words, 0, 16);
    if (inet_pton(AF_INET, text, words) == 1)
        return false;
    ck_assert_int_eq(inet_pton(AF_INET6, text, words), 1);
    return true;
}

START_TEST(test_loopback)
{
    uint32_t words[4];
    bool ipv6 = parse_address(addresses[_i].address, words);
    ck_assert_int_eq(ports_is_loopback(ipv6, words), addresses[_i].loopback);
}
END_TEST

/* /proc */

#define HEADING                                                                                    \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode\n"

/* A line as this machine's kernel would write it. */
static void write_line(FILE *out, const char *address, unsigned port, const char *state,
                       const char *uid)
{
    uint32_t words[4];
    const int count = parse_address(address, words) ? 4 : 1;
    fprintf(out, " 123: ");
    for (int i = 0; i < count; i++)
        fprintf(out, "%08X", words[i]);
    fprintf(out,
            ":%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000 %5s        0 1588 1 ",
            port, state, uid);
    fprintf(out, "00000000d97fb195 100 0 0 10 0                      \n");
}

/* Reads what was written to `out`, and closes it. */
static int read_back(FILE *out, bool udp, bool ipv6)
{
    rewind(out);
    int result = ports_proc_file(udp ? &ports->udp : &ports->tcp, udp, ipv6, out);
    fclose(out);
    return result;
}

static FILE *new_file(void)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    fputs(HEADING, file);
    return file;
}

START_TEST(test_proc_address)
{
    uint32_t words[4];
    FILE *file = new_file();
    write_line(file, addresses[_i].address, 8080, "0A", "1601");
    ck_assert_int_eq(read_back(file, false, parse_address(addresses[_i].address, words)), 0);
    ck_assert_uint_eq(ports->tcp.count, 1);
    ck_assert_uint_eq(ports->tcp.entries[0].port, 8080);
    ck_assert_uint_eq(ports->tcp.entries[0].uid, 1601);
    ck_assert_int_eq(ports->tcp.entries[0].loopback, addresses[_i].loopback);
}
END_TEST

START_TEST(test_proc_states)
{
    for (int udp = 0; udp < 2; udp++) {
        FILE *file = new_file();
        write_line(file, "0.0.0.0", 1, "01", "0");
        write_line(file, "0.0.0.0", 7, "07", "0");
        write_line(file, "0.0.0.0", 0, udp ? "07" : "0A", "0");
        write_line(file, "0.0.0.0", 10, "0A", "4294967295");
        ck_assert_int_eq(read_back(file, udp, false), 0);
    }
    ck_assert_uint_eq(ports->tcp.count, 1);
    ck_assert_uint_eq(ports->tcp.entries[0].port, 10);
    ck_assert_uint_eq(ports->tcp.entries[0].uid, UINT32_MAX);
    ck_assert_uint_eq(ports->udp.count, 1);
    ck_assert_uint_eq(ports->udp.entries[0].port, 7);
}
END_TEST

#define TAIL " 00000000:0000 0A 00000000:00000000 00:00000000 00000000 "

static const char *const bad_lines[] = {
    "\n",
    "x\n",
    " 0: 0000000:0050" TAIL "0\n",
    " 0: 000000000:0050" TAIL "0\n",
    " 0: 00000000:005" TAIL "0\n",
    " 0: 00000000:00500" TAIL "0\n",
    " 0: 00000000.0050" TAIL "0\n",
    " 0: 0000000g:0050" TAIL "0\n",
    " 0: 0000 000:0050" TAIL "0\n",
    " 0: 00000000:-050" TAIL "0\n",
    " 0: 00000000000000000000000000000000:0050" TAIL "0\n", /* IPv6 in the other's file */
    " 0: 00000000:0050" TAIL "\n",
    " 0: 00000000:0050" TAIL "-1\n",
    " 0: 00000000:0050" TAIL "0x1\n",
    " 0: 00000000:0050" TAIL "4294967296\n",
    " 0: 00000000:0050" TAIL "99999999999999999999999\n",
    " 0: 00000000:0050 00000000:0000 A 0:0 0:0 0 0\n",
    " 0: 00000000:0050 00000000:0000 00A 0:0 0:0 0 0\n",
    " 0: 00000000:0050 00000000:0000 0A\n",
    " 0: 00000000:0050" TAIL "0", /* cut */
};

/* A line without sense is left out, and said; those around it count. */
START_TEST(test_proc_bad_line)
{
    FILE *file = new_file();
    write_line(file, "0.0.0.0", 1, "0A", "0");
    fputs(bad_lines[_i], file);
    if (strchr(bad_lines[_i], '\n'))
        write_line(file, "0.0.0.0", 2, "0A", "0");
    ck_assert_int_eq(read_back(file, false, false), -EBADMSG);
    ck_assert_uint_eq(ports->tcp.count, strchr(bad_lines[_i], '\n') ? 2 : 1);
}
END_TEST

START_TEST(test_proc_long_line)
{
    FILE *file = new_file();
    write_line(file, "0.0.0.0", 1, "0A", "0");
    for (int i = 0; i < 20; i++)
        fputs(" 0: 00000000:0050" TAIL "0", file);
    fputs("\n", file);
    write_line(file, "0.0.0.0", 2, "0A", "0");
    ck_assert_int_eq(read_back(file, false, false), -EBADMSG);
    ck_assert_uint_eq(ports->tcp.count, 2);
    ck_assert_uint_eq(ports->tcp.entries[1].port, 2);
}
END_TEST

START_TEST(test_proc_full)
{
    FILE *file = new_file();
    for (unsigned i = 0; i < PORTS_MAX + 1; i++)
        write_line(file, "0.0.0.0", i + 1, "0A", "0");
    ck_assert_int_eq(read_back(file, false, false), -ENOSPC);
    ck_assert_uint_eq(ports->tcp.count, PORTS_MAX);
}
END_TEST

/* Connections behind a listener, more than are read. */
START_TEST(test_proc_many_connections)
{
    FILE *file = new_file();
    write_line(file, "0.0.0.0", 1, "0A", "0");
    for (unsigned i = 0; i < 8192; i++)
        write_line(file, "10.1.2.3", 2, "01", "0");
    ck_assert_int_eq(read_back(file, false, false), -ENOSPC);
    ck_assert_uint_eq(ports->tcp.count, 1);
}
END_TEST

START_TEST(test_proc_empty)
{
    FILE *file = tmpfile();
    ck_assert_int_eq(read_back(file, false, false), 0);
    ck_assert_int_eq(read_back(new_file(), false, false), 0);
    ck_assert_uint_eq(ports->tcp.count, 0);
}
END_TEST

START_TEST(test_proc_cannot_be_read)
{
    FILE *directory = fopen("/", "re");
    ck_assert_ptr_nonnull(directory);
    ck_assert_int_eq(ports_proc_file(&ports->tcp, false, false, directory), -EISDIR);
    fclose(directory);
}
END_TEST

/* Each letter is a socket that a pass sees; '!' is an error. What all of them have, in the end. */
static const struct {
    const char *passes[PORTS_PASSES_MAX + 1];
    int made;
    const char *found;
} readings[] = {
    {{"", ""}, 2, ""},
    {{"ab", "ab"}, 2, "ab"},
    {{"a", "ab", "ab"}, 3, "aab"}, /* b was hidden */
    {{"ac", "ab", "ab"}, 3, "acab"},
    {{"ab", "ac", "ab", "ac"}, 4, "abacabac"}, /* never at rest */
    {{"ab", "ba", "ba"}, 3, "abba"},
    {{"ab", "a", "a"}, 3, "aba"},
    {{"", "a", "a"}, 3, "a"},
    {{"!"}, 1, ""},
    {{"ab", "!"}, 2, "ab"},
};

static int passes_made;

static int next_pass(struct ports_table *table, const void *context)
{
    const char *const *passes = context;
    for (const char *c = passes[passes_made++]; *c; c++) {
        if (*c == '!')
            return -EIO;
        ports_table_add(table, (uint16_t)*c, false, 0);
    }
    return 0;
}

START_TEST(test_proc_steady)
{
    passes_made = 0;
    ports_table_add(&ports->udp, 'a', false, 0); /* of the file before */
    int result = ports_proc_steady(&ports->udp, next_pass, readings[_i].passes);
    ck_assert_int_eq(result, readings[_i].passes[passes_made - 1][0] == '!' ? -EIO : 0);
    ck_assert_int_eq(passes_made, readings[_i].made);
    char found[64] = "";
    for (size_t i = 1; i < ports->udp.count; i++)
        found[i - 1] = (char)ports->udp.entries[i].port;
    ck_assert_str_eq(found, readings[_i].found);
}
END_TEST

static const struct {
    const char *text;
    bool visible;
} maps[] = {
    {"         0          0 4294967295\n", true},
    {"         0          0 4294967295", true},
    {"         0       1601          1\n", false},
    {"         0          0          1\n       984        984          1\n", false},
    {"         0     100000      65536\n", false},
    {"         1          1 4294967295\n", false},
    {"         0          0\n", false},
    {"x\n", false},
    {"\n", false},
};

START_TEST(test_owners_visible)
{
    FILE *file = text_file(maps[_i].text);
    ck_assert_int_eq(ports_owners_visible(file), maps[_i].visible);
    ck_assert(!ports_owners_visible(file)); /* empty */
    fclose(file);
}
END_TEST

/* Netlink */

static void append(uint16_t type, uint16_t flags, const void *payload, size_t length)
{
    struct nlmsghdr header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(length),
                              .nlmsg_type = type,
                              .nlmsg_flags = (uint16_t)(NLM_F_MULTI | flags)};
    ck_assert_uint_le(message_length + NLMSG_SPACE(length), sizeof message);
    memcpy(message + message_length, &header, sizeof header);
    if (length > 0)
        memcpy(message + message_length + NLMSG_HDRLEN, payload, length);
    message_length += NLMSG_SPACE(length);
}

static void append_number(uint16_t type, int32_t number)
{
    append(type, 0, &number, sizeof number);
}

static void append_socket(const char *address, uint16_t port, uint32_t interface)
{
    struct inet_diag_msg socket = {.idiag_uid = 1601};
    uint32_t words[4];
    socket.idiag_family = parse_address(address, words) ? AF_INET6 : AF_INET;
    memcpy(socket.id.idiag_src, words, sizeof words);
    socket.id.idiag_sport = htons(port);
    socket.id.idiag_if = interface;
    append(SOCK_DIAG_BY_FAMILY, 0, &socket, sizeof socket);
}

static int parsed(void)
{
    unsigned char *exact = malloc(message_length ? message_length : 1); /* for the sanitizers */
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, message, message_length);
    int result = ports_diag_message(&ports->tcp, exact, message_length);
    free(exact);
    return result;
}

START_TEST(test_diag_address)
{
    append_socket(addresses[_i].address, 8080, 2);
    ck_assert_int_eq(parsed(), 1);
    ck_assert_uint_eq(ports->tcp.count, 1);
    ck_assert_uint_eq(ports->tcp.entries[0].port, 8080);
    ck_assert_uint_eq(ports->tcp.entries[0].uid, 1601);
    ck_assert_int_eq(ports->tcp.entries[0].loopback, addresses[_i].loopback);
}
END_TEST

START_TEST(test_diag_run)
{
    append_socket("0.0.0.0", 1, 0);
    append(NLMSG_NOOP, 0, "abc", 3);
    append_socket("::", 2, 1); /* bound to lo */
    append_socket("0.0.0.0", 0, 0);
    append_number(NLMSG_DONE, 0);
    append_socket("0.0.0.0", 3, 0);
    ck_assert_int_eq(parsed(), 0);
    ck_assert_uint_eq(ports->tcp.count, 2);
    ck_assert(!ports->tcp.entries[0].loopback && ports->tcp.entries[1].loopback);
}
END_TEST

START_TEST(test_diag_errors)
{
    static const struct {
        uint16_t type;
        int32_t number;
        int expected;
    } ends[] = {
        {NLMSG_DONE, 0, 0},
        {NLMSG_DONE, 52, 0},
        {NLMSG_DONE, -ENOENT, -ENOENT},
        {NLMSG_ERROR, -EPERM, -EPERM},
        {NLMSG_ERROR, 0, -EBADMSG},
    };
    for (int i = 0; i < COUNT(ends); i++) {
        message_length = 0;
        append_number(ends[i].type, ends[i].number);
        ck_assert_int_eq(parsed(), ends[i].expected);
    }
    message_length = 0;
    append(NLMSG_DONE, 0, NULL, 0);
    ck_assert_int_eq(parsed(), -EBADMSG);
    message_length = 0;
    append(NLMSG_ERROR, 0, "ab", 2);
    ck_assert_int_eq(parsed(), -EBADMSG);
    message_length = 0;
    int32_t zero = 0;
    append(NLMSG_DONE, NLM_F_DUMP_INTR, &zero, sizeof zero);
    ck_assert_int_eq(parsed(), -EINTR);
}
END_TEST

/* Cut anywhere, and with any length in its first header: an answer, and no byte past the end. */
START_TEST(test_diag_hostile)
{
    append_socket("0.0.0.0", 1, 0);
    const size_t whole = message_length;
    for (message_length = 0; message_length < whole; message_length++)
        ck_assert_int_eq(parsed(), -EBADMSG);
    append_number(NLMSG_DONE, 0);
    for (uint32_t length = 0; length < 2 * whole; length++) {
        memcpy(message, &length, sizeof length);
        ck_assert_int_le(parsed(), 1);
    }
    uint32_t huge = UINT32_MAX;
    memcpy(message, &huge, sizeof huge);
    ck_assert_int_eq(parsed(), -EBADMSG);
}
END_TEST

START_TEST(test_diag_full)
{
    for (int i = 0; i < PORTS_MAX; i++)
        ports_table_add(&ports->tcp, 1, true, 0);
    append_socket("0.0.0.0", 2, 0);
    ck_assert_int_eq(parsed(), -ENOSPC);
}
END_TEST

/* Owners */

static const struct {
    const char *text;
    struct port_owner_range range; /* of laba, who is 1601; 0, 0: none */
} subuids[] = {
    {"laba:400000:65536\n", {400000, 465535}},
    {"laba:400000:65536", {400000, 465535}},
    {"1601:400000:65536\n", {400000, 465535}},
    {"laba:400000:1\n", {400000, 400000}},
    {"laba:4294967295:1\n", {UINT32_MAX, UINT32_MAX}},
    {"laba:1:4294967295\n", {1, UINT32_MAX}},
    {"labb:300000:65536\nlaba:400000:65536\nlabc:500000:65536\n", {400000, 465535}},
    {"# laba\n\nnonsense\nlaba\nlaba:\nlaba:1\nlaba:400000:65536\n", {400000, 465535}},
    {"", {0, 0}},
    {"laba:400000:0\n", {0, 0}},
    {"laba:400000:\n", {0, 0}},
    {"laba::65536\n", {0, 0}},
    {"laba:400000:65536:1\n", {0, 0}},
    {"laba:400000:65536 \n", {0, 0}},
    {"laba:-1:65536\n", {0, 0}},
    {"laba:0x10:65536\n", {0, 0}},
    {"laba:4294967295:2\n", {0, 0}},
    {"laba:2:4294967295\n", {0, 0}},
    {"laba:4294967296:1\n", {0, 0}},
    {"lab:400000:65536\n", {0, 0}},
    {"labaa:400000:65536\n", {0, 0}},
    {" laba:400000:65536\n", {0, 0}},
    {"11601:400000:65536\n", {0, 0}},
    {"#laba:400000:65536\n", {0, 0}},
};

START_TEST(test_subuid)
{
    struct port_owner found = {.uid = 1601};
    if (*subuids[_i].text) {
        FILE *file = text_file(subuids[_i].text);
        port_owner_add_ranges(&found, "laba", file);
        fclose(file);
    }
    ck_assert_uint_eq(found.range_count, subuids[_i].range.last != 0);
    ck_assert_uint_eq(found.ranges[0].first, subuids[_i].range.first);
    ck_assert_uint_eq(found.ranges[0].last, subuids[_i].range.last);
    ck_assert(!found.incomplete);
}
END_TEST

START_TEST(test_subuid_long_line)
{
    struct port_owner found = {.uid = 1601};
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 600; i++)
        fputs("x", file);
    fputs("\nlaba:400000:65536\n", file);
    for (int i = 0; i < 511; i++)
        fputs("x", file);
    fputs("laba:500000:65536\n", file);
    rewind(file);
    port_owner_add_ranges(&found, NULL, file);
    ck_assert_uint_eq(found.range_count, 0);
    rewind(file);
    port_owner_add_ranges(&found, "laba", file);
    fclose(file);
    ck_assert_uint_eq(found.range_count, 1);
    ck_assert_uint_eq(found.ranges[0].first, 400000);
}
END_TEST

START_TEST(test_subuid_many_ranges)
{
    struct port_owner found = {.uid = 1601};
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < PORT_OWNER_RANGES_MAX; i++)
        fprintf(file, "laba:%d:10\n", 1000000 + 100 * i);
    rewind(file);
    port_owner_add_ranges(&found, "laba", file);
    ck_assert_uint_eq(found.range_count, PORT_OWNER_RANGES_MAX);
    ck_assert(!found.incomplete);
    rewind(file);
    port_owner_add_ranges(&found, "laba", file);
    ck_assert_uint_eq(found.range_count, PORT_OWNER_RANGES_MAX);
    ck_assert(found.incomplete);
    fclose(file);
}
END_TEST

START_TEST(test_subuid_cannot_be_read)
{
    struct port_owner found = {.uid = 1601};
    FILE *directory = fopen("/", "re");
    ck_assert_ptr_nonnull(directory);
    port_owner_add_ranges(&found, "laba", directory);
    fclose(directory);
    ck_assert(found.incomplete);
}
END_TEST

START_TEST(test_owner_has)
{
    const struct port_owner two = {
        .uid = 1601, .range_count = 2, .ranges = {{400000, 465535}, {0, 10}}};
    const struct port_owner root = {.uid = 0};
    ck_assert(port_owner_has(&two, 1601));
    ck_assert(port_owner_has(&two, 400000));
    ck_assert(port_owner_has(&two, 465535));
    ck_assert(port_owner_has(&two, 10));
    ck_assert(!port_owner_has(&two, 399999));
    ck_assert(!port_owner_has(&two, 465536));
    ck_assert(!port_owner_has(&two, 11));
    ck_assert(!port_owner_has(&two, 0)); /* whatever the range says */
    ck_assert(port_owner_has(&root, 0));
    ck_assert(!port_owner_has(&root, 1));
}
END_TEST

START_TEST(test_lookup)
{
    struct port_owner found;
    ck_assert_int_eq(port_owner_lookup("no-such.user_of-this-host", &found), -ENOENT);
    ck_assert_int_eq(port_owner_lookup("", &found), -ENOENT);
    if (!getpwnam("root")) {
        printf("a user's lookup not tested: there is no root\n");
        return;
    }
    ck_assert_int_eq(port_owner_lookup("root", &found), 0);
    ck_assert_uint_eq(found.uid, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ports_sources");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, test_states, 0, COUNT(states));
    tcase_add_test(tests, test_owner_unknown);
    tcase_add_test(tests, test_table_is_bounded);
    tcase_add_loop_test(tests, test_texts, 0, COUNT(texts));
    tcase_add_loop_test(tests, test_loopback, 0, COUNT(addresses));
    tcase_add_loop_test(tests, test_proc_address, 0, COUNT(addresses));
    tcase_add_test(tests, test_proc_states);
    tcase_add_loop_test(tests, test_proc_bad_line, 0, COUNT(bad_lines));
    tcase_add_test(tests, test_proc_long_line);
    tcase_add_test(tests, test_proc_full);
    tcase_add_test(tests, test_proc_many_connections);
    tcase_add_test(tests, test_proc_empty);
    tcase_add_test(tests, test_proc_cannot_be_read);
    tcase_add_loop_test(tests, test_proc_steady, 0, COUNT(readings));
    tcase_add_loop_test(tests, test_owners_visible, 0, COUNT(maps));
    tcase_add_loop_test(tests, test_diag_address, 0, COUNT(addresses));
    tcase_add_test(tests, test_diag_run);
    tcase_add_test(tests, test_diag_errors);
    tcase_add_test(tests, test_diag_hostile);
    tcase_add_test(tests, test_diag_full);
    tcase_add_loop_test(tests, test_subuid, 0, COUNT(subuids));
    tcase_add_test(tests, test_subuid_long_line);
    tcase_add_test(tests, test_subuid_many_ranges);
    tcase_add_test(tests, test_subuid_cannot_be_read);
    tcase_add_test(tests, test_owner_has);
    tcase_add_test(tests, test_lookup);

    Suite *suite = suite_create("ports_sources");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
