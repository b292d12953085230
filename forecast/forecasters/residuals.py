"""Residuals of a forecaster: scores that series of every size share, and the ranks that conformal intervals take.

numpy only; who forecasts, and at which origins, is said in `conformal.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecast.data.panel import Origins

CELLS = 4_000_000
ROUNDING = 1e-9


def ranked(scores: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles of exchangeable scores with the correction for finite samples, NaN where there are too few.

    Of n scores the level q takes the one of rank q * (n + 1), rounded away from the median: the next score lies
    below it with a probability of at most q where q < 0.5, of at least q where q > 0.5 (Vovk et al. 2005).

    Args:
        scores: [score, ..., 1 or level]; NaN where there is none. One set for all levels, or one a level.
        levels: [level], between 0 and 1.

    Returns:
        [..., level].

    Example:
        >>> ranked(np.arange(1.0, 20.0)[:, None], np.array([0.05, 0.5, 0.95]))
        array([ 1., 10., 19.])
        >>> ranked(np.arange(1.0, 19.0)[:, None], np.array([0.05, 0.5]))
        array([nan, 9.5])
    """
    if not len(scores):
        return np.full((*scores.shape[1:-1], len(levels)), np.nan)
    ordered = np.sort(scores, axis=0)  # NaN last
    count = np.isfinite(ordered).sum(axis=0)[..., :1]
    place = levels * (count + 1)
    low, high = np.floor(place + ROUNDING), np.ceil(place - ROUNDING)
    low, high = np.where(levels > 0.5, high, low), np.where(levels < 0.5, low, high)
    enough = (low >= 1) & (high <= count)
    ordered = np.broadcast_to(ordered, (*scores.shape[:-1], len(levels)))
    index = [np.clip(rank - 1, 0, len(scores) - 1).astype(np.int64)[None] for rank in (low, high)]
    picked = [np.take_along_axis(ordered, rank, axis=0)[0] for rank in index]
    return np.where(enough, (picked[0] + picked[1]) / 2, np.nan)


def needed(levels: np.ndarray) -> int:
    """The fewest scores of which every level can take one.

    Example:
        >>> needed(np.array([0.05, 0.5, 0.9])), needed(np.array([0.25, 0.75]))
        (19, 3)
    """
    tail = np.minimum(levels, 1 - levels).min()
    return max(1, int(np.ceil(1 / tail - 1 - ROUNDING)))


class Recent:
    """Scores of one series in the order of their origins, for looking back from any of them.

    A score of step h (from 1) that was made at origin o is known from origin o + h on, never earlier.

    Args:
        first: the first origin with scores.
        scores: [origin - first, step, target, 1 or level]; NaN where there is none.
    """

    def __init__(self, first: int, scores: np.ndarray) -> None:
        self.first, self.scores = first, scores

    @classmethod
    def of(cls, steps: np.ndarray, scores: np.ndarray, first: int) -> Recent:
        """Scores [origin, ...] of some origins (int64 [origin]); those before `first` are left out."""
        keep = steps >= first
        steps, scores = steps[keep], scores[keep]
        begin = int(steps.min(initial=first) if len(steps) else first)
        placed = np.full((int(steps.max(initial=begin - 1)) - begin + 1, *scores.shape[1:]), np.nan)
        placed[steps - begin] = scores
        return cls(begin, placed)

    def quantiles(self, asked: np.ndarray, levels: np.ndarray, memory: int, least: int) -> np.ndarray:
        """Quantiles of the newest scores that are known at some origins.

        Args:
            asked: int64 [origin].
            memory: how many origins to look back.
            least: fewest observed scores; NaN where there are fewer.

        Returns:
            [origin, step, target, level].
        """
        _, steps, targets, _ = self.scores.shape
        found = np.full((len(asked), steps, targets, len(levels)), np.nan)
        for part in self._parts(len(asked), memory):
            for step in range(steps):
                window = self._newest(asked[part] - step - 1, step, memory)
                counted = np.isfinite(window[..., 0]).sum(axis=0) >= least
                found[part, step] = np.where(counted[..., None], ranked(window, levels), np.nan)
        return found

    def _newest(self, last: np.ndarray, step: int, memory: int) -> np.ndarray:
        """Scores of a step made at the `memory` origins up to `last`: [score, origin, target, 1 or level]."""
        index = last[None] - self.first - np.arange(memory)[:, None]
        there = (index >= 0) & (index < len(self.scores))
        window = self.scores[np.where(there, index, 0), step]
        return np.where(there[..., None, None], window, np.nan)

    def _parts(self, asked: int, memory: int) -> Iterator[slice]:
        size = max(1, CELLS // max(1, memory * int(np.prod(self.scores.shape[2:]))))
        for start in range(0, asked, size):
            yield slice(start, start + size)


def by_series(origins: Origins) -> Iterator[tuple[int, np.ndarray]]:
    """Each series of some origins, and the places of its origins."""
    if not len(origins):
        return
    order = np.argsort(origins.series, kind="stable")
    names, first = np.unique(origins.series[order], return_index=True)
    yield from zip(names.tolist(), np.split(order, first[1:]), strict=True)


def behind(asked: Origins, first: np.ndarray, memory: int, horizon: int) -> Origins:
    """The origins whose scores are in reach of some origins: at most memory + horizon - 1 before each of them.

    Args:
        first: int64 [series], the first origin of each series that has a score.

    Example:
        >>> asked = Origins(np.array([0, 0, 1]), np.array([9, 20, 4]))
        >>> back = behind(asked, np.array([5, 2]), memory=2, horizon=2)
        >>> back.series.tolist(), back.step.tolist()
        ([0, 0, 0, 0, 0, 0, 1, 1], [6, 7, 8, 17, 18, 19, 2, 3])
    """
    found: list[tuple[int, np.ndarray]] = []
    for series, index in by_series(asked):
        steps = np.unique(asked.step[index])
        begin = np.maximum(steps - memory - horizon + 1, first[series])
        count = np.maximum(steps - begin, 0)
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        found.append((series, np.unique(np.repeat(begin, count) + nth)))
    series = np.repeat([name for name, _ in found], [len(steps) for _, steps in found]).astype(np.int64)
    steps = [steps for _, steps in found]
    return Origins(series, np.concatenate(steps).astype(np.int64) if steps else np.zeros(0, dtype=np.int64))


def union(a: Origins, b: Origins) -> tuple[Origins, np.ndarray]:
    """The origins of both, once each, in order; and the places of the first ones among them."""
    most = 1 + max(int(a.step.max(initial=0)), int(b.step.max(initial=0)))
    keys, place = np.unique(np.concatenate([a.series * most + a.step, b.series * most + b.step]), return_inverse=True)
    return Origins(keys // most, keys % most), place[: len(a)]
