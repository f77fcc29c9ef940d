/* SPDX-License-Identifier: MIT */
/*
 * The connection to a broker, against a broker that the test plays byte for byte. Time is the test's own, and
 * so are the addresses of the broker's name: nothing waits for anything but the two sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "lookup.h"
#include "mqtt.h"
#include "password.h"
#include "run_suite.h"
#include "temporary.h"

enum { CONNECT = 1, PUBLISH = 3, SUBSCRIBE = 8, UNSUBSCRIBE = 10, DISCONNECT = 14 };

#define NOT_AUTHORIZED 0x87
#define PATIENCE_MS 10000 /* of the real clock: what has not come by then does not come */

static struct mqtt *mqtt;
static struct mqtt_options options;
static int64_t now = 1000000;
static char directory[TEMPORARY_SIZE];
static const char *password_file;
static bool gives_up;

/* What the handlers heard, in order. */
static char heard[1024];
static struct mqtt_failure failure;

/* The broker. */
static int listener = -1, peer = -1;
static uint8_t in[8192], packet[8192]; /* what came and is not read yet; the last packet read */
static size_t in_length, packet_length;

/* What the broker's name stands for, and whether the name server answers. */
static struct lookup_answer addresses;
static bool name_server_answers;

__attribute__((format(printf, 1, 2))) static void hear(const char *format, ...)
{
    va_list arguments;
    size_t length = strlen(heard);
    va_start(arguments, format);
    if (length > 0)
        heard[length++] = ' ';
    vsnprintf(heard + length, sizeof heard - length, format, arguments);
    va_end(arguments);
}

static void check_heard(const char *expected)
{
    ck_assert_str_eq(heard, expected);
    heard[0] = '\0';
}

/* ---- lookup.h ---- */

bool lookup_address(struct lookup_answer *answer, const char *host)
{
    (void)answer, (void)host;
    return false;
}

int lookup_ask(const char *host)
{
    ck_assert_str_eq(host, "broker.test");
    return eventfd(name_server_answers, EFD_CLOEXEC);
}

void lookup_take(struct lookup_answer *answer, int fd)
{
    close(fd);
    *answer = addresses;
}

/* ---- handlers ---- */

static int on_password(void *context, char *out, size_t size)
{
    (void)context;
    return password_file ? mqtt_password_read(password_file, out, size) : 0;
}

static void on_connecting(void *context)
{
    (void)context;
    mqtt_set_will(mqtt, "will/topic", (const uint8_t *)"gone", 4);
}

static void on_connected(void *context)
{
    (void)context;
    hear("connected");
}

static void on_disconnected(void *context)
{
    (void)context;
    hear("disconnected");
}

static bool on_failed(void *context, const struct mqtt_failure *it)
{
    (void)context;
    failure = *it;
    hear("failed");
    return !gives_up;
}

static void on_message(void *context, const struct mqtt_message *message)
{
    (void)context;
    hear("%s=%.*s%s%u", message->topic, (int)message->length, (const char *)message->payload,
         message->retain ? ",retained," : ",", message->expiry);
}

static void on_acknowledged(void *context, int number, int reason)
{
    (void)context;
    hear("acknowledged:%d:0x%x", number, (unsigned)reason);
}

static void on_answered(void *context, uint32_t number)
{
    (void)context;
    hear("answered:%u", number);
}

static void on_log(void *context, enum mqtt_log_level level, const char *line)
{
    (void)context, (void)line;
    if (level == MQTT_LOG_WARNING)
        hear("warning");
}

static const struct mqtt_handlers handlers = {
    .connecting = on_connecting,
    .password = on_password,
    .connected = on_connected,
    .disconnected = on_disconnected,
    .failed = on_failed,
    .message = on_message,
    .acknowledged = on_acknowledged,
    .answered = on_answered,
    .log = on_log,
};

/* ---- driving both sides ---- */

/* Serves the connection, once there is something to serve, or something has come for the broker. */
static void turn(void)
{
    struct pollfd fds[] = {
        {mqtt_fd(mqtt), mqtt_events(mqtt), 0}, {listener, POLLIN, 0}, {peer, POLLIN, 0}};
    bool due = mqtt_deadline(mqtt) <= now;
    ck_assert_msg(poll(fds, 3, due ? 0 : PATIENCE_MS) > 0 || due, "nothing happens; heard: %s",
                  heard);
    if (fds[1].revents) {
        if (peer >= 0)
            close(peer);
        peer = accept(listener, NULL, NULL);
        in_length = 0;
    }
    if (fds[2].revents) {
        ssize_t length = recv(peer, in + in_length, sizeof in - in_length, MSG_DONTWAIT);
        if (length > 0) {
            in_length += (size_t)length;
        } else {
            close(peer);
            peer = -1;
        }
    }
    mqtt_dispatch(mqtt, fds[0].revents, now);
}

#define UNTIL(condition)                                                                           \
    while (!(condition))                                                                           \
    turn()

/* Is a whole packet there? Takes it then. */
static bool take_packet(void)
{
    size_t length = 0, head = 1;
    if (in_length < 2)
        return false;
    for (unsigned shift = 0;; shift += 7) {
        length |= (size_t)(in[head] & 0x7f) << shift;
        if (!(in[head++] & 0x80))
            break;
    }
    if (in_length < head + length)
        return false;
    packet_length = head + length;
    memcpy(packet, in, packet_length);
    in_length -= packet_length;
    memmove(in, in + packet_length, in_length);
    return true;
}

static void receive(int type)
{
    UNTIL(take_packet());
    ck_assert_int_eq(packet[0] >> 4, type);
}

static bool packet_has(const void *bytes, size_t length)
{
    return memmem(packet, packet_length, bytes, length);
}

static void answer(const void *bytes, size_t length)
{
    ck_assert_int_eq(send(peer, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}
#define ANSWER(...) answer((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Answers the last packet, which is of this type of MQTT 5, by its number. */
static void answer_by_number(uint8_t type, int reason)
{
    size_t at = 2;
    if (packet[0] >> 4 == PUBLISH)
        at += 2 + (size_t)(packet[2] << 8 | packet[3]);
    ANSWER(type, 4, packet[at], packet[at + 1], type == 0x40 ? (uint8_t)reason : 0,
           type == 0x40 ? 0 : (uint8_t)reason);
}
#define PUBACK(reason) answer_by_number(0x40, reason)
#define UNSUBACK() answer_by_number(0xb0, 0)

static void wait_for_deadline(void)
{
    now = mqtt_deadline(mqtt);
    mqtt_dispatch(mqtt, 0, now);
}

/* ---- fixtures ---- */

static void listen_at(const void *address, socklen_t size)
{
    listener = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, address, size), 0);
    ck_assert_int_eq(listen(listener, 5), 0);
}

static void begin(void)
{
    const char *problem;
    mqtt = mqtt_new(&options, &handlers, NULL, &problem);
    ck_assert_msg(mqtt, "%s", problem);
}

/* Without a broker yet. */
static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    temporary_directory(directory);
    options = (struct mqtt_options){.client_id_prefix = "prefix-",
                                    .username = "me",
                                    .keepalive = 60,
                                    .protocol = 5,
                                    .back_off_max = 15000};
    snprintf(options.url.host, sizeof options.url.host, "%s/sock", directory);
    begin();
}

static void listen_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, options.url.host, strlen(options.url.host) + 1);
    listen_at(&address, sizeof address);
}

static void accept_connection(void)
{
    receive(CONNECT);
    if (options.protocol == 5)
        ANSWER(0x20, 3, 0, 0, 0);
    else
        ANSWER(0x20, 2, 0, 0);
    UNTIL(mqtt_is_connected(mqtt));
}

static void connect_unix(void)
{
    listen_unix();
    accept_connection();
    heard[0] = '\0';
}

static void hang_up(void)
{
    close(peer);
    peer = -1;
    UNTIL(!mqtt_is_connected(mqtt));
}

static void restart_with(int protocol)
{
    mqtt_free(mqtt, false);
    options.protocol = protocol;
    begin();
}

static void teardown(void)
{
    mqtt_free(mqtt, false);
    if (peer >= 0)
        close(peer);
    if (listener >= 0)
        close(listener);
}

/* ---- connecting ---- */

START_TEST(what_stands_in_connect)
{
    char path[TEMPORARY_SIZE + 8];
    snprintf(path, sizeof path, "%s/word", directory);
    FILE *file = fopen(path, "w");
    fputs("secret\n", file);
    fclose(file);
    password_file = path;
    listen_unix();
    receive(CONNECT);
    ck_assert_mem_eq(packet + 2, "\0\4MQTT\5", 7);
    /* user name, password, will retained, at QoS 1, present; clean start */
    ck_assert_uint_eq(packet[9], 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02);
    ck_assert(packet_has("\0\x27prefix-", 9)); /* 7 and 32 bytes */
    ck_assert(packet_has("\0\12will/topic\0\4gone", 18));
    ck_assert(packet_has("\0\2me\0\6secret", 12));
    check_heard("");
    ANSWER(0x20, 3, 0, 0, 0);
    UNTIL(mqtt_is_connected(mqtt));
    check_heard("connected");
    mqtt_free(mqtt, true);
    mqtt = NULL;
    struct pollfd fd = {peer, POLLIN, 0};
    ck_assert_int_eq(poll(&fd, 1, PATIENCE_MS), 1);
    ck_assert_int_ge(recv(peer, in, sizeof in, 0), 2);
    ck_assert_int_eq(in[0] >> 4, DISCONNECT);
}
END_TEST

START_TEST(password_file_that_cannot_be_read)
{
    password_file = "/nonexistent";
    listen_unix();
    UNTIL(*heard);
    check_heard("failed warning");
    ck_assert_int_eq(failure.problem, MQTT_NO_PASSWORD);
    ck_assert_int_eq(failure.error, ENOENT);
    struct pollfd fd = {listener, POLLIN, 0};
    ck_assert_int_eq(poll(&fd, 1, 0), 0); /* the broker is not asked without it */
    password_file = NULL;                 /* and it is read anew */
    wait_for_deadline();
    accept_connection();
    check_heard("connected");
}
END_TEST

/* Once said, it is said no more. */
START_TEST(nobody_there)
{
    UNTIL(*heard);
    check_heard("failed warning");
    ck_assert_int_eq(failure.problem, MQTT_UNREACHABLE);
    ck_assert_int_eq(failure.error, ENOENT);
    wait_for_deadline();
    check_heard("failed");
}
END_TEST

START_TEST(refused)
{
    listen_unix();
    receive(CONNECT);
    ck_assert_int_eq(mqtt_publish(mqtt, "t", NULL, 0, true), -1); /* and is not sent later on */
    ck_assert_uint_eq(mqtt_round_trip(mqtt), 0);
    ANSWER(0x20, 3, 0, NOT_AUTHORIZED, 0);
    UNTIL(*heard);
    check_heard("failed warning");
    ck_assert_int_eq(failure.problem, MQTT_REFUSED);
    ck_assert_int_eq(failure.error, NOT_AUTHORIZED);
    ck_assert_str_eq(failure.text, mqtt_reason_text(NOT_AUTHORIZED));
    ck_assert_int_gt(mqtt_deadline(mqtt), now);
}
END_TEST

START_TEST(given_up)
{
    gives_up = true;
    mqtt_dispatch(mqtt, 0, now);
    check_heard("failed");
    ck_assert_int_eq(mqtt_deadline(mqtt), NEVER);
    ck_assert_int_eq(mqtt_fd(mqtt), -1);
}
END_TEST

/* The socket is closed at once, so that the broker knows, too. */
START_TEST(silent)
{
    listen_unix();
    receive(CONNECT);
    ck_assert_int_eq(mqtt_deadline(mqtt), now + 10000);
    wait_for_deadline();
    check_heard("failed warning");
    ck_assert_int_eq(failure.problem, MQTT_SILENT);
    UNTIL(peer < 0);
}
END_TEST

START_TEST(hung_up_before_connack)
{
    listen_unix();
    receive(CONNECT);
    close(peer);
    peer = -1;
    UNTIL(*heard);
    check_heard("failed warning");
}
END_TEST

/* ---- names ---- */

static void by_name(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    mqtt_free(mqtt, false);
    listen_at(&address, size);
    getsockname(listener, (struct sockaddr *)&address, &size);
    options.url = (struct mqtt_url){.host = "broker.test", .port = ntohs(address.sin_port)};
    begin();
}

START_TEST(next_address)
{
    by_name();
    name_server_answers = true;
    addresses = (struct lookup_answer){3, {"127.0.0.2", "127.0.0.1", "127.0.0.3"}};
    accept_connection();
    check_heard("connected"); /* what one address does is no failed attempt */
    hang_up();
    addresses.addresses[0][8] = '4'; /* it is asked for anew each time */
    addresses.count = 1;
    check_heard("warning disconnected");
    wait_for_deadline();
    UNTIL(*heard);
    check_heard("failed");
    ck_assert_int_eq(failure.problem, MQTT_UNREACHABLE);
    ck_assert_int_eq(failure.error, ECONNREFUSED);
}
END_TEST

START_TEST(no_such_name)
{
    by_name();
    name_server_answers = true;
    UNTIL(*heard);
    check_heard("failed warning");
    ck_assert_int_eq(failure.problem, MQTT_UNREACHABLE);
    ck_assert_int_eq(failure.error, 0);
}
END_TEST

START_TEST(silent_name_server)
{
    by_name();
    mqtt_dispatch(mqtt, 0, now);
    ck_assert_int_ge(mqtt_fd(mqtt), 0);
    wait_for_deadline();
    check_heard("failed warning");
    ck_assert_int_eq(failure.problem, MQTT_SILENT);
    ck_assert_int_eq(mqtt_fd(mqtt), -1);
}
END_TEST

/* ---- again and again ---- */

static void check_pause(int64_t longest)
{
    int64_t pause = mqtt_deadline(mqtt) - now;
    ck_assert_int_ge(pause, longest / 2);
    ck_assert_int_le(pause, longest);
}

START_TEST(pauses_grow)
{
    mqtt_dispatch(mqtt, 0, now);
    for (int64_t longest = 100; longest < 30000; longest *= 2) {
        check_pause(longest < 15000 ? longest : 15000);
        wait_for_deadline();
    }
}
END_TEST

/* A broker that welcomes us and hangs up is not worth hurry, nor many words. */
START_TEST(only_a_connection_that_lasts_ends_the_pauses)
{
    connect_unix();
    hang_up();
    check_heard("warning disconnected");
    check_pause(100);
    for (int64_t longest = 200; longest < 1000; longest *= 2) {
        wait_for_deadline();
        accept_connection();
        hang_up();
        check_heard("connected disconnected");
        check_pause(longest);
    }
    wait_for_deadline();
    accept_connection();
    now += 5000;
    mqtt_dispatch(mqtt, 0, now);
    hang_up();
    check_heard("connected warning disconnected");
    check_pause(100);
}
END_TEST

START_TEST(nothing_outlives_a_connection)
{
    connect_unix();
    ck_assert_int_gt(mqtt_publish(mqtt, "t", NULL, 0, true), 0);
    receive(PUBLISH);
    hang_up();
    ck_assert_int_eq(mqtt_publish(mqtt, "t", NULL, 0, true), -1);
    wait_for_deadline();
    accept_connection();
    mqtt_round_trip(mqtt);
    receive(UNSUBSCRIBE);
}
END_TEST

/* ---- messages ---- */

START_TEST(acknowledgements)
{
    connect_unix();
    int first = mqtt_publish(mqtt, "t/1", (const uint8_t *)"one", 3, true);
    int second = mqtt_publish(mqtt, "t/2", (const uint8_t *)"two", 3, false);
    char expected[64];
    receive(PUBLISH);
    ck_assert_uint_eq(packet[0], PUBLISH << 4 | 1 << 1 | 1); /* QoS 1, retain */
    ck_assert(packet_has("t/1", 3) && packet_has("one", 3));
    PUBACK(NOT_AUTHORIZED);
    receive(PUBLISH);
    ck_assert_uint_eq(packet[0], PUBLISH << 4 | 1 << 1);
    PUBACK(0x10); /* no matching subscribers: taken all the same */
    snprintf(expected, sizeof expected, "acknowledged:%d:0x87 acknowledged:%d:0x10", first, second);
    UNTIL(strlen(heard) >= strlen(expected));
    check_heard(expected);
    ck_assert_int_eq(mqtt_publish(mqtt, "t/#", NULL, 0, true), -1);
}
END_TEST

START_TEST(messages)
{
    connect_unix();
    ANSWER(0x31, 11, 0, 1, 't', 5, 2, 0, 0, 0, 60, 'h', 'i'); /* retained, expires */
    ANSWER(0x30, 4, 0, 1, 'u', 0);
    UNTIL(strstr(heard, "u="));
    check_heard("t=hi,retained,60 u=,0");
}
END_TEST

START_TEST(subscriptions)
{
    connect_unix();
    mqtt_subscribe(mqtt, "f", 1);
    receive(SUBSCRIBE);
    ck_assert_mem_eq(packet + packet_length - 4, "\0\1f\1", 4);
    ANSWER(0x90, 4, packet[2], packet[3], 0, NOT_AUTHORIZED);
    UNTIL(*heard);
    check_heard("warning");
    mqtt_subscribe_to_others(mqtt, "f");
    receive(SUBSCRIBE); /* QoS 0, no local, retain as published */
    ck_assert_mem_eq(packet + packet_length - 4, "\0\1f\x0c", 4);
    receive(SUBSCRIBE); /* QoS 1, and nothing of what is retained */
    ck_assert_mem_eq(packet + packet_length - 4, "\0\1f\x2d", 4);
    mqtt_unsubscribe(mqtt, "f");
    receive(UNSUBSCRIBE);
    ck_assert_mem_eq(packet + packet_length - 3, "\0\1f", 3);
}
END_TEST

START_TEST(subscriptions_of_mqtt_311)
{
    restart_with(4);
    connect_unix();
    ck_assert(mqtt_is_old(mqtt));
    mqtt_subscribe_to_others(mqtt, "f");
    receive(SUBSCRIBE);
    ck_assert_mem_eq(packet + packet_length - 4, "\0\1f\0", 4);
    receive(SUBSCRIBE);
    ck_assert_mem_eq(packet + packet_length - 4, "\0\1f\1", 4);
}
END_TEST

/* ---- round trips ---- */

START_TEST(round_trips)
{
    ck_assert_uint_eq(mqtt_round_trip(mqtt), 0);
    connect_unix();
    uint32_t first = mqtt_round_trip(mqtt);
    receive(UNSUBSCRIBE);
    /* Two that are asked for meanwhile go together, when the first one is answered. */
    ck_assert_uint_eq(mqtt_round_trip(mqtt), first + 1);
    ck_assert_uint_eq(mqtt_round_trip(mqtt), first + 2);
    UNSUBACK();
    ck_assert_uint_eq(in_length, 0);
    receive(UNSUBSCRIBE);
    char expected[64];
    snprintf(expected, sizeof expected, "answered:%u", first);
    check_heard(expected);
    UNSUBACK();
    UNTIL(*heard);
    snprintf(expected, sizeof expected, "answered:%u", first + 2);
    check_heard(expected);
    mqtt_publish(mqtt, "t", NULL, 0, true);
    receive(PUBLISH); /* and no UNSUBSCRIBE: nobody has asked */
}
END_TEST

/* The program's own UNSUBSCRIBE is answered, too, and that is no round trip. */
START_TEST(round_trip_among_others)
{
    uint8_t number[2];
    connect_unix();
    mqtt_unsubscribe(mqtt, "f");
    mqtt_round_trip(mqtt);
    receive(UNSUBSCRIBE);
    UNSUBACK();
    receive(UNSUBSCRIBE);
    memcpy(number, packet + 2, 2);
    ANSWER(0x30, 4, 0, 1, 'u', 0);
    UNTIL(*heard);
    check_heard("u=,0");
    ANSWER(0xb0, 4, number[0], number[1], 0, 0);
    UNTIL(*heard);
    check_heard("answered:1");
}
END_TEST

START_TEST(round_trip_of_a_lost_connection)
{
    connect_unix();
    uint32_t first = mqtt_round_trip(mqtt);
    mqtt_round_trip(mqtt);
    receive(UNSUBSCRIBE);
    hang_up();
    heard[0] = '\0';
    wait_for_deadline();
    accept_connection();
    mqtt_publish(mqtt, "t", NULL, 0, true);
    receive(PUBLISH); /* what was asked for before is not asked again */
    ck_assert_uint_eq(mqtt_round_trip(mqtt), first + 2);
    receive(UNSUBSCRIBE);
    UNSUBACK();
    UNTIL(strstr(heard, "answered"));
    check_heard("connected answered:3");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt");
    TCase *tests = tcase_create("mqtt");

    temporary_begin();
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_stands_in_connect);
    tcase_add_test(tests, password_file_that_cannot_be_read);
    tcase_add_test(tests, nobody_there);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, given_up);
    tcase_add_test(tests, silent);
    tcase_add_test(tests, hung_up_before_connack);
    tcase_add_test(tests, next_address);
    tcase_add_test(tests, no_such_name);
    tcase_add_test(tests, silent_name_server);
    tcase_add_test(tests, pauses_grow);
    tcase_add_test(tests, only_a_connection_that_lasts_ends_the_pauses);
    tcase_add_test(tests, nothing_outlives_a_connection);
    tcase_add_test(tests, acknowledgements);
    tcase_add_test(tests, messages);
    tcase_add_test(tests, subscriptions);
    tcase_add_test(tests, subscriptions_of_mqtt_311);
    tcase_add_test(tests, round_trips);
    tcase_add_test(tests, round_trip_among_others);
    tcase_add_test(tests, round_trip_of_a_lost_connection);
    int result = run_suite(suite);
    temporary_end();
    return result;
}
