"""Dispatch instructions and Hunan K once more, word for word from the rule, with loops: what the fast ones must equal."""


def value_at(t, v, when):
    """The value in force, None before the first row."""
    found = None
    for begin, value in zip(t, v, strict=True):
        if begin <= when:
            found = value
    return found


def slow_k(target, response, end, *, moved=0.01, reached=0.02, early=60.0):
    """(K, K1, K2, K3) of (times, values) pairs; None when nothing can be judged."""
    issued = []
    for t0, goal in zip(*target, strict=True):
        if not issued or abs(goal - issued[-1][1]) > moved:
            issued.append((t0, goal))
    found = []
    for number, (t0, goal) in enumerate(issued):
        stop = issued[number + 1][0] if number + 1 < len(issued) else end
        if stop <= t0:
            continue
        p0 = value_at(*response, t0)
        if p0 is None or abs(goal - p0) <= moved:
            continue
        d = 1 if goal > p0 else -1
        rows = [(t0, p0)] + [(t, p) for t, p in zip(*response, strict=True) if t0 < t < stop]
        acted = next(((t, p) for t, p in rows if d * (p - p0) > moved), None)
        there = next(((t, p) for t, p in rows if abs(p - goal) <= reached), None)
        if there is None and stop - t0 < early:
            continue
        ends = [t for t, _ in rows[1:]] + [stop]
        if acted is None:
            mean = sum(p * (after - t) for (t, p), after in zip(rows, ends, strict=True)) / (stop - t0)
            rate, delay, error = 0.0, early, abs(mean - goal)
        else:
            t2, p2 = there or rows[-1]
            rate = abs(p2 - acted[1]) / (t2 - acted[0]) * 60 if t2 > acted[0] else float("inf")
            if t2 < acted[0]:
                rate = float("inf")
            delay = acted[0] - t0
            since = there[0] if there else t0 + early
            total = sum(
                abs(p - goal) * max(0.0, after - max(t, since)) for (t, p), after in zip(rows, ends, strict=True)
            )
            error = total / (stop - since) if stop > since else abs(rows[-1][1] - goal)
        k1, k2, k3 = min(3.0, rate), max(0.0, 1 - delay / 60), max(0.0, 1 - error / 0.02)
        found.append((k1, k2, k3))
    if not found:
        return None
    k1, k2, k3 = (sum(one[i] for one in found) / len(found) for i in range(3))
    return 0.4 * k1 + 0.3 * k2 + 0.3 * k3, k1, k2, k3
