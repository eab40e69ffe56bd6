/*
 * The proleptic Gregorian calendar, without zones: a wall clock's reading is
 * kept as the seconds that UTC would count to show the same digits.
 */
#ifndef CLOCK_CALENDAR_H
#define CLOCK_CALENDAR_H

#include <stdint.h>

enum { DAY_S = 24 * 60 * 60 };

struct civil_date {
    int64_t year;
    int month; /* 1 .. 12 */
    int day;   /* 1 .. 31 */
};

/* Rounds towards minus infinity; b > 0. */
int64_t calendar_floor_div(int64_t a, int64_t b);

/* Days from 1970-01-01. */
int64_t calendar_days(struct civil_date date);

struct civil_date calendar_date(int64_t days);

/* 0 is Sunday. */
int calendar_weekday(int64_t days);

/* 28 .. 31 */
int calendar_month_days(int64_t year, int month);

#endif
