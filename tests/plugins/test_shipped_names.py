"""Every name that the registry ships stands for something that can be imported."""

import pytest

from emma_eval.registry import SHIPPED, look_up


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in SHIPPED.items() for name in names])
def test_a_shipped_name_can_be_imported(kind, name):
    assert look_up(kind, name) is not None
