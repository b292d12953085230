"""Decoders as settings: how a network gets from the state at an origin to every step of the horizon."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from forecast.errors import SettingsError, did_you_mean
from forecast.nets.scaling import CAUSAL


@dataclass(frozen=True)
class Direct:
    """Every step of the horizon at once, by one linear map from the state at the origin."""


@dataclass(frozen=True)
class Sequence:
    """Sequence to sequence: a second cell takes one step for each step of the horizon (Sutskever et al. 2014).

    It starts from what a learned bridge makes of the state at the origin, and reads what is known ahead of each step
    (the cycles of the calendar too) and which step it is. Nothing is fed back, so errors do not add up. Past-only
    covariates are welcome.

    Args:
        attention: let every step look back at all states of the context (Luong et al. 2015); windows only.

    Example:
        >>> from forecast.forecasters.recurrent import Recurrent
        >>> from forecast.windows.window import Window
        >>> Recurrent(Window(24, 6), decoder=Sequence(attention=True)).architecture.decoder
        Sequence(attention=True)
    """

    attention: bool = False


@dataclass(frozen=True)
class Segments:
    """Segments in, segments out, as SegRNN: `length` steps of the context are one step of the cell.

    Each segment is embedded by a linear map with a rectifier; each segment of the horizon is decoded by one step of the
    same cell from the state at the origin, side by side, told apart by position (and channel). For windows. The
    original is a GRU with scaling="last" and skip=False.

    Args:
        length: steps of a segment; the context is a multiple of it.

    Source: Lin et al. 2023, "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting".

    Example:
        >>> from forecast.forecasters.recurrent import Recurrent
        >>> from forecast.windows.window import Window
        >>> segrnn = Recurrent(Window(336, 96), hidden_size=128, dropout=0.5, skip=False, decoder=Segments(24))
    """

    length: int = 24

    def __post_init__(self) -> None:
        if isinstance(self.length, bool) or not isinstance(self.length, int) or self.length < 1:
            raise SettingsError(f"length={self.length!r} of Segments: a whole number of steps, at least 1")


@dataclass(frozen=True)
class Recursive:
    """One step at a time: the network forecasts the next step, reads a value drawn from that, and goes on.

    The state at the origin is fanned out over `paths`, each of which lives through the horizon by itself, so that
    intervals widen as errors add up; the forecast is those joint paths. A point head has one path, its own value.
    Covariates that are known ahead (the cycles of the calendar too) enter at each step; past-only ones are refused.
    The horizon may be longer than the one that was trained.

    Args:
        paths: drawn for each origin; quantiles are measured on them.
        forcing: None trains the first step alone: of every window, or at every row of a stream. A number trains windows
            along the whole horizon, and is the probability of reading back the truth instead of what was drawn:
            1 is teacher forcing, less is scheduled sampling (Bengio et al. 2015), 0 is running free.
        seed: of the paths; the same origin of the same series always gets the same ones.

    Validation runs free, over the whole horizon, whatever training does.

    Example:
        >>> import numpy as np
        >>> from forecast.data.panel import Panel
        >>> from forecast.forecasters.recurrent import Recurrent
        >>> from forecast.nets.heads import Gaussian
        >>> from forecast.training.settings import Training
        >>> from forecast.windows.window import Window
        >>> days = np.arange("2024-01-01", "2024-06-01", dtype="M8[D]")
        >>> panel = Panel.from_arrays(np.sin(np.arange(len(days))), days)
        >>> model = Recurrent(
        ...     Window(12, 3), hidden_size=4, head=Gaussian(), decoder=Recursive(paths=20), training=Training(epochs=1)
        ... )
        >>> model.fit(panel).predict(panel, horizon=5).distribution.samples(8).shape
        (8, 1, 5, 1)
    """

    paths: int = 100
    forcing: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.paths, bool) or not isinstance(self.paths, int) or self.paths < 1:
            raise SettingsError(f"paths={self.paths!r} of Recursive: a whole number, at least 1")
        if self.forcing is not None and not 0 <= self.forcing <= 1:
            raise SettingsError(f"forcing={self.forcing!r} of Recursive: a probability from 0 to 1, or None")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise SettingsError(f"seed={self.seed!r} of Recursive: a whole number from 0 to {2**32 - 1}")


Decoder = Direct | Sequence | Segments | Recursive
KINDS: dict[str, type[Decoder]] = {
    "direct": Direct,
    "sequence": Sequence,
    "segments": Segments,
    "recursive": Recursive,
}


DIRECT = Direct()


def require_state(decoder: Decoder, cell: object, scaling: str) -> None:
    """Raise SettingsError for a decoder that the cell or the scaling has nothing for."""
    if not isinstance(decoder, Decoder):
        raise SettingsError(f"decoder={decoder!r}: Direct(), Sequence(), Segments(length) or Recursive()")
    if cell == "none" and isinstance(decoder, Sequence | Segments):
        raise SettingsError(f'cell="none" has no state for {decoder} to decode; take a cell, or Direct()')
    if isinstance(decoder, Recursive) and scaling not in CAUSAL:
        known = " or ".join(map(repr, CAUSAL))
        raise SettingsError(
            f"scaling={scaling!r} is that of one window, and a Recursive decoder reads on beyond its end; use {known}"
        )


def require_readable(decoder: Decoder, past: int, located: bool, head: str) -> None:
    """Raise SettingsError for a recursive decoder where nobody knows the rows that it would read back.

    Args:
        past: past-only covariates.
        located: whether the head says values.
        head: its name.
    """
    if isinstance(decoder, Recursive) and past:
        raise SettingsError(
            f"{past} past-only covariate(s): a Recursive decoder reads rows after the origin, where nobody knows them; "
            "declare them known ahead (future; cycles of the calendar: DataModule(ahead=True)), leave them out, or use "
            "decoder=Direct() or Sequence()"
        )
    if isinstance(decoder, Recursive) and not located:
        raise SettingsError(f"{head} says classes, and a Recursive decoder reads values back; use decoder=Direct()")


def require_rows(decoder: Decoder, gaps: bool) -> None:
    """Raise SettingsError where a recursive decoder would have to know which cells of rows to come are missing."""
    if isinstance(decoder, Recursive) and gaps:
        raise SettingsError(
            "gaps=True tells which cells are missing, and a Recursive decoder reads rows after the origin, where "
            "nobody knows that; leave gaps out, or use decoder=Direct() or Sequence()"
        )


def knows_ahead(decoder: Decoder) -> bool:
    """Whether the cycles of the calendar are read ahead of the origin, not only up to it."""
    return isinstance(decoder, Sequence | Recursive)


def require_stream(decoder: Decoder) -> None:
    """Raise SettingsError for a decoder that needs windows, where there is a stream."""
    remedy = "use Windowed(), or another decoder (Direct(), Sequence(), Recursive())"
    if isinstance(decoder, Segments):
        raise SettingsError(
            f"Segments reads {decoder.length} rows as one step of the cell, and a stream asks for a forecast at every "
            f"row, in the middle of a segment too; {remedy}"
        )
    if isinstance(decoder, Sequence) and decoder.attention:
        raise SettingsError(
            "attention=True looks back at every state of the context, and a stream carries the newest state alone; "
            f"{remedy} without attention"
        )
    if isinstance(decoder, Recursive) and decoder.forcing not in (None, 1.0):
        raise SettingsError(
            f"forcing={decoder.forcing} reads drawn values back in training, and a stream goes on with the rows that "
            "are there: it is taught at every row by the truth; leave forcing out, or use Windowed()"
        )


def require_horizon(decoder: Decoder, trained: int, asked: object) -> None:
    """Raise SettingsError unless a horizon can be forecast.

    Args:
        trained: steps the network was trained for.
        asked: steps that are wanted, as the user wrote them.
    """
    whole = isinstance(asked, int | np.integer) and not isinstance(asked, bool) and asked >= 1
    if isinstance(decoder, Recursive):
        if not whole:
            raise SettingsError(f"horizon={asked!r}: a whole number of steps, at least 1")
    elif not whole or asked > trained:  # type: ignore[operator]
        raise SettingsError(
            f"horizon={asked!r}: a whole number from 1 to {trained}, which the model was trained for; for more, take a "
            "longer window, or decoder=Recursive(), which goes on step by step"
        )


def to_table(decoder: Decoder) -> dict[str, Any]:
    """The decoder as plain values.

    Example:
        >>> to_table(Segments(48))
        {'kind': 'segments', 'length': 48}
    """
    kind = next(name for name, cls in KINDS.items() if type(decoder) is cls)
    return {"kind": kind, **asdict(decoder)}


def from_table(table: dict[str, Any]) -> Decoder:
    """The opposite of `to_table`; raises SettingsError for a kind that is not known."""
    settings = dict(table)
    kind = settings.pop("kind")
    if kind not in KINDS:
        raise SettingsError(f"no decoder {kind!r}{did_you_mean(str(kind), tuple(KINDS))}")
    return KINDS[kind](**settings)
