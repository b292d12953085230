"""Pictures leave alone whether figures are shown as they are made, whoever decides that, and when."""

from collections.abc import Iterator

import matplotlib as mpl
import pytest

from forecast.plotting.style import look


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = mpl.is_interactive()
    yield
    mpl.interactive(before)


@pytest.mark.parametrize("interactive", [True, False])
def test_a_picture_leaves_it_as_it_was(interactive: bool):
    mpl.interactive(interactive)
    with look():
        assert mpl.is_interactive() == interactive
    assert mpl.is_interactive() == interactive


def test_a_backend_that_is_loaded_by_the_first_picture_stays_interactive():
    mpl.interactive(False)
    size = mpl.rcParams["font.size"]
    with look():
        mpl.interactive(True)  # as the backend of notebooks does when it is loaded
    assert mpl.is_interactive()
    assert mpl.rcParams["font.size"] == size


def test_a_picture_that_fails_leaves_the_settings_too():
    mpl.interactive(True)
    size = mpl.rcParams["font.size"]
    with pytest.raises(ZeroDivisionError), look():
        _ = 1 / 0
    assert mpl.is_interactive()
    assert mpl.rcParams["font.size"] == size
