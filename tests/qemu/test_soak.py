"""The soak of soak.py, for as long as a test can take.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conftest import Lan
from soak import soak

MINUTES = 2


@pytest.mark.long
def test_some_minutes_of_everything(make_lan: Callable[..., Lan]) -> None:
    soak(make_lan("breaker", capture=False), MINUTES, every_s=30, seed=1, failures=True)
