"""Targets of --log: what is said of a wrong one before any work is done."""

import sys

import pytest

from emma_eval import registry
from emma_eval.errors import MissingToolError, UserError, without_secrets
from emma_eval.loggers.base import import_package, open_targets
from tests.notebook import open_notebook


@pytest.fixture(autouse=True)
def _notebook(monkeypatch):
    monkeypatch.setitem(registry.SHIPPED["loggers"], "notebook", "tests.notebook:open_notebook")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("notebok:x", "--log notebok:x: no logs are known as 'notebok'; did you mean 'notebook'?"),
        ("notebook", "--log notebook: notebook:NAME is expected"),
        ("notebook: ", "--log notebook: : notebook:NAME is expected"),
        ("notebook:torn", "--log notebook:torn: the notebook is torn; take another"),
    ],
)
def test_a_wrong_target_is_named(text, message):
    with pytest.raises(UserError) as error:
        open_targets([text])
    assert str(error.value) == message


def test_what_a_package_raises_is_one_line_without_secrets(monkeypatch):
    def refuse(name):
        raise RuntimeError("no answer from https://me:secret@host/api\nand more")

    monkeypatch.setattr("tests.notebook.open_notebook", refuse)
    with pytest.raises(UserError, match=r"^--to notebook:x: .*https://host/api") as error:
        open_targets(["notebook:x"], "--to")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_target_given_twice_is_one():
    assert [target.text for target in open_targets(["notebook:a", "notebook:b", "notebook:a"])] == [
        "notebook:a",
        "notebook:b",
    ]
    assert open_targets(["notebook:a"])[0].logger is open_notebook("a")


def test_the_name_may_hold_colons():
    assert open_targets(["notebook:a:b"])[0].logger is open_notebook("a:b")


class TestAPackage:
    def test_that_is_missing_is_named_with_the_command_that_installs_it(self):
        with pytest.raises(MissingToolError, match=r"not installed: pip install 'emma-eval\[no_such_package\]'"):
            import_package("no_such_package")

    def test_is_missing_where_there_is_only_a_folder_of_its_name(self, tmp_path, monkeypatch):
        (tmp_path / "hollow").mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(MissingToolError, match="the package hollow is not installed"):
            import_package("hollow")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (
                "raise TypeError('descriptors cannot be created')",
                r"cannot be imported \(TypeError: descriptors cannot be created\)",
            ),
            ("import no_such_package", r"brittle cannot be imported .*no_such_package"),
        ],
        ids=["fails as it is imported", "needs a missing one"],
    )
    def test_that_cannot_be_imported_is_told_from_a_missing_one(self, tmp_path, monkeypatch, content, reason):
        (tmp_path / "brittle.py").write_text(content)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "brittle", raising=False)
        with pytest.raises(MissingToolError, match=reason):
            import_package("brittle")

    def test_that_is_there_is_given(self):
        assert import_package("json") is sys.modules["json"]


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://me:secret@host:80/a", "https://host:80/a"),
        ("postgresql+psycopg2://me:p@ss@host/db", "postgresql+psycopg2://host/db"),
        ("sqlite:////work/mlflow.db", "sqlite:////work/mlflow.db"),
        ("GET http://u:p@h/x failed, http://h2/y too", "GET http://h/x failed, http://h2/y too"),
        ("mail me@host", "mail me@host"),
    ],
)
def test_addresses_lose_user_and_password(address, clean):
    assert without_secrets(address) == clean
