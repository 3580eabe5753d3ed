"""What data files, lists of downloads and names say stays within its folder, links included."""

import json
import os
import stat
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from pydantic import ValidationError

from emma_eval.cli.main import main
from emma_eval.data.fetch import fetch
from emma_eval.data.hub.download import download
from emma_eval.data.hub.snapshot import HubFile, Split
from emma_eval.data.loading import load_samples
from emma_eval.data.readers.vqa_json import _coco_images
from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ImageFile
from emma_eval.reports.html.analysis_page import write_analysis_page
from emma_eval.reports.html.report import write_report
from emma_eval.results.model_analysis import AnalysisRecord, FigureRecord, SectionRecord
from emma_eval.tasks.index import extra_task_folders
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.sections import HubConfig
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import safe_relative_path, write_atomic
from tests.fakes import FakeEngine, FakeHandle, quiz_row, run_pope, write_pope, write_quiz

LEADING_OUT = (
    "../secret.png", "a/../../secret.png", "/etc/passwd", "..", "a/..", "..\\secret.png", "a\\..\\..\\secret.png",
    "C:\\secret.png", "C:secret.png", "c:/secret.png", "\\\\host\\share\\x.png", "//host/x.png", "a.png\0.txt", "\0",
    "", ".", "./", "file:///etc/passwd",
)  # fmt: skip


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_name_that_leads_out_of_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="leads out of its folder"):
        safe_relative_path(name)


@pytest.mark.parametrize("name", ["a.png", "a/b.png", "a..b.png", "..a.png", "a/...png", ".hidden", "a:b/c.png"[2:]])
def test_any_other_name_is_taken(name):
    assert safe_relative_path(name) == name


@pytest.mark.parametrize("name", [name for name in LEADING_OUT if name])
def test_a_row_of_a_data_file_cannot_name_an_image_elsewhere(tmp_path, name):
    write_quiz(tmp_path, [quiz_row(1, name)])
    with extra_task_folders([tmp_path / "tasks"]), pytest.raises(UserError, match=r"rows\.jsonl, row 1"):
        load_samples(load_task("quiz"), tmp_path / "data")


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_task_file_cannot_name_data_elsewhere(tmp_path, name):
    write_quiz(tmp_path, [quiz_row(1)])
    path = tmp_path / "tasks/quiz.yaml"
    path.write_text(path.read_text().replace("rows: rows.jsonl", f"rows: {json.dumps(name)}"))
    with extra_task_folders([tmp_path / "tasks"]), pytest.raises(UserError, match=r"quiz\.yaml"):
        load_task("quiz")


@pytest.mark.parametrize("subtype", ["x/../../../y", "..\\y", "/y", "a\0"])
def test_a_kind_of_vqas_images_is_no_path(tmp_path, subtype):
    with pytest.raises(UserError, match="is none of COCO's"):
        _coco_images(tmp_path / "q.json", tmp_path, subtype)


def test_a_percent_sign_in_it_is_one(tmp_path):
    assert _coco_images(tmp_path / "q.json", tmp_path, "%s%n")(7).name == "COCO_%s%n_000000000007.jpg"


@pytest.mark.parametrize("key", ["split", "config", "images"])
@pytest.mark.parametrize("name", ["../../x", "/x", "..\\x", "a\0b"])
def test_a_data_set_of_the_hub_names_no_file_elsewhere(key, name):
    """Its split and configuration are in the name of its list of files."""
    content = {"id": "a/b", "split": "test"} | {key: {"config": name, "key": "k"} if key == "images" else name}
    with pytest.raises(ValidationError, match=r"(?s)(config|split)\n.*a name without slashes is expected"):
        HubConfig.model_validate(content)


@pytest.mark.parametrize("path", LEADING_OUT)
def test_a_list_of_downloads_cannot_name_a_file_elsewhere(path):
    with pytest.raises(ValidationError):
        HubFile(path=path, size=1)


@pytest.mark.parametrize("link", ["img/b.png", "img/inner"])
def test_a_link_to_a_file_or_folder_elsewhere_is_not_followed(tmp_path, link):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.new("RGB", (2, 2)).save(elsewhere / "b.png")
    (tmp_path / "data/img").mkdir(parents=True)
    is_folder = link == "img/inner"
    (tmp_path / "data" / link).symlink_to(elsewhere if is_folder else elsewhere / "b.png")
    write_quiz(tmp_path, [quiz_row(1, "inner/b.png" if is_folder else "b.png")])
    with extra_task_folders([tmp_path / "tasks"]):
        (sample,) = load_samples(load_task("quiz"), tmp_path / "data")
    with pytest.raises(SampleError, match="a symbolic link leads out of the data root"):
        sample.images[0].open()


def test_a_folder_beside_the_root_whose_name_begins_alike_is_elsewhere(tmp_path):
    (tmp_path / "data2").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x").symlink_to(tmp_path / "data2")
    with pytest.raises(UserError, match="leads out of"):
        require_inside_folder(tmp_path / "data/x", tmp_path / "data")


@pytest.mark.parametrize("name", ["responses", "samples", "statistics"])
def test_a_folder_planted_in_a_run_as_a_link_is_not_written_through(tmp_path, name):
    write_pope(data := tmp_path / "data")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(elsewhere)
    with pytest.raises(UserError, match=f"{name}: a symbolic link leads out of"):
        run_pope(data, tmp_path / "run")
    assert not list(elsewhere.iterdir())


def test_a_folder_planted_beside_a_page_as_a_link_is_not_emptied_and_not_written_through(tmp_path):
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "chunk-0.js").write_text("precious")
    (tmp_path / "page").mkdir()
    (tmp_path / "page/report-samples").symlink_to(elsewhere)
    write_pope(data := tmp_path / "data")
    run_pope(data, tmp_path / "run")
    with pytest.raises(UserError, match="report-samples: a symbolic link leads out of"):
        write_report([tmp_path / "run"], tmp_path / "page", data=data)
    assert (elsewhere / "chunk-0.js").read_text() == "precious"


@pytest.mark.parametrize("link", ["hub", "hub/org", "hub/org/gqa", "hub/org/gqa/.splits"])
def test_nothing_is_fetched_through_a_link_out_of_the_data_root(tmp_path, link):
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (tmp_path / "root" / link).parent.mkdir(parents=True)
    (tmp_path / "root" / link).symlink_to(elsewhere)
    task = load_task("gqa").model_copy(update={"hub": HubConfig(id="org/gqa", split="test")})
    with pytest.raises(UserError, match="a symbolic link leads out of"):
        fetch(task, tmp_path / "root")
    assert not list(elsewhere.iterdir())


def test_files_are_made_with_the_users_own_permissions(tmp_path):
    before = os.umask(0o077)
    try:
        write_pope(tmp_path / "data")
        run_pope(tmp_path / "data", tmp_path / "run")
    finally:
        os.umask(before)
    made = [tmp_path / "run", *(tmp_path / "run").rglob("*")]
    assert len(made) > 8
    assert not [path for path in made if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]


def test_a_draft_is_beside_its_file_and_gone_afterwards(tmp_path, monkeypatch):
    """Never in /tmp, where others could guess its name; and the last step is a rename within the folder."""
    renamed = []
    replace_file = Path.replace

    def replaced(self, target):
        renamed.append((self.parent, Path(target).parent))
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", replaced)
    write_atomic(tmp_path / "x.json", "{}")
    assert renamed == [(tmp_path, tmp_path)]
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_planted_link_is_not_drawn_through(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from emma_eval.reports.figures import _save

    victim = tmp_path / "victim"
    victim.write_text("precious")
    for suffix in ("png", "svg", "pdf"):
        (tmp_path / f"overview.{suffix}").symlink_to(victim)
    _save(Figure(), tmp_path / "overview")
    assert victim.read_text() == "precious"
    assert (tmp_path / "overview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["x", "../../../../secret"])
def test_a_figure_of_an_analysis_is_not_taken_from_elsewhere(tmp_path, name):
    """A page has the figures in it, and is given to others."""
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    folder = tmp_path / "analysis"
    (folder / "figures/s-..").mkdir(parents=True)
    if name == "x":
        (folder / "figures/s-x.png").symlink_to(tmp_path / "secret.png")
    figure = FigureRecord(name=name, caption="")
    section = SectionRecord(key="s", title="S", sentences=(), limits=(), tables=(), arrays={}, figures=(figure,))
    words = dict.fromkeys(("model", "name", "summary", "dtype", "device"), "x")
    record = AnalysisRecord(**words, samples=None, seed=0, tasks=(), left_out={}, has_figures=True, sections=(section,))
    with pytest.raises(UserError, match="a symbolic link leads out of"):
        write_analysis_page(record, folder)


def test_a_download_that_does_not_end_is_broken_off(tmp_path, monkeypatch):
    """The hub tells a size; whoever answers in its place must not fill the disk."""

    class Endless(BytesIO):
        def read(self, size):
            return bytes(size)

    opened = {"open": lambda *_, **__: Endless()}
    monkeypatch.setattr("huggingface_hub.HfFileSystem", lambda: SimpleNamespace(**opened))
    monkeypatch.setattr("emma_eval.utils.hub._connection_error", lambda: None)
    file = HubFile(path="a.bin", size=10, sha256="0" * 64)
    split = Split(id="o/n", config=None, split="test", revision="0" * 40, builder="", features=None, files=(file,))
    with pytest.raises(UserError, match="came with another hash than the hub tells; it was deleted"):
        download(split, file, tmp_path, lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", "..", "x\0y", "C:x"])
def test_a_name_of_a_run_or_model_makes_no_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    write_pope(tmp_path / "data")
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(FakeEngine(), name))
    given = ["run", "--model", "fake", "--tasks", "pope", "--data", str(tmp_path / "data"), "--allow-partial"]
    before = {path for path in tmp_path.rglob("*") if "inner" not in path.parts}
    assert main([*given, "--name", name]) == (2 if "\0" in name else 0)
    if "\0" not in name:
        (run,) = (tmp_path / "inner/results/runs").iterdir()
        assert main(["baseline", str(run)]) == 0
    assert {path for path in tmp_path.rglob("*") if "inner" not in path.parts} == before


def test_an_image_source_does_not_trust_its_name_alone(tmp_path):
    """Readers check names; a link on the way is found when the file is opened."""
    source = ImageFile(tmp_path, "a.png")
    assert replace(source, name="b.png").path == tmp_path / "b.png"
    with pytest.raises(SampleError, match="no such image file"):
        source.open()
