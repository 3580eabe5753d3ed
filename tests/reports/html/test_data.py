"""The data in the page: JSON that can't leave its script, which samples are shown, where chunks go."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emma_eval.data.run_samples import RunSamples, find_run_samples
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageBytes
from emma_eval.reports.html import parts
from emma_eval.reports.html.browser import SampleBrowser, ShownSample, captioned, evenly
from emma_eval.reports.html.panels import category_panels, full_ranges, profiles, score_panels
from emma_eval.reports.html.report import write_report
from emma_eval.reports.html.run_loader import FinishedRun, read_runs, statistics_by_run
from emma_eval.reports.html.safe_embed import content_policy, embedded_json
from emma_eval.reports.html.thumbnails import thumbnail, thumbnails
from emma_eval.types import Sample
from tests.reports.html.fake_runs import ATTACKS, COUNT, write_gqa


@given(st.text() | st.sampled_from(ATTACKS))
def test_embedded_json_is_the_same_json_without_a_dangerous_character(text):
    embedded = str(embedded_json([text]))
    assert json.loads(embedded) == [text]
    assert not set("<>&\u2028\u2029") & set(embedded)


def test_the_policy_names_scripts_by_their_hash():
    policy = content_policy(["alert(1)"], ["p {}"])
    # echo -n 'alert(1)' | openssl dgst -sha256 -binary | base64
    assert "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=' 'strict-dynamic'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def benchmark_samples(runs: list[FinishedRun], name: str, data: Path) -> RunSamples:
    return find_run_samples([run.manifest for run in runs], name, data)


def test_samples_are_chosen_at_even_distances():
    assert evenly(list("abcdefgh"), 4) == list("aceg")
    assert evenly(list("abc"), 2) == list("ab")
    assert evenly(list("abc"), 5) == list("abc")


def test_an_image_that_all_runs_showed_is_there_once():
    """One that some runs alone showed names them; a run without the sample showed nothing."""
    sharp, blurred = ImageBytes("sharp", bytes), ImageBytes("blurred", bytes)
    assert captioned({"A": [sharp], "B": [sharp], "C": None}) == ((sharp, ""),)
    assert captioned({"A": [sharp, blurred], "B": [sharp]}) == ((sharp, ""), (blurred, "A"))
    assert captioned({"A": [sharp, sharp]}) == ((sharp, ""), (sharp, ""))


@pytest.mark.parametrize(
    ("answers", "options", "words"),
    [
        (("red",), (), "red"),
        (("B",), ("top", "bottom"), "B. bottom"),
        (("yes",) * 7 + ("no",) * 3, (), "yes (7 of 10), no (3 of 10)"),
        ((), (), ""),
    ],
)
def test_a_reference_is_shown_once(answers, options, words):
    assert ShownSample("1", Sample("1", "", references=answers, options=options), (), ()).reference == words


def test_a_number_of_samples_all_or_none_are_shown(runs, data, tmp_path):
    def index(limit):
        text = write_report(runs[:1], tmp_path, data=data, limit=limit).read_text(encoding="utf-8")
        start = text.find('id="index">')
        return None if start < 0 else json.loads(text[start + 11 : text.index("</script>", start)])

    assert len(index("all")["id"]) == COUNT
    assert index(3)["id"] == ["0", "16", "32"]
    assert index(3)["tasks"][0]["samples"] == COUNT
    assert index("none") is None


def embedded(page: Path, name: str) -> object:
    text = page.read_text(encoding="utf-8")
    start = text.index(f'id="{name}">') + len(name) + 6
    return json.loads(text[start : text.index("</script>", start)])


def test_many_samples_lie_in_files_beside_the_page_and_old_files_go(runs, data, tmp_path, monkeypatch):
    folder = tmp_path / parts.FILES
    folder.mkdir()
    for old in ("7.js", "chunk-7.js", "image-7.js", "notes.txt"):
        (folder / old).write_text("old")
    monkeypatch.setattr(parts, "MAX_EMBEDDED", 100)
    page = write_report(runs, tmp_path, data=data)
    assert sorted(path.name for path in folder.iterdir()) == ["chunk-0.js", "notes.txt"]
    content = (folder / "chunk-0.js").read_text(encoding="utf-8")
    assert content.startswith('reportFile("chunk-0",{')
    assert 'id="chunk-0"' not in page.read_text(encoding="utf-8")
    assert (embedded(page, "index")["beside"], embedded(page, "index")["full_images"]) == (True, "none")


def test_images_are_embedded_as_they_are_where_they_fit(runs, data, tmp_path):
    page = write_report(runs, tmp_path, data=data)
    own = (data / "gqa" / "data" / "images" / "n3.jpg").read_bytes()
    assert embedded(page, "image-3") == "data:image/jpeg;base64," + base64.b64encode(own).decode()
    assert not (tmp_path / parts.FILES).exists()


def test_images_beside_the_page_if_asked_for(runs, data, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MAX_EMBEDDED", 30_000)  # room for the chunk, not for the images
    without = write_report(runs, tmp_path, data=data)
    assert (embedded(without, "index")["beside"], embedded(without, "index")["full_images"]) == (False, "none")
    page = write_report(runs, tmp_path, data=data, keep_images=True)
    assert embedded(page, "index")["full_images"] == "beside"
    files = sorted(path.name for path in (tmp_path / parts.FILES).iterdir())
    assert files == sorted(f"image-{number}.js" for number in range(COUNT // 4))


def test_a_chunk_holds_shared_texts_and_images_once(runs, data):
    from emma_eval.reports.html.run_loader import load_task_results

    read = read_runs(runs)
    browser = SampleBrowser(("alpha", "beta"), "all")
    records = load_task_results(read, "gqa")
    found = benchmark_samples(read, "gqa", data)
    browser.add(records[0].scores, records, found.by_id, [found.samples] * 2)
    (chunk,) = browser.chunks()
    assert len(chunk["entries"]) == COUNT
    assert len(chunk["images"]) == COUNT // 4
    assert len(chunk["texts"]) == 2 * COUNT  # a prompt and an instruction each, the same for both runs


def test_data_that_are_not_the_runs_own_are_not_shown(runs, tmp_path):
    write_gqa(tmp_path, COUNT + 1)
    found = benchmark_samples(read_runs(runs), "gqa", tmp_path)
    assert not found.by_id
    assert found.problem == "the data found are not those that the answers were scored by"


def test_thumbnails_come_in_the_order_of_groups_and_images(tmp_path):
    from emma_eval.images.sources import ImageFile

    images = []
    for shade in range(30):
        Image.new("L", (8, 8), shade * 8).save(tmp_path / f"{shade}.png")
        images.append(ImageFile(tmp_path, f"{shade}.png"))
    groups = [images[:1], [], images[1:13], images[13:14], images[14:], [], images[:2]]
    assert list(thumbnails(groups)) == [[thumbnail(image) for image in group] for group in groups]


def test_an_image_that_cannot_be_opened_is_empty(tmp_path):
    from emma_eval.images.sources import ImageFile

    assert thumbnail(ImageFile(tmp_path, "gone.jpg")) == ""


def test_panels_hold_the_values_of_the_scores_file(runs):
    read = read_runs(runs)
    (scores,) = score_panels(read)
    assert [(row.label, row.marks[0].text) for row in scores.rows] == [("alpha", "83.3"), ("beta", "50.0")]
    groups = [panel.title for panel in category_panels(read)["GQA (test-dev balanced)"]]
    assert "structural type" in groups
    first, second = profiles(read, {"gqa": 100.0})
    assert [mark.name for mark in first.rows[0].marks] == ["alpha", "beta"]
    assert [mark.name for mark in second.rows[0].marks] == ["beta", "alpha"]


@pytest.mark.parametrize(
    "damage", ["", "[]", "{}", "[" * 99_999, '"value": "1"', '"value": NaN', '"status": "odd"', '"id": []', '"more": 1']
)
def test_a_damaged_list_of_samples_is_named_by_its_line(damage, runs, tmp_path):
    run = Path(shutil.copytree(runs[0], tmp_path / "run"))
    path = run / "samples" / "gqa.jsonl"
    first, *rest = path.read_text().splitlines()
    changed = json.dumps(json.loads(first) | json.loads(f"{{{damage}}}")) if damage.startswith('"') else damage
    path.write_text("\n".join([changed, *rest]))
    with pytest.raises(UserError, match=r"samples/gqa.jsonl, line 1 cannot be read .* writes it"):
        write_report([run], tmp_path / "out")


def test_a_task_that_cannot_be_compared_is_named_on_the_page(runs, tmp_path):
    """Nor has a scorer's task that does not say what each sample adds a place among the profiles."""
    run = Path(shutil.copytree(runs[1], tmp_path / "run"))
    path = run / "statistics" / "gqa.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metrics": []}))
    page = write_report([runs[0], run], tmp_path / "out").read_text()
    assert "beta is not compared with alpha: task gqa: its metric accuracy can&#39;t be compared" in page
    assert full_ranges(statistics_by_run(read_runs([run]))[0]) == {}


def test_a_folder_that_is_no_finished_run_is_a_mistake(tmp_path, runs):
    with pytest.raises(UserError, match="is not a run folder"):
        write_report([tmp_path], tmp_path / "out")
