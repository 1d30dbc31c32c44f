/* SimAM on the CPU, forward and backward, in one pass through memory.
 *
 * Of one map of M positions with mean mu, d = x - mu, v = sum d^2 / (M - 1), q = 1 / (4 (v + lambda)), u = q d^2 + 1/2:
 *     y  = x s(u),  s(u) = 1 / (1 + exp(-u))
 *     dx = g s + 2 q h d - 8 q^2 B d / (M - 1) - 2 q A / M,   h = g x s (1 - s),  A = sum h d,  B = sum h d^2
 * (Yang, Zhang, Li, Xie, SimAM, ICML 2021, equation 5; the gradient of it). Where lambda vanishes and a map has no spread
 * beyond the rounding error of its mean, q is 0, as in simam/functional.py.
 *
 * A map, or with channels last a strip of channels, is small enough to stay in the cache while it is gone through several
 * times, so memory sees each tensor once. Work is spread over maps; each is summed in an order of its own, so results do
 * not depend on the number of threads. Half types are widened to float, a map at a time.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_OPENMP)
#include <omp.h>
#endif

/* One build serves every processor: the best of these is chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(ONE_TARGET)
#define FOR_EVERY_TARGET __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_TARGET
#endif
#define INLINED static inline __attribute__((always_inline))

enum { FLOAT32, FLOAT64, FLOAT16, BFLOAT16 };

/* Sums are begun anew after so many terms and the parts added in double, so that long ones lose no digits. */
#define BLOCK 1024
/* Bytes of a strip of channels over all positions, which should stay in a second-level cache with its result. */
#define STRIP_BYTES (192 * 1024)
/* Channels of a strip at most; at least one cache line of them. */
#define MOST_CHANNELS 128
/* Elements below which threads cost more than they bring. */
#define SMALL 16384

/* exp(t) for t <= 0, to about one unit in the last place; 0 below the smallest normal number, NaN for NaN. */
INLINED float exp_float(float t) {
    float n = rintf(t * 1.44269504f);
    float r = t - n * 0.693145752f;
    r = r - n * 1.42860677e-6f;
    float p = 1.98756659e-4f;
    p = p * r + 1.39820319e-3f;
    p = p * r + 8.33345205e-3f;
    p = p * r + 4.16657962e-2f;
    p = p * r + 0.166666657f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    /* 2^n by its bits; what is too small for them, and NaN, whose integer means nothing, are put right below. */
    int32_t exponent = (int32_t)(t < -87.0f ? -126.0f : (t == t ? n : 0.0f)) + 127;
    uint32_t bits = (uint32_t)exponent << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return t < -87.0f ? 0.0f : p * scale;
}

INLINED double exp_double(double t) {
    double n = rint(t * 1.4426950408889634);
    double r = t - n * 6.93147180369123816490e-1;
    r = r - n * 1.90821492927058770002e-10;
    /* The series to the 13th power: |r| <= ln 2 / 2, where the rest is below 1e-17. */
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    int64_t exponent = (int64_t)(t < -708.0 ? -1022.0 : (t == t ? n : 0.0)) + 1023;
    uint64_t bits = (uint64_t)exponent << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return t < -708.0 ? 0.0 : p * scale;
}

#define REAL float
#define NAME(name) name##_float
#define EXP exp_float
#define EPSILON FLT_EPSILON
#define TINY FLT_MIN
#include "cpu_maps.h"
#undef REAL
#undef NAME
#undef EXP
#undef EPSILON
#undef TINY

#define REAL double
#define NAME(name) name##_double
#define EXP exp_double
#define EPSILON DBL_EPSILON
#define TINY DBL_MIN
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

/* What is to be done, for all threads. */
typedef struct {
    const char *g, *x; /* g is NULL forward */
    char *out;
    int64_t images, channels, positions;
    int64_t strip; /* channels of a strip with channels last; 0 otherwise */
    double lambda;
    int kind;
} Task;

static int64_t size_of(int kind) { return kind == FLOAT64 ? 8 : kind == FLOAT32 ? 4 : 2; }

/* A strip of a half type, position by position, widened into a dense one; and back. */
static void gather(const Task *task, const char *from, int64_t width, float *to) {
    int64_t stride = 2 * (task->strip ? task->channels : 1), run = task->strip ? width : task->positions;
    for (int64_t p = 0; p < (task->strip ? task->positions : 1); p++) {
        if (task->kind == FLOAT16) widen_float16(from + p * stride, to + p * run, run);
        else widen_bfloat16(from + p * stride, to + p * run, run);
    }
}

static void scatter(const Task *task, const float *from, int64_t width, char *to) {
    int64_t stride = 2 * (task->strip ? task->channels : 1), run = task->strip ? width : task->positions;
    for (int64_t p = 0; p < (task->strip ? task->positions : 1); p++) {
        if (task->kind == FLOAT16) narrow_float16(from + p * run, to + p * stride, run);
        else narrow_bfloat16(from + p * run, to + p * stride, run);
    }
}

/* One map, or one strip of `width` channels, at an offset in bytes. */
static void do_one(const Task *task, int64_t offset, int64_t width, float *scratch) {
    const char *g = task->g ? task->g + offset : NULL, *x = task->x + offset;
    char *out = task->out + offset;
    int64_t m = task->positions, stride = task->channels;
    int half = task->kind == FLOAT16 || task->kind == BFLOAT16;
    if (half) {
        int64_t n = m * width;
        gather(task, x, width, scratch);
        if (g) gather(task, g, width, scratch + n);
        x = (const char *)scratch;
        g = g ? (const char *)(scratch + n) : NULL;
        out = (char *)(scratch + 2 * n);
        stride = width;
    }
    if (task->kind == FLOAT64) {
        if (task->strip) strip_double((const double *)g, (const double *)x, (double *)out, m, stride, width, task->lambda);
        else map_double((const double *)g, (const double *)x, (double *)out, m, task->lambda);
    } else {
        if (task->strip) strip_float((const float *)g, (const float *)x, (float *)out, m, stride, width, task->lambda);
        else map_float((const float *)g, (const float *)x, (float *)out, m, task->lambda);
    }
    if (half) scatter(task, (const float *)out, width, task->out + offset);
}

static int64_t strip_of(int64_t images, int64_t channels, int64_t positions, int64_t size, int threads) {
    int64_t line = 64 / size, strip = STRIP_BYTES / (positions * size) / line * line;
    strip = strip < line ? line : strip > MOST_CHANNELS ? MOST_CHANNELS : strip;
    /* Enough strips for every thread. */
    while (strip > line && images * ((channels + strip - 1) / strip) < 2 * threads) strip = (strip / 2 + line - 1) / line * line;
    return strip;
}

/* x, out and, backward, g are of one shape, type and order: (images, channels, positions), or with channels_last
 * (images, positions, channels). Returns 0; 1 for a type that this build does not have; 2 without memory. */
int simam_maps(const void *g, const void *x, void *out, int64_t images, int64_t channels, int64_t positions,
               int kind, int channels_last, double lambda, int threads) {
    if (kind == FLOAT16 && !HAS_FLOAT16) return 1;
    int64_t size = size_of(kind), maps = images * channels;
    if (maps * positions < SMALL) threads = 1;
    /* Half types are worked on in float. */
    int64_t strip = channels_last ? strip_of(images, channels, positions, size < 4 ? 4 : size, threads) : 0;
    int64_t strips = strip ? (channels + strip - 1) / strip : 0;
    int64_t parts = strip ? images * strips : maps;
    Task task = {g, x, out, images, channels, positions, strip, lambda, kind};
    int failed = 0;
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(| : failed)
    {
        float *scratch = NULL;
        if (size == 2) {
            scratch = malloc((size_t)(3 * positions * (strip ? strip : 1)) * sizeof(float));
            failed = scratch == NULL;
        }
        if (!failed) {
#pragma omp for schedule(static) nowait
            for (int64_t part = 0; part < parts; part++) {
                if (strip) {
                    int64_t image = part / strips, first = part % strips * strip;
                    int64_t width = channels - first < strip ? channels - first : strip;
                    do_one(&task, (image * positions * channels + first) * size, width, scratch);
                } else {
                    do_one(&task, part * positions * size, 1, scratch);
                }
            }
        }
        free(scratch);
    }
    return failed ? 2 : 0;
}

/* What this was built from, so that a build that is older than its source is noticed. */
#if !defined(SOURCE)
#define SOURCE "unknown"
#endif
const char *simam_source(void) { return SOURCE; }

/* For a test: how many threads a parallel region gets, to tell which runtime it is. */
int simam_threads(void) {
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}
