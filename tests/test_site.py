"""The documentation as a site: every page has its place, it builds without a warning, no link is broken."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import emma_eval
from emma_eval.cli.main import COMMANDS
from emma_eval.tasks.schema import json_schema
from tests.reports.html.chromium import chromium, set_width

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "docs" / "site" / "mkdocs.yml"
MADE = {"index.md", "reference/task-keys.md", "reference/api.md"}  # by docs/site/hooks.py

needs_mkdocs = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="the extra docs is not installed",
)


class AnyTag(yaml.SafeLoader):
    """Reads YAML with tags that name Python objects, without making them."""


AnyTag.add_multi_constructor("", lambda *_: None)


def pages(nav: Any) -> Iterator[str]:
    """The files that a nav names, at whatever depth."""
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav if isinstance(nav, list) else nav.values():
            yield from pages(entry)


def test_every_page_has_one_place() -> None:
    """A new page of docs/ goes into the nav of docs/site/mkdocs.yml."""
    named = list(pages(yaml.load(CONFIG.read_text("utf-8"), AnyTag)["nav"]))
    assert sorted(named) == sorted({path.name for path in (ROOT / "docs").glob("*.md")} | MADE)


class Page(HTMLParser):
    """A page's anchors, and what it links to and loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in ("img", "script") and "src" in values:
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon"):
            self.loaded.append(values["href"])


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser for this module; skips without one."""
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Every page of the site, built with --strict: a warning would be an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(CONFIG), "--site-dir", str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path: Page(path) for path in sorted(folder.rglob("*.html")) if path.name != "404.html"}


@needs_mkdocs
def test_every_link_leads_to_a_page_and_its_anchor(site: dict[Path, Page]) -> None:
    assert len(site) > 30
    for path, page in site.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name} links to {link}"
            if parts.fragment and target in site:
                assert unquote(parts.fragment) in site[target].anchors, f"{path.name} links to {link}"


@needs_mkdocs
def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    assert [(path.name, url) for path, page in site.items() for url in page.loaded if urlsplit(url).netloc] == []


@needs_mkdocs
def test_the_reference_has_every_command_key_and_public_name(site: dict[Path, Page]) -> None:
    by_name = {path.stem: page for path, page in site.items()}
    assert set(COMMANDS) <= by_name["commands"].anchors
    assert {name.lower() for name in json_schema()["$defs"]} <= by_name["task-keys"].anchors
    documented = {anchor.rsplit(".", 1)[-1] for anchor in by_name["api"].anchors}
    assert set(emma_eval.__all__) - {"__version__"} <= documented


@needs_mkdocs
def test_the_search_finds_a_page_without_a_server(site: dict[Path, Page], chrome: Any) -> None:
    home = next(path for path in site if path.name == "index.html")
    chrome.get(home.as_uri())
    chrome.execute_script("document.querySelector('#__search').click()")
    from selenium.webdriver.support.wait import WebDriverWait

    wait = WebDriverWait(chrome, 20)
    wait.until(lambda _: chrome.find_element("css selector", ".md-search__input").is_displayed())
    chrome.find_element("css selector", ".md-search__input").send_keys("jackknife")
    found = wait.until(lambda _: chrome.find_elements("css selector", ".md-search-result__link"))
    assert any("statistics.html" in link.get_attribute("href") for link in found)


@needs_mkdocs
def test_no_page_is_wider_than_a_phone(site: dict[Path, Page], chrome: Any) -> None:
    set_width(chrome, 390, 900)
    wide = []
    for path in site:
        chrome.get(path.as_uri())
        if chrome.execute_script("return document.documentElement.scrollWidth") > 390:
            wide.append(path.name)
    assert wide == []
