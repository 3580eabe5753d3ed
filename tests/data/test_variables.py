"""Variables of the environment about the hub, as docs/environment.md has them: what each moves, adds or forbids."""

import pytest

from tests.data.hub.hub_server import COMMIT

pytestmark = pytest.mark.slow  # each command imports `datasets`
SNAPSHOT = f"datasets--org--gqa/snapshots/{COMMIT}/main/part-0.parquet"
ARROW = f"org___gqa/main/0.0.0/{COMMIT}/gqa-dev.arrow"


@pytest.fixture
def show(command, tmp_path):
    """Shows a sample of a task whose data are on the hub alone."""
    (tmp_path / "root").mkdir()

    def run(*arguments, code=0, **variables):
        done = command("show", "my_gqa", "--sample", "1", *arguments, **variables)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


def test_hf_home_holds_the_snapshot_and_the_arrow_files_and_hf_token_is_sent(show, hub, tmp_path):
    shown = show(HF_HOME=tmp_path / "elsewhere", HF_TOKEN="hf_ours", HOME=tmp_path / "home")
    assert (tmp_path / "elsewhere" / "hub" / SNAPSHOT).exists()
    assert (tmp_path / "elsewhere" / "datasets" / ARROW).exists()
    assert not (tmp_path / "home").exists()
    assert "Bearer hf_ours" in hub.authorizations
    hub.log.clear()
    assert show(HF_HOME=tmp_path / "elsewhere", HF_DATASETS_OFFLINE="true") == shown
    assert hub.log == []  # read from there, and nothing asked


def test_both_caches_have_a_variable_of_their_own(show, tmp_path):
    show(HF_HUB_CACHE=tmp_path / "snapshots", HF_DATASETS_CACHE=tmp_path / "arrow", HF_HOME=tmp_path / "hf")
    assert (tmp_path / "snapshots" / SNAPSHOT).exists()
    assert (tmp_path / "arrow" / ARROW).exists()
    assert not list((tmp_path / "hf").rglob("*.parquet"))
    assert not list((tmp_path / "hf").rglob("*.arrow"))


def test_without_them_all_caches_are_below_xdg_cache_home(show, tmp_path):
    unset = dict.fromkeys(("HF_HOME", "EMMA_CACHE"))
    show(XDG_CACHE_HOME=tmp_path / "xdg", HOME=tmp_path / "home", **unset)
    assert (tmp_path / "xdg" / "huggingface" / "hub" / SNAPSHOT).exists()
    assert (tmp_path / "xdg" / "huggingface" / "datasets" / ARROW).exists()
    assert not (tmp_path / "home").exists()


def test_a_switch_of_data_sets_alone_is_named(show, hub):
    says = "cannot be had: HF_DATASETS_OFFLINE forbids the hub, and it is not in the cache on this machine"
    assert says in show(code=2, HF_DATASETS_OFFLINE="ON")
    assert hub.log == []


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_nothing_is_fetched_where_a_switch_is_on(variable, command, hub):
    fetched = command("data", "fetch", "my_gqa", **{variable: "1"})
    named = "--offline (or HF_HUB_OFFLINE)" if variable == "HF_HUB_OFFLINE" else variable
    assert fetched.stdout.startswith(f"my_gqa: PROBLEM: {named} forbids the hub, and this is not on this machine")
    assert fetched.returncode == 2
    assert hub.log == []
