"""What all contract tests say their findings with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def require(kept: bool | np.bool_ | Tensor, sentence: str) -> None:
    """Raise AssertionError with the sentence unless the promise was kept."""
    if not bool(kept):
        raise AssertionError(sentence)


def near(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether two tensors have one shape and differ by no more than the tolerance."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=tolerance)
