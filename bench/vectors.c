/*
 * The vectors that the process itself gives to texts, for peers that search the
 * same rows: a text a line of the input, an array a line of the output.
 *
 *   bench_vectors DIMENSIONS      by the builtin embedder
 *   bench_vectors MODEL_FOLDER    by a static model
 */
#include "embed/builtin/text_features.h"
#include "embed/static/static_model.h"
#include "util.h"
#include <string.h>

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

static void open_by(const char *word)
{
    struct err err;

    dimensions = (int)strtol(word, NULL, 10);
    if (dimensions > 0)
        return;
    if (static_model_open(&model, word, &err) < 0)
        die("%s: %s", word, err.msg);
    dimensions = static_model_dimensions(model);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    float *vector;

    if (argc != 2)
        die("usage: bench_vectors DIMENSIONS|MODEL_FOLDER");
    open_by(argv[1]);
    vector = must(calloc((size_t)dimensions, sizeof(*vector)));
    while ((len = getline(&line, &size, stdin)) > 0) {
        embed(
            (struct str){line, (size_t)len - (line[len - 1] == '\n')}, vector);
        print(vector);
    }
    free(line);
    free(vector);
    static_work_free(&work);
    text_features_free(&features);
    static_model_close(model);
    return 0;
}
