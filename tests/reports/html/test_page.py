"""The page in a real browser: light and dark, phones, print, offline, and hostile text that stays text."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from emma_eval.reports.html.report import write_report
from tests.reports.html.chromium import prefer, set_width
from tests.reports.html.fake_runs import ATTACKS, write_gqa, write_run

SECTIONS = ("leaderboard", "scores", "models", "categories", "answers", "samples", "failures", "manifests")


def background(browser) -> list[int]:
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]


def test_every_section_is_there_and_the_navigation_leads_to_it(browser, page):
    browser.get(page.as_uri())
    links = browser.execute_script("return [...document.querySelectorAll('header nav a')].map((a) => a.hash.slice(1))")
    assert links == list(SECTIONS)
    for name in SECTIONS:
        assert browser.find_element("id", name).text


def test_scores_and_intervals_are_those_of_the_run(browser, page, runs):
    browser.get(page.as_uri())
    accuracy = json.loads((runs[0] / "scores.json").read_text())["tasks"][0]["metrics"][0]
    text = f"{accuracy['value']:.1f} [{accuracy['interval']['low']:.1f}, {accuracy['interval']['high']:.1f}]"
    assert text in browser.find_element("css selector", "#scores .card svg").get_attribute("textContent")


def test_the_confusion_table_counts_answers_by_reference(browser, page):
    browser.get(page.as_uri())
    table = browser.find_element("css selector", "#answers .confusion")
    rows = [
        [cell.text for cell in row.find_elements("css selector", "th, td")]
        for row in table.find_elements("css selector", "tr")
    ]
    # Of 48 questions 12 are true and 12 false; every sixth fails, which of these meets only odd ones: false.
    assert rows == [
        ["reference", "yes", "no", "other", "no answer"],
        ["yes", "12", "0", "0", "0"],
        ["no", "0", "8", "0", "4"],
    ]


def test_nothing_is_loaded_from_anywhere(browser, page):
    browser.get(page.as_uri())
    time.sleep(0.5)
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert "http" not in page.read_text(encoding="utf-8").split("<main")[0].replace("http-equiv", "")


def test_light_and_dark_follow_the_system_until_told_otherwise(browser, page):
    prefer(browser, "light")
    browser.get(page.as_uri())
    assert min(background(browser)) > 200
    prefer(browser, "dark")
    assert max(background(browser)) < 60
    button = browser.find_element("id", "theme")
    button.send_keys("\n")  # auto -> light
    assert button.text == "Theme: light"
    assert min(background(browser)) > 200
    prefer(browser, "light")
    button.click()
    assert button.text == "Theme: dark"
    assert max(background(browser)) < 60
    button.click()
    assert min(background(browser)) > 200


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_needs_no_sideways_scrolling(browser, page, width):
    set_width(browser, width, 700)
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") == width


def test_paper_is_white_and_without_controls(browser, page):
    browser.get(page.as_uri())
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element("tag name", "header").is_displayed()
    assert not browser.find_element("id", "filters").is_displayed()
    assert browser.find_element("id", "scores").is_displayed()
    assert background(browser) == [255, 255, 255]
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(31, 36, 48)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_what_models_and_data_wrote_stays_text(browser, tmp_path: Path):
    def attack(number: int) -> str:
        return ATTACKS[number % len(ATTACKS)]

    write_gqa(tmp_path / "data", 16, question=attack, category=attack)
    runs = [
        write_run(tmp_path / "data", tmp_path / name, ATTACKS[place] + name, attack)
        for place, name in enumerate(("one", "two"))
    ]
    for run in runs:
        path = run / "scores.json"
        scores = json.loads(path.read_text(encoding="utf-8"))
        scores["tasks"][0] |= {"title": "".join(ATTACKS), "notes": list(ATTACKS)}
        path.write_text(json.dumps(scores), encoding="utf-8")
    page = write_report(runs, tmp_path / "report", data=tmp_path / "data")

    browser.get(page.as_uri())
    for _ in range(2):
        browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
        time.sleep(0.5)
    assert browser.execute_script("return window.attacked") is None
    counts = (
        "return ['script', 'img[src=x]', 'iframe', 'svg[onload]', 'b'].map((s) => document.querySelectorAll(s).length)"
    )
    assert browser.execute_script(counts) == [
        7,
        0,
        0,
        0,
        1,
    ]  # index, chunk, four images, code; the word `bold` in the text
    cards = browser.find_elements("css selector", "article.sample")
    for number, card in enumerate(cards):
        shown = card.get_attribute("textContent")
        assert shown.count(attack(number)) >= 5  # question, category, two answers, prompts
    assert "".join(ATTACKS) in browser.find_element("css selector", "#scores figcaption").get_attribute("textContent")


def test_a_script_from_elsewhere_is_refused_by_the_policy(browser, page):
    browser.get(page.as_uri())
    browser.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.attacked = 1\">')"
    )
    time.sleep(0.3)
    assert browser.execute_script("return window.attacked") is None
    assert "Content Security Policy" in " ".join(entry["message"] for entry in browser.get_log("browser"))


def test_without_the_data_prompts_and_answers_are_still_there(browser, runs, tmp_path: Path):
    page = write_report(runs, tmp_path, data=None)
    browser.get(page.as_uri())
    assert (
        "No questions, references and images here: task gqa: data not found"
        in browser.find_element("id", "answers").text
    )
    card = browser.find_element("css selector", "article.sample")
    assert "What is shown at place 0?" in card.text
    assert "no image" in card.text
