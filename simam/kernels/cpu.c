/* CPU kernels of SimAM, forward and backward.
 *
 * For one map of M positions with mean mu, let d = x - mu, v = sum d^2 / (M - 1), q = 1 / (4 (v + lambda)) and
 * u = q d^2 + 1/2. Then
 *     y  = x s(u),  s(u) = 1 / (1 + exp(-u))
 *     dx = g s + 2 q h d - 8 q^2 B d / (M - 1) - 2 q A / M,   h = g x s (1 - s),  A = sum h d,  B = sum h d^2
 * Source: Yang, Zhang, Li, Xie, SimAM, ICML 2021, equation 5, and its derivative. If lambda is negligible and the
 * variance of a map is no larger than the rounding error of its mean, q is 0, as in simam/formula.py.
 *
 * A kernel makes several passes over one map or, with channels last, over one strip of channels. This data mostly stays
 * in the cache, so each tensor goes through memory once. Threads share the work by maps or strips. The order of
 * summation within a map is fixed, so the result does not depend on the number of threads. Half types are converted to
 * float for one bundle of maps or one strip at a time.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Function multiversioning: the library contains one version of each kernel per x86-64 level and selects the best one
 * when it is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(NO_TARGET_CLONES)
#define TARGET_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TARGET_CLONES
#endif
#define INLINED static inline __attribute__((always_inline))

/* Data types, numbered as in simam/kernels/cpu.py. */
enum { FLOAT32, FLOAT64, FLOAT16, BFLOAT16 };

/* Number of terms that are added in REAL before the partial sum is added in double, to limit the rounding error. */
#define BLOCK_TERMS 64
/* Size in bytes of a strip of channels over all positions, which should stay in a second-level cache. */
#define STRIP_BYTES (800 * 1024)
/* Maximum number of adjacent vectors of channels that are processed together. */
#define MAX_VECTORS 4
/* Size of a bundle of small maps, in elements, and maximum number of its maps. Their steps are interleaved, which hides
 * the latency of the sums. */
#define BUNDLE_ELEMENTS 2048
#define MAX_BUNDLE_MAPS 16
/* Tensors with fewer elements are processed by one thread, because starting threads would take longer. */
#define MIN_PARALLEL_ELEMENTS 16384

#define REAL float
#define UNSIGNED uint32_t
#define NAME(name) name##_float
#define EPSILON FLT_EPSILON
#define TINY FLT_MIN
#define MIN_EXP_ARGUMENT -87.0f
#define ROUNDING_MAGIC 12582912.0f
#define EXPONENT_BIAS 127u
#define MANTISSA_BITS 23
#define LN2_HIGH 0.693145752f
#define LN2_LOW 1.42860677e-6f
/* Minimax polynomial of (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2, highest power first. */
#define EXP_COEFFICIENTS {1.98756659e-4f, 1.39820319e-3f, 8.33345205e-3f, 4.16657962e-2f, 0.166666657f, 0.5f}
#include "cpu_maps.h"
#undef REAL
#undef UNSIGNED
#undef NAME
#undef EPSILON
#undef TINY
#undef MIN_EXP_ARGUMENT
#undef ROUNDING_MAGIC
#undef EXPONENT_BIAS
#undef MANTISSA_BITS
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_COEFFICIENTS

#define REAL double
#define UNSIGNED uint64_t
#define NAME(name) name##_double
#define EPSILON DBL_EPSILON
#define TINY DBL_MIN
#define MIN_EXP_ARGUMENT -708.0
#define ROUNDING_MAGIC 6755399441055744.0
#define EXPONENT_BIAS 1023u
#define MANTISSA_BITS 52
#define LN2_HIGH 6.93147180369123816490e-1
#define LN2_LOW 1.90821492927058770002e-10
/* Taylor series of the same function; for |r| <= ln 2 / 2 the remainder is below 1e-17. */
#define EXP_COEFFICIENTS                                                                                        \
    {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,    \
     1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5}
#include "cpu_maps.h"

/* Conversion of half types to float and back. */

#if defined(__FLT16_MAX__)
#define HAS_FLOAT16 1
TARGET_CLONES static void widen_float16(const void *from, float *to, int64_t n) {
    const _Float16 *half = from;
    for (int64_t i = 0; i < n; i++) to[i] = (float)half[i];
}
TARGET_CLONES static void narrow_float16(const float *from, void *to, int64_t n) {
    _Float16 *half = to;
    for (int64_t i = 0; i < n; i++) half[i] = (_Float16)from[i];
}
#else
#define HAS_FLOAT16 0
static void widen_float16(const void *from, float *to, int64_t n) { (void)from, (void)to, (void)n; }
static void narrow_float16(const float *from, void *to, int64_t n) { (void)from, (void)to, (void)n; }
#endif

TARGET_CLONES static void widen_bfloat16(const void *from, float *to, int64_t n) {
    const uint16_t *half = from;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)half[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* Rounds to nearest, ties to even. NaN stays NaN. */
TARGET_CLONES static void narrow_bfloat16(const float *from, void *to, int64_t n) {
    uint16_t *half = to;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        half[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
    }
}

/* Arguments of a call, shared by all threads. The work is divided into bundles of maps or, with channels last, strips
 * of channels. */
typedef struct {
    const char *g, *x; /* g is NULL in forward */
    char *out;
    int64_t images, channels, positions;
    int64_t strip_width; /* channels per strip with channels last; 0 otherwise */
    int64_t bundle_maps; /* maps per bundle; 0 with channels last */
    double lambda;
    int dtype;
} KernelCall;

static int64_t element_size(int dtype) { return dtype == FLOAT64 ? 8 : dtype == FLOAT32 ? 4 : 2; }

static int is_half(int dtype) { return dtype == FLOAT16 || dtype == BFLOAT16; }

/* Convert a bundle or a strip of a half type to a dense array of float, and back. `width` is its number of maps or
 * channels. */
static void widen_part(const KernelCall *call, const char *from, int64_t width, float *to) {
    int64_t rows = call->strip_width ? call->positions : 1;
    int64_t row_length = call->strip_width ? width : width * call->positions;
    for (int64_t p = 0; p < rows; p++) {
        const char *row = from + p * 2 * call->channels;
        if (call->dtype == FLOAT16) widen_float16(row, to + p * row_length, row_length);
        else widen_bfloat16(row, to + p * row_length, row_length);
    }
}

static void narrow_part(const KernelCall *call, const float *from, int64_t width, char *to) {
    int64_t rows = call->strip_width ? call->positions : 1;
    int64_t row_length = call->strip_width ? width : width * call->positions;
    for (int64_t p = 0; p < rows; p++) {
        char *row = to + p * 2 * call->channels;
        if (call->dtype == FLOAT16) narrow_float16(from + p * row_length, row, row_length);
        else narrow_bfloat16(from + p * row_length, row, row_length);
    }
}

/* Process one bundle or strip. `offset` is its offset in bytes, `width` its number of maps or channels. */
static void run_part(const KernelCall *call, int64_t offset, int64_t width, float *scratch) {
    const char *g = call->g ? call->g + offset : NULL, *x = call->x + offset;
    char *out = call->out + offset;
    int64_t m = call->positions, stride = call->channels;
    if (is_half(call->dtype)) {
        int64_t n = m * width;
        widen_part(call, x, width, scratch);
        if (g) widen_part(call, g, width, scratch + n);
        x = (const char *)scratch;
        g = g ? (const char *)(scratch + n) : NULL;
        out = (char *)(scratch + 2 * n);
        stride = width;
    }
    if (call->dtype == FLOAT64) {
        const double *input = (const double *)x, *gradient = (const double *)g;
        if (call->strip_width) process_strip_double(gradient, input, (double *)out, m, stride, width, call->lambda);
        else process_bundle_double(gradient, input, (double *)out, m, width, call->lambda);
    } else {
        const float *input = (const float *)x, *gradient = (const float *)g;
        if (call->strip_width) process_strip_float(gradient, input, (float *)out, m, stride, width, call->lambda);
        else process_bundle_float(gradient, input, (float *)out, m, width, call->lambda);
    }
    if (is_half(call->dtype)) narrow_part(call, (const float *)out, width, call->out + offset);
}

static int64_t min_int64(int64_t a, int64_t b) { return a < b ? a : b; }

/* Channels per strip: whole cache lines that stay in the cache, but narrow enough for two strips per thread. */
static int64_t choose_strip_width(const KernelCall *call, int threads) {
    int64_t size = call->dtype == FLOAT64 ? 8 : 4, line = 64 / size, widest = MAX_VECTORS * line;
    int64_t width = STRIP_BYTES / (call->positions * size) / line * line;
    width = width < line ? line : min_int64(width, widest);
    while (width > line && call->images * ((call->channels + width - 1) / width) < 2 * threads) width -= line;
    return width;
}

/* Maps per bundle: several if the maps are small. */
static int64_t choose_bundle_maps(int64_t positions) {
    int64_t maps = BUNDLE_ELEMENTS / positions;
    return maps < 1 ? 1 : min_int64(maps, MAX_BUNDLE_MAPS);
}

static void run_part_by_index(const KernelCall *call, int64_t part, float *scratch) {
    int64_t size = element_size(call->dtype);
    if (call->strip_width) {
        int64_t strips = (call->channels + call->strip_width - 1) / call->strip_width;
        int64_t image = part / strips, first = part % strips * call->strip_width;
        int64_t width = min_int64(call->strip_width, call->channels - first);
        run_part(call, (image * call->positions * call->channels + first) * size, width, scratch);
    } else {
        int64_t first = part * call->bundle_maps;
        int64_t width = min_int64(call->bundle_maps, call->images * call->channels - first);
        run_part(call, first * call->positions * size, width, scratch);
    }
}

/* Forward if g is NULL, backward otherwise. x, out and g have the same type and shape: (images, channels, positions)
 * or, with channels_last, (images, positions, channels). Returns 0 on success, 1 if this build does not support the
 * type, and 2 if memory cannot be allocated. */
int simam_maps(const void *g, const void *x, void *out, int64_t images, int64_t channels, int64_t positions,
               int dtype, int channels_last, double lambda, int threads) {
    if (dtype == FLOAT16 && !HAS_FLOAT16) return 1;
    if (images * channels * positions < MIN_PARALLEL_ELEMENTS) threads = 1;
    KernelCall call = {g, x, out, images, channels, positions, 0, 0, lambda, dtype};
    if (channels_last) call.strip_width = choose_strip_width(&call, threads);
    else call.bundle_maps = choose_bundle_maps(positions);
    int64_t width = channels_last ? call.strip_width : call.bundle_maps;
    int64_t parts = channels_last ? images * ((channels + width - 1) / width) : (images * channels + width - 1) / width;
    int failed = 0;
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(| : failed)
    {
        float *scratch = NULL;
        if (is_half(dtype)) {
            scratch = malloc((size_t)(3 * positions * width) * sizeof(float));
            failed = scratch == NULL;
        }
#pragma omp for schedule(static) nowait
        for (int64_t part = 0; part < parts; part++)
            if (!failed) run_part_by_index(&call, part, scratch);
        free(scratch);
    }
    return failed ? 2 : 0;
}

/* SHA-256 of the source files, which identifies builds that are older than their source. */
#if !defined(SOURCE)
#define SOURCE "unknown"
#endif
const char *simam_source(void) { return SOURCE; }
