"""A chat template is asked in the way it understands, and prints the same prompt every day."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from emma_eval.errors import SampleError, UserError
from emma_eval.models.transformers.chat_template import ChatTemplate, choose_dialect, conversation
from emma_eval.types import IMAGE_MARKER

LOOP = "{% for message in messages %}USER: BODY{% endfor %}{% if add_generation_prompt %} ASSISTANT:{% endif %}"
PARTS = "{% for part in message.content %}{{ '<img>' if part.type == 'image' else part.text }}{% endfor %}"
TEXTS_ALONE = "{% for part in message.content %}{{ part.text }}{% endfor %}"
MESSAGE = "One: <image>\nTwo: <image>\nWhich\nis it?"


def rendered(body: str, image_token: str | None = "<img>", message: str = MESSAGE) -> str:
    return choose_dialect(LOOP.replace("BODY", body), {"bos_token": "<s>"}, image_token).render(message)


def test_images_and_texts_keep_their_order_and_line_ends_beside_images_are_the_templates() -> None:
    (message,) = conversation(MESSAGE)
    texts = [part.get("text", IMAGE_MARKER) for part in message["content"]]
    assert texts == ["One: ", IMAGE_MARKER, "Two: ", IMAGE_MARKER, "Which\nis it?"]
    assert conversation("")[0]["content"] == []


@pytest.mark.parametrize(
    "body",
    [PARTS, "{% if message.content is string %}{{ message.content }}{% else %}" + PARTS + "{% endif %}"],
    ids=["list", "list-or-text"],
)
def test_a_template_of_parts_gets_parts(body: str) -> None:
    assert rendered(body) == "USER: One: <img>Two: <img>Which\nis it? ASSISTANT:"


@pytest.mark.parametrize(
    "body",
    [
        "{{ message.content }}",  # would print the list as Python writes it
        "{{ message['content'].strip() }}",  # raises for a list
        "{{ '' + message['content'] }}",
        "{% if message.content is string %}{{ message.content }}{% else %}" + TEXTS_ALONE + "{% endif %}",
    ],
    ids=["printed", "method", "sum", "no images in lists"],
)
def test_a_template_of_texts_gets_one_text_with_the_processors_image_token(body: str) -> None:
    assert rendered(body) == "USER: One: <img>\nTwo: <img>\nWhich\nis it? ASSISTANT:"


def test_a_template_without_images_is_left_to_processors_that_place_them() -> None:
    assert rendered(TEXTS_ALONE, None, "<image>\nWhich?") == "USER: Which? ASSISTANT:"


def test_system_text_of_a_template_stays() -> None:
    assert rendered("{{ bos_token }}Be kind. " + PARTS) == "USER: <s>Be kind. " + rendered(PARTS).removeprefix("USER: ")


@pytest.mark.parametrize("body", ["Hello", "{{ raise_exception('no users') }}", "{{ message.content"])
def test_a_template_that_prints_no_message_is_refused(body: str) -> None:
    with pytest.raises(UserError, match="the chat template"):
        rendered(body)


def test_a_template_that_refuses_some_messages_fails_those() -> None:
    long = "{{ raise_exception('too long') if messages | string | length > 99 }}"
    template = choose_dialect(long + LOOP.replace("BODY", PARTS), {}, "<img>")
    with pytest.raises(SampleError, match="too long"):
        template.render("word " * 99)


def test_todays_date_is_the_same_every_day() -> None:
    """As in the templates of Llama 3.2 and Mistral Small 3.1."""
    dated = "{% if strftime_now is defined %}{% set today = strftime_now('%d %b %Y') %}{% endif %}{{ today }}"
    assert ChatTemplate(dated + '/{{ strftime_now("%Y-%m-%d") }}').render("Well?") == "26 Jul 2024/2024-07-26"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}", "{{ ''|attr('__class__') }}", "{{ '{0.__class__}'.format('') }}",
        "{{ ''['__class__'] }}", "{{ ('{0.__class__}'|attr('format'))('') }}",
        "{{ '{x.__class__}'.format_map({'x': 1}) }}",
        "{{ (['{0.__class__}']|map('attr', 'format')|first)('') }}", "{{ cycler.__init__.__globals__.os }}",
        "{{ raise_exception.__globals__ }}", "{{ self._TemplateReference__context }}",
        "{{ joiner.__init__.__globals__ }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}", "{% set n = namespace() %}{% set n.__class__ = 1 %}",
        "{% include '/etc/passwd' %}", "{% import 'os' as os %}{{ os }}", "{% extends '/etc/passwd' %}",
        "{{ messages.append(1) }}{{ messages|length }}", "{{ [].__class__.__base__.__subclasses__() }}",
        "{{ (messages|map(attribute='__class__')|list) }}", "{{ messages|selectattr('__class__')|list }}",
    ],
)  # fmt: skip
def test_a_template_does_not_leave_its_sandbox(text: str) -> None:
    """The classic ways out, to classes, modules and files: refused, or nothing comes of them."""
    with suppress(SampleError):
        assert not re.search(r"class|module|function|method|root:|uid=|<|2", ChatTemplate(text).render("Well?"))
