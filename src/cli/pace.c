#define _POSIX_C_SOURCE 200809L
#include "cli/pace.h"

#include <stdio.h>

void sn_pace_start(sn_pace *pace, size_t evaluation_images) {
    *pace = (sn_pace){.evaluation_images = evaluation_images};
}

void sn_pace_step(sn_pace *pace, size_t images, double now) {
    const bool is_only_one = pace->evaluated && pace->images == 0;
    if (pace->in_epoch || is_only_one) {
        pace->images += images - pace->last_images;
        pace->seconds += now - pace->last;
    }
    pace->in_epoch = true;
    pace->last_images = images;
    pace->last = now;
    pace->steps++;
}

void sn_pace_evaluating(sn_pace *pace, double now) {
    pace->in_epoch = false;
    pace->last = now;
}

void sn_pace_evaluated(sn_pace *pace, double now) {
    pace->evaluated = true;
    pace->evaluation = now - pace->last;
    pace->last = now;
    pace->last_images = 0;
}

double sn_pace_rate(const sn_pace *pace) {
    return pace->seconds > 0 ? (double)pace->images / pace->seconds : 0;
}

double sn_pace_seconds(const sn_pace *pace, size_t images, uint64_t evaluations) {
    const double rate = sn_pace_rate(pace);
    if (!(rate > 0))
        return 0;
    const double estimate = (double)pace->evaluation_images / rate / 3;
    return (double)images / rate +
           (double)evaluations * (pace->evaluated ? pace->evaluation : estimate);
}

void sn_pace_duration(double seconds, char *text, size_t size) {
    const double most = 3.6e9; /* keeps the conversion defined */
    const unsigned long s = (unsigned long)(seconds < most ? seconds + 0.5 : most);
    if (s < 60)
        snprintf(text, size, "%lu s", s);
    else if (s < 600)
        snprintf(text, size, "%lu min %02lu s", s / 60, s % 60);
    else if (s < 3570)
        snprintf(text, size, "%lu min", (s + 30) / 60);
    else if (s < 48 * 3600UL)
        snprintf(text, size, "%lu h %02lu min", (s + 30) / 3600, (s + 30) % 3600 / 60);
    else
        snprintf(text, size, "%lu d %02lu h", (s + 1800) / 86400, (s + 1800) % 86400 / 3600);
}

void sn_pace_clock(time_t when, time_t now, char *text, size_t size) {
    struct tm then, today;
    text[0] = '\0';
    if (!localtime_r(&when, &then) || !localtime_r(&now, &today))
        return;
    const bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    if (strftime(text, size, same_day ? "%H:%M" : "%a %d %b %H:%M", &then) == 0)
        text[0] = '\0';
}
