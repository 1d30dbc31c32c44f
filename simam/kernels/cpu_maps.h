/* The kernels for one type: REAL with NAME(), EXP, EPSILON, TINY. Included once for each. */

/* 1 / (4 (v + lambda)); 0 where lambda vanishes and the spread is nothing, or the rounding error of the mean. */
INLINED REAL NAME(factor)(REAL variance, REAL mean, REAL lambda) {
    REAL spread = variance + lambda, least = (REAL)sqrt((double)TINY), rounding = 4 * EPSILON * mean;
    rounding = rounding * rounding;
    REAL flat = rounding < least ? least : rounding;
    return lambda < least && spread <= flat ? 0 : (REAL)0.25 / spread;
}

/* From the deviations from a mean that may be rounded: their squares, and what they add up to. */
INLINED double NAME(variance)(double squares, double rest, int64_t m) {
    double seen = squares - rest * rest / (double)m;
    return seen > 0 || seen != seen ? seen / (double)(m > 1 ? m - 1 : 1) : 0;
}

INLINED REAL NAME(slope)(REAL q, double b, int64_t m) {
    return (REAL)(8 * (double)q * (double)q * b / (double)(m > 1 ? m - 1 : 1));
}

INLINED REAL NAME(gate)(REAL d, REAL q) {
    REAL u = q * d * d + (REAL)0.5;
    return 1 / (1 + EXP(-u));
}

/* One map whose positions lie side by side. */
FOR_EVERY_TARGET static void NAME(map)(const REAL *g, const REAL *x, REAL *out, int64_t m, double lambda) {
    double total = 0;
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t end = first + BLOCK < m ? first + BLOCK : m;
        REAL sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = first; i < end; i++) sum += x[i];
        total += sum;
    }
    REAL mean = (REAL)(total / (double)m);
    double squares = 0, rest = 0; /* the deviations from a rounded mean do not quite add up to nothing: it lacks rest / m */
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t end = first + BLOCK < m ? first + BLOCK : m;
        REAL sum = 0, sum_d = 0;
#pragma omp simd reduction(+ : sum, sum_d)
        for (int64_t i = first; i < end; i++) {
            REAL d = x[i] - mean;
            sum += d * d;
            sum_d += d;
        }
        squares += sum;
        rest += sum_d;
    }
    REAL q = NAME(factor)((REAL)NAME(variance)(squares, rest, m), mean, (REAL)lambda), more = (REAL)(rest / (double)m);
    if (!g) {
#pragma omp simd
        for (int64_t i = 0; i < m; i++) out[i] = x[i] * NAME(gate)(x[i] - mean - more, q);
        return;
    }
    double a = 0, b = 0;
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t end = first + BLOCK < m ? first + BLOCK : m;
        REAL sum_a = 0, sum_b = 0;
#pragma omp simd reduction(+ : sum_a, sum_b)
        for (int64_t i = first; i < end; i++) {
            REAL d = x[i] - mean - more, s = NAME(gate)(d, q), hd = g[i] * x[i] * s * (1 - s) * d;
            out[i] = s; /* needed once more, and dear */
            sum_a += hd;
            sum_b += hd * d;
        }
        a += sum_a;
        b += sum_b;
    }
    REAL slope = NAME(slope)(q, b, m), shift = (REAL)(2 * (double)q * a / (double)m);
#pragma omp simd
    for (int64_t i = 0; i < m; i++) {
        REAL d = x[i] - mean - more, s = out[i], gs = g[i] * s;
        out[i] = gs + (2 * q * gs * x[i] * (1 - s) - slope) * d - shift;
    }
}

/* `width` channels side by side, their positions `stride` apart. */
FOR_EVERY_TARGET static void NAME(strip)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t stride,
                                         int64_t width, double lambda) {
    REAL mean[MOST_CHANNELS], more[MOST_CHANNELS], q[MOST_CHANNELS], sum_a[MOST_CHANNELS], sum_b[MOST_CHANNELS];
    double a[MOST_CHANNELS], b[MOST_CHANNELS], rest[MOST_CHANNELS];
    for (int64_t c = 0; c < width; c++) a[c] = b[c] = rest[c] = 0;
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t end = first + BLOCK < m ? first + BLOCK : m;
        for (int64_t c = 0; c < width; c++) sum_a[c] = 0;
        for (int64_t p = first; p < end; p++) {
            const REAL *row = x + p * stride;
#pragma omp simd
            for (int64_t c = 0; c < width; c++) sum_a[c] += row[c];
        }
        for (int64_t c = 0; c < width; c++) a[c] += sum_a[c];
    }
    for (int64_t c = 0; c < width; c++) mean[c] = (REAL)(a[c] / (double)m);
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t end = first + BLOCK < m ? first + BLOCK : m;
        for (int64_t c = 0; c < width; c++) sum_a[c] = sum_b[c] = 0;
        for (int64_t p = first; p < end; p++) {
            const REAL *row = x + p * stride;
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                REAL d = row[c] - mean[c];
                sum_a[c] += d;
                sum_b[c] += d * d;
            }
        }
        for (int64_t c = 0; c < width; c++) rest[c] += sum_a[c], b[c] += sum_b[c];
    }
    for (int64_t c = 0; c < width; c++) {
        q[c] = NAME(factor)((REAL)NAME(variance)(b[c], rest[c], m), mean[c], (REAL)lambda);
        more[c] = (REAL)(rest[c] / (double)m);
    }
    if (!g) {
        for (int64_t p = 0; p < m; p++) {
            const REAL *row = x + p * stride;
            REAL *to = out + p * stride;
#pragma omp simd
            for (int64_t c = 0; c < width; c++) to[c] = row[c] * NAME(gate)(row[c] - mean[c] - more[c], q[c]);
        }
        return;
    }
    for (int64_t c = 0; c < width; c++) a[c] = b[c] = 0;
    for (int64_t first = 0; first < m; first += BLOCK) {
        int64_t end = first + BLOCK < m ? first + BLOCK : m;
        for (int64_t c = 0; c < width; c++) sum_a[c] = sum_b[c] = 0;
        for (int64_t p = first; p < end; p++) {
            const REAL *row = x + p * stride, *gradient = g + p * stride;
            REAL *to = out + p * stride;
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                REAL d = row[c] - mean[c] - more[c], s = NAME(gate)(d, q[c]), hd = gradient[c] * row[c] * s * (1 - s) * d;
                to[c] = s;
                sum_a[c] += hd;
                sum_b[c] += hd * d;
            }
        }
        for (int64_t c = 0; c < width; c++) a[c] += sum_a[c], b[c] += sum_b[c];
    }
    for (int64_t c = 0; c < width; c++) {
        sum_b[c] = NAME(slope)(q[c], b[c], m);
        sum_a[c] = (REAL)(2 * (double)q[c] * a[c] / (double)m);
    }
    for (int64_t p = 0; p < m; p++) {
        const REAL *row = x + p * stride, *gradient = g + p * stride;
        REAL *to = out + p * stride;
#pragma omp simd
        for (int64_t c = 0; c < width; c++) {
            REAL d = row[c] - mean[c] - more[c], s = to[c], gs = gradient[c] * s;
            to[c] = gs + (2 * q[c] * gs * row[c] * (1 - s) - sum_b[c]) * d - sum_a[c];
        }
    }
}
