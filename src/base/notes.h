/* Lines for people that a function returns besides its result and its error. Libraries collect
 * them, programs print them. */
#ifndef SN_BASE_NOTES_H
#define SN_BASE_NOTES_H

#include "base/status.h"

#include <stddef.h>

enum { SN_NOTES_MAX = 64 };

typedef enum sn_note_kind {
    SN_NOTE_WARNING, /* the work goes on, perhaps not as the user wants it */
    SN_NOTE_FAULT    /* one of several reasons for the error that is returned */
} sn_note_kind;

typedef struct sn_note {
    sn_note_kind kind;
    char text[SN_ERROR_MESSAGE_SIZE]; /* one line without a newline */
} sn_note;

/* Begins as {0}. */
typedef struct sn_notes {
    size_t count, lost; /* lost: more than SN_NOTES_MAX */
    sn_note note[SN_NOTES_MAX];
} sn_notes;

/* Adds a printf-formatted line, cut to fit; control characters become '?'. Does nothing when
 * `notes` is NULL. */
void sn_notes_add(sn_notes *notes, sn_note_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
