/* SPDX-License-Identifier: MIT */
/*
 * The log: one line an event on stderr. Whatever a message holds, it stays one line of harmless
 * text.
 *
 * Any thread may write; errno is kept. log_init() is for the main thread, before there are others.
 */
#ifndef BRIDGE_LOG_H
#define BRIDGE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
#define LOG_LEVELS 4

/* Their names by number, as they stand in the log and in the configuration; NULL at the end. */
extern const char *const log_level_names[LOG_LEVELS + 1];

/* Finds out whether stderr is the journal. Without it, lines carry the time and the level's name.
 */
void log_init(void);

/* From now on only what is at least this important is written. LOG_LEVEL_INFO at the start. */
void log_set_level(enum log_level level);

/* Writes one line. The format has no newline. Behind the macros below. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes one line without time and level, made as harmless; before the log begins. */
void log_plain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_error(...)                                                                             \
    log_write(LOG_LEVEL_ERROR,                                                                     \
              __VA_ARGS__) /* an operator has to do something                     \
                                             */
#define log_warning(...)                                                                           \
    log_write(LOG_LEVEL_WARNING, __VA_ARGS__)                /* something is not as it should be */
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__) /* what an operator likes to know */
#define log_debug(...)                                                                             \
    log_write(LOG_LEVEL_DEBUG,                                                                     \
              __VA_ARGS__) /* what a developer likes to know                      \
                                             */

/*
 * For what devices and clients may cause again and again: a warning once, and then a word to who debugs.
 * The log must not grow at their will. `complained` is a bool of the caller's that nobody resets.
 */
#define log_warning_once(complained, ...)                                                          \
    do {                                                                                           \
        if (*(complained))                                                                         \
            log_debug(__VA_ARGS__);                                                                \
        else                                                                                       \
            log_warning(__VA_ARGS__);                                                              \
        *(complained) = true;                                                                      \
    } while (0)

#endif
