/*
 * Runs a program and prints what it took: seconds by the clock, seconds of CPU
 * (its own and the kernel's for it, all threads) and its peak memory in KiB.
 *
 *   bench_measure OUT ERR [--stop-at TEXT] PROGRAM ARG...
 *
 * Its output goes to the two files. With --stop-at, it is sent SIGTERM as soon
 * as it has written TEXT to standard error, and the time ends there. Whatever
 * takes more than ten minutes is killed.
 */
#include "util.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SECONDS = 600 };

static pid_t pid;

static void on_alarm(int signum)
{
    kill(pid, SIGKILL);
}

static void redirect(const char *path, int to)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0 || dup2(fd, to) < 0)
        die("%s: cannot be written", path);
    close(fd);
}

/* Copies standard error to its file; the moment at which TEXT was there. */
static double watch(int from, const char *path, const char *text)
{
    static char all[1 << 20];
    size_t len = 0;
    double seen = 0;
    ssize_t n;
    FILE *to = fopen(path, "w");

    if (to == NULL)
        die("%s: cannot be written", path);
    while (len < sizeof(all) - 1 &&
           (n = read(from, all + len, sizeof(all) - 1 - len)) > 0) {
        fwrite(all + len, 1, (size_t)n, to);
        len += (size_t)n;
        all[len] = '\0';
        if (seen == 0 && strstr(all, text) != NULL) {
            seen = seconds();
            kill(pid, SIGTERM);
        }
    }
    fclose(to);
    return seen;
}

static double cpu_of(const struct rusage *r)
{
    return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
           (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    const char *out = argv[1], *errors = argv[2], *text = NULL;
    char **command = argv + 3;
    struct rusage used;
    int status, ends[2];
    double start, end = 0;

    if (argc > 5 && strcmp(argv[3], "--stop-at") == 0) {
        text = argv[4];
        command += 2;
    }
    if (argc < 4 || pipe2(ends, O_CLOEXEC) < 0)
        die("usage: bench_measure OUT ERR [--stop-at TEXT] PROGRAM ARG...");
    signal(SIGALRM, on_alarm);
    start = seconds();
    pid = fork();
    if (pid == 0) {
        redirect(out, STDOUT_FILENO);
        if (text != NULL)
            dup2(ends[1], STDERR_FILENO);
        else
            redirect(errors, STDERR_FILENO);
        execvp(command[0], command);
        die("%s: cannot be run", command[0]);
    }
    alarm(MOST_SECONDS);
    close(ends[1]);
    if (text != NULL)
        end = watch(ends[0], errors, text);
    if (pid < 0 || wait4(pid, &status, 0, &used) < 0)
        die("%s: cannot be run", command[0]);
    if (end == 0)
        end = seconds();
    printf("%.6f %.6f %ld\n", end - start, cpu_of(&used), used.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
