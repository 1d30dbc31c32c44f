/* Runs the CPU kernels with every type, memory format and direction on buffers of exactly the required size, so that
 * the sanitizers report any access beyond a tensor. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int simam_maps(const void *g, const void *x, void *out, int64_t images, int64_t channels, int64_t positions, int dtype,
               int channels_last, double lambda, int threads);

static const int64_t SHAPES[][3] = {{1, 1, 1},   {2, 3, 1},    {1, 2, 2},     {3, 5, 7},      {2, 17, 49},
                                    {1, 16, 63}, {1, 1, 1025}, {2, 70, 3136}, {1, 130, 4087}, {4, 64, 784}};
static const int ELEMENT_SIZES[] = {4, 8, 2, 2};

int main(void) {
    int calls = 0;
    for (unsigned s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++)
        for (int dtype = 0; dtype < 4; dtype++)
            for (int channels_last = 0; channels_last < 2; channels_last++)
                for (int threads = 1; threads < 4; threads++) {
                    const int64_t *shape = SHAPES[s];
                    size_t size = (size_t)(shape[0] * shape[1] * shape[2]) * (size_t)ELEMENT_SIZES[dtype];
                    unsigned char *x = malloc(size), *g = malloc(size), *out = malloc(size);
                    /* Random bits, which include NaN and infinities. */
                    for (size_t i = 0; i < size; i++) x[i] = (unsigned char)rand(), g[i] = (unsigned char)rand();
                    for (int backward = 0; backward < 2; backward++) {
                        int status = simam_maps(backward ? g : NULL, x, out, shape[0], shape[1], shape[2], dtype,
                                                channels_last, calls % 2 ? 1e-4 : 0.0, threads);
                        if (status > 1) return status;
                        calls++;
                    }
                    free(x), free(g), free(out);
                }
    printf("%d calls\n", calls);
    return 0;
}
