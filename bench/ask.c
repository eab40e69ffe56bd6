/*
 * How a service answers while it syncs: triggers a run, and until that is
 * answered asks for the paths in turn, one request every so many milliseconds
 * (0: the next one at once).
 *
 *   bench_ask PORT EVERY_MS PATH...
 *
 * Prints the run's seconds, then for each path "P50 P99 MOST COUNT", in
 * seconds. A request that waits delays the next: what is printed is the time
 * of those that were asked.
 */
#include "http.h"
#include "util.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SAMPLES = 1 << 20, PATHS = 8 };

struct samples {
    double *took;
    size_t n;
};

static unsigned port;
static atomic_int over;
static double run_seconds;

static void *trigger(void *arg)
{
    double start = seconds();
    int fd = http_connect(port), status = 0;

    if (fd >= 0)
        status = http_ask(fd, "POST", "/admin/batch-sync/trigger");
    if (status != 200)
        die("the run was answered with status %d", status);
    run_seconds = seconds() - start;
    close(fd);
    over = 1;
    return NULL;
}

static void ask(int fd, const char *path, struct samples *s)
{
    double start = seconds();
    int status = http_ask(fd, "GET", path);

    if (status != 200)
        die("%s was answered with status %d", path, status);
    if (s->n < SAMPLES)
        s->took[s->n++] = seconds() - start;
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void print(struct samples *s)
{
    if (s->n == 0)
        die("the run was over before anything was asked");
    qsort(s->took, s->n, sizeof(*s->took), ascending);
    printf("%.6f %.6f %.6f %zu\n", s->took[s->n / 2],
        s->took[(s->n * 99 + 99) / 100 - 1], s->took[s->n - 1], s->n);
}

int main(int argc, char **argv)
{
    static struct samples all[PATHS];
    int npaths = argc - 3, fd;
    pthread_t thread;
    unsigned every_ms;

    if (npaths < 1 || npaths > PATHS)
        die("usage: bench_ask PORT EVERY_MS PATH...");
    port = number_of(argv[1]);
    every_ms = number_of(argv[2]);
    for (int i = 0; i < npaths; i++)
        all[i].took = must(malloc(SAMPLES * sizeof(double)));
    fd = http_connect(port);
    if (fd < 0)
        die("nobody is there");
    if (pthread_create(&thread, NULL, trigger, NULL) != 0)
        die("no thread");
    for (int i = 0; !over; i = (i + 1) % npaths) {
        ask(fd, argv[3 + i], &all[i]);
        usleep(every_ms * 1000);
    }
    pthread_join(thread, NULL);
    printf("%.6f\n", run_seconds);
    for (int i = 0; i < npaths; i++)
        print(&all[i]);
    close(fd);
    return 0;
}
