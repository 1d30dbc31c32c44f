import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def frozen_heap() -> Iterator[None]:
    """Exclude the objects of torch and pytest from the garbage collection before sampling, which takes 0.1 s."""
    gc.freeze()
    yield
    gc.unfreeze()
