"""What the tests of the sample browser do in a real browser."""

from __future__ import annotations

import time
from typing import Any

from tests.reports.html.fake_runs import reference


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def choose(browser: Any, name: str, words: str) -> None:
    """Choose an option as a user sees it."""
    from selenium.webdriver.support.select import Select

    Select(find(browser, f"#{name}")).select_by_visible_text(words)


def found(browser: Any) -> list[int]:
    """The ids of all samples found, page after page."""
    ids: list[int] = []
    while True:
        ids += browser.execute_script(
            "return [...document.querySelectorAll('article.sample')].map((card) => Number(card.dataset.sample))"
        )
        if not find(browser, "#next").is_enabled():
            return ids
        browser.execute_script("document.getElementById('next').click()")


def until(condition: Any) -> None:
    """Wait for what happens a little later."""
    for _ in range(100):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 5 s")


def is_right(answer: Any, number: int) -> bool:
    return answer(number) == reference(number)
