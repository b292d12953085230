"""Fixtures of the networks' tests."""

import jaxtyping
import pytest


@pytest.fixture
def unchecked_annotations():
    """Users run without the annotation hook of our tests; it would speak before our own message."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
