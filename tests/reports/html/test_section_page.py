"""A page of sections: whatever a name says stays text, and every heading can be reached."""

from __future__ import annotations

import re

from emma_eval.reports.html.section_page import section_page
from emma_eval.reports.sections import Section, section_lines, section_markdown
from emma_eval.utils.terminal import Column

HOSTILE = "<script>alert(1)</script> | *x*"
SECTIONS = [
    Section("first", (Column("name"), Column("value", right=True)), ((HOSTILE, "1.0"),), (HOSTILE,)),
    Section("second", (Column("name"),), (("a",),), level=3),
    Section("second", notes=("alone",)),
]


def test_what_a_name_says_stays_text():
    page = section_page(HOSTILE, [HOSTILE], SECTIONS)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") == 5  # title, heading, lead, cell, note
    assert "Content-Security-Policy" in page


def test_links_lead_to_headings():
    page = section_page("t", [], SECTIONS)
    links, ids = set(re.findall(r'href="#([\w-]+)"', page)), re.findall(r' id="([\w-]+)"', page)
    assert len(ids) == len(set(ids))
    assert links <= set(ids)
    assert len(links) == 3  # to the content, and to the two sections of the second level


def test_the_same_in_markdown_and_on_a_terminal():
    text = section_markdown("t", [HOSTILE], SECTIONS)
    assert "| \\<script" not in text
    assert "| &lt;script&gt;alert(1)&lt;/script&gt; \\| \\*x\\* | 1.0 |" in text
    assert text.count("## second") == 2  # the third level's, too
    lines = section_lines(SECTIONS, 60)
    assert "first" in lines
    assert f"{HOSTILE}    1.0" in lines
    assert f"  {HOSTILE}" in lines
