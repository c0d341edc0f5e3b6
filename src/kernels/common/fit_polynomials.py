#!/usr/bin/env python3
"""Prints the polynomial coefficients of vec_math.inl with their errors. Needs numpy and mpmath.

Each fit is a weighted least squares on Chebyshev nodes, reweighted until the error is level (Lawson), so it ends close to
the minimax polynomial.
"""
import mpmath
import numpy as np


def fit(function, low, high, powers, weight=None, fixed=None, rounds=400):
    """Coefficients c of sum(c[i] * x**powers[i]) near function(x) on [low, high], level in weight(x) * error."""
    nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)
    target = np.array([float(function(mpmath.mpf(float(x)))) for x in nodes])
    importance = np.ones_like(nodes) if weight is None else np.array([weight(x) for x in nodes])
    basis = np.stack([nodes ** p for p in powers], axis=1)
    if fixed is not None:  # rows of equality constraints
        constraint, value = fixed
    lawson = np.ones_like(nodes)
    best = None
    for _ in range(rounds):
        scale = importance * np.sqrt(lawson)
        a, b = basis * scale[:, None], target * scale
        norm = np.linalg.norm(a, axis=0)
        if fixed is None:
            c = np.linalg.lstsq(a / norm, b, rcond=None)[0] / norm
        else:
            n = len(powers)
            kkt = np.zeros((n + len(value), n + len(value)))
            kkt[:n, :n] = (a / norm).T @ (a / norm)
            kkt[:n, n:] = (constraint / norm).T
            kkt[n:, :n] = constraint / norm
            c = np.linalg.lstsq(kkt, np.concatenate([(a / norm).T @ b, value]), rcond=None)[0][:n] / norm
        error = np.abs(basis @ c - target) * importance
        if best is None or error.max() < best[1]:
            best = (c, error.max())
        lawson *= error / error.max() + 1e-3
        lawson /= lawson.max()
    return best


def show(name, best):
    c, error = best
    print(f"// {name}: error {error:.2e}")
    print(", ".join(f"{np.float32(x):.9g}f" for x in c))


mpmath.mp.dps = 30
ln2 = float(mpmath.log(2))
show("exp(r) = 1 + r + r^2 p(r), |r| <= ln(2)/2",
     fit(lambda r: (mpmath.exp(r) - 1 - r) / r ** 2 if r else mpmath.mpf(1) / 2, -ln2 / 2, ln2 / 2, range(5),
         weight=lambda r: r * r))

# 0.5 erfc(a / sqrt 2) = exp(-a^2/2) t p(t), t = 1 / (1 + 0.4 a)
def tail(t):
    a = (1 / t - 1) / mpmath.mpf("0.4")
    return mpmath.erfc(a / mpmath.sqrt(2)) / 2 * mpmath.exp(a * a / 2) / t


show("normal tail", fit(tail, 1 / (1 + 0.4 * 13.5), 1, range(10), weight=lambda t: 1 / float(tail(mpmath.mpf(float(t))))))

# Phi(x) - 0.5 = x p(x^2) on [-4, 4], with exactly 0.5 at the end, so that gelu is x or 0 beyond
show("Phi(x) - 0.5 over x, clamped to 4 (error of gelu)",
     fit(lambda u: mpmath.erf(mpmath.sqrt(u / 2)) / 2 / mpmath.sqrt(u), 1e-6, 16, range(7), weight=lambda u: u,
         fixed=(np.array([[4.0 ** (2 * p + 1) for p in range(7)]]), np.array([0.5])), rounds=200))
