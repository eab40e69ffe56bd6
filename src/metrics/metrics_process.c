/*
 * The process as the kernel sees it. Read anew for every scrape: four small
 * reads that never block, /proc being no disk.
 */
#include "metrics/metrics_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PROC_BYTES = 1024, START_FIELD = 22 };

/* The beginning of a file as text; "" when it cannot be read. */
static void metrics_process_read_text(const char *path, char out[PROC_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, out, PROC_BYTES - 1);

    out[len < 0 ? 0 : len] = '\0';
    if (fd >= 0)
        close(fd);
}

static void metrics_process_read_memory(struct process_usage *u)
{
    char text[PROC_BYTES];
    long page = sysconf(_SC_PAGESIZE);
    long long size, resident;

    metrics_process_read_text("/proc/self/statm", text);
    if (sscanf(text, "%lld %lld", &size, &resident) != 2)
        return;
    u->virtual_bytes = (int64_t)size * page;
    u->resident_bytes = (int64_t)resident * page;
}

static void metrics_process_read_cpu(struct process_usage *u)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return;
    u->cpu_ms =
        (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
        (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Without ".", ".." and the descriptor that reads the directory. */
static void metrics_process_read_descriptors(struct process_usage *u)
{
    DIR *dir = opendir("/proc/self/fd");
    struct rlimit limit;

    if (dir != NULL) {
        u->open_fds = -3;
        while (readdir(dir) != NULL)
            u->open_fds++;
        closedir(dir);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        u->max_fds = (int64_t)limit.rlim_cur;
}

void process_read(struct process_usage *u)
{
    *u = (struct process_usage){-1, -1, -1, -1, -1};
    metrics_process_read_cpu(u);
    metrics_process_read_memory(u);
    metrics_process_read_descriptors(u);
}

/* Ticks since boot; the name of the program, in (), may hold anything. */
static long long metrics_process_start_ticks(void)
{
    char text[PROC_BYTES];
    char *at;

    metrics_process_read_text("/proc/self/stat", text);
    at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < START_FIELD; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? -1 : strtoll(at, NULL, 10);
}

static int64_t metrics_process_clock_ms(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t process_started_ms(void)
{
    long long ticks = metrics_process_start_ticks();
    long hertz = sysconf(_SC_CLK_TCK);

    if (ticks < 0 || hertz <= 0)
        return 0;
    return metrics_process_clock_ms(CLOCK_REALTIME) -
           metrics_process_clock_ms(CLOCK_BOOTTIME) + ticks * 1000 / hertz;
}
