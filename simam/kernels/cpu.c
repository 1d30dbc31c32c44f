/* SimAM on the CPU, forward and backward, in one pass through memory.
 *
 * Of one map of M positions with mean mu, d = x - mu, v = sum d^2 / (M - 1), q = 1 / (4 (v + lambda)), u = q d^2 + 1/2:
 *     y  = x s(u),  s(u) = 1 / (1 + exp(-u))
 *     dx = g s + 2 q h d - 8 q^2 B d / (M - 1) - 2 q A / M,   h = g x s (1 - s),  A = sum h d,  B = sum h d^2
 * (Yang, Zhang, Li, Xie, SimAM, ICML 2021, equation 5; the gradient of it). Where lambda vanishes and a map has no spread
 * beyond the rounding error of its mean, q is 0, as in simam/formula.py.
 *
 * A map, or with channels last a strip of channels, mostly stays in the cache while it is gone through several times, so
 * memory sees each tensor once. Work is spread over maps; each is summed in an order of its own, so results do
 * not depend on the number of threads. Half types are widened to float, a bundle of maps or a strip at a time.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One build serves every processor: the best of these is chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(ONE_TARGET)
#define FOR_EVERY_TARGET __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_TARGET
#endif
#define INLINED static inline __attribute__((always_inline))

enum { FLOAT32, FLOAT64, FLOAT16, BFLOAT16 };

/* Sums are begun anew after so many terms and the parts added in double, so that long ones lose no digits. */
#define TERMS 64
/* Bytes of a strip of channels over all positions, which should stay in a second-level cache. */
#define STRIP_BYTES (800 * 1024)
/* Lines of channels that are worked on side by side: neighbours in memory. */
#define MOST_LINES 4
/* Elements of small maps that are worked on side by side, and how many maps at most: while one waits, others go on. */
#define BUNDLE 2048
#define MOST_MAPS 16
/* Elements below which threads cost more than they bring. */
#define SMALL 16384

#define REAL float
#define UNSIGNED uint32_t
#define NAME(name) name##_float
#define EPSILON FLT_EPSILON
#define TINY FLT_MIN
#define LEAST_EXPONENT -87.0f
#define MAGIC 12582912.0f
#define BIAS 127u
#define MANTISSA 23
#define LN2_HIGH 0.693145752f
#define LN2_LOW 1.42860677e-6f
/* A minimax polynomial of (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2, the highest power first. */
#define SERIES {1.98756659e-4f, 1.39820319e-3f, 8.33345205e-3f, 4.16657962e-2f, 0.166666657f, 0.5f}
#include "cpu_maps.h"
#undef REAL
#undef UNSIGNED
#undef NAME
#undef EPSILON
#undef TINY
#undef LEAST_EXPONENT
#undef MAGIC
#undef BIAS
#undef MANTISSA
#undef LN2_HIGH
#undef LN2_LOW
#undef SERIES

#define REAL double
#define UNSIGNED uint64_t
#define NAME(name) name##_double
#define EPSILON DBL_EPSILON
#define TINY DBL_MIN
#define LEAST_EXPONENT -708.0
#define MAGIC 6755399441055744.0
#define BIAS 1023u
#define MANTISSA 52
#define LN2_HIGH 6.93147180369123816490e-1
#define LN2_LOW 1.90821492927058770002e-10
/* Taylor's series of the same: |r| <= ln 2 / 2, where what is left out is below 1e-17. */
#define SERIES                                                                                                  \
    {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,    \
     1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5}
#include "cpu_maps.h"

/* Half types. */

#if defined(__FLT16_MAX__)
#define HAS_FLOAT16 1
FOR_EVERY_TARGET static void widen_float16(const void *from, float *to, int64_t n) {
    const _Float16 *half = from;
    for (int64_t i = 0; i < n; i++) to[i] = (float)half[i];
}
FOR_EVERY_TARGET static void narrow_float16(const float *from, void *to, int64_t n) {
    _Float16 *half = to;
    for (int64_t i = 0; i < n; i++) half[i] = (_Float16)from[i];
}
#else
#define HAS_FLOAT16 0
static void widen_float16(const void *from, float *to, int64_t n) { (void)from, (void)to, (void)n; }
static void narrow_float16(const float *from, void *to, int64_t n) { (void)from, (void)to, (void)n; }
#endif

FOR_EVERY_TARGET static void widen_bfloat16(const void *from, float *to, int64_t n) {
    const uint16_t *half = from;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)half[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* To the nearest, ties to even; NaN stays NaN. */
FOR_EVERY_TARGET static void narrow_bfloat16(const float *from, void *to, int64_t n) {
    uint16_t *half = to;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        half[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
    }
}

/* What is to be done, for all threads: bundles of maps side by side, or with channels last strips of channels. */
typedef struct {
    const char *g, *x; /* g is NULL forward */
    char *out;
    int64_t images, channels, positions;
    int64_t strip;  /* channels of a strip with channels last; 0 otherwise */
    int64_t bundle; /* maps of a bundle; 0 with channels last */
    double lambda;
    int kind;
} Task;

static int64_t size_of(int kind) { return kind == FLOAT64 ? 8 : kind == FLOAT32 ? 4 : 2; }

static int is_half(int kind) { return kind == FLOAT16 || kind == BFLOAT16; }

/* A bundle, or a strip position by position, of a half type, widened into a dense one; and back. */
static void gather(const Task *task, const char *from, int64_t width, float *to) {
    int64_t rows = task->strip ? task->positions : 1, run = task->strip ? width : width * task->positions;
    for (int64_t p = 0; p < rows; p++) {
        const char *row = from + p * 2 * task->channels;
        if (task->kind == FLOAT16) widen_float16(row, to + p * run, run);
        else widen_bfloat16(row, to + p * run, run);
    }
}

static void scatter(const Task *task, const float *from, int64_t width, char *to) {
    int64_t rows = task->strip ? task->positions : 1, run = task->strip ? width : width * task->positions;
    for (int64_t p = 0; p < rows; p++) {
        char *row = to + p * 2 * task->channels;
        if (task->kind == FLOAT16) narrow_float16(from + p * run, row, run);
        else narrow_bfloat16(from + p * run, row, run);
    }
}

/* A bundle or a strip of so many maps, at an offset in bytes. */
static void do_some(const Task *task, int64_t offset, int64_t width, float *scratch) {
    const char *g = task->g ? task->g + offset : NULL, *x = task->x + offset;
    char *out = task->out + offset;
    int64_t m = task->positions, stride = task->channels;
    if (is_half(task->kind)) {
        int64_t n = m * width;
        gather(task, x, width, scratch);
        if (g) gather(task, g, width, scratch + n);
        x = (const char *)scratch;
        g = g ? (const char *)(scratch + n) : NULL;
        out = (char *)(scratch + 2 * n);
        stride = width;
    }
    if (task->kind == FLOAT64) {
        const double *from = (const double *)x, *gradient = (const double *)g;
        if (task->strip) strip_double(gradient, from, (double *)out, m, stride, width, task->lambda);
        else maps_double(gradient, from, (double *)out, m, width, task->lambda);
    } else {
        const float *from = (const float *)x, *gradient = (const float *)g;
        if (task->strip) strip_float(gradient, from, (float *)out, m, stride, width, task->lambda);
        else maps_float(gradient, from, (float *)out, m, width, task->lambda);
    }
    if (is_half(task->kind)) scatter(task, (const float *)out, width, task->out + offset);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Channels of a strip: whole lines that stay in the cache, and enough strips for every thread. */
static int64_t strip_of(const Task *task, int threads) {
    int64_t size = task->kind == FLOAT64 ? 8 : 4, line = 64 / size, most = MOST_LINES * line;
    int64_t strip = STRIP_BYTES / (task->positions * size) / line * line;
    strip = strip < line ? line : smaller(strip, most);
    while (strip > line && task->images * ((task->channels + strip - 1) / strip) < 2 * threads) strip -= line;
    return strip;
}

/* Maps of a bundle: small ones go together. */
static int64_t bundle_of(int64_t positions) {
    int64_t bundle = BUNDLE / positions;
    return bundle < 1 ? 1 : smaller(bundle, MOST_MAPS);
}

static void do_part(const Task *task, int64_t part, float *scratch) {
    int64_t size = size_of(task->kind);
    if (task->strip) {
        int64_t strips = (task->channels + task->strip - 1) / task->strip;
        int64_t image = part / strips, first = part % strips * task->strip;
        int64_t width = smaller(task->strip, task->channels - first);
        do_some(task, (image * task->positions * task->channels + first) * size, width, scratch);
    } else {
        int64_t first = part * task->bundle, width = smaller(task->bundle, task->images * task->channels - first);
        do_some(task, first * task->positions * size, width, scratch);
    }
}

/* x, out and, backward, g are of one shape, type and order: (images, channels, positions), or with channels_last
 * (images, positions, channels). Returns 0; 1 for a type that this build does not have; 2 without memory. */
int simam_maps(const void *g, const void *x, void *out, int64_t images, int64_t channels, int64_t positions,
               int kind, int channels_last, double lambda, int threads) {
    if (kind == FLOAT16 && !HAS_FLOAT16) return 1;
    if (images * channels * positions < SMALL) threads = 1;
    Task task = {g, x, out, images, channels, positions, 0, 0, lambda, kind};
    if (channels_last) task.strip = strip_of(&task, threads);
    else task.bundle = bundle_of(positions);
    int64_t width = channels_last ? task.strip : task.bundle;
    int64_t parts = channels_last ? images * ((channels + width - 1) / width) : (images * channels + width - 1) / width;
    int failed = 0;
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(| : failed)
    {
        float *scratch = NULL;
        if (is_half(kind)) {
            scratch = malloc((size_t)(3 * positions * width) * sizeof(float));
            failed = scratch == NULL;
        }
#pragma omp for schedule(static) nowait
        for (int64_t part = 0; part < parts; part++)
            if (!failed) do_part(&task, part, scratch);
        free(scratch);
    }
    return failed ? 2 : 0;
}

/* What this was built from, so that a build that is older than its source is noticed. */
#if !defined(SOURCE)
#define SOURCE "unknown"
#endif
const char *simam_source(void) { return SOURCE; }
