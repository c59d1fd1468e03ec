"""The PJM score once more, word for word from its definition, with loops: what the fast one must equal."""

import math


def mean_held(t, v, end, a, b):
    """Time-weighted mean of a held series by adding up every row's overlap."""
    total = covered = 0.0
    for i, begin in enumerate(t):
        stop = t[i + 1] if i + 1 < len(t) else end
        overlap = min(stop, b) - max(begin, a)
        if overlap > 0:
            total += overlap * v[i]
            covered += overlap
    assert abs(covered - (b - a)) < 1e-6
    return total / (b - a)


def pearson(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    sxy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    sxx, syy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    return 0.0 if sxx < 1e-16 or syy < 1e-16 else sxy / math.sqrt(sxx * syy)


def slope(y):
    middle = (len(y) - 1) / 2
    return sum((i - middle) * v for i, v in enumerate(y)) / sum((i - middle) ** 2 for i in range(len(y)))


def slow_pjm(x, y):
    """(score, C, D, P) of 10 s samples."""
    hours = []
    for first in range(0, len(x), 360):
        xs, ys = x[first : first + 360], y[first : first + 360]
        if len(xs) < 90:
            continue
        cs, ds = [], []
        for k in range(first, min(first + 360, len(x)), 30):
            if k + 60 > len(x):
                continue  # the shifted partner passes the end
            window = x[k : k + 30]
            m = sum(window) / 30
            if math.sqrt(sum((a - m) ** 2 for a in window) / 30) < 0.01:
                cs.append(max(0.0, 1 - abs(slope(window) - slope(y[k : k + 30]))))
                ds.append(1.0)
                continue
            best = max(range(31), key=lambda s: (pearson(window, y[k + s : k + s + 30]) + abs(10 * s - 300) / 300, -s))
            cs.append(max(0.0, pearson(window, y[k + best : k + best + 30])))
            ds.append(abs(10 * best - 300) / 300)
        error = sum(abs(b - a) for a, b in zip(xs, ys, strict=True)) / len(xs)
        p = max(0.0, 1 - error / (sum(map(abs, xs)) / len(xs)))
        hours.append((sum(cs) / len(cs), sum(ds) / len(ds), p))
    c, d, p = (sum(hour[i] for hour in hours) / len(hours) for i in range(3))
    return (c + d + p) / 3, c, d, p
