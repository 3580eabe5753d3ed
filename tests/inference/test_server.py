"""Requests as chat messages, and replies as Generations."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emma_eval.errors import UserError
from emma_eval.images.sources import ConcatenatedImage, ImageFile, UnpaddedImage
from emma_eval.inference.loading import load_engine
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.types import Failure, Generation, InferenceStats, Request, Served
from tests.fake_server import Reply, chat, error, fake_server, text_of


def spec(url: str, **options: str) -> ModelSpec:
    return ModelSpec("openai:served-name", options={"base_url": url, **options})


def ask(url: str, *requests: Request, **options: str) -> tuple[list[Generation | Failure], InferenceStats]:
    engine, stats = load_engine(find_model(spec(url, **options))), InferenceStats()
    found = dict(engine.generate(requests, stats))
    return [found[index] for index in range(len(requests))], stats


def picture(folder: Path, name: str, size: tuple[int, int] = (40, 20), mode: str = "RGB") -> ImageFile:
    Image.effect_noise(size, 50).convert(mode).save(folder / name)
    return ImageFile(folder, name)


def sent(part: dict[str, Any]) -> tuple[str, bytes]:
    """(media type, bytes) of a part of a message."""
    head, _, data = part["image_url"]["url"].partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data)


def test_texts_and_images_keep_their_order_and_files_their_bytes(tmp_path: Path) -> None:
    images = tuple(picture(tmp_path, name) for name in ("a.png", "b.jpg", "c.webp"))
    request = Request("1", 0, "<image>\nFirst <image>second\n<image>\nWhich one?", "", images, 16)
    with fake_server() as server:
        (answer,), stats = ask(server.url, request)
    (body,) = server.bodies
    content = body["messages"][0]["content"]
    assert [part.get("text") for part in content] == [None, "First ", None, "second", None, "Which one?"]
    files = [(tmp_path / name).read_bytes() for name in ("a.png", "b.jpg", "c.webp")]
    assert [sent(part) for part in content if part["type"] == "image_url"] == list(
        zip(["image/png", "image/jpeg", "image/webp"], files, strict=True)
    )
    assert {name: body[name] for name in body if name != "messages"} == {
        "model": "served-name", "max_tokens": 16, "temperature": 0, "seed": 0,
    }  # fmt: skip
    assert isinstance(answer, Generation)
    assert (answer.text, answer.finish_reason, answer.prompt) == ("yes", "stop", request.message)
    assert answer.served == Served("served-name", "fp_1", 20, 3)
    assert (stats.prompt_tokens, stats.new_tokens, stats.images) == (20, 3, 3)


def test_a_question_without_an_image_is_a_plain_text() -> None:
    with fake_server() as server:
        ask(server.url, Request("1", 0, "Why?\nBriefly.", ""))
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "Why?\nBriefly."}]


def test_an_image_of_many_questions_is_encoded_once(tmp_path: Path) -> None:
    image = picture(tmp_path, "a.jpg")
    with fake_server() as server:
        _, stats = ask(server.url, *(Request(str(n), 0, f"<image>\n{n}?", "", (image,)) for n in range(20)))
    assert stats.images == 1
    assert len(server.bodies) == 20


@pytest.mark.parametrize(("name", "mode"), [("a.bmp", "RGB"), ("a.gif", "L"), ("a.tiff", "CMYK"), ("a.ppm", "RGB")])
def test_other_formats_are_sent_as_png_of_the_same_pixels(tmp_path: Path, name: str, mode: str) -> None:
    image = picture(tmp_path, name, mode=mode)
    with fake_server() as server:
        _, stats = ask(server.url, Request("1", 0, "<image>\n?", "", (UnpaddedImage(image),)))
    kind, data = sent(server.bodies[0]["messages"][0]["content"][0])
    assert kind == "image/png"
    assert Image.open(BytesIO(data)).convert("RGB").tobytes() == image.open().convert("RGB").tobytes()
    assert stats.server is not None
    assert (stats.server.images_recoded, stats.server.images_resized) == (1, 0)


def test_images_are_shrunk_only_if_asked_and_it_is_counted(tmp_path: Path) -> None:
    images = (picture(tmp_path, "large.png", (100, 40)), picture(tmp_path, "small.png", (50, 20)))
    request = Request("1", 0, "<image>\n<image>\n?", "", images)
    with fake_server() as server:
        _, stats = ask(server.url, request, max_image_side="50")
    large, small = (sent(part)[1] for part in server.bodies[0]["messages"][0]["content"][:2])
    assert Image.open(BytesIO(large)).size == (50, 20)
    assert small == (tmp_path / "small.png").read_bytes()
    assert stats.server is not None
    assert stats.server.images_resized == 1


def test_several_images_in_one_are_a_png(tmp_path: Path) -> None:
    pair = ConcatenatedImage((picture(tmp_path, "a.png", (10, 10)), picture(tmp_path, "b.png", (20, 5))))
    with fake_server() as server:
        ask(server.url, Request("1", 0, "<image>\n?", "", (pair,)))
    assert Image.open(BytesIO(sent(server.bodies[0]["messages"][0]["content"][0])[1])).size == (30, 10)


def test_what_cannot_be_asked_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(picture(tmp_path, "a.png").read()[:50])
    requests = [
        Request("1", 0, "fine", ""),
        Request("2", 0, "<image>\nbroken", "", (ImageFile(tmp_path, "broken.png"),)),
        Request("3", 0, "<image>\nmissing", "", (ImageFile(tmp_path, "missing.png"),)),
        Request("4", 0, "<image> <image> of one", "", (ImageFile(tmp_path, "a.png"),)),
    ]
    with fake_server() as server:
        answers, _ = ask(server.url, *requests)
    assert server.texts() == ["fine"]
    reasons = [one.reason for one in answers if isinstance(one, Failure)]
    assert len(reasons) == 3
    for reason, part in zip(reasons, ("broken.png: ", "missing.png: no such image", "2 image markers"), strict=True):
        assert part in reason


def test_what_no_server_can_be_asked_is_one_line() -> None:
    with fake_server() as server:
        with pytest.raises(UserError, match="cannot be sent a whole one"):
            ask(server.url, Request("1", 0, "USER: raw", "", is_raw=True))
        with pytest.raises(UserError, match="take another --wording"):
            ask(server.url, Request("1", 0, "long", "", min_new_tokens=5))
    assert not server.bodies


def test_an_answer_is_stripped_and_one_cut_at_its_length_says_so() -> None:
    with fake_server(lambda body, number: chat(" a long\n", "length")) as server:
        (answer,), _ = ask(server.url, Request("1", 0, "?", ""))
    assert isinstance(answer, Generation)
    assert (answer.text, answer.finish_reason) == ("a long", "length")


def test_parameters_are_set_left_out_and_renamed_by_options() -> None:
    options = {
        "omit": "seed",
        "max_tokens_field": "max_completion_tokens",
        "parameters": '{"temperature": 1, "top_k": 1}',
    }
    with fake_server() as server:
        ask(server.url, Request("1", 0, "?", "", max_new_tokens=9), **options)
        ask(server.url, Request("1", 0, "?", ""), omit="max_tokens,temperature")
    for body in server.bodies:
        del body["messages"], body["model"]
    assert server.bodies == [{"max_completion_tokens": 9, "temperature": 1, "top_k": 1}, {"seed": 0}]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"concurrency": "0"}, "concurrency=0: a whole number from 1 to 1024"),
        ({"concurrency": "2.5"}, "concurrency=2.5: a whole number"),
        ({"timeout": "nan"}, "timeout=nan: a number from"),
        ({"retries": "many"}, "retries=many: a whole number from 0 to 100"),
        ({"omit": "top_p"}, "omit=top_p: sent are max_tokens, temperature, seed"),
        ({"parameters": "[1]"}, "parameters: a JSON object is expected"),
        ({"parameters": '{"model": "x"}'}, "parameters: it may not set model"),
        ({"max_tokens_field": "messages"}, "max_tokens_field=messages: the name of a field"),
        ({"base_url": "here"}, "--base-url: http://HOST:PORT/v1"),
        ({"api_key": "sk-secret-secret"}, "api_key: the model openai:served-name has no such option"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(options: dict[str, str], line: str) -> None:
    with pytest.raises(UserError, match=line) as raised:
        find_model(spec("http://127.0.0.1:1/v1", **options)).load()
    assert "secret" not in str(raised.value)


def test_a_device_or_a_missing_address_is_refused() -> None:
    with pytest.raises(UserError, match="--device and --dtype say nothing to a server"):
        find_model(ModelSpec("openai:m", device="cuda", options={"base_url": "http://h/v1"})).load()
    with pytest.raises(UserError, match="needs its address: --base-url URL"):
        find_model(ModelSpec("openai:m")).load()


def test_the_fingerprint_is_over_name_host_and_the_options_that_answers_depend_on() -> None:
    def fingerprint(url: str = "http://a:1/v1", name: str = "m", **options: str) -> str:
        return find_model(ModelSpec(f"openai:{name}", options={"base_url": url, **options})).fingerprint()

    same = fingerprint()
    assert same == fingerprint("https://a:2/other/v1") == fingerprint(concurrency="3", timeout="9")
    others = {
        fingerprint("http://b:1/v1"),
        fingerprint(name="n"),
        fingerprint(omit="seed"),
        fingerprint(max_image_side="9"),
    }
    assert len(others | {same}) == 5


def test_the_description_claims_no_template_and_says_what_is_not_seen() -> None:
    description = load_engine(find_model(spec("http://127.0.0.1:1/v1"))).describe()
    assert (description.template, description.family, description.dtype) == ("server", None, None)
    assert "the prompt is the server's, and its weights are not seen" in description.summary


def test_without_the_http_library_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx2", None)
    with pytest.raises(UserError, match=r"needs the package httpx2: pip install 'emma-eval\[server\]'"):
        find_model(spec("http://127.0.0.1:1/v1")).load()


def test_every_request_is_answered_once_under_its_own_index_by_a_server_in_trouble() -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        if number % 5 == 1:
            return error(503, "busy", {"Retry-After": "0.02"})
        if number % 7 == 2:
            return Reply(chat("half"), cut=True)
        return chat(text_of(body).upper())

    requests = [Request(str(n), 0, f"question {n}", "") for n in range(25)]
    with fake_server(behave) as server:
        answers, stats = ask(server.url, *requests, retries="20")
    assert [one.text for one in answers if isinstance(one, Generation)] == [f"QUESTION {n}" for n in range(25)]
    assert stats.batches == 25
