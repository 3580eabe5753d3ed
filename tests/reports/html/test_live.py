"""The page of `watch --serve` in a real browser."""

from __future__ import annotations

import json
import time

from emma_eval.runs.live_server import serving
from tests.reports.html.browsing import until
from tests.reports.html.fake_runs import ATTACKS, COUNT, write_gqa, write_run


def text(browser, id_: str) -> str:
    return browser.find_element("id", id_).get_attribute("textContent")


def test_answers_appear_as_they_come_and_scores_at_the_end(browser, runs, tmp_path):
    folder = tmp_path / "run"
    (folder / "responses").mkdir(parents=True)
    whole = (runs[0] / "responses" / "gqa.jsonl").read_text().splitlines(keepends=True)
    manifest = json.loads((runs[0] / "manifest.json").read_text())
    manifest["sessions"][-1]["outcome"] = "running"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    log = folder / "responses" / "gqa.jsonl"
    log.write_text("".join(whole[:10]))
    with serving(folder, 0) as address:
        browser.get(address)
        until(lambda: f"10 of {COUNT}" in text(browser, "tasks"))
        assert text(browser, "state").startswith("running")
        assert not browser.find_element("id", "scores").is_displayed()
        assert "the image is <b>broken</b>" in text(browser, "latest")
        log.write_text("".join(whole))
        manifest["sessions"][-1]["outcome"] = "finished"
        (folder / "manifest.json").write_text(json.dumps(manifest))
        (folder / "scores.json").write_text((runs[0] / "scores.json").read_text())
        until(lambda: browser.find_element("id", "scores").is_displayed())
        assert f"{COUNT} of {COUNT}" in text(browser, "tasks")
        assert "83.3" in text(browser, "scores")
        assert browser.title == "100% alpha"
    asked = browser.execute_script("return performance.getEntriesByType('resource').length")
    time.sleep(1.5)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == asked  # it has ended


def test_answers_stay_text(browser, tmp_path):
    write_gqa(tmp_path / "data", 16)
    run = write_run(tmp_path / "data", tmp_path / "run", ATTACKS[0], lambda number: ATTACKS[number % len(ATTACKS)])
    with serving(run, 0) as address:
        browser.get(address)
        until(lambda: ATTACKS[2] in text(browser, "latest"))
        assert text(browser, "model") == "script>"  # of a name the last part, as of a path
        assert browser.execute_script("return window.attacked") is None
        assert browser.execute_script("return document.querySelectorAll('script, iframe, img').length") == 1
