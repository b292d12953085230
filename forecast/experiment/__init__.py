"""An experiment is a value: data, window, split and contestants, written as a TOML file or as flags."""

from forecast import sweeps as sweeps  # first: it keeps the import of Optuna quiet
