"""Names of the package in running text are links: `fc.Window` needs no markup to lead to its reference entry."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

NAME = re.compile(r"fc\.(\w+)(?:[.(].*)?$", re.DOTALL)


class LinkedNames(SphinxTransform):
    """Wraps literals such as `fc.Window(24, 6)` in a reference to `forecast.Window`."""

    default_priority = 400

    def apply(self) -> None:
        """Look at every literal that is no link yet."""
        import forecast

        for literal in list(self.document.findall(nodes.literal)):
            found = NAME.match(literal.astext())
            if not found or found[1] not in forecast.__all__ or isinstance(literal.parent, nodes.reference):
                continue
            reference = addnodes.pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=f"forecast.{found[1]}",
                refdoc=self.env.docname,
                refexplicit=True,
                refwarn=True,
            )
            literal.replace_self(reference)
            reference += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(LinkedNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
