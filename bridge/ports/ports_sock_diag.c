/* SPDX-License-Identifier: MIT */
/*
 * sock_diag(7): one request, and the kernel answers with a run of datagrams that hold one message a
 * socket, up to a message "done". Each datagram is made when the one before it is read, in the
 * reader's own system call: there is nothing to wait for, so every call is non-blocking, and the
 * answer is bounded by the size of the table.
 *
 * Every dump has a netlink socket of its own: closing it ends a dump that is given up half-way, and
 * nothing of it can be taken for part of the next one.
 *
 * That something is not there (a module, a permission) is said in three places: by socket(), by an
 * error message, and by the status in "done".
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "ports_table.h"

#define DUMP_TRIES 3
#define LOOPBACK_INTERFACE 1 /* `lo` in every network namespace (net/flow.h: LOOPBACK_IFINDEX) */

/* An error or the end of a dump: both begin with a number, 0 or -errno. */
static int message_status(const unsigned char *payload, size_t length)
{
    int status = 0;
    if (length < sizeof status)
        return -EBADMSG;
    memcpy(&status, payload, sizeof status);
    return status < 0 ? status : 0;
}

static int add_socket(struct ports_table *table, const unsigned char *payload, size_t length)
{
    struct inet_diag_msg socket;
    if (length < sizeof socket)
        return -EBADMSG;
    memcpy(&socket, payload, sizeof socket);
    bool loopback = socket.id.idiag_if == LOOPBACK_INTERFACE ||
                    ports_is_loopback(socket.idiag_family == AF_INET6, socket.id.idiag_src);
    return ports_table_add(table, ntohs(socket.id.idiag_sport), loopback, socket.idiag_uid)
               ? 1
               : -ENOSPC;
}

int ports_diag_message(struct ports_table *table, const unsigned char *bytes, size_t length)
{
    if (length < NLMSG_HDRLEN)
        return -EBADMSG;
    while (length >= NLMSG_HDRLEN) {
        struct nlmsghdr header;
        memcpy(&header, bytes, sizeof header);
        if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > length)
            return -EBADMSG;
        if (header.nlmsg_flags & NLM_F_DUMP_INTR)
            return -EINTR;
        const unsigned char *payload = bytes + NLMSG_HDRLEN;
        size_t payload_length = header.nlmsg_len - NLMSG_HDRLEN;
        if (header.nlmsg_type == NLMSG_DONE)
            return message_status(payload, payload_length);
        if (header.nlmsg_type == NLMSG_ERROR) {
            int error = message_status(payload, payload_length);
            return error ? error : -EBADMSG; /* nobody asked for an acknowledgement */
        }
        if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
            int error = add_socket(table, payload, payload_length);
            if (error < 0)
                return error;
        }
        size_t step = NLMSG_ALIGN(header.nlmsg_len);
        if (step >= length)
            break;
        bytes += step;
        length -= step;
    }
    return 1;
}

static int send_request(int fd, int family, uint8_t protocol, uint32_t states)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (uint8_t)family,
                    .sdiag_protocol = protocol,
                    .idiag_states = states},
    };
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(fd, &message, sizeof message, MSG_DONTWAIT,
                          (const struct sockaddr *)&kernel, sizeof kernel);
    return sent < 0 ? -errno : 0;
}

/* One datagram. 1: there is more to come; 0: that was all; -errno. */
static int receive(int fd, struct ports_table *table, unsigned char *buffer)
{
    struct sockaddr_nl sender = {0};
    socklen_t size = sizeof sender;
    ssize_t length = recvfrom(fd, buffer, PORTS_BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC,
                              (struct sockaddr *)&sender, &size);
    if (length < 0)
        return -errno;
    if (length > PORTS_BUFFER_SIZE)
        return -EMSGSIZE;
    if (sender.nl_pid != 0) /* the kernel's */
        return -EBADMSG;
    return ports_diag_message(table, buffer, (size_t)length);
}

int ports_diag_dump(struct ports_table *table, int family, uint8_t protocol, uint32_t states,
                    unsigned char *buffer)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    int result = send_request(fd, family, protocol, states);
    if (result == 0)
        do
            result = receive(fd, table, buffer);
        while (result == 1);
    close(fd);
    return result;
}

int ports_diag_read(struct ports_table *table, bool udp, unsigned char *buffer)
{
    static const int families[] = {AF_INET, AF_INET6};
    /* A UDP socket that is bound but not connected is in the state "close". */
    uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
    uint32_t states = 1U << (udp ? TCP_CLOSE : TCP_LISTEN);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const size_t before = table->count;
        int error = 0;
        for (int tries = 0; tries < DUMP_TRIES; tries++) {
            table->count = before;
            error = ports_diag_dump(table, families[i], protocol, states, buffer);
            if (error != -EAGAIN && error != -EINTR && error != -ENOBUFS)
                break;
        }
        if (error)
            return error;
    }
    return 0;
}
