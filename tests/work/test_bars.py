"""Bars: one line where somebody looks, nothing where nobody does, no warning anywhere."""

import io
import os
import struct
import subprocess
import sys
from types import SimpleNamespace

import pytest

from forecast.evaluation.judging import Judging
from forecast.work import bars
from forecast.work.bars import bar, watched

FORM = "{desc} |{bar:24}| {n_fmt}"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)  # in the test itself: pytest takes stderr for itself before it
    return made


def notebook(monkeypatch) -> io.StringIO:
    """A kernel: its stderr is no terminal."""
    made = io.StringIO()
    monkeypatch.setattr(sys, "stderr", made)
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(bars, "find_spec", lambda name: None)  # no ipywidgets
    return made


def shown(stream: io.StringIO) -> list[str]:
    return [part for part in stream.getvalue().split("\r") if part.strip()]


def test_nothing_goes_into_a_pipe_or_a_file(monkeypatch):
    made = io.StringIO()
    monkeypatch.setattr(sys, "stderr", made)
    with bar(3, FORM) as line:
        line.update()
    assert not watched()
    assert made.getvalue() == ""


def test_a_terminal_gets_one_line_that_is_wiped_at_the_end(monkeypatch):
    seen = terminal(monkeypatch)
    with bar(3, FORM) as line:
        line.update(3)
        line.refresh()
    assert shown(seen)
    assert "\n" not in seen.getvalue()
    assert seen.getvalue().endswith(" \r")


def test_a_bar_that_was_not_asked_for_is_silent(monkeypatch):
    seen = terminal(monkeypatch)
    bar(3, FORM, show=False).close()
    assert seen.getvalue() == ""


def test_a_notebook_without_widgets_gets_text_and_a_second_bar_is_silent(monkeypatch):
    seen = notebook(monkeypatch)
    with bar(2, FORM) as first:
        with bar(5, FORM) as second:
            second.update(5)
        assert second.disable
        first.update(2)
        first.refresh()
    assert shown(seen)
    assert "\x1b" not in seen.getvalue()  # a notebook cannot move between lines
    assert "\n" not in seen.getvalue()
    with bar(1, FORM) as later:
        assert not later.disable


def test_stderr_that_is_not_there_is_nobody_looking(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert not watched()


def test_the_bar_of_a_backtest_counts_contestants_whatever_their_names(monkeypatch):
    seen = terminal(monkeypatch)
    with Judging({"a: b": 1, "c": 1}) as judging:
        for sentence in ("a: b: fitting", "a: b: predicting at 3 origins", "c: fitting"):
            judging.judge(sentence)
            judging.bar.refresh()
        assert judging.bar.n == 1
    assert any("1/2 a: b: fitting" in part for part in shown(seen))
    assert any("2/2 c: fitting" in part for part in shown(seen))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no terminals of this kind here")
def test_a_fit_in_a_terminal_shows_one_line_with_epoch_losses_and_time_and_leaves_none():
    import fcntl
    import pty
    import termios

    code = (
        "import numpy as np, warnings; import forecast as fc\n"
        "warnings.filterwarnings('ignore', category=FutureWarning)\n"
        "panel = fc.Panel.from_arrays(np.sin(np.arange(200.0)), np.arange(200).astype('M8[D]'))\n"
        "model = fc.Recurrent(fc.Window(8, 2), hidden_size=4, training=fc.Training(epochs=3))\n"
        "model.progress = True\n"
        "fc.backtest({'naive': fc.Naive(fc.Window(8, 2)), 'gru': model}, panel, 0.8, progress=True)\n"
        "model.fit(panel)"
    )
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    done = subprocess.Popen([sys.executable, "-c", code], stdout=other, stderr=other, close_fds=True)
    os.close(other)
    said = b""
    while True:
        try:
            part = os.read(main, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(main)
    assert done.wait() == 0, said.decode()
    text = said.decode()
    assert "epoch 3/3" in text
    assert "loss " in text
    assert "validation " in text
    assert "(best " in text
    assert "left" in text
    assert "2/2 gru: fitting" in text
    assert "Warning" not in text
    assert not text.rpartition("\r")[2].strip()  # nothing is left


def test_a_bar_that_nobody_sees_takes_no_lock_of_other_processes():
    """One that is killed would leave it behind, and Python would warn of it at the end of whoever started it."""
    code = (
        "import multiprocessing.synchronize as locks\n"
        "def refused(*parts, **more): raise AssertionError('a lock across processes')\n"
        "locks.SemLock.__init__ = refused\n"
        "from forecast.work.bars import bar\n"
        "with bar(3, '{desc}', show=False) as hidden: hidden.update(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
