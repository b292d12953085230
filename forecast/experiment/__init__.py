"""An experiment is a value: data, window, split and contestants, written as a TOML file or as flags."""
