/*
 * The vectors that the process itself gives to texts, for peers that search the
 * same rows: a text a line of the input, an array a line of the output.
 *
 *   bench_vectors DIMENSIONS            by the builtin embedder
 *   bench_vectors MODEL_FOLDER          by a static model
 *   bench_vectors MODEL_FOLDER speed    texts of 400 characters, made of the
 *                                       input, a second of one core, and KiB of
 * memory beside the mapped file
 */
#include "base/text.h"
#include "embed/builtin/text_features.h"
#include "embed/static/static_model.h"
#include "util.h"
#include <string.h>
#include <time.h>

enum { TEXT_CHARS = 400, TEXTS_MAX = 100000, INPUT_BYTES = 64 << 20 };

static const double SPEED_SECONDS = 2;

static struct static_model *model; /* NULL: the builtin embedder */
static struct static_work work;
static struct text_features features;
static int dimensions;

static void embed(struct str text, float *vector)
{
    struct err err = {0};

    if (model == NULL) {
        if (text_features_embed(&features, text, dimensions, vector) < 0)
            die("no memory");
    } else if (static_model_embed(model, &work, text, vector, &err) < 0) {
        memset(vector, 0, (size_t)dimensions * sizeof(*vector));
    }
}

static void print(const float *vector)
{
    for (int i = 0; i < dimensions; i++)
        printf("%c%.9g", i == 0 ? '[' : ',', (double)vector[i]);
    puts("]");
}

/* Resident memory that is no file's, in KiB. */
static long anonymous_kib(void)
{
    FILE *status = must(fopen("/proc/self/status", "r"));
    char line[128];
    long kib = 0;

    while (fgets(line, sizeof(line), status) != NULL)
        sscanf(line, "RssAnon: %ld", &kib);
    fclose(status);
    return kib;
}

/* Of this process, however busy the machine is. */
static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The input, in texts as long as they are to be. */
static size_t read_texts(struct str *texts)
{
    char *all = must(malloc(INPUT_BYTES));
    struct str rest = {all, fread(all, 1, INPUT_BYTES, stdin)};
    size_t n = 0;

    while (rest.len >= UTF8_BYTES * TEXT_CHARS && n < TEXTS_MAX) {
        texts[n] = (struct str){rest.p, utf8_prefix(rest, TEXT_CHARS)};
        rest = (struct str){rest.p + texts[n].len, rest.len - texts[n].len};
        n++;
    }
    if (n == 0)
        die("the input is too short");
    return n;
}

/* Returns room for a vector. */
static float *open_by(const char *word)
{
    struct err err;

    dimensions = (int)strtol(word, NULL, 10);
    if (dimensions <= 0) {
        if (static_model_open(&model, word, &err) < 0)
            die("%s: %s", word, err.msg);
        dimensions = static_model_dimensions(model);
    }
    return must(calloc((size_t)dimensions, sizeof(float)));
}

static void measure_speed(const char *folder)
{
    struct str *texts = must(calloc(TEXTS_MAX, sizeof(*texts)));
    size_t n = read_texts(texts), done = 0;
    long before = anonymous_kib();
    float *vector = open_by(folder);
    double from = cpu_seconds(), took = 0;

    while (took < SPEED_SECONDS) {
        for (size_t i = 0; i < n; i++)
            embed(texts[i], vector);
        done += n;
        took = cpu_seconds() - from;
    }
    printf("%.0f %ld\n", (double)done / took, anonymous_kib() - before);
    free((void *)texts[0].p);
    free(texts);
    free(vector);
}

static void print_all(const char *by)
{
    float *vector = open_by(by);
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 0) {
        embed(
            (struct str){line, (size_t)len - (line[len - 1] == '\n')}, vector);
        print(vector);
    }
    free(line);
    free(vector);
}

int main(int argc, char **argv)
{
    if (argc != 2 && (argc != 3 || strcmp(argv[2], "speed") != 0))
        die("usage: bench_vectors DIMENSIONS|MODEL_FOLDER [speed]");
    if (argc == 3)
        measure_speed(argv[1]);
    else
        print_all(argv[1]);
    static_work_free(&work);
    text_features_free(&features);
    static_model_close(model);
    return 0;
}
