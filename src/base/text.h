/* Checks of texts. */
#ifndef SN_BASE_TEXT_H
#define SN_BASE_TEXT_H

#include <stdbool.h>

/* Whether this is UTF-8 (RFC 3629): no overlong forms, no surrogates, at most U+10FFFF. */
bool sn_text_is_utf8(const char *text);

#endif
