"""The folder that a run goes to unless told otherwise."""

from emma_eval.runs.settings import ErrorLimit, default_folder
from tests.fakes import pope_settings


def test_only_what_decides_the_answers_decides_the_folder(data):
    base = default_folder(pope_settings(data))
    assert base.name.startswith("fake-pope-")
    assert base.parent.parts[-2:] == ("results", "runs")
    assert default_folder(pope_settings(data, batch_size=3, retry_failed=True, max_errors=ErrorLimit(1))) == base
    assert default_folder(pope_settings(data, limit=3)) != base
    assert default_folder(pope_settings(data, protocols={"pope": "other"})) != base
