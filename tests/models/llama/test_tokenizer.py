"""The language model's tokenizer against ids and texts recorded from transformers 4.37.2's slow LlamaTokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from emma_eval.errors import UserError
from emma_eval.models.llama.tokenizer import IMAGE_ID, LlamaTokenizer

DATA = Path(__file__).parents[1] / "data"
SETTINGS = json.loads((DATA / "slow_llama_tokenizer.json").read_text(encoding="utf-8"))["settings"]


@pytest.fixture(params=SETTINGS, ids=lambda setting: setting["name"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[LlamaTokenizer, dict[str, Any]]:
    shutil.copy(DATA / "tokenizer.model", tmp_path)
    for name, content in request.param["files"].items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    tokenizer = LlamaTokenizer(tmp_path)
    tokenizer.add_special("<im_patch>")
    return tokenizer, request.param


def test_ids(recorded: tuple[LlamaTokenizer, dict[str, Any]]) -> None:
    tokenizer, setting = recorded
    assert len(tokenizer) == setting["size"]
    for text, ids in setting["encoded"]:
        assert tokenizer.encode_prompt(text) == ids, text


def test_texts(recorded: tuple[LlamaTokenizer, dict[str, Any]]) -> None:
    tokenizer, setting = recorded
    for ids, text in setting["decoded"]:
        assert tokenizer.decode(ids) == text, ids


def test_a_prompt_is_cut_at_its_image_markers(tmp_path: Path) -> None:
    shutil.copy(DATA / "tokenizer.model", tmp_path)
    tokenizer = LlamaTokenizer(tmp_path)
    first, last = tokenizer.encode("USER: "), tokenizer.encode("\nWhat?")
    assert tokenizer.encode_prompt("USER: <image>\nWhat?") == [1, *first, IMAGE_ID, *last]
    assert tokenizer.encode_prompt("<image><image>") == [1, IMAGE_ID, IMAGE_ID]


@pytest.mark.parametrize("content", [None, b"", b"no SentencePiece model"])
def test_a_missing_or_broken_model_is_one_clear_line(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(UserError, match=r"tokenizer\.model is"):
        LlamaTokenizer(tmp_path)


@pytest.mark.parametrize("kind", [0, 1, 3, 9])  # of a piece; 2 is UNKNOWN
def test_a_model_without_a_piece_for_unknown_text_is_one_clear_line(kind: int, tmp_path: Path) -> None:
    """SentencePiece loads it, and gives the id -1 for what it does not know."""
    model = bytearray((DATA / "tokenizer.model").read_bytes())
    place = model.index(b"<unk>") + len(b"<unk>") + 6  # behind the piece its score, 5 bytes, and the field's tag
    assert model[place] == 2
    model[place] = kind
    (tmp_path / "tokenizer.model").write_bytes(model)
    with pytest.raises(UserError, match=r"tokenizer\.model is damaged: none of its \d+ pieces stands for unknown text"):
        LlamaTokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", {"bos_token": "\ud800"}),
        ("tokenizer_config.json", {"unk_token": "a\udfff"}),
        ("special_tokens_map.json", {"additional_special_tokens": ["\ud800"]}),
        ("added_tokens.json", {"\ud800": 400}),
    ],
)
def test_half_a_surrogate_pair_is_no_token(name: str, content: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(DATA / "tokenizer.model", tmp_path)
    (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="is no text: it has half of a surrogate pair"):
        LlamaTokenizer(tmp_path)
