"""The leaderboard as a table of text or HTML, with a caption that says what every number means."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from forecast.data.markup import block, counted, notes, significant, table
from forecast.evaluation.ranked import CATEGORIES, NUMBERS, ranked_by
from forecast.evaluation.scores import Terms

# What a narrow terminal does without, first to go first.
LEAST_NEEDED = (
    *("rmsse", "parameters", "bias", "predict_ms", "rmse", "smape"),
    *(
        "mase",
        "coverage_90",
        "direction",
        "fit_seconds",
        "crps",
        NUMBERS.relative,
        CATEGORIES.relative,
        "brier",
        "dm_p",
        "accuracy",
    ),
)
GAP = 2
DESCRIBED = {
    "crps": "crps: continuous ranked probability score, unit of the target",
    "pinball": "pinball: mean over the levels, unit of the target",
    "wql": "wql: weighted quantile loss",
    "log_score": "log_score: negative log-likelihood",
    "balanced_accuracy": "balanced_accuracy: share of right classes, every class weighing the same",
    "brier": "brier: squared distance of the probabilities of classes and what happened",
    "log_loss": "log_loss: negative log probability of what happened",
}
IN_UNITS = ("crps", "pinball")  # of the target
SHOWN = 4  # contestants whose series are counted in the caption


class Board(Protocol):
    """What a table is made of; see `forecast.evaluation.leaderboard.Leaderboard`."""

    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def baseline(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def terms(self) -> Terms: ...
    @property
    def counts(self) -> pd.DataFrame | None: ...
    @property
    def failed(self) -> Mapping[str, str]: ...
    @property
    def untested(self) -> str: ...
    @property
    def targets(self) -> tuple[str, ...]: ...


def as_text(board: Board, width: int) -> str:
    """Verdict, table and caption, no line longer than `width` (but at least 40) columns."""
    width = max(width, 40)
    columns, dropped = _fit(cells(board.frame, board.baseline), width)
    lines = [_wrap(_sentence(board.verdict), width), "", *_lines(columns), ""]
    lines += [_wrap(note, width) for note in caption(board)]
    if dropped:
        lines.append(_wrap(f"Left out at this width: {', '.join(dropped)}.", width))
    return "\n".join(lines)


def as_html(board: Board) -> str:
    """Verdict, table and caption for a notebook."""
    columns = cells(board.frame, board.baseline)
    shown = table(tuple(columns), zip(*columns.values(), strict=True))
    return block(_sentence(board.verdict), shown, notes(caption(board)))


def caption(board: Board) -> list[str]:
    """What was judged and what each column means, one sentence or two per item."""
    terms, base, ranked = board.terms, board.baseline, ranked_by(board.frame)
    several = f", {len(board.targets)} targets" if len(board.targets) > 1 else f" of {board.targets[0]}"
    every = "every row" if terms.stride == 1 else f"every {terms.stride} rows"
    lines = [
        f"{counted(terms.judged, 'series', 'series')}{several}, {counted(terms.origins, 'origin')} ({every}), "
        f"{counted(terms.horizon, 'step')} ahead, {_date(terms.since)} to {_date(terms.until)}.",
        *(_of_values(board) if ranked is NUMBERS else _of_categories(board)),
        f"skill: 1 - {ranked.name} / {ranked.name} of the baseline, {base}. dm_p: Diebold-Mariano test against it "
        f"({ranked.several}, Harvey's correction, Holm over contestants).",
    ]
    return lines + _beyond_points(board) + _exceptions(board)


def _of_categories(board: Board) -> list[str]:
    return [
        "error_rate: share of steps where another category happened than the most probable one, over all origins, "
        "steps and series. rel_error_rate: error_rate / error_rate of repeating the last category "
        f"({_share(board.terms.naive_error)}).",
    ]


def _of_values(board: Board) -> list[str]:
    """What the columns of numbers mean."""
    terms = board.terms
    scale = "the row before" if terms.season == 1 else f"{terms.season} rows before"
    return [
        "mae, rmse, bias (forecast minus actual): unit of the target, over all origins, steps"
        f"{', targets (each in its own unit)' if len(board.targets) > 1 else ''} and series.",
        "smape: 200 |actual - forecast| / (|actual| + |forecast|), percent, as in M4. mase, rmsse: scaled by the "
        f"training rows' change from {scale}. These three are means over series.",
        f"relmae: mae / mae of repeating the last value ({significant(terms.naive_error)}). direction: share of steps "
        f"on the right side of the last value; always saying the more frequent one has {_share(terms.majority)}.",
    ]


def _beyond_points(board: Board) -> list[str]:
    """What the columns of distributions mean, where there are any."""
    shown = [DESCRIBED[name] for name in board.frame.columns if name in DESCRIBED]
    others = [name for name in board.frame.columns if name.startswith("coverage_")]
    shown += [f"{name}: share of actuals in the central {name.removeprefix('coverage_')} % interval" for name in others]
    notes = [f"{'; '.join(shown)}. A dash: the forecast does not say."] if shown else []
    endless = [str(name) for name in DESCRIBED if name in board.frame and np.isposinf(board.frame[name]).any()]
    if endless:
        notes.append(
            f"inf ({', '.join(endless)}): the distribution has no finite score, as the exponential of Student's t, "
            "which has no mean, or an outcome that it held impossible; coverage and wql compare nevertheless."
        )
    return notes


def _exceptions(board: Board) -> list[str]:
    notes = []
    if board.untested:
        notes.append(f"No tests: {board.untested}.")
    if board.terms.unscaled and "mase" in board.frame:
        number = counted(board.terms.unscaled, "series", "series")
        notes.append(f"mase and rmsse leave out {number}: no change in the training rows to scale by.")
    relative = board.frame[ranked_by(board.frame).relative]
    worse = [str(model) for model in board.frame["model"][relative > 1.02]]
    if worse:
        notes.append(f"Worse than repeating {ranked_by(board.frame).last}: {', '.join(worse)}.")
    if board.counts is not None and not board.untested:
        notes.append(_series_note(board, board.counts))
    return notes + [f"Failed: {name}: {reason}" for name, reason in board.failed.items()]


def _series_note(board: Board, counts: pd.DataFrame) -> str:
    rows = {row.model: f"{row.model} {row.better}/{row.worse}/{row.undecided}" for row in counts.itertuples()}
    others = [rows[model] for model in board.frame["model"] if model in rows]
    shown = ", ".join(others[:SHOWN]) + (" and others" if len(others) > SHOWN else "")
    rule = f"{board.baseline} (Holm over contestants and series)"
    return f"Series better/worse/undecided against {rule}: {shown}."


def cells(frame: pd.DataFrame, baseline: str) -> dict[str, list[str]]:
    """The columns of a leaderboard as texts, each with as many digits as it deserves."""
    names = [f"{model} (baseline)" if model == baseline else str(model) for model in frame["model"]]
    smallest = frame[ranked_by(frame).name][frame[ranked_by(frame).name] > 0].min()
    decimals = 0 if math.isnan(smallest) else max(0, 3 - math.floor(math.log10(smallest)))
    own: Callable[[float], str] = significant if decimals > 8 else lambda x: f"{x:,.{decimals}f}"
    formats: dict[str, Callable[[float], str]] = {
        **dict.fromkeys(("mae", "rmse", "bias"), own),
        "smape": lambda x: f"{x:.2f}",
        "parameters": lambda x: f"{x:,.0f}",
        **dict.fromkeys(("mase", "rmsse", NUMBERS.relative, CATEGORIES.relative), lambda x: f"{x:.3f}"),
        **dict.fromkeys(("direction", "skill", "error_rate"), _share),
        "dm_p": lambda x: "<0.001" if x < 0.001 else f"{x:.3f}",
        "fit_seconds": lambda x: "<0.01" if x < 0.01 else significant(x),
        "predict_ms": lambda x: "<0.001" if x < 0.001 else significant(x),
    }
    formats |= {name: own if name in IN_UNITS else _figure(name) for name in frame.columns[1:] if name not in formats}
    rest = {name: ["-" if np.isnan(x) else formats[name](x) for x in frame[name]] for name in formats if name in frame}
    return {"model": names} | {name: rest[name] for name in frame.columns if name != "model"}


def _fit(cells: dict[str, list[str]], width: int) -> tuple[dict[str, list[str]], list[str]]:
    cells, dropped = dict(cells), []
    asked = [name for name in cells if name not in {*LEAST_NEEDED, NUMBERS.name, CATEGORIES.name, "model", "skill"}]
    for name in (*reversed(asked), *(name for name in LEAST_NEEDED if name in cells)):
        if _width(cells) <= width:
            break
        dropped.append(name)
        del cells[name]
    room = width - (_width(cells) - max(map(len, cells["model"])))
    if _width(cells) > width:
        cells["model"] = [name if len(name) <= room else f"{name[: room - 1]}…" for name in cells["model"]]
    return cells, dropped


def _width(cells: dict[str, list[str]]) -> int:
    return sum(max(map(len, [name, *column])) for name, column in cells.items()) + GAP * (len(cells) - 1)


def _lines(cells: dict[str, list[str]]) -> list[str]:
    columns = []
    for name, column in cells.items():
        size = max(map(len, [name, *column]))
        align = "<" if name == "model" else ">"
        columns.append([f"{cell:{align}{size}}" for cell in (name, "-" * size, *column)])
    return [(" " * GAP).join(row).rstrip() for row in zip(*columns, strict=True)]


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text.startswith("nothing") else f"{text}."


def _share(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}%"


def _figure(name: str) -> Callable[[float], str]:
    if name.startswith("coverage_") or name in ("accuracy", "balanced_accuracy"):
        return _share
    return significant


def _date(time: np.datetime64) -> str:
    stamp = pd.Timestamp(time)
    return str(stamp.date()) if stamp == stamp.normalize() else stamp.strftime("%Y-%m-%d %H:%M")
