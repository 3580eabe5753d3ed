"""What the address names, the order of samples, keys, and images enlarged; in a real browser on two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emma_eval.reports.html import parts
from emma_eval.reports.html.report import write_report
from tests.reports.html.browsing import choose, find, found, is_right, until
from tests.reports.html.fake_runs import COUNT, alpha, beta, category, question, reference

webdriver = pytest.importorskip("selenium.webdriver", reason="the package selenium is not installed")
Keys = webdriver.Keys
NUMBERS = range(COUNT)


def focused(browser: Any) -> int:
    """The sample whose card has the focus; -1 without one."""
    return browser.execute_script(
        "return Number(document.activeElement.closest('article.sample')?.dataset.sample ?? -1)"
    )


def press(browser: Any, key: str) -> None:
    webdriver.ActionChains(browser).send_keys(key).perform()


def address(browser: Any) -> str:
    return browser.execute_script("return location.hash")


def open_at(browser: Any, page: Path, hash_: str = "") -> None:
    browser.get("about:blank")  # a change of the hash alone would not load the page again
    browser.get(page.as_uri() + hash_)


def test_the_address_names_the_filters_and_brings_them_back(browser, page):
    open_at(browser, page)
    assert address(browser) == ""
    choose(browser, "task", "GQA (test-dev balanced)")
    choose(browser, "category", "query")
    choose(browser, "outcome", "B right, A wrong")
    choose(browser, "run-a", "beta")
    choose(browser, "run-b", "alpha")
    choose(browser, "sort", "longest answer first")
    find(browser, "#query").send_keys("blue place")
    until(lambda: "q=blue+place" in address(browser))
    wanted, hash_ = found(browser), address(browser)
    assert hash_ == "#samples?task=gqa&category=query&outcome=b-a&q=blue+place&a=beta&b=alpha&sort=longest"
    assert wanted
    assert wanted == [n for n in NUMBERS if reference(n) == "blue" and is_right(alpha, n) and category(n) == "query"]
    open_at(browser, page, hash_)
    assert found(browser) == wanted
    assert find(browser, "#query").get_property("value") == "blue place"
    assert address(browser) == hash_


def test_the_address_names_the_page(browser, page):
    open_at(browser, page)
    browser.execute_script("document.getElementById('next').click()")
    assert address(browser) == "#samples?page=2"
    open_at(browser, page, "#samples?page=2")
    assert find(browser, "#page").text == "2 of 3"
    for nonsense in ("page=99", "page=x", "task=<b>&outcome=none&sort=constructor&a=nobody"):
        open_at(browser, page, f"#samples?{nonsense}")
        assert find(browser, "#found").text.startswith("48 of 48")


def test_every_sample_has_a_link_that_leads_to_it(browser, page):
    open_at(browser, page, "#samples?page=3")
    link = find(browser, "article[data-sample='45'] .link").get_attribute("href")
    assert link.endswith("#samples?task=gqa&id=45")
    open_at(browser, page, "#" + link.split("#")[1])
    assert find(browser, "#page").text == "3 of 3"
    assert focused(browser) == 45
    top = browser.execute_script("return document.activeElement.getBoundingClientRect().top")
    assert 0 <= top < 900
    browser.execute_script("location.hash = '#samples?task=gqa&id=2'")  # a link within the page
    until(lambda: focused(browser) == 2)
    open_at(browser, page, "#samples?task=gqa&id=gone")
    assert find(browser, "#found").text.startswith("Sample gone is not among those shown here.")


def test_samples_are_ordered_by_score_length_and_disagreement(browser, page):
    open_at(browser, page)

    def disagreement(n: int) -> float:
        return abs(is_right(alpha, n) - is_right(beta, n)) + (0 if alpha(n) == beta(n) else 1e-6)

    keys = {
        "lowest score first": lambda n: is_right(alpha, n),
        "highest score first": lambda n: -is_right(alpha, n),
        "longest answer first": lambda n: -len(alpha(n) or ""),
        "shortest answer first": lambda n: len(alpha(n) or ""),
        "largest disagreement first": lambda n: -disagreement(n),
        "the benchmark's": lambda n: n,
    }
    for words, key in keys.items():
        choose(browser, "sort", words)
        assert found(browser) == sorted(NUMBERS, key=key), words


def test_one_run_has_no_disagreement(browser, alone):
    open_at(browser, alone)
    offered = [option.text for option in find(browser, "#sort").find_elements("css selector", "option")]
    assert "largest disagreement first" not in offered
    open_at(browser, alone, "#samples?sort=disagreement")
    assert found(browser) == list(NUMBERS)


def test_keys_go_from_sample_to_sample_and_over_the_end_of_a_page(browser, page):
    open_at(browser, page)
    press(browser, "j")
    assert focused(browser) == 0
    press(browser, "j")
    assert focused(browser) == 1
    press(browser, "k")
    press(browser, "k")  # there is none before the first
    assert focused(browser) == 0
    browser.execute_script("document.getElementById('list').lastElementChild.focus()")
    press(browser, "j")
    assert focused(browser) == 20
    press(browser, "k")
    assert focused(browser) == 19


def enlarged(browser: Any) -> tuple[str, str]:
    """(source of the image in the dialog, the words below it)."""
    until(lambda: "pixels" in find(browser, "#enlarged-size").text)
    return find(browser, "#enlarged img").get_attribute("src"), find(browser, "#enlarged").text


def test_a_click_enlarges_the_image_in_full_resolution(browser, page, data):
    from base64 import b64encode

    open_at(browser, page)
    until(lambda: browser.find_elements("css selector", "article[data-sample='2'] button.enlarge"))
    find(browser, "article[data-sample='2'] button.enlarge").click()
    source, words = enlarged(browser)
    own = (data / "gqa" / "data" / "images" / "n0.jpg").read_bytes()
    assert source == f"data:image/jpeg;base64,{b64encode(own).decode()}"
    assert question(2) in words
    assert "40 \u00d7 30 pixels" in words
    assert "thumbnail" not in words
    press(browser, Keys.ESCAPE)
    assert not find(browser, "#enlarged").is_displayed()


def test_without_the_image_itself_its_thumbnail_is_enlarged_and_called_so(browser, runs, data, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MAX_EMBEDDED", 30_000)
    open_at(browser, write_report(runs, tmp_path, data=data))
    until(lambda: browser.find_elements("css selector", "button.enlarge"))
    press(browser, "j")
    press(browser, "o")
    source, words = enlarged(browser)
    assert source.startswith("data:image/jpeg;base64,")
    assert "a thumbnail: report --full-images keeps the image itself" in words


def test_images_beside_the_page_are_enlarged_as_well(browser, runs, data, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "MAX_EMBEDDED", 100)
    open_at(browser, write_report(runs, tmp_path, data=data, keep_images=True))
    until(lambda: browser.find_elements("css selector", "button.enlarge"))
    find(browser, "button.enlarge").click()
    _, words = enlarged(browser)
    assert "thumbnail" not in words
    find(browser, "#enlarged button").click()
    assert not find(browser, "#enlarged").is_displayed()
