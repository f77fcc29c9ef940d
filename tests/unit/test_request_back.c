/* SPDX-License-Identifier: MIT */
/*
 * What a service record says of an advertisement's TXT data is what a request may say: fed back,
 * it makes the same bytes. For random requests, built from wire data, printed and read again.
 */
#include <stdio.h>

#include "request_text.h"

#define SEED 6335
#define ROUNDS 5000

static uint8_t record[RECORD_SIZE_MAX];
static struct sample sample;

static size_t below(size_t bound)
{
    return (size_t)rand() % bound;
}

static uint8_t random_key_byte(void)
{
    uint8_t byte = (uint8_t)(' ' + below('~' - ' ' + 1));

    return byte == '=' ? '"' : byte;
}

/* Text, controls, broken UTF-8, NUL. */
static uint8_t random_value_byte(void)
{
    static const uint8_t likely[] = "a=\"\\/\t\n\x7f\x1b\xc3\xbc\xff\0";

    return likely[below(sizeof likely)];
}

static void random_txt(void)
{
    uint8_t string[TXT_STRING_MAX];

    sample_init(&sample);
    sample.txt.capacity = REQUEST_TXT_MAX;
    for (size_t count = below(40); count > 0; count--) {
        size_t length = 1 + below(below(4) ? 12 : sizeof string);
        size_t key_length = 1 + below(length);

        for (size_t i = 0; i < length; i++)
            string[i] = i < key_length ? random_key_byte() : random_value_byte();
        if (key_length < length)
            string[key_length] = '=';
        sample_add(&sample, string, length);
    }
    sample.service.txt_omitted = 0;
}

START_TEST(txt_leads_back)
{
    static char text[RECORD_SIZE_MAX];

    srand(SEED);
    for (int round = 0; round < ROUNDS; round++) {
        random_txt();
        MUST(record_service(record, RECORD_SIZE_DEFAULT, &sample.service, false, &stamp, NULL) ==
             RECORD_OK);
        cJSON *json = record_parse(record, RECORD_SIZE_DEFAULT);
        char *txt = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(json, "txt"));

        MUST(!cJSON_GetObjectItemCaseSensitive(json, "txt_raw"));
        snprintf(text, sizeof text, WITH("\"txt\":%s"), txt);
        struct request request = parsed(text);

        MUST(request.txt_length == sample.txt.length);
        MUST(memcmp(request.txt, sample.wire, request.txt_length) == 0);
        cJSON_free(txt);
        cJSON_Delete(json);
    }
}
END_TEST

/* The largest TXT data that there may be fits a payload of the size of a record. */
START_TEST(largest_txt_fits)
{
    static char text[RECORD_SIZE_MAX];
    uint8_t string[TXT_STRING_MAX];

    sample_init(&sample);
    memset(string, '"', sizeof string); /* two bytes each in JSON */
    for (uint8_t i = 0; i < 5; i++) {
        string[0] = (uint8_t)('a' + i);
        string[1] = '=';
        sample_add(&sample, string, sizeof string);
    }
    sample_add(&sample, BYTES("f=2345678901234567"));
    sample_add(&sample, BYTES(""));
    ck_assert_uint_eq(sample.txt.length, REQUEST_TXT_MAX - 1);
    ck_assert_int_eq(
        record_service(record, RECORD_SIZE_DEFAULT, &sample.service, false, &stamp, NULL),
        RECORD_OK);

    cJSON *json = record_parse(record, RECORD_SIZE_DEFAULT);
    char *txt = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(json, "txt"));

    snprintf(text, sizeof text, WITH("\"txt\":%s"), txt);
    struct request request = parsed(text);

    ck_assert_uint_eq(request.txt_length, sample.txt.length);
    ck_assert_mem_eq(request.txt, sample.wire, request.txt_length);
    cJSON_free(txt);
    cJSON_Delete(json);
}
END_TEST

/* Whatever stands in a good request in place of one byte, the answer keeps to its bounds. */
START_TEST(any_byte_anywhere)
{
    static const char good[] =
        WITH("\"txt\":{\"a\":{\"b64\":\"AA==\"},\"b\":\"\\u00fc\"},\"subtypes\":[\"_aa\"],"
             "\"interface\":\"eth0\",\"rename\":true,\"lease\":60,\"transaction\":\"r\"");
    struct request request;
    struct status_error error;
    char text[sizeof good];

    for (size_t at = 0; at + 1 < sizeof good; at++)
        for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
            memcpy(text, good, sizeof good);
            text[at] = (char)byte;
            enum request_result result = request_parse(&request, &error, (const uint8_t *)text,
                                                       sizeof good - 1, RECORD_SIZE_DEFAULT);

            MUST(result != REQUEST_NO_MEMORY);
            MUST((result == REQUEST_OK) == (error.code == STATUS_NO_ERROR));
            MUST((result == REQUEST_OK) == (error.message[0] == '\0'));
            MUST(text_is_utf8((const uint8_t *)error.message, strlen(error.message)));
        }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("request_back");

    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, txt_leads_back);
    tcase_add_test(tests, largest_txt_fits);
    tcase_add_test(tests, any_byte_anywhere);
    return run("request_back", tests);
}
