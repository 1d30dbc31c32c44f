/* The kernels for one floating-point type. cpu.c includes this file once per type, with these macros defined: REAL,
 * UNSIGNED (the unsigned integer of the same size), NAME(), EPSILON, TINY, and the constants of the exponential. */

#define VECTOR NAME(vector)
#define BITS NAME(bits)
/* Size of a vector in bytes: a register of AVX2. GCC 12 keeps vectors that are larger than a register in memory, which
 * makes the kernels slow on processors without AVX-512. */
#define VECTOR_BYTES 32
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))

typedef REAL VECTOR __attribute__((vector_size(VECTOR_BYTES)));
typedef UNSIGNED BITS __attribute__((vector_size(VECTOR_BYTES)));

INLINED VECTOR NAME(load)(const REAL *from) {
    VECTOR vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

INLINED void NAME(store)(VECTOR vector, REAL *to) { memcpy(to, &vector, sizeof vector); }

/* Load or store the first `width` lanes only. The other lanes are loaded as 0. */
INLINED VECTOR NAME(load_partial)(const REAL *from, int64_t width) {
    REAL lanes[LANES] = {0};
    for (int64_t i = 0; i < width; i++) lanes[i] = from[i];
    return NAME(load)(lanes);
}

INLINED void NAME(store_partial)(VECTOR vector, REAL *to, int64_t width) {
    REAL lanes[LANES];
    NAME(store)(vector, lanes);
    for (int64_t i = 0; i < width; i++) to[i] = lanes[i];
}

INLINED double NAME(horizontal_sum)(VECTOR vector) {
    REAL lanes[LANES];
    NAME(store)(vector, lanes);
    for (int64_t half = LANES / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return (double)lanes[0];
}

/* exp(t) for t <= 0, with an error of about one unit in the last place. Results below the smallest normal number are
 * replaced by about that number. Adding and subtracting ROUNDING_MAGIC rounds to an integer; after the addition, the
 * low bits of the sum hold that integer. */
INLINED VECTOR NAME(exp)(VECTOR t) {
    VECTOR minimum = {0};
    minimum += MIN_EXP_ARGUMENT;
    BITS below = (BITS)(t < minimum);
    t = (VECTOR)((below & (BITS)minimum) | (~below & (BITS)t));
    VECTOR shifted = t * (REAL)1.44269504088896340736 + ROUNDING_MAGIC, n = shifted - ROUNDING_MAGIC;
    VECTOR r = t - n * LN2_HIGH;
    r = r - n * LN2_LOW;
    static const REAL coefficients[] = EXP_COEFFICIENTS;
    VECTOR p = r * coefficients[0] + coefficients[1];
    for (unsigned i = 2; i < sizeof coefficients / sizeof *coefficients; i++) p = p * r + coefficients[i];
    VECTOR power = (VECTOR)(((BITS)shifted + EXPONENT_BIAS) << MANTISSA_BITS);
    return (p * r * r + r + 1) * power;
}

INLINED VECTOR NAME(gate)(VECTOR d, VECTOR q) { return 1 / (1 + NAME(exp)(-(q * d * d + (REAL)0.5))); }

/* q = 1 / (4 (v + lambda)), or 0 if lambda is negligible and v is 0 or no larger than the rounding error of the mean.
 * `squares` and `residual` are the sums of the squared deviations and of the deviations from the rounded mean. */
INLINED REAL NAME(quarter_inverse)(double squares, double residual, int64_t m, REAL mean, REAL lambda) {
    double corrected = squares - residual * residual / (double)m;
    /* corrected != corrected keeps NaN. */
    REAL variance = (REAL)(corrected > 0 || corrected != corrected ? corrected / (double)(m > 1 ? m - 1 : 1) : 0);
    REAL denominator = variance + lambda, smallest = (REAL)sqrt((double)TINY), rounding = 4 * EPSILON * mean;
    rounding = rounding * rounding;
    REAL limit = rounding < smallest ? smallest : rounding;
    return lambda < smallest && denominator <= limit ? 0 : (REAL)0.25 / denominator;
}

/* The factor of d in the gradient that stems from the variance, 8 q^2 B / (M - 1). */
INLINED REAL NAME(variance_term)(REAL q, double b, int64_t m) {
    return (REAL)(8 * (double)q * (double)q * b / (double)(m > 1 ? m - 1 : 1));
}

/* Load the last LANES values of a map. If m is not a multiple of LANES, this tail overlaps the last whole vector before
 * it; tail_mask selects the values that no whole vector contains. A map shorter than a vector is right-aligned. */
INLINED VECTOR NAME(load_tail)(const REAL *from, int64_t m) {
    if (m >= LANES) return NAME(load)(from + m - LANES);
    REAL lanes[LANES] = {0};
    for (int64_t i = 0; i < m; i++) lanes[LANES - m + i] = from[i];
    return NAME(load)(lanes);
}

/* Store the last LANES values of a map. Overlapping values are written twice with the same result. */
INLINED void NAME(store_tail)(VECTOR vector, REAL *to, int64_t m) {
    if (m >= LANES) {
        NAME(store)(vector, to + m - LANES);
        return;
    }
    REAL lanes[LANES];
    NAME(store)(vector, lanes);
    for (int64_t i = 0; i < m; i++) to[i] = lanes[LANES - m + i];
}

INLINED BITS NAME(tail_mask)(int64_t m) {
    BITS mask;
    int64_t overlap = LANES - (m - (m - 1) / LANES * LANES);
    for (int64_t i = 0; i < LANES; i++) mask[i] = i >= overlap ? ~(UNSIGNED)0 : 0;
    return mask;
}

#define MASKED(vector) ((VECTOR)((BITS)(vector) & mask))
/* Loops over the whole vectors of a map before its tail, in blocks; i is the index of a vector's first value. */
#define FOR_EACH_BLOCK(first) for (int64_t first = 0; first == 0 || first < m - LANES; first += BLOCK_TERMS * LANES)
#define FOR_EACH_VECTOR(first, i) \
    for (int64_t i = first; i < m - LANES && i < first + BLOCK_TERMS * LANES; i += LANES)

INLINED double NAME(sum)(const REAL *x, int64_t m, BITS mask) {
    VECTOR partial = MASKED(NAME(load_tail)(x, m));
    double sum = 0;
    FOR_EACH_BLOCK(first) {
        FOR_EACH_VECTOR(first, i) partial += NAME(load)(x + i);
        sum += NAME(horizontal_sum)(partial);
        partial = (VECTOR){0};
    }
    return sum;
}

/* Sums of the squared deviations and of the deviations from the rounded mean, `squares` and `residual`. */
INLINED void NAME(deviation_sums)(const REAL *x, int64_t m, BITS mask, REAL mean, double *squares, double *residual) {
    VECTOR partial_d = MASKED(NAME(load_tail)(x, m) - mean), partial_dd = partial_d * partial_d;
    *squares = *residual = 0;
    FOR_EACH_BLOCK(first) {
        FOR_EACH_VECTOR(first, i) {
            VECTOR d = NAME(load)(x + i) - mean;
            partial_dd += d * d;
            partial_d += d;
        }
        *squares += NAME(horizontal_sum)(partial_dd);
        *residual += NAME(horizontal_sum)(partial_d);
        partial_dd = partial_d = (VECTOR){0};
    }
}

/* `mean_error` is the difference between the mean and its rounded value. */
INLINED void NAME(forward)(const REAL *x, REAL *out, int64_t m, REAL mean, REAL mean_error, VECTOR q) {
    VECTOR tail = NAME(load_tail)(x, m);
    for (int64_t i = 0; i < m - LANES; i += LANES) {
        VECTOR vector = NAME(load)(x + i);
        __builtin_prefetch(x + m + i); /* the next map */
        NAME(store)(vector * NAME(gate)(vector - mean - mean_error, q), out + i);
    }
    NAME(store_tail)(tail * NAME(gate)(tail - mean - mean_error, q), out, m);
}

/* A and B. The gate is stored in out, because the second pass needs it again and computing it is expensive. */
INLINED void NAME(gradient_sums)(const REAL *g, const REAL *x, REAL *out, int64_t m, BITS mask, REAL mean,
                                 REAL mean_error, VECTOR q, double *a, double *b) {
    VECTOR tail = NAME(load_tail)(x, m), d_tail = MASKED(tail - mean - mean_error), s_tail = NAME(gate)(d_tail, q);
    VECTOR partial_a = NAME(load_tail)(g, m) * tail * s_tail * (1 - s_tail) * d_tail, partial_b = partial_a * d_tail;
    *a = *b = 0;
    FOR_EACH_BLOCK(first) {
        FOR_EACH_VECTOR(first, i) {
            VECTOR vector = NAME(load)(x + i), d = vector - mean - mean_error, s = NAME(gate)(d, q);
            VECTOR hd = NAME(load)(g + i) * vector * s * (1 - s) * d;
            NAME(store)(s, out + i);
            partial_a += hd;
            partial_b += hd * d;
        }
        *a += NAME(horizontal_sum)(partial_a);
        *b += NAME(horizontal_sum)(partial_b);
        partial_a = partial_b = (VECTOR){0};
    }
    NAME(store_tail)(NAME(gate)(tail - mean - mean_error, q), out, m);
}

INLINED VECTOR NAME(input_gradient)(VECTOR g, VECTOR x, VECTOR s, VECTOR d, VECTOR q, REAL variance_term,
                                    REAL mean_term) {
    VECTOR gs = g * s;
    return gs + (2 * q * gs * x * (1 - s) - variance_term) * d - mean_term;
}

INLINED void NAME(backward)(const REAL *g, const REAL *x, REAL *out, int64_t m, REAL mean, REAL mean_error, VECTOR q,
                            REAL variance_term, REAL mean_term) {
    VECTOR x_tail = NAME(load_tail)(x, m), s_tail = NAME(load_tail)(out, m);
    for (int64_t i = 0; i < m - LANES; i += LANES) {
        VECTOR vector = NAME(load)(x + i), s = NAME(load)(out + i);
        NAME(store)(NAME(input_gradient)(NAME(load)(g + i), vector, s, vector - mean - mean_error, q, variance_term,
                                         mean_term), out + i);
    }
    NAME(store_tail)(NAME(input_gradient)(NAME(load_tail)(g, m), x_tail, s_tail, x_tail - mean - mean_error, q,
                                          variance_term, mean_term), out, m);
}

/* A bundle of `count` contiguous maps. Every step is done for all maps before the next one, so that the processor works
 * on other maps while the sums of one map are incomplete. */
TARGET_CLONES static void NAME(process_bundle)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t count,
                                               double lambda) {
    REAL mean[MAX_BUNDLE_MAPS], mean_error[MAX_BUNDLE_MAPS], q[MAX_BUNDLE_MAPS];
    REAL variance_term[MAX_BUNDLE_MAPS], mean_term[MAX_BUNDLE_MAPS];
    double a[MAX_BUNDLE_MAPS], b[MAX_BUNDLE_MAPS]; /* residual and squares at first, then A and B */
    BITS mask = NAME(tail_mask)(m);
    for (int64_t k = 0; k < count; k++) mean[k] = (REAL)(NAME(sum)(x + k * m, m, mask) / (double)m);
    for (int64_t k = 0; k < count; k++) NAME(deviation_sums)(x + k * m, m, mask, mean[k], &b[k], &a[k]);
    for (int64_t k = 0; k < count; k++) {
        q[k] = NAME(quarter_inverse)(b[k], a[k], m, mean[k], (REAL)lambda);
        mean_error[k] = (REAL)(a[k] / (double)m);
    }
    if (!g) {
        for (int64_t k = 0; k < count; k++)
            NAME(forward)(x + k * m, out + k * m, m, mean[k], mean_error[k], (VECTOR){0} + q[k]);
        return;
    }
    for (int64_t k = 0; k < count; k++)
        NAME(gradient_sums)(g + k * m, x + k * m, out + k * m, m, mask, mean[k], mean_error[k], (VECTOR){0} + q[k],
                            &a[k], &b[k]);
    for (int64_t k = 0; k < count; k++) {
        variance_term[k] = NAME(variance_term)(q[k], b[k], m);
        mean_term[k] = (REAL)(2 * (double)q[k] * a[k] / (double)m);
    }
    for (int64_t k = 0; k < count; k++)
        NAME(backward)(g + k * m, x + k * m, out + k * m, m, mean[k], mean_error[k], (VECTOR){0} + q[k],
                       variance_term[k], mean_term[k]);
}

/* `count` adjacent vectors of channels, or the first `width` channels of one vector. The positions are `stride`
 * elements apart. The data at `next` is prefetched. */
INLINED void NAME(process_channels)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t stride,
                                    const int count, int64_t width, const REAL *next, double lambda) {
#define AT(p, k) ((p) * stride + (k) * LANES)
#define LOAD(from, k) (width == LANES ? NAME(load)((from) + AT(p, k)) : NAME(load_partial)((from) + AT(p, k), width))
#define STORE(vector, to, k)                                  \
    (width == LANES ? NAME(store)(vector, (to) + AT(p, k))    \
                    : NAME(store_partial)(vector, (to) + AT(p, k), width))
#define FOR_EACH_CHANNEL_VECTOR(k) for (int k = 0; k < count; k++)
#define FOR_EACH_CHANNEL(k, c) FOR_EACH_CHANNEL_VECTOR(k) for (int64_t c = 0; c < LANES; c++)
    /* a and b hold the residual and the squares at first, then A and B. */
    double a[MAX_VECTORS][LANES] = {{0}}, b[MAX_VECTORS][LANES] = {{0}};
    VECTOR mean[MAX_VECTORS] = {{0}}, mean_error[MAX_VECTORS] = {{0}}, q[MAX_VECTORS] = {{0}};
    VECTOR variance_term[MAX_VECTORS] = {{0}}, mean_term[MAX_VECTORS] = {{0}};
    for (int64_t first = 0; first < m; first += BLOCK_TERMS) {
        int64_t last = first + BLOCK_TERMS < m ? first + BLOCK_TERMS : m;
        VECTOR partial[MAX_VECTORS] = {{0}};
        for (int64_t p = first; p < last; p++) FOR_EACH_CHANNEL_VECTOR(k) partial[k] += LOAD(x, k);
        FOR_EACH_CHANNEL(k, c) a[k][c] += (double)partial[k][c];
    }
    FOR_EACH_CHANNEL(k, c) mean[k][c] = (REAL)(a[k][c] / (double)m), a[k][c] = 0;
    for (int64_t first = 0; first < m; first += BLOCK_TERMS) {
        int64_t last = first + BLOCK_TERMS < m ? first + BLOCK_TERMS : m;
        VECTOR partial_dd[MAX_VECTORS] = {{0}}, partial_d[MAX_VECTORS] = {{0}};
        for (int64_t p = first; p < last; p++) FOR_EACH_CHANNEL_VECTOR(k) {
            VECTOR d = LOAD(x, k) - mean[k];
            partial_dd[k] += d * d;
            partial_d[k] += d;
        }
        FOR_EACH_CHANNEL(k, c) a[k][c] += (double)partial_d[k][c], b[k][c] += (double)partial_dd[k][c];
    }
    FOR_EACH_CHANNEL(k, c) {
        q[k][c] = NAME(quarter_inverse)(b[k][c], a[k][c], m, mean[k][c], (REAL)lambda);
        mean_error[k][c] = (REAL)(a[k][c] / (double)m);
        a[k][c] = b[k][c] = 0;
    }
    if (!g) {
        for (int64_t p = 0; p < m; p++) FOR_EACH_CHANNEL_VECTOR(k) {
            VECTOR vector = LOAD(x, k);
            __builtin_prefetch(next + AT(p, k));
            STORE(vector * NAME(gate)(vector - mean[k] - mean_error[k], q[k]), out, k);
        }
        return;
    }
    for (int64_t first = 0; first < m; first += BLOCK_TERMS) {
        int64_t last = first + BLOCK_TERMS < m ? first + BLOCK_TERMS : m;
        VECTOR partial_a[MAX_VECTORS] = {{0}}, partial_b[MAX_VECTORS] = {{0}};
        for (int64_t p = first; p < last; p++) FOR_EACH_CHANNEL_VECTOR(k) {
            VECTOR vector = LOAD(x, k), d = vector - mean[k] - mean_error[k], s = NAME(gate)(d, q[k]);
            VECTOR hd = LOAD(g, k) * vector * s * (1 - s) * d;
            STORE(s, out, k);
            partial_a[k] += hd;
            partial_b[k] += hd * d;
        }
        FOR_EACH_CHANNEL(k, c) a[k][c] += (double)partial_a[k][c], b[k][c] += (double)partial_b[k][c];
    }
    FOR_EACH_CHANNEL(k, c) {
        variance_term[k][c] = NAME(variance_term)(q[k][c], b[k][c], m);
        mean_term[k][c] = (REAL)(2 * (double)q[k][c] * a[k][c] / (double)m);
    }
    for (int64_t p = 0; p < m; p++) FOR_EACH_CHANNEL_VECTOR(k) {
        VECTOR vector = LOAD(x, k), d = vector - mean[k] - mean_error[k], s = LOAD(out, k), gs = LOAD(g, k) * s;
        STORE(gs + (2 * q[k] * gs * vector * (1 - s) - variance_term[k]) * d - mean_term[k], out, k);
    }
#undef AT
#undef LOAD
#undef STORE
#undef FOR_EACH_CHANNEL_VECTOR
#undef FOR_EACH_CHANNEL
}

/* A strip of `width` adjacent channels over all positions of an image. */
TARGET_CLONES static void NAME(process_strip)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t stride,
                                              int64_t width, double lambda) {
    /* the next strip of this image, or the next image */
    const REAL *next = width < stride ? x + width : x + m * stride;
    int64_t c = 0;
    for (; c + MAX_VECTORS * LANES <= width; c += MAX_VECTORS * LANES)
        NAME(process_channels)(g ? g + c : NULL, x + c, out + c, m, stride, MAX_VECTORS, LANES, next + c, lambda);
    for (; c + LANES <= width; c += LANES)
        NAME(process_channels)(g ? g + c : NULL, x + c, out + c, m, stride, 1, LANES, next + c, lambda);
    if (c < width) NAME(process_channels)(g ? g + c : NULL, x + c, out + c, m, stride, 1, width - c, next + c, lambda);
}

#undef VECTOR
#undef BITS
#undef LANES
#undef VECTOR_BYTES
#undef MASKED
#undef FOR_EACH_BLOCK
#undef FOR_EACH_VECTOR
