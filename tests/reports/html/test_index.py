"""The index of a folder of runs: which are found, what stands in a row, and sorting in a real browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.reports.html.run_index import find_runs, index_rows, write_index
from tests.reports.html.fake_runs import ATTACKS, COUNT


def started(folder: Path, when: str, **changes: object) -> None:
    """Set when the run began, and other facts of its manifest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["sessions"][-1]["started"] = when
    path.write_text(json.dumps(manifest | changes))


@pytest.fixture
def many(runs, tmp_path) -> Path:
    """Three runs: beta of May, alpha of June in a folder of its own, one of July that was interrupted."""
    root = tmp_path / "all runs"
    for name, source, when in (("b", 1, "2026-05-01"), ("deep/a", 0, "2026-06-01"), ("c#1", 0, "2026-07-01")):
        shutil.copytree(runs[source], root / name)
        started(root / name, f"{when}T08:00:00+00:00")
    (root / "c#1" / "scores.json").unlink()
    manifest = json.loads((root / "c#1" / "manifest.json").read_text())
    manifest["sessions"][-1]["outcome"] = "interrupted"
    (root / "c#1" / "manifest.json").write_text(json.dumps(manifest))
    (root / ".hidden").mkdir()
    shutil.copy(root / "b" / "manifest.json", root / ".hidden")
    (root / "broken").mkdir()
    (root / "broken" / "manifest.json").write_text("{")
    return root


def test_runs_are_found_newest_first_and_what_is_broken_is_told(many):
    found, problems = find_runs(many)
    assert [run.folder.relative_to(many).as_posix() for run in found] == ["c#1", "deep/a", "b"]
    assert len(problems) == 1
    assert str(many / "broken" / "manifest.json") in problems[0]


def test_a_row_holds_what_scores_file_and_manifest_say(many):
    found, _ = find_runs(many)
    (stopped, alpha, beta), columns = index_rows(found, many)
    assert [column.title for column in columns] == ["GQA (test-dev balanced)"]
    assert (stopped.state, stopped.cells, stopped.failed) == ("interrupted", {}, None)
    assert (alpha.label, alpha.state, alpha.samples, alpha.failed) == ("alpha, a", "finished", COUNT, COUNT // 6)
    metric = json.loads((many / "b" / "scores.json").read_text())["tasks"][0]["metrics"][0]
    assert beta.cells[0].value == pytest.approx(metric["value"])
    assert beta.cells[0].text == f"{metric['value']:.1f}"
    assert stopped.link == "c%231/"


def test_links_are_relative_to_the_page_and_lead_to_a_runs_own_page(many, runs, tmp_path):
    (many / "b" / "report").mkdir()
    (many / "b" / "report" / "index.html").write_text("")
    page, number, _ = write_index(many, tmp_path / "elsewhere")
    assert number == 3
    text = page.read_text(encoding="utf-8")
    for link in ("../all%20runs/deep/a/", "../all%20runs/b/report/index.html"):
        assert f'href="{link}"' in text
        assert (page.parent / unquote(link)).exists()


def test_the_page_in_the_folder_itself_is_not_taken_for_a_runs_report(runs, tmp_path):
    folder = shutil.copytree(runs[0], tmp_path / "run")
    write_index(folder)
    page, _, _ = write_index(folder)
    assert 'href="./"' in page.read_text(encoding="utf-8")


def test_a_folder_without_runs_is_an_error(tmp_path, capsys):
    with pytest.raises(UserError, match="no run folder is below it"):
        write_index(tmp_path)
    assert main(["report", str(tmp_path / "gone"), "--index"]) == 2
    assert "gone: no such folder" in capsys.readouterr().err
    assert main(["report", str(tmp_path), str(tmp_path), "--index"]) == 2
    assert "--index takes one folder" in capsys.readouterr().err


def names(browser) -> list[str]:
    script = "return [...document.querySelectorAll('#runs tbody tr:not([hidden]) th')].map((th) => th.dataset.key)"
    return browser.execute_script(script)


def test_a_click_on_a_head_sorts_and_words_search(browser, many, capsys):
    assert main(["report", str(many), "--index"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{many / 'index.html'}\n"
    assert told.err == "3 runs; 1 folder could not be read, the page says why\n"
    browser.get((many / "index.html").as_uri())
    assert names(browser) == ["alpha, c#1", "alpha, a", "beta"]
    score = browser.find_element("css selector", "#runs th[data-column] button")
    score.click()
    assert names(browser) == ["alpha, a", "beta", "alpha, c#1"]  # one without a score is last
    score.click()
    assert names(browser) == ["beta", "alpha, a", "alpha, c#1"]
    browser.find_element("css selector", "#query").send_keys("alpha INTERRUPTED")
    assert names(browser) == ["alpha, c#1"]
    assert browser.find_element("id", "found").text == "1 of 3 runs"


def test_names_stay_text(browser, runs, tmp_path):
    for number, attack in enumerate(ATTACKS):
        folder = shutil.copytree(runs[0], tmp_path / str(number))
        started(folder, "2026-05-01T08:00:00+00:00", name=attack)
    page, _, _ = write_index(tmp_path)
    browser.get(page.as_uri())
    assert browser.execute_script("return window.attacked") is None
    assert browser.execute_script("return document.querySelectorAll('script, iframe, img').length") == 1
    assert len(names(browser)) == len(ATTACKS)
    assert {name.split(", ")[0] for name in names(browser)} >= {ATTACKS[0], ATTACKS[2]}
