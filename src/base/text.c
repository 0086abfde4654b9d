#include "base/text.h"

#include <stddef.h>

/* Bytes of the character that begins here; 0 when it is none. */
static size_t character(const unsigned char *at) {
    const unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    unsigned long code = first & (0xffU >> (length + 1));
    if (first < 0xc2 || first > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) /* the final NUL, too */
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    const unsigned long least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
    return code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? length : 0;
}

bool sn_text_is_utf8(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        const size_t length = character(at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}
