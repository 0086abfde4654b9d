#include "base/notes.h"

#include <stdarg.h>
#include <stdio.h>

void sn_notes_add(sn_notes *notes, sn_note_kind kind, const char *format, ...) {
    if (!notes)
        return;
    if (notes->count == SN_NOTES_MAX) {
        notes->lost++;
        return;
    }
    sn_note *note = &notes->note[notes->count++];
    note->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note->text, sizeof note->text, format, arguments);
    va_end(arguments);
    sn_one_line(note->text);
}
