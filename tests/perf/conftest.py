import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def frozen_heap() -> Iterator[None]:
    """Spares the collection with which sampling begins the objects of torch and pytest: 0.1 s, in every repeat."""
    gc.freeze()
    yield
    gc.unfreeze()
