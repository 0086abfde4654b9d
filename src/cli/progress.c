#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double redraw_seconds = 0.1;

enum { LINE_SIZE = 512 };

static size_t terminal_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static size_t append(char *line, size_t size, size_t used, const char *text) {
    if (used < size)
        used += (size_t)snprintf(line + used, size - used, "%s", text);
    return used < size ? used : size - 1;
}

/* "0:35", "12:00", "3:05:09"; days are just many hours. */
static void format_duration(double seconds, char *text, size_t size) {
    const double most = 359999999.0; /* keeps the conversion defined */
    const unsigned long whole = (unsigned long)(seconds < most ? seconds + 0.5 : most);
    const unsigned long hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
    if (hours)
        snprintf(text, size, "%lu:%02lu:%02lu", hours, minutes, rest);
    else
        snprintf(text, size, "%lu:%02lu", minutes, rest);
}

size_t sn_progress_format(char *line, size_t size, const sn_progress_state *state) {
    const size_t share =
        state->total ? (size_t)(100.0 * (double)state->done / (double)state->total) : 100;
    const size_t here = state->done > state->skipped ? state->done - state->skipped : 0;
    char part[160];
    snprintf(part, sizeof part, "  %zu %%  %zu/%zu ", share, state->done, state->total);
    line[0] = '\0';
    size_t used = append(line, size, 0, state->label);
    used = append(line, size, used, part);
    used = append(line, size, used, state->unit);
    if (here > 0 && state->seconds > 0.0) {
        const double rate = (double)here / state->seconds;
        const size_t left = state->total > state->done ? state->total - state->done : 0;
        char duration[32];
        format_duration((double)left / rate, duration, sizeof duration);
        snprintf(part, sizeof part, rate < 10.0 ? "  %.1f/s  %s left" : "  %.0f/s  %s left", rate,
                 duration);
        used = append(line, size, used, part);
    }
    if (state->extra) {
        used = append(line, size, used, "  ");
        used = append(line, size, used, state->extra);
    }
    return used;
}

void sn_progress_start(sn_progress *progress, const char *unit) {
    *progress = (sn_progress){
        .unit = unit, .started = sn_clock_seconds(), .enabled = isatty(STDERR_FILENO) == 1};
    progress->shown = progress->started - redraw_seconds; /* the first update is drawn */
}

/* Replaces the line that is shown; blanks cover what is left of a longer one. */
static void draw(sn_progress *progress, const char *line, size_t length) {
    const size_t blanks = progress->width > length ? progress->width - length : 0;
    fprintf(stderr, "\r%.*s%*s", (int)length, line, (int)blanks, "");
    fflush(stderr);
    progress->width = length;
}

void sn_progress_update(sn_progress *progress, const char *label, size_t done, size_t total,
                        size_t skipped, const char *extra) {
    if (!progress->enabled)
        return;
    const double now = sn_clock_seconds();
    if (now - progress->shown < redraw_seconds)
        return;
    progress->shown = now;
    char line[LINE_SIZE];
    const sn_progress_state state = {.label = label,
                                     .unit = progress->unit,
                                     .extra = extra,
                                     .done = done,
                                     .total = total,
                                     .skipped = skipped,
                                     .seconds = now - progress->started};
    size_t length = sn_progress_format(line, sizeof line, &state);
    const size_t columns = terminal_columns();
    if (length >= columns) /* a line that wraps could not be drawn over */
        length = columns - 1;
    draw(progress, line, length);
}

void sn_progress_clear(sn_progress *progress) {
    if (!progress->enabled || progress->width == 0)
        return;
    draw(progress, "", 0);
    fputc('\r', stderr);
}
