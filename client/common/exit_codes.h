/* SPDX-License-Identifier: MIT */
/*
 * How mdns-mqtt ends. Values above 63 are those of sysexits.h, as in the daemon.
 *
 * A signal that ends what goes on until then is EXIT_DONE; what is ended before it is done, 128 + the
 * signal. `advertise ... -- COMMAND` ends as COMMAND does (128 + its signal, where one ended it), doctor
 * with the number of the first check that failed (doctor.h), and avahi-publish as Avahi's program does.
 */
#ifndef CLIENT_EXIT_CODES_H
#define CLIENT_EXIT_CODES_H

enum exit_code {
    EXIT_DONE = 0,
    EXIT_NOT_FOUND = 1,        /* no such service; input that is no record */
    EXIT_USAGE = 64,           /* wrong options or arguments */
    EXIT_FAILED = 65,          /* the bridge refuses the advertisement, or Avahi does */
    EXIT_NO_BROKER = 69,       /* the broker cannot be reached */
    EXIT_INTERNAL = 70,        /* no memory, or a bug */
    EXIT_OUTPUT = 74,          /* stdout cannot be written */
    EXIT_NO_BRIDGE = 75,       /* no bridge that is online; an advertisement that stays pending */
    EXIT_REFUSED = 77,         /* the broker refuses the user, a subscription or a publication */
    EXIT_BAD_CONFIG = 78,      /* the environment, a password file or TLS files cannot be used */
    EXIT_NOT_EXECUTABLE = 126, /* the COMMAND of advertise is no program */
    EXIT_NO_COMMAND = 127,     /* there is no such COMMAND */
};

#endif
