/* Just enough of an HTTP client for what our own servers answer. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

/* Connects to 127.0.0.1; -1 when nobody is there. Waits 10 minutes at most. */
int http_connect(unsigned port);

/* Asks and reads the answer to its end; its status, 0 when it breaks off. */
int http_ask(int fd, const char *method, const char *path);

#endif
