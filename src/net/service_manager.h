/*
 * What systemd, or any service manager that speaks sd_notify(3), is told: one
 * datagram to the socket that NOTIFY_SOCKET names. Without that variable
 * nothing is sent. It never waits: a manager that does not read loses the
 * datagram, and nothing here depends on it.
 */
#ifndef NET_SERVICE_MANAGER_H
#define NET_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

/* Sends assignments, one a line ("READY=1\nSTATUS=..."). Returns whether they
 * were sent. */
bool service_manager_tell(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* How long the manager waits for WATCHDOG=1, in milliseconds, before it kills
 * this process; 0: it does not. From WATCHDOG_USEC and WATCHDOG_PID. */
uint64_t service_manager_watchdog_ms(void);

#endif
