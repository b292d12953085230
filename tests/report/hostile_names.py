"""Names that would run in a page which took them for markup, or in a spreadsheet that took them for formulas."""

SERIES = ("<script>alert(1)</script>", "=2+3", "</script><img src=x onerror=alert(2)>")
TARGET = 'load <b onclick="x()">&amp; "rate"'
