"""Tasks that are easy for who remembers and impossible for who does not: classics of recurrent networks, as panels.

What has to be remembered is said in covariates, long before it shows in the target. One step ahead the best forecast is
exact (or as good as the noise), and what it costs to have forgotten is known too.
"""

from __future__ import annotations

import numpy as np

from forecast.data.panel import Panel
from forecast.data.synthetic import panel_of
from forecast.errors import SettingsError


def copy_memory(
    delay: int = 100, symbols: int = 8, length: int = 10, series: int = 1, blocks: int = 20, seed: int = 0
) -> Panel:
    """Copy memory on hours: `length` symbols are shown, `delay` rows pass, and the target says them again in order.

    A block has 2 length + delay rows. Past covariates: x0 is the symbol that is shown (1 .. symbols; 0: none), x1 is 1
    in the row before the first that is said again. The target is 0 where nothing is said.

    The optimal mean squared error one step ahead is 0. Who knows which rows speak, but not what was shown, has at best
    (symbols ** 2 - 1) / 12 there, 0 elsewhere.

    Args:
        delay: rows between the last symbol shown and the first one said, 1 or more.
        symbols: how many there are.
        length: symbols to remember.
        series: number of series.
        blocks: of each series, one after the other.
        seed: of the random numbers.

    Raises:
        SettingsError: numbers below 1.

    Source:
        Hochreiter & Schmidhuber (1997); in this form Arjovsky, Shah & Bengio (2016), Unitary evolution RNNs.

    Example:
        >>> panel = copy_memory(delay=2, length=3, blocks=1)
        >>> y, shown, cue = panel.values.T.astype(int).tolist()
        >>> y[-3:] == shown[:3], cue
        (True, [0, 0, 0, 0, 1, 0, 0, 0])
    """
    _positive(delay=delay, symbols=symbols, length=length, series=series, blocks=blocks)
    random = np.random.default_rng(seed)
    shown = random.integers(1, symbols + 1, (series, blocks, length))
    rows = np.zeros((series, blocks, 2 * length + delay, 3))
    rows[:, :, :length, 1] = shown
    rows[:, :, length + delay - 1, 2] = 1
    rows[:, :, length + delay :, 0] = shown
    return _joined(rows, random)


def adding_problem(length: int = 100, series: int = 1, blocks: int = 20, seed: int = 0) -> Panel:
    """Adding problem on hours: the first target of a block is the sum of the two numbers marked in the block before.

    Past covariates: x0 is uniform between 0 and 1 in every row, x1 is 1 in one row of each half of a block, else 0. The
    target is 0 in all rows but the first of each block. `Window(length, 1, stride=length)` asks at those alone.

    The optimal mean squared error there is 0; forecasting the mean, 1, has 1/6. The first row of a series, before which
    there was no block, is 0 too.

    Args:
        length: rows of a block, 2 or more.
        series: number of series.
        blocks: of each series; one more row follows, with the last sum.
        seed: of the random numbers.

    Raises:
        SettingsError: numbers too small.

    Source:
        Hochreiter & Schmidhuber (1997); markers in both halves as in Le, Jaitly & Hinton (2015).

    Example:
        >>> panel = adding_problem(length=6, blocks=1)
        >>> y, number, mark = panel.values.T
        >>> bool(np.isclose(y[6], (number * mark)[:6].sum())), int(mark[:3].sum()), int(mark[3:6].sum())
        (True, 1, 1)
    """
    _positive(series=series, blocks=blocks)
    if length < 2:
        raise SettingsError(f"length={length}: each half of a block has a mark, so 2 rows or more")
    random = np.random.default_rng(seed)
    rows = np.zeros((series, blocks + 1, length, 3))
    rows[..., 1] = random.uniform(size=rows.shape[:3])
    half = length // 2
    for first, stop in ((0, half), (half, length)):
        marked = random.integers(first, stop, (series, blocks + 1, 1))
        np.put_along_axis(rows[..., 2], marked, 1.0, axis=2)
    rows[:, 1:, 0, 0] = (rows[:, :-1, :, 1] * rows[:, :-1, :, 2]).sum(axis=2)
    return _joined(rows, random, last=blocks * length + 1)


def delayed_impulse(
    delay: int = 48,
    season: int = 24,
    rate: float = 0.1,
    effect: float = 2.0,
    noise: float = 0.1,
    series: int = 1,
    rows: int = 2000,
    seed: int = 0,
) -> Panel:
    """Delayed impulses on a season, on hours: y(t) = sin(2 pi t / season) + effect x(t - delay) + noise.

    The past covariate x is mostly 0; an impulse is a standard normal number, with probability `rate` in each row.

    The optimal mean squared error is noise ** 2 up to `delay` steps ahead; who knows the season but has forgotten the
    impulses has noise ** 2 + rate effect ** 2.

    Args:
        delay: rows from an impulse to its effect, 1 or more.
        season: rows of a wave.
        rate: probability of an impulse.
        effect: of an impulse of 1.
        noise: standard deviation of the white noise on top.
        series: number of series.
        rows: rows of each.
        seed: of the random numbers.

    Raises:
        SettingsError: numbers below 1, or a rate that is no probability.

    Example:
        >>> panel = delayed_impulse(delay=3, rate=0.5, noise=0.0, rows=50)
        >>> away = panel.values[:, 0] - np.sin(2 * np.pi * np.arange(50) / 24)
        >>> bool(np.allclose(away[3:], 2 * panel.values[:-3, 1]))
        True
    """
    _positive(delay=delay, season=season, series=series, rows=rows)
    if not 0 <= rate <= 1:
        raise SettingsError(f"rate={rate} is a probability")
    random = np.random.default_rng(seed)
    shape = (series, rows + delay)
    impulse = np.where(random.random(shape) < rate, random.normal(size=shape), 0.0)
    wave = np.sin(2 * np.pi * np.arange(rows) / season)
    values = wave + effect * impulse[:, :rows] + random.normal(0, noise, (series, rows))
    return panel_of(values, impulse[:, delay:, None], 0.0, "h", random)


def _joined(rows: np.ndarray, random: np.random.Generator, last: int | None = None) -> Panel:
    """A panel of blocks [series, block, row, channel] one after the other, the target first."""
    table = rows.reshape(len(rows), -1, rows.shape[3])[:, :last]
    return panel_of(table[..., 0], table[..., 1:], 0.0, "h", random)


def _positive(**numbers: int) -> None:
    wrong = [f"{name}={value}" for name, value in numbers.items() if value < 1]
    if wrong:
        raise SettingsError(f"{', '.join(wrong)}: 1 or more")
