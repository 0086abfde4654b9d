/* Status codes and error messages.
 *
 * Functions that can fail on bad input return sn_status and take an `sn_error *` as their last
 * argument, which may be NULL. They never print, exit or abort. The message names what was wrong,
 * where, and what would have been right, in one line without a final newline.
 */
#ifndef SN_BASE_STATUS_H
#define SN_BASE_STATUS_H

typedef enum sn_status {
    SN_OK = 0,
    SN_ERROR_ARGUMENT, /* the value of an option or a parameter makes no sense */
    SN_ERROR_DATA,     /* a file's content is wrong: truncated, out of range, another format */
    SN_ERROR_IO,       /* the system refused to open, read or write something */
    SN_ERROR_MEMORY,   /* allocation failed */
    SN_ERROR_DIVERGED, /* training produced a value that is not finite */
    SN_ERROR_INTERNAL  /* a bug in signet */
} sn_status;

enum { SN_ERROR_MESSAGE_SIZE = 1024 };

typedef struct sn_error {
    sn_status status;
    char message[SN_ERROR_MESSAGE_SIZE];
} sn_error;

/* Fills *error (if not NULL) with a printf-formatted message, cut to fit, and returns status.
 * Control characters become '?', so that the message stays one line whatever it quotes. */
sn_status sn_error_set(sn_error *error, sn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Replaces control characters by '?'. Messages quote what users and files say; a line break or an
 * escape sequence in there must not reach the terminal. Bytes of UTF-8 stay. */
void sn_one_line(char *text);

/* Returns from the calling function with a message when the condition holds. */
#define SN_RETURN_IF(condition, error, status, ...)                                                \
    do {                                                                                           \
        if (condition)                                                                             \
            return sn_error_set((error), (status), __VA_ARGS__);                                   \
    } while (0)

/* Hands a failed status on to the caller. */
#define SN_TRY(expression)                                                                         \
    do {                                                                                           \
        const sn_status sn_try_status = (expression);                                              \
        if (sn_try_status != SN_OK)                                                                \
            return sn_try_status;                                                                  \
    } while (0)

#endif
