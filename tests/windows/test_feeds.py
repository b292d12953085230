"""In which order origins reach a network."""

import pytest

from forecast.errors import SettingsError
from forecast.windows.feeds import Windowed


def test_a_batch_holds_at_least_one_origin():
    with pytest.raises(SettingsError, match="batch_size=0"):
        Windowed(batch_size=0)
