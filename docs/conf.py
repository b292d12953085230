"""Sphinx settings of the documentation: `make docs` builds it, offline, with warnings as errors."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]  # the package of this checkout, whatever else is installed
os.environ.setdefault("FORECAST_MALLOPT", "0")  # a build is no training

from notebook_pages import bring  # noqa: E402 - after the path to it

project = "forecast"
author = "The forecast authors"
copyright = "The forecast authors, MIT licence"
try:
    release = metadata.version("forecast-recurrent")
except metadata.PackageNotFoundError:
    release = "unreleased"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "matplotlib.sphinxext.plot_directive",
    "generated_text",
    "linked_names",
]
bring(HERE / "gallery" / "notebooks")
exclude_patterns = ["_build", "_ext", "_static"]
suppress_warnings: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # notebooks are run by the tests, in reduced settings
nb_merge_streams = True
highlight_language = "text"
smartquotes_action = "D"  # dashes alone: quotation marks stay what people type

autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "py:obj"  # a name between single backticks in a docstring: a link where there is one
toc_object_entries_show_parents = "hide"

plot_formats = [("png", 120)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_rcparams = {"figure.autolayout": False}
plot_working_directory = str(HERE)

html_theme = "furo"
html_title = "forecast"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00598a", "color-brand-content": "#00598a"},
    "dark_css_variables": {"color-brand-primary": "#6cb8e6", "color-brand-content": "#6cb8e6"},
}
