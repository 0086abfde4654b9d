#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *sn_status_text(sn_status status) {
    static const char *const texts[SN_STATUS_COUNT] = {
        [SN_OK] = "ok",
        [SN_ERROR_ARGUMENT] = "bad argument",
        [SN_ERROR_DATA] = "bad data",
        [SN_ERROR_IO] = "input/output error",
        [SN_ERROR_MEMORY] = "out of memory",
        [SN_ERROR_DIVERGED] = "training diverged",
        [SN_ERROR_INTERNAL] = "internal error",
    };
    return (unsigned)status < SN_STATUS_COUNT ? texts[status] : "unknown status";
}

void sn_one_line(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

sn_status sn_error_set(sn_error *error, sn_status status, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        sn_one_line(error->message);
    }
    return status;
}
