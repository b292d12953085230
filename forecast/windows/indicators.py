"""Indicators: codes of categories as columns of 0 and 1, for regressors that read numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from forecast.data.categories import sizes
from forecast.data.scale import Scale
from forecast.data.schema import Layout, Schema
from forecast.windows.gather import Rows


def one_hot(rows: Rows, schema: Schema, scale: Scale) -> Rows:
    """The rows with a column of 0 and 1 for each category of a covariate in the place of its codes; none for unknown.

    Args:
        schema: of the panel they are of.
        scale: theirs.
    """
    counts = sizes(schema, scale.categories)
    if not counts:
        return rows
    layout = rows.layout
    groups = [range(layout.targets), range(layout.targets, layout.targets + layout.past)]
    groups += [range(groups[1].stop, layout.channels)]
    wide = [[_indicators(rows.values[:, i], 0 if i < layout.targets else counts[i]) for i in group] for group in groups]
    static = [_indicators(rows.static[:, i], counts[layout.channels + i]) for i in range(layout.static)]
    parts = [part for group in wide for part in group]
    seen = rows.seen
    if seen is not None:
        seen = torch.cat([seen[:, [i]].expand(-1, part.shape[1]) for i, part in enumerate(parts)], dim=1)
    widths = [sum(part.shape[1] for part in group) for group in [*wide, static]]
    return Rows(torch.cat(parts, dim=1), seen, torch.cat(static, dim=1) if static else rows.static, Layout(*widths))


def _indicators(column: Tensor, categories: int) -> Tensor:
    if not categories:
        return column[:, None]
    return (column[:, None] == torch.arange(1, categories + 1)).to(column.dtype)
