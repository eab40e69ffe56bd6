/*
 * What the process may still do once it speaks to the world.
 *
 * From process_confine() on it gains no privileges, cannot be read by other
 * processes of its user, leaves no core dump, and, where the kernel has
 * Landlock, can neither write nor execute a file: it keeps everything in the
 * database and writes to descriptors it was started with. Reading stays open,
 * because certificates, zones, resolvers and rotated secrets are opened late.
 */
#ifndef APP_PROCESS_H
#define APP_PROCESS_H

/* To be called first, before any thread. Also raises the limit of open
 * descriptors to what is allowed. What the kernel lacks is left out. */
void process_confine(void);

/* Logs, at debug level, what process_confine() could not do. */
void process_log(void);

#endif
