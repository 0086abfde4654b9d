/* Time for rates and progress. */
#ifndef SN_BASE_CLOCK_H
#define SN_BASE_CLOCK_H

/* Seconds of a clock that only moves forward; its zero is arbitrary. */
double sn_clock_seconds(void);

#endif
