#include "embed/static/safetensors.h"

#include "base/json.h"
#include <math.h>
#include <string.h>

enum {
    LENGTH_BYTES = 8,
    HEADER_BYTES = 1 << 20, /* of a file with a handful of tensors */
    ARENA_BYTES = 16 << 20,
    NAMES_BYTES = 200
};

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
    [TENSOR_F64] = {"F64", 8},
    [TENSOR_F32] = {"F32", 4},
    [TENSOR_F16] = {"F16", 2},
    [TENSOR_I64] = {"I64", 8},
    [TENSOR_I32] = {"I32", 4},
    [TENSOR_I8] = {"I8", 1},
};

/* --- the header --- */

static int safetensors_header(struct arena *a, struct str file,
    yyjson_val **header, struct str *data, struct err *err)
{
    uint64_t length;

    if (file.len < LENGTH_BYTES)
        return err_set(
            err, ERR_INVALID, "not a safetensors file: %zu bytes", file.len);
    memcpy(&length, file.p, sizeof(length));
    if (length > file.len - LENGTH_BYTES || length > HEADER_BYTES)
        return err_set(err, ERR_INVALID,
            "not a safetensors file: a header of %llu bytes",
            (unsigned long long)length);
    *data = (struct str){
        file.p + LENGTH_BYTES + length, file.len - LENGTH_BYTES - length};
    if (json_parse(a, (struct str){file.p + LENGTH_BYTES, length}, header, NULL,
            err) < 0)
        return err_wrap(err, "its header");
    if (!yyjson_is_obj(*header))
        return err_set(err, ERR_INVALID, "its header is not an object");
    return 0;
}

static int safetensors_missing(
    yyjson_val *header, const char *name, struct err *err)
{
    char names[NAMES_BYTES] = "";
    size_t at = 0, i, n;
    yyjson_val *key, *value;

    yyjson_obj_foreach(header, i, n, key, value)
    {
        int more = snprintf(names + at, sizeof(names) - at, "%s%s",
            at > 0 ? ", " : "", yyjson_get_str(key));

        if (more < 0 || (size_t)more >= sizeof(names) - at)
            break;
        at += (size_t)more;
    }
    return err_set(
        err, ERR_NOT_FOUND, "no tensor \"%s\"; there are: %s", name, names);
}

static int safetensors_tensor_read_type(yyjson_val *entry, struct tensor *t)
{
    struct str dtype = json_str(json_member(entry, "dtype"));

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(dtype, str_of(types[i].name))) {
            t->type = (enum tensor_type)i;
            return 0;
        }
    return ERR_INVALID;
}

static int safetensors_tensor_read_shape(yyjson_val *entry, struct tensor *t)
{
    yyjson_val *shape = json_member(entry, "shape");
    int64_t rows, columns = 1;

    if (!json_int(yyjson_arr_get(shape, 0), &rows) || rows < 1 ||
        yyjson_arr_size(shape) > 2 ||
        (yyjson_arr_size(shape) == 2 &&
            (!json_int(yyjson_arr_get(shape, 1), &columns) || columns < 1)))
        return ERR_INVALID;
    if (rows > INT32_MAX || columns > INT32_MAX)
        return ERR_INVALID;
    t->rows = (size_t)rows;
    t->columns = (size_t)columns;
    return 0;
}

static int safetensors_tensor_read_data(
    yyjson_val *entry, struct str data, struct tensor *t)
{
    yyjson_val *offsets = json_member(entry, "data_offsets");
    int64_t from, to;

    if (!json_int(yyjson_arr_get(offsets, 0), &from) || from < 0 ||
        !json_int(yyjson_arr_get(offsets, 1), &to) || to < from ||
        (uint64_t)to > data.len)
        return ERR_INVALID;
    if ((uint64_t)(to - from) != t->rows * t->columns * types[t->type].bytes)
        return ERR_INVALID;
    t->data = data.p + from;
    return 0;
}

static int safetensors_tensor_read(yyjson_val *entry, const char *name,
    struct str data, struct tensor *t, struct err *err)
{
    struct str dtype = json_str(json_member(entry, "dtype"));

    if (safetensors_tensor_read_type(entry, t) < 0)
        return err_set(err, ERR_INVALID,
            "tensor \"%s\" has elements of type %.*s; F64, F32, F16, I64, I32 "
            "and I8 are handled",
            name, STR_ARG(dtype));
    if (safetensors_tensor_read_shape(entry, t) < 0)
        return err_set(err, ERR_INVALID,
            "tensor \"%s\" is neither a matrix nor a vector", name);
    if (safetensors_tensor_read_data(entry, data, t) < 0)
        return err_set(err, ERR_INVALID,
            "the data of tensor \"%s\" is not where its header says: is the "
            "file complete?",
            name);
    return 0;
}

int safetensors_find(
    struct str file, const char *name, struct tensor *out, struct err *err)
{
    yyjson_val *header, *entry;
    struct arena a;
    struct str data = {"", 0};

    arena_init(&a, ARENA_BYTES);
    if (safetensors_header(&a, file, &header, &data, err) == 0) {
        entry = json_member(header, name);
        if (entry == NULL)
            safetensors_missing(header, name, err);
        else
            safetensors_tensor_read(entry, name, data, out, err);
    }
    arena_free(&a);
    return err->code;
}

/* --- numbers --- */

static float safetensors_half_to_float(uint16_t h)
{
    int exponent = h >> 10 & 0x1F, fraction = h & 0x3FF;
    float size = exponent == 0 ? ldexpf((float)fraction, -24)
                 : exponent == 31
                     ? (fraction == 0 ? INFINITY : NAN)
                     : ldexpf((float)(fraction | 0x400), exponent - 25);

    return h >> 15 != 0 ? -size : size;
}

/* Reads a value of the C type from bytes of any alignment. */
#define READ_AS(type, p)                  \
    ({                                    \
        type read_;                       \
        memcpy(&read_, p, sizeof(read_)); \
        read_;                            \
    })

double tensor_number(const struct tensor *t, size_t row, size_t column)
{
    const char *p =
        t->data + (row * t->columns + column) * types[t->type].bytes;

    switch (t->type) {
    case TENSOR_F64:
        return READ_AS(double, p);
    case TENSOR_F32:
        return (double)READ_AS(float, p);
    case TENSOR_F16:
        return (double)safetensors_half_to_float(READ_AS(uint16_t, p));
    case TENSOR_I64:
        return (double)READ_AS(int64_t, p);
    case TENSOR_I32:
        return READ_AS(int32_t, p);
    case TENSOR_I8:
        return READ_AS(int8_t, p);
    }
    return 0;
}
