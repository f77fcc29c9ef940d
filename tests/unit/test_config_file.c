/* SPDX-License-Identifier: MIT */
/* What is said of a file that is not right: every error, with its line. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_fixture.h"

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define INDENTED "an indented line only continues a list above it"
#define BAD_CLIENT "a client's name is 1 to 64 characters of A-Z a-z 0-9 . _ -, and not . or .."

static const struct {
    const char *text;
    const char *errors; /* each closed with a line feed; "@" stands for "bridge.conf:" */
} files[] = {
    /* sections */
    {"[nowhere]\nkey = 1\n", "@1: [nowhere]: there is no such section\n"},
    {"[Log]\n", "@1: [Log]: there is no such section\n"},
    {"[ log ]\n", "@1: [ log ]: there is no such section\n"},
    {"[]\n", "@1: []: there is no such section\n"},
    {"[nowhere]\n", "@1: [nowhere]: there is no such section\n"},
    {"\n\n[log\nlevel = loud\n", "@3: a [section] that does not end with ']'\n"},
    {"[\n", "@1: a [section] that does not end with ']'\n"},
    {"[log] x\n", "@1: a [section] that does not end with ']'\n"},
    {"[log]\n[browse]\n[log]\nlevel = loud\n", "@3: [log]: this section is there twice\n"},
    {"[advertise a]\n[advertise b]\n[advertise a]\n",
     "@3: [advertise a]: this section is there twice\n"},
    {"[advertise a b]\n", "@1: [advertise a b]: " BAD_CLIENT "\n"},
    {"[advertise .]\n[advertise ..]\n[advertise ...]\n",
     "@1: [advertise .]: " BAD_CLIENT "\n@2: [advertise ..]: " BAD_CLIENT "\n"},
    {"[advertise ]\n", "@1: [advertise ]: " BAD_CLIENT "\n"},
    {"[advertise " X50 X10 "xxxxx]\n", "@1: [advertise " X50 X10 "xxxxx]: " BAD_CLIENT "\n"},
    {"[browse eth0]\n", "@1: [browse eth0]: there is no such section\n"},
    {"[advertised]\n", "@1: [advertised]: there is no such section\n"},
    /* keys */
    {"level = info\n[log]\n", "@1: level: this key is in no section\n"},
    {"[log]\nlevels = info\n", "@2: [log] levels: there is no such key\n"},
    {"[log]\nLevel = info\n", "@2: [log] Level: there is no such key\n"},
    {"[log]\n= info\n", "@2: [log] : there is no such key\n"},
    {"[broker]\npassword = secret\n", "@2: [broker] password: there is no such key\n"},
    {"[log]\nurl = mqtt://h\n", "@2: [log] url: there is no such key\n"},
    {"[log]\nlevel = info\n\nlevel = debug\n", "@4: [log] level: already set in line 2\n"},
    {"[advertise a]\nports = 1\nports = 2\n", "@3: [advertise a] ports: already set in line 2\n"},
    {"[advertise a]\nmax-total = 3\n",
     "@2: [advertise a] max-total: there is no such key for a single client\n"},
    {"[advertise a]\nurl = x\n", "@2: [advertise a] url: there is no such key\n"},
    /* values */
    {"[browse]\n# comment\nipv4 = maybe\n", "@3: [browse] ipv4 = 'maybe': must be yes or no\n"},
    {"[advertise a]\nmax-per-client = 0\n",
     "@2: [advertise a] max-per-client = '0': must be a number from 1 to 1024\n"},
    {"[broker]\nkeepalive = 30 # seconds\n", "@2: [broker] keepalive = '30 # seconds': a '#' or "
                                             "';' behind a blank is no part of a value; '#' "
                                             "begins a comment only on a line of its own\n"},
    {"[broker]\nurl = mqtt://me:secret@h\n",
     "@2: [broker] url = '...': a user does not belong into the URL; there are username and "
     "password-file\n"},
    {"[browse]\ntypes = auto\n  _http._tcp\n  http\n",
     "@4: [browse] types = 'http': 'http' is not a service type (_http._tcp)\n"},
    /* lines */
    {"[log]\nlevel\n", "@2: neither a [section] nor a key = value\n"},
    {"[log]\nsecret ; = x\n", "@2: neither a [section] nor a key = value\n"},
    {"  auto\n", "@1: " INDENTED "\n"},
    {"[browse]\ntypes = auto\n[log]\n  _http._tcp\n", "@4: " INDENTED "\n"},
    {"[broker]\n  url = mqtt://h\n", "@2: " INDENTED "\n"},
    {"[browse]\ntypes = auto\n  ipv4 = no\n", "@3: " INDENTED "\n"},
    {"[browse]\ntypes = auto\n  [log]\n",
     "@3: [browse] types = '[log]': '[log]' is not a service type (_http._tcp)\n"},
    {"[log]\nlevel = info\n  debug\n", "@3: [log] level: only lists go on in an indented line\n"},
    {"[log]\nlevel = loud\n  debug\n",
     "@2: [log] level = 'loud': must be one of: error warning info debug\n"},
    {"[broker]\nusername = " X50 X50 X50 X10 X10 X10 "xxxxxxx\nclient-id = x\nx\n",
     "@2: longer than 197 bytes; a list may go on in an indented line\n"
     "@4: neither a [section] nor a key = value\n"},
    {"[broker]\nusername = " X50 X50 X50 X50 X50 X50 "\nx\n",
     "@2: longer than 197 bytes; a list may go on in an indented line\n"
     "@3: neither a [section] nor a key = value\n"},
    /* several, in order */
    {"[log]\nlevel = loud\nx = 1\n[a]\ny = 2\n[browse]\nipv4 = x\n",
     "@2: [log] level = 'loud': must be one of: error warning info debug\n"
     "@3: [log] x: there is no such key\n"
     "@4: [a]: there is no such section\n"
     "@7: [browse] ipv4 = 'x': must be yes or no\n"},
    /* keys that do not go together */
    {"[browse]\nipv6 = no\nipv4 = no\n",
     "@2: [browse] ipv4 and ipv6: not both can be off (there is enabled = no)\n"},
    {"[browse]\ntypes =\n", "@2: [browse] types: needs auto or at least one service type\n"},
    {"[browse]\ndomains =\n", "@2: [browse] domains: needs at least one\n"},
    {"[broker]\npassword-file = /p\n", "@2: [broker] password-file: needs a username\n"},
    {"[broker]\nurl = mqtts://h\ncert-file = /c\n", "@3: [broker] cert-file: needs a key-file\n"},
    {"[broker]\nurl = mqtts://h\nkey-file = /k\n", "@3: [broker] key-file: needs a cert-file\n"},
    {"[broker]\nurl = mqtt://h\nca-file = /c\n",
     "@3: [broker] ca-file: needs a URL with mqtts://\n"},
    {"[broker]\nkey-file = /k\ncert-file = /c\n",
     "@3: [broker] cert-file: needs a URL with mqtts://\n"},
};

/* The errors of "bridge.conf" as one text, with "@" for "bridge.conf:". */
static const char *errors_of_file(void)
{
    static char text[CONFIG_ERRORS_MAX * CONFIG_ERROR_SIZE];
    struct config config;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_init(&config), 0);
    config_read_file(&config, "bridge.conf", true, &errors);
    if (errors.count == 0)
        config_check(&config, "bridge.conf", &errors);
    text[0] = '\0';
    for (size_t i = 0; i < errors.count; i++) {
        const char *name = "bridge.conf:";
        ck_assert_int_eq(strncmp(errors.text[i], name, strlen(name)), 0);
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "@%s\n", errors.text[i] + strlen(name));
    }
    config_free(&config);
    return text;
}

START_TEST(test_errors)
{
    fixture_write("bridge.conf", files[_i].text);
    ck_assert_str_eq(errors_of_file(), files[_i].errors);
}
END_TEST

START_TEST(test_errors_are_bounded)
{
    char text[1024] = "[log]\n";
    for (int i = 0; i < 100; i++)
        memcpy(text + strlen(text), "x = 1\n", sizeof "x = 1\n");
    fixture_write("bridge.conf", text);
    const char *errors = errors_of_file();
    int lines = 0;
    for (; (errors = strchr(errors, '\n')); errors++)
        lines++;
    ck_assert_int_eq(lines, CONFIG_ERRORS_MAX);
}
END_TEST

START_TEST(test_longest_line)
{
    char text[256];
    fixture_write("bridge.conf", "");
    for (int length = 190; length < 210; length++) {
        snprintf(text, sizeof text, "[log]\n;%0*d\r\n", length - 1, 0);
        fixture_write("bridge.conf", text);
        const char *problem = "@2: longer than 197 bytes; a list may go on in an indented line\n";
        /* the '\r' counts, too */
        ck_assert_str_eq(errors_of_file(), length + 1 <= 197 ? "" : problem);
    }
}
END_TEST

START_TEST(test_no_text_file)
{
    fixture_write_bytes("bridge.conf", "[log]\n\0\nx\n", 10);
    ck_assert_str_eq(errors_of_file(), "@2: a NUL byte: this is not a text file\n");
}
END_TEST

START_TEST(test_directory)
{
    struct config config;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_init(&config), 0);
    config_read_file(&config, ".", false, &errors);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.text[0], ".: cannot be read");
    config_free(&config);
}
END_TEST

/* Set on the command line: there is no line of the file to blame. */
START_TEST(test_check_without_a_line)
{
    struct config config;
    struct config_errors errors = {0};
    char error[CONFIG_ERROR_SIZE];
    fixture_load(&config, "[browse]\ntypes = auto\n");
    ck_assert(config_set(&config, "browse", "types", "", error));
    config_check(&config, "bridge.conf", &errors);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.text[0],
                     "bridge.conf: [browse] types: needs auto or at least one service type");
    config_free(&config);
}
END_TEST

START_TEST(test_too_many_clients)
{
    struct config config;
    struct config_errors errors = {0};
    FILE *file = fopen("bridge.conf", "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i <= CONFIG_CLIENTS_MAX; i++)
        fprintf(file, "[advertise c%d]\n", i);
    fclose(file);
    ck_assert_int_eq(config_init(&config), 0);
    config_read_file(&config, "bridge.conf", true, &errors);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.text[0], "bridge.conf:1025: [advertise c1024]: more than 1024 clients");
    config_free(&config);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config_file");
    tcase_add_loop_test(tests, test_errors, 0, COUNT(files));
    tcase_add_test(tests, test_errors_are_bounded);
    tcase_add_test(tests, test_longest_line);
    tcase_add_test(tests, test_no_text_file);
    tcase_add_test(tests, test_directory);
    tcase_add_test(tests, test_check_without_a_line);
    tcase_add_test(tests, test_too_many_clients);
    return fixture_run(tests, "config_file");
}
