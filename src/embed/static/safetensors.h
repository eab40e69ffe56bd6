/*
 * Tensors in a file of the safetensors format: 8 bytes with the length of a
 * JSON header, the header (name -> dtype, shape, data_offsets), the data. All
 * little-endian, as this program's machines are.
 */
#ifndef EMBED_SAFETENSORS_H
#define EMBED_SAFETENSORS_H

#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

enum tensor_type {
    TENSOR_F64,
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_I8
};

/* A matrix, or a vector as one of a single column. */
struct tensor {
    enum tensor_type type;
    size_t rows, columns;
    const char *data; /* rows * columns values; borrowed, of any alignment */
};

/*
 * Finds the tensor of that name. ERR_NOT_FOUND when the file has none, which
 * names those it has; ERR_INVALID when the file is not what it should be, or
 * the tensor has an element type or a shape that is not handled.
 */
int safetensors_find(
    struct str file, const char *name, struct tensor *out, struct err *err);

/* A number of it, whatever its type. */
double tensor_number(const struct tensor *t, size_t row, size_t column);

#endif
