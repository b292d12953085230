"""Writing: files that are there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from forecast.errors import SettingsError


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all: a reader, or a crash, meets the old one or the new one.

    Raises:
        SettingsError: it cannot be written there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"{path.parent}: the model cannot be written here ({reason})") from error
