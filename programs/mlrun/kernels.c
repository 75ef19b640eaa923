#include "kernels.h"

void (*const kernels[KINDS])(const void *task, uint8_t *out) = {
    [DOT] = dot,         [MAP] = map,           [BINARY] = binary, [SOFTMAX] = softmax,
    [NORM] = norm,       [QUANTISE] = quantise, [POOL] = pool,     [REDUCE] = reduce,
    [COPY] = copy,       [GATHER] = gather,     [ROTATE] = rotate, [CHOOSE] = choose,
};
