/*
 * Starts a service, asks whether it is ready until it is, prints the seconds
 * from the start to that answer, and ends it.
 *
 *   bench_ready PORT PATH PROGRAM ARG...
 *
 * What the service writes goes to standard error.
 */
#include "http.h"
#include "util.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SECONDS = 60, PAUSE_US = 500 };

static pid_t pid;

static void on_alarm(int signum)
{
    kill(pid, SIGKILL);
    _exit(1);
}

static int is_ready(unsigned port, const char *path)
{
    int fd = http_connect(port), status;

    if (fd < 0)
        return 0;
    status = http_ask(fd, "GET", path);
    close(fd);
    return status == 200;
}

int main(int argc, char **argv)
{
    double start, took;
    unsigned port;
    int status;

    if (argc < 4)
        die("usage: bench_ready PORT PATH PROGRAM ARG...");
    port = number_of(argv[1]);
    signal(SIGALRM, on_alarm);
    start = seconds();
    pid = fork();
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[3], argv + 3);
        die("%s: cannot be run", argv[3]);
    }
    alarm(MOST_SECONDS);
    while (!is_ready(port, argv[2])) {
        if (waitpid(pid, &status, WNOHANG) != 0)
            die("%s: ended before it was ready", argv[3]);
        usleep(PAUSE_US);
    }
    took = seconds() - start;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    printf("%.6f\n", took);
    return 0;
}
