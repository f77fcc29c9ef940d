/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <netdb.h>
#include <sys/socket.h>

bool address_choose(char *out, size_t size, const char *host, unsigned index, bool *more)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;

    *more = false;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    const struct addrinfo *chosen = list;
    for (; index > 0 && chosen->ai_next; index--)
        chosen = chosen->ai_next;
    *more = chosen->ai_next != NULL;
    int error = getnameinfo(chosen->ai_addr, chosen->ai_addrlen, out, (socklen_t)size, NULL, 0,
                            NI_NUMERICHOST);
    freeaddrinfo(list);
    return error == 0;
}
