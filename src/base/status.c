#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

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
