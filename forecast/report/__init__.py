"""Report: the files of a run folder as one page that explains itself. Nobody else knows plotly."""
