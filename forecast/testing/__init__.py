"""Contract tests for your own cells, heads and forecasters; ours pass them too.

Call them in a test of your own. They raise AssertionError with a sentence that says which promise was broken.
"""

from forecast.testing.cells import check_cell
from forecast.testing.forecasters import Agreement, check_forecaster
from forecast.testing.heads import check_head
from forecast.testing.leaks import Leak, Leakage, leakage
from forecast.testing.panels import sample_panel

__all__ = ["Agreement", "Leak", "Leakage", "check_cell", "check_forecaster", "check_head", "leakage", "sample_panel"]
