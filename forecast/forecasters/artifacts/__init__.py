"""Artifacts: fitted forecasters as folders that anybody may be given."""
