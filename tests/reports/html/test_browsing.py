"""The sample browser in a real browser: filters, search, comparison, keys; on two runs of 48 questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.html.browsing import choose, find, found, is_right, until
from tests.reports.html.fake_runs import COUNT, alpha, beta, category, question, reference

webdriver = pytest.importorskip("selenium.webdriver", reason="the package selenium is not installed")
Keys = webdriver.Keys
NUMBERS = range(COUNT)


def test_all_samples_are_there_on_pages_of_twenty(browser, page):
    browser.get(page.as_uri())
    assert len(browser.find_elements("css selector", "article.sample")) == 20
    assert find(browser, "#page").text == "1 of 3"
    assert found(browser) == list(NUMBERS)
    assert find(browser, "#found").text.startswith("48 of 48 samples · alpha: mean score 83.3%")


@pytest.mark.parametrize(
    ("outcome", "wanted"),
    [
        ("A right", [n for n in NUMBERS if is_right(alpha, n)]),
        ("A wrong", []),
        ("A failed or missing", [n for n in NUMBERS if alpha(n) is None]),
        ("A right, B wrong", [n for n in NUMBERS if is_right(alpha, n) and not is_right(beta, n)]),
        ("B right, A wrong", [n for n in NUMBERS if is_right(beta, n) and not is_right(alpha, n)]),
        ("both wrong", [n for n in NUMBERS if not is_right(beta, n) and not is_right(alpha, n)]),
    ],
)
def test_an_outcome_keeps_its_samples(browser, page, outcome, wanted):
    browser.get(page.as_uri())
    choose(browser, "outcome", outcome)
    assert found(browser) == wanted


def test_runs_can_change_places(browser, page):
    browser.get(page.as_uri())
    choose(browser, "run-a", "beta")
    choose(browser, "run-b", "alpha")
    choose(browser, "outcome", "A wrong")
    assert found(browser) == [n for n in NUMBERS if not is_right(beta, n)]


def test_a_category_belongs_to_its_task(browser, page):
    browser.get(page.as_uri())
    assert not find(browser, "#category").is_enabled()
    choose(browser, "task", "GQA (test-dev balanced)")
    choose(browser, "category", "query")
    assert found(browser) == [n for n in NUMBERS if category(n) == "query"]
    find(browser, "#filters button[type=reset]").click()
    until(lambda: find(browser, "#found").text.startswith("48 of 48"))


def test_search_looks_at_questions_references_and_answers(browser, page):
    browser.get(page.as_uri())
    for typed, wanted in (
        ("PLACE 17?", [17]),
        ("green", [n for n in NUMBERS if beta(n) == "green"]),
        ("blue place", [n for n in NUMBERS if reference(n) == "blue"]),
        ("nothing of the kind", []),
    ):
        find(browser, "#query").clear()
        find(browser, "#query").send_keys(typed)
        until(lambda wanted=wanted: find(browser, "#found").text.startswith(f"{len(wanted)} of 48"))
        assert found(browser) == wanted


def test_a_card_holds_all_of_its_sample(browser, page):
    browser.get(page.as_uri())
    card = find(browser, "article[data-sample='2']")
    until(lambda: card.find_elements("css selector", "img"))
    image = card.find_element("css selector", "img")
    assert browser.execute_script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", image) == [40, 30]
    for text in (question(2), "red", "alpha", "✓ right", "beta", "green", "✗ wrong"):
        assert text in card.text
    card.find_element("css selector", "summary").click()
    until(lambda: len(card.find_elements("css selector", "pre")) == 4)
    prompt, instruction, *answers = (block.text for block in card.find_elements("css selector", "pre"))
    assert prompt.startswith("A chat between a curious user")
    assert f"USER: <image>\n{question(2)}\nAnswer the question using a single word" in prompt
    assert instruction == question(2)
    assert answers == ["red", "green"]


def test_a_failure_shows_its_reason(browser, page):
    browser.get(page.as_uri())
    card = find(browser, "article[data-sample='5']")
    assert "failed" in card.text
    assert "the image is <b>broken</b>" in card.text
    assert "the image is <b>broken</b>" in find(browser, "#failures").text


def test_one_run_needs_no_choice_of_runs(browser, alone):
    browser.get(alone.as_uri())
    assert not find(browser, "#run-a").is_displayed()
    choose(browser, "outcome", "failed or missing")
    assert found(browser) == [n for n in NUMBERS if alpha(n) is None]


def test_the_keyboard_reaches_everything(browser, page):
    browser.get(page.as_uri())
    body = find(browser, "body")
    body.send_keys("]")
    assert find(browser, "#page").text == "2 of 3"
    body.send_keys("[")
    assert find(browser, "#page").text == "1 of 3"
    body.send_keys("/")
    assert browser.switch_to.active_element.get_attribute("id") == "query"
    browser.switch_to.active_element.send_keys("a]/")  # typed, not obeyed
    assert find(browser, "#query").get_attribute("value") == "a]/"
    find(browser, "#query").clear()
    order = []
    for _ in range(4):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        order.append(browser.switch_to.active_element.get_attribute("id"))
    assert order == ["task", "run-a", "run-b", "outcome"]  # a category can't be chosen before a task


@pytest.mark.slow
def test_twenty_thousand_samples_stay_quick(browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from emma_eval.reports.html import parts, report
    from tests.reports.html.fake_runs import write_gqa, write_run

    count = 20_000
    write_gqa(tmp_path / "data", count)
    (tmp_path / "data" / "gqa" / "data" / "images").rename(tmp_path / "data" / "gqa" / "data" / "gone")
    (tmp_path / "data" / "gqa" / "data" / "images").mkdir()
    run = write_run(tmp_path / "data", tmp_path / "run", "alpha", beta)
    monkeypatch.setattr(parts, "MAX_EMBEDDED", 2**20)
    page = report.write_report([run], tmp_path / "report", data=tmp_path / "data")
    assert page.stat().st_size < 8e6
    assert len(list((tmp_path / "report" / "report-samples").glob("*.js"))) == count // 100

    browser.get(page.as_uri())
    assert find(browser, "#page").text == "1 of 1000"
    search = """
        const query = document.getElementById("query");
        const begun = performance.now();
        query.value = arguments[0];
        document.getElementById("filters").dispatchEvent(new Event("change"));
        return performance.now() - begun;
    """
    browser.execute_script(search, "warm up")
    assert browser.execute_script(search, "place 19999?") < 500  # milliseconds
    card = find(browser, "article[data-sample='19999']")
    until(lambda: "image not at hand" in card.text)  # which its chunk, run from its own file, has told
    card.find_element("css selector", "summary").click()
    until(lambda: card.find_elements("css selector", "pre"))
    assert question(19999) in card.find_element("css selector", "pre").text
