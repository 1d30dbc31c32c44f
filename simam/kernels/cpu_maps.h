/* The kernels for one type: REAL with NAME(), its line and what exp needs. Included once for each. */

#define LINE NAME(line)
#define BITS NAME(bits)
#define LANES ((int64_t)(64 / sizeof(REAL)))

/* A cache line of numbers. The compiler makes of it what the target has: one register, or two, or four. */
typedef REAL LINE __attribute__((vector_size(64)));
typedef UNSIGNED BITS __attribute__((vector_size(64)));

INLINED LINE NAME(load)(const REAL *from) {
    LINE line;
    memcpy(&line, from, sizeof line);
    return line;
}

INLINED void NAME(store)(LINE line, REAL *to) { memcpy(to, &line, sizeof line); }

/* The first `width` numbers of a line, the others 0; and back. */
INLINED LINE NAME(load_some)(const REAL *from, int64_t width) {
    REAL numbers[LANES] = {0};
    for (int64_t i = 0; i < width; i++) numbers[i] = from[i];
    return NAME(load)(numbers);
}

INLINED void NAME(store_some)(LINE line, REAL *to, int64_t width) {
    REAL numbers[LANES];
    NAME(store)(line, numbers);
    for (int64_t i = 0; i < width; i++) to[i] = numbers[i];
}

INLINED double NAME(total)(LINE line) {
    REAL numbers[LANES];
    NAME(store)(line, numbers);
    for (int64_t half = LANES / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; i++) numbers[i] += numbers[i + half];
    return (double)numbers[0];
}

/* exp(t) for t <= 0, to about one unit in the last place; of what is too small for a normal number, the least of them.
 * Adding and taking off MAGIC rounds to a whole number, which its last bits hold meanwhile. */
INLINED LINE NAME(exp)(LINE t) {
    LINE least = {0};
    least += LEAST_EXPONENT;
    BITS small = (BITS)(t < least);
    t = (LINE)((small & (BITS)least) | (~small & (BITS)t));
    LINE magic = t * (REAL)1.44269504088896340736 + MAGIC, n = magic - MAGIC;
    LINE r = t - n * LN2_HIGH;
    r = r - n * LN2_LOW;
    static const REAL series[] = SERIES;
    LINE p = r * series[0] + series[1];
    for (unsigned i = 2; i < sizeof series / sizeof *series; i++) p = p * r + series[i];
    LINE power = (LINE)(((BITS)magic + BIAS) << MANTISSA);
    return (p * r * r + r + 1) * power;
}

INLINED LINE NAME(gate)(LINE d, LINE q) { return 1 / (1 + NAME(exp)(-(q * d * d + (REAL)0.5))); }

/* 1 / (4 (v + lambda)); 0 where lambda vanishes and the spread is nothing, or the rounding error of the mean.
 * From the deviations from a mean that may be rounded: their squares, and what they add up to. */
INLINED REAL NAME(factor)(double squares, double rest, int64_t m, REAL mean, REAL lambda) {
    double seen = squares - rest * rest / (double)m;
    REAL variance = (REAL)(seen > 0 || seen != seen ? seen / (double)(m > 1 ? m - 1 : 1) : 0);
    REAL spread = variance + lambda, least = (REAL)sqrt((double)TINY), rounding = 4 * EPSILON * mean;
    rounding = rounding * rounding;
    REAL flat = rounding < least ? least : rounding;
    return lambda < least && spread <= flat ? 0 : (REAL)0.25 / spread;
}

INLINED REAL NAME(slope)(REAL q, double b, int64_t m) {
    return (REAL)(8 * (double)q * (double)q * b / (double)(m > 1 ? m - 1 : 1));
}

/* The end of a map: the last line, of which only the numbers count that no whole line before it has. */
INLINED LINE NAME(load_end)(const REAL *from, int64_t m) {
    if (m >= LANES) return NAME(load)(from + m - LANES);
    REAL numbers[LANES] = {0};
    for (int64_t i = 0; i < m; i++) numbers[LANES - m + i] = from[i];
    return NAME(load)(numbers);
}

/* What the end has in common with the line before it is written twice, to the same effect. */
INLINED void NAME(store_end)(LINE line, REAL *to, int64_t m) {
    if (m >= LANES) {
        NAME(store)(line, to + m - LANES);
        return;
    }
    REAL numbers[LANES];
    NAME(store)(line, numbers);
    for (int64_t i = 0; i < m; i++) to[i] = numbers[LANES - m + i];
}

/* Which numbers of the end count. */
INLINED BITS NAME(counting)(int64_t m) {
    BITS counting;
    int64_t before = LANES - (m - (m - 1) / LANES * LANES);
    for (int64_t i = 0; i < LANES; i++) counting[i] = i >= before ? ~(UNSIGNED)0 : 0;
    return counting;
}

#define KEPT(line) ((LINE)((BITS)(line) & counting))
/* The whole lines of a map block by block, i being where a line begins. */
#define EACH_BLOCK(first) for (int64_t first = 0; first == 0 || first < m - LANES; first += TERMS * LANES)
#define EACH_LINE(first, i) for (int64_t i = first; i < m - LANES && i < first + TERMS * LANES; i += LANES)

INLINED double NAME(sum)(const REAL *x, int64_t m, BITS counting) {
    LINE some = KEPT(NAME(load_end)(x, m));
    double sum = 0;
    EACH_BLOCK(first) {
        EACH_LINE(first, i) some += NAME(load)(x + i);
        sum += NAME(total)(some);
        some = (LINE){0};
    }
    return sum;
}

/* Of the deviations from a mean their squares, and what they add up to, which for a rounded mean is not quite nothing. */
INLINED void NAME(deviations)(const REAL *x, int64_t m, BITS counting, REAL mean, double *squares, double *rest) {
    LINE some_d = KEPT(NAME(load_end)(x, m) - mean), some = some_d * some_d;
    *squares = *rest = 0;
    EACH_BLOCK(first) {
        EACH_LINE(first, i) {
            LINE d = NAME(load)(x + i) - mean;
            some += d * d;
            some_d += d;
        }
        *squares += NAME(total)(some);
        *rest += NAME(total)(some_d);
        some = some_d = (LINE){0};
    }
}

INLINED void NAME(forward)(const REAL *x, REAL *out, int64_t m, REAL mean, REAL more, LINE q) {
    LINE end = NAME(load_end)(x, m);
    for (int64_t i = 0; i < m - LANES; i += LANES) {
        LINE line = NAME(load)(x + i);
        __builtin_prefetch(x + m + i); /* the next map, which memory brings while this one is computed */
        NAME(store)(line * NAME(gate)(line - mean - more, q), out + i);
    }
    NAME(store_end)(end * NAME(gate)(end - mean - more, q), out, m);
}

/* A and B; the gate, which is needed once more and dear, is left in out. */
INLINED void NAME(products)(const REAL *g, const REAL *x, REAL *out, int64_t m, BITS counting, REAL mean, REAL more,
                            LINE q, double *a, double *b) {
    LINE end = NAME(load_end)(x, m), d_end = KEPT(end - mean - more), s_end = NAME(gate)(d_end, q);
    LINE some_a = NAME(load_end)(g, m) * end * s_end * (1 - s_end) * d_end, some_b = some_a * d_end;
    *a = *b = 0;
    EACH_BLOCK(first) {
        EACH_LINE(first, i) {
            LINE line = NAME(load)(x + i), d = line - mean - more, s = NAME(gate)(d, q);
            LINE hd = NAME(load)(g + i) * line * s * (1 - s) * d;
            NAME(store)(s, out + i);
            some_a += hd;
            some_b += hd * d;
        }
        *a += NAME(total)(some_a);
        *b += NAME(total)(some_b);
        some_a = some_b = (LINE){0};
    }
    NAME(store_end)(NAME(gate)(end - mean - more, q), out, m);
}

INLINED LINE NAME(slopes)(LINE g, LINE x, LINE s, LINE d, LINE q, REAL slope, REAL shift) {
    LINE gs = g * s;
    return gs + (2 * q * gs * x * (1 - s) - slope) * d - shift;
}

INLINED void NAME(backward)(const REAL *g, const REAL *x, REAL *out, int64_t m, REAL mean, REAL more, LINE q, REAL slope,
                            REAL shift) {
    LINE x_end = NAME(load_end)(x, m), s_end = NAME(load_end)(out, m);
    for (int64_t i = 0; i < m - LANES; i += LANES) {
        LINE line = NAME(load)(x + i), s = NAME(load)(out + i);
        NAME(store)(NAME(slopes)(NAME(load)(g + i), line, s, line - mean - more, q, slope, shift), out + i);
    }
    NAME(store_end)(NAME(slopes)(NAME(load_end)(g, m), x_end, s_end, x_end - mean - more, q, slope, shift), out, m);
}

/* Some maps whose positions lie side by side, all of them a step at a time, so that none waits for another. */
FOR_EVERY_TARGET static void NAME(maps)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t count,
                                        double lambda) {
    REAL mean[MOST_MAPS], more[MOST_MAPS], q[MOST_MAPS], slope[MOST_MAPS], shift[MOST_MAPS];
    double a[MOST_MAPS], b[MOST_MAPS];
    BITS counting = NAME(counting)(m);
    for (int64_t k = 0; k < count; k++) mean[k] = (REAL)(NAME(sum)(x + k * m, m, counting) / (double)m);
    for (int64_t k = 0; k < count; k++) NAME(deviations)(x + k * m, m, counting, mean[k], &b[k], &a[k]);
    for (int64_t k = 0; k < count; k++) {
        q[k] = NAME(factor)(b[k], a[k], m, mean[k], (REAL)lambda);
        more[k] = (REAL)(a[k] / (double)m);
    }
    if (!g) {
        for (int64_t k = 0; k < count; k++)
            NAME(forward)(x + k * m, out + k * m, m, mean[k], more[k], (LINE){0} + q[k]);
        return;
    }
    for (int64_t k = 0; k < count; k++)
        NAME(products)(g + k * m, x + k * m, out + k * m, m, counting, mean[k], more[k], (LINE){0} + q[k], &a[k], &b[k]);
    for (int64_t k = 0; k < count; k++) {
        slope[k] = NAME(slope)(q[k], b[k], m);
        shift[k] = (REAL)(2 * (double)q[k] * a[k] / (double)m);
    }
    for (int64_t k = 0; k < count; k++)
        NAME(backward)(g + k * m, x + k * m, out + k * m, m, mean[k], more[k], (LINE){0} + q[k], slope[k], shift[k]);
}

/* Some lines of channels side by side, or less than one, their positions `stride` apart; `soon` is what comes next. */
INLINED void NAME(channels)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t stride, const int count,
                            int64_t width, const REAL *soon, double lambda) {
#define AT(p, k) ((p) * stride + (k) * LANES)
#define LOAD(from, k) (width == LANES ? NAME(load)((from) + AT(p, k)) : NAME(load_some)((from) + AT(p, k), width))
#define STORE(line, to, k) \
    (width == LANES ? NAME(store)(line, (to) + AT(p, k)) : NAME(store_some)(line, (to) + AT(p, k), width))
#define EACH(k) for (int k = 0; k < count; k++)
#define EACH_CHANNEL(k, c) EACH(k) for (int64_t c = 0; c < LANES; c++)
    double a[MOST_LINES][LANES] = {{0}}, b[MOST_LINES][LANES] = {{0}};
    LINE mean[MOST_LINES] = {{0}}, more[MOST_LINES] = {{0}}, q[MOST_LINES] = {{0}};
    LINE slope[MOST_LINES] = {{0}}, shift[MOST_LINES] = {{0}};
    for (int64_t first = 0; first < m; first += TERMS) {
        int64_t last = first + TERMS < m ? first + TERMS : m;
        LINE some[MOST_LINES] = {{0}};
        for (int64_t p = first; p < last; p++) EACH(k) some[k] += LOAD(x, k);
        EACH_CHANNEL(k, c) a[k][c] += (double)some[k][c];
    }
    EACH_CHANNEL(k, c) mean[k][c] = (REAL)(a[k][c] / (double)m), a[k][c] = 0;
    for (int64_t first = 0; first < m; first += TERMS) {
        int64_t last = first + TERMS < m ? first + TERMS : m;
        LINE some[MOST_LINES] = {{0}}, some_d[MOST_LINES] = {{0}};
        for (int64_t p = first; p < last; p++) EACH(k) {
            LINE d = LOAD(x, k) - mean[k];
            some[k] += d * d;
            some_d[k] += d;
        }
        EACH_CHANNEL(k, c) a[k][c] += (double)some_d[k][c], b[k][c] += (double)some[k][c];
    }
    EACH_CHANNEL(k, c) {
        q[k][c] = NAME(factor)(b[k][c], a[k][c], m, mean[k][c], (REAL)lambda);
        more[k][c] = (REAL)(a[k][c] / (double)m);
        a[k][c] = b[k][c] = 0;
    }
    if (!g) {
        for (int64_t p = 0; p < m; p++) EACH(k) {
            LINE line = LOAD(x, k);
            __builtin_prefetch(soon + AT(p, k));
            STORE(line * NAME(gate)(line - mean[k] - more[k], q[k]), out, k);
        }
        return;
    }
    for (int64_t first = 0; first < m; first += TERMS) {
        int64_t last = first + TERMS < m ? first + TERMS : m;
        LINE some_a[MOST_LINES] = {{0}}, some_b[MOST_LINES] = {{0}};
        for (int64_t p = first; p < last; p++) EACH(k) {
            LINE line = LOAD(x, k), d = line - mean[k] - more[k], s = NAME(gate)(d, q[k]);
            LINE hd = LOAD(g, k) * line * s * (1 - s) * d;
            STORE(s, out, k);
            some_a[k] += hd;
            some_b[k] += hd * d;
        }
        EACH_CHANNEL(k, c) a[k][c] += (double)some_a[k][c], b[k][c] += (double)some_b[k][c];
    }
    EACH_CHANNEL(k, c) {
        slope[k][c] = NAME(slope)(q[k][c], b[k][c], m);
        shift[k][c] = (REAL)(2 * (double)q[k][c] * a[k][c] / (double)m);
    }
    for (int64_t p = 0; p < m; p++) EACH(k) {
        LINE line = LOAD(x, k), d = line - mean[k] - more[k], s = LOAD(out, k), gs = LOAD(g, k) * s;
        STORE(gs + (2 * q[k] * gs * line * (1 - s) - slope[k]) * d - shift[k], out, k);
    }
#undef AT
#undef LOAD
#undef STORE
#undef EACH
#undef EACH_CHANNEL
}

/* A strip of channels side by side. */
FOR_EVERY_TARGET static void NAME(strip)(const REAL *g, const REAL *x, REAL *out, int64_t m, int64_t stride,
                                         int64_t width, double lambda) {
    const REAL *soon = width < stride ? x + width : x + m * stride; /* the strip beside this one, or the next image */
    int64_t c = 0;
    for (; c + MOST_LINES * LANES <= width; c += MOST_LINES * LANES)
        NAME(channels)(g ? g + c : NULL, x + c, out + c, m, stride, MOST_LINES, LANES, soon + c, lambda);
    for (; c + LANES <= width; c += LANES)
        NAME(channels)(g ? g + c : NULL, x + c, out + c, m, stride, 1, LANES, soon + c, lambda);
    if (c < width) NAME(channels)(g ? g + c : NULL, x + c, out + c, m, stride, 1, width - c, soon + c, lambda);
}

#undef LINE
#undef BITS
#undef LANES
#undef KEPT
#undef EACH_BLOCK
#undef EACH_LINE
