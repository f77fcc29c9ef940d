/* SPDX-License-Identifier: MIT */
/* For the tests of requests: a request from its text. */
#ifndef TESTS_REQUEST_TEXT_H
#define TESTS_REQUEST_TEXT_H

#include "record_back.h"
#include "request.h"
#include "status.h"

/* 15, 63 and 64 times the same */
#define X7(s) s s s s s s s
#define X15(s) X7(s) X7(s) s
#define X63(s) X7(X7(s)) X7(s) X7(s)
#define X64(s) X63(s) s

#define NAME "\"name\":\"Web app\""
#define TYPE "\"type\":\"_http._tcp\""
#define PORT "\"port\":8080"

/* A request with more members, or with one more attribute. */
#define WITH(members) "{" NAME "," TYPE "," PORT "," members "}"
#define WITH_TXT(attributes) WITH("\"txt\":{" attributes "}")

static inline enum request_result parse_bytes(struct request *out, struct status_error *error,
                                              const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1); /* so that a sanitizer sees its end */

    memset(out, '#', sizeof *out);
    memset(error, '#', sizeof *error);
    memcpy(copy, bytes, length);
    enum request_result result = request_parse(out, error, copy, length, RECORD_SIZE_DEFAULT);

    free(copy);
    return result;
}

/* The request that a good text makes. */
static inline struct request parsed(const char *text)
{
    struct request request;
    struct status_error error;

    if (parse_bytes(&request, &error, (const uint8_t *)text, strlen(text)) != REQUEST_OK)
        ck_abort_msg("%s\n%s", text, error.message);
    MUST(error.code == STATUS_NO_ERROR);
    return request;
}

#endif
