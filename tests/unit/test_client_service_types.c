/* SPDX-License-Identifier: MIT */
/* With a database of its own, laid out as GDBM does it; against the one that Avahi ships by
 * tests/e2e/test_client_browse.py. */
#include "service_types.h"

#include "run_suite.h"
#include "temporary.h"

#define HEAD 112 /* of a bucket */
#define ELEMENT 24
#define BUCKET_AT 512
#define BUCKET_SIZE 256
#define DATA_AT 1024

struct database {
    uint8_t bytes[2048];
    size_t end; /* of the data */
};

static void put_32(struct database *db, size_t at, uint32_t value)
{
    memcpy(db->bytes + at, &value, sizeof value);
}

static void put_64(struct database *db, size_t at, uint64_t value)
{
    memcpy(db->bytes + at, &value, sizeof value);
}

static void put_pair(struct database *db, size_t slot, const char *key, const char *data)
{
    size_t element = BUCKET_AT + HEAD + slot * ELEMENT;
    put_32(db, element, 7);
    put_64(db, element + 8, db->end);
    put_32(db, element + 16, (uint32_t)strlen(key));
    put_32(db, element + 20, (uint32_t)strlen(data));
    memcpy(db->bytes + db->end, key, strlen(key));
    memcpy(db->bytes + db->end + strlen(key), data, strlen(data));
    db->end += strlen(key) + strlen(data);
}

static void make(struct database *db)
{
    *db = (struct database){.end = DATA_AT};
    put_32(db, 0, 0x13579acf);
    put_64(db, 8, 256); /* the directory */
    put_32(db, 16, 32);
    put_32(db, 24, BUCKET_SIZE);
    for (size_t i = 0; i < 4; i++)
        put_64(db, 256 + 8 * i, BUCKET_AT);
    for (size_t slot = 0; slot < 6; slot++)
        put_32(db, BUCKET_AT + HEAD + slot * ELEMENT, UINT32_MAX);
    put_pair(db, 0, "_http._tcp", "Web Site");
    put_pair(db, 2, "_http._tcp[de]", "Web-Angebot");
    put_pair(db, 3, "_http._tcp[de_AT]", "Netzseite");
    put_pair(db, 5, "_ssh._tcp", "SSH Remote Terminal");
}

static void read_back(struct service_types *types, const struct database *db, size_t length)
{
    char path[TEMPORARY_SIZE + 8], directory[TEMPORARY_SIZE];
    temporary_directory(directory);
    snprintf(path, sizeof path, "%s/db", directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(db->bytes, 1, length, file), length);
    fclose(file);
    service_types_read(types, path);
}

START_TEST(names)
{
    static const char *const rows[][3] = {
        {"_http._tcp", "C", "Web Site"},
        {"_http._tcp", "", "Web Site"},
        {"_http._tcp", "de", "Web-Angebot"},
        {"_http._tcp", "de_DE.UTF-8", "Web-Angebot"},
        {"_http._tcp", "de_AT", "Netzseite"},
        {"_http._tcp", "de_AT@euro", "Netzseite"},
        {"_http._tcp", "fr_FR.UTF-8@euro", "Web Site"},
        {"_ssh._tcp", "de", "SSH Remote Terminal"},
        {"_ssh", "C", "_ssh"},
        {"_none._udp", "C", "_none._udp"},
    };
    struct database db;
    struct service_types types;
    char out[SERVICE_TYPES_NAME_MAX + 1];

    make(&db);
    read_back(&types, &db, sizeof db.bytes);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_str_eq(service_types_name(&types, rows[i][0], rows[i][1], out), rows[i][2]);
    service_types_close(&types);
    ck_assert_str_eq(service_types_name(&types, "_http._tcp", "C", out), "_http._tcp");
    service_types_read(&types, "/none");
    ck_assert_str_eq(service_types_name(&types, "_http._tcp", "C", out), "_http._tcp");
    service_types_close(&types);
}
END_TEST

#define JOINED_SIZE 200

static void join(void *context, const char *type)
{
    char *all = context;
    snprintf(all + strlen(all), JOINED_SIZE - strlen(all), "%s ", type);
}

START_TEST(each)
{
    struct database db;
    struct service_types types;
    char all[JOINED_SIZE] = "";

    make(&db);
    read_back(&types, &db, sizeof db.bytes);
    service_types_each(&types, join, all);
    ck_assert_str_eq(all, "_http._tcp _ssh._tcp ");
    service_types_close(&types);
}
END_TEST

static void touch(void *context, const char *type)
{
    *(size_t *)context += strlen(type);
}

/* Cut off anywhere, and with any byte changed: nothing is read that is not there (which the
 * sanitizers see). */
START_TEST(damaged)
{
    struct database db;
    struct service_types types;
    char out[SERVICE_TYPES_NAME_MAX + 1];
    size_t sum = 0;

    make(&db);
    for (size_t length = 0; length < db.end; length += 7) {
        types = (struct service_types){malloc(length + 1), length};
        memcpy(types.bytes, db.bytes, length);
        service_types_each(&types, touch, &sum);
        service_types_name(&types, "_http._tcp", "de", out);
        service_types_close(&types);
    }
    for (size_t i = 0; i < BUCKET_AT + BUCKET_SIZE; i++)
        for (int byte = 0; byte < 256; byte += 51) {
            types = (struct service_types){malloc(sizeof db.bytes), sizeof db.bytes};
            memcpy(types.bytes, db.bytes, sizeof db.bytes);
            types.bytes[i] = (uint8_t)byte;
            service_types_each(&types, touch, &sum);
            service_types_close(&types);
        }
    ck_assert_uint_gt(sum, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_service_types");
    TCase *tests = tcase_create("client_service_types");

    temporary_begin();
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, names);
    tcase_add_test(tests, each);
    tcase_add_test(tests, damaged);
    int result = run_suite(suite);
    temporary_end();
    return result;
}
