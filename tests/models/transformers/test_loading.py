"""What is read of a folder, what is recorded, and what is refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.loading import load_engine
from emma_eval.inference.runner import run_requests
from emma_eval.models import ModelHandle, find_model, list_models, load_model
from emma_eval.models.base import ModelSpec
from emma_eval.types import Request
from tests import tiny_transformers


@pytest.fixture(scope="module")
def original(tmp_path_factory: Any) -> Path:
    return tiny_transformers.write("llava", tmp_path_factory.mktemp("transformers") / "llava")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "llava"))


def change(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def handle(folder: Path, **options: str) -> ModelHandle:
    return find_model(ModelSpec(f"hf:{folder}", "cpu", options=options))


def test_the_description_says_what_was_loaded(folder: Path) -> None:
    description = load_engine(handle(folder)).describe()
    assert (description.template, description.dtype, description.device) == ("own", "float32", "cpu")
    assert len(description.template_digest) == 64
    assert description.summary.startswith("LlavaForConditionalGeneration of transformers ")
    assert description.summary.endswith(", chat template its own, float32 on cpu")
    assert load_model(f"hf:{folder}", device="cpu", dtype="bfloat16").dtype is torch.bfloat16


def test_the_models_own_generation_settings_but_sampling_are_kept(folder: Path) -> None:
    path = folder / "generation_config.json"
    change(path, do_sample=True, temperature=0.7, top_k=5, num_beams=3, repetition_penalty=1.05, eos_token_id=[2, 7])
    change(path, min_length=9, return_dict_in_generate=True, prompt_lookup_num_tokens=3, use_cache=False)
    model = load_model(f"hf:{folder}", device="cpu")
    settings = model.model.generation_config
    assert (settings.do_sample, settings.num_beams, settings.temperature) == (False, 1, None)
    assert (settings.return_dict_in_generate, settings.prompt_lookup_num_tokens, settings.min_length) == (None,) * 3
    assert (settings.repetition_penalty, model._eos_ids) == (1.05, {2, 7})
    assert "repetition_penalty 1.05 of its generation_config.json" in model.summary
    assert "min_length of its generation_config.json is not used" in model.summary
    ((_, response),) = run_requests(BatchedEngine(model), [Request("1", 0, "Well?", "")])
    assert response.error is None


def test_a_chat_template_of_a_file(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match=r"llava has no chat template; give one by --model-option chat_template=FILE"):
        handle(folder).load()
    file = tmp_path / "mine.jinja"
    file.write_text("Q: {% for c in messages[0].content %}{{ c.text or '<image>' }}{% endfor %} A:")
    model = handle(folder, chat_template=str(file)).load()
    assert model.render_prompt("Well?") == "Q: Well? A:"
    assert "chat template of --model-option chat_template" in model.summary
    before = handle(folder, chat_template=str(file)).fingerprint()
    assert before != handle(folder).fingerprint()
    file.write_text("other")
    assert before != handle(folder, chat_template=str(file)).fingerprint()
    with pytest.raises(UserError, match=r"none\.jinja"):
        handle(folder, chat_template=str(tmp_path / "none.jinja")).load()


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('not me') }}", "the chat template refuses the message: not me"),
        ("Hello.", "the chat template leaves out what the user says"),
        (
            "{% for m in messages %}{% for c in m.content %}{{ c.text }}{% endfor %}{% endfor %}",
            "processor and chat template do not fit together: .*number of <image> tokens",
        ),
    ],
)
def test_a_template_that_does_not_fit_the_processor_is_refused(folder: Path, template: str, message: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(UserError, match=message):
        load_model(f"hf:{folder}", device="cpu")


@pytest.mark.parametrize("part", ["", "text_config", "vision_config"])
@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
@pytest.mark.parametrize("named", ["kernels-community/flash-attn2", "org/kernel:forward", "flash_attention_2"])
def test_no_kernel_of_a_config_is_fetched(folder: Path, part: str, key: str, named: str, monkeypatch: Any) -> None:
    """A kernel is a repository of the hub with Python code: transformers would get and run it, where it is asked to."""
    content = json.loads((folder / "config.json").read_text())
    (content[part] if part else content)[key] = named
    (folder / "config.json").write_text(json.dumps(content))
    monkeypatch.setattr("transformers.modeling_utils.is_kernels_available", lambda: True)
    monkeypatch.setattr("transformers.modeling_utils.lazy_import_flash_attention", None)  # which gets it
    model = load_model(f"hf:{folder}", device="cpu")
    assert model.model.config._attn_implementation == "sdpa"
    told = f"{key.removeprefix('_')} '{named}' of config.json not used: transformers' own is"
    assert (told in model.summary) == (not part)  # transformers itself overlooks those further in


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "processor_config.json", "tokenizer.json"])
def test_a_key_that_a_library_would_print_holds_no_control_characters(folder: Path, name: str) -> None:
    """The tokenizers' library prints the keys of a token that it does not know to the terminal as they are."""
    evil = "x\x1b]52;c;b3duZWQ=\x07"
    content = json.loads((folder / name).read_text())
    (content["added_tokens"][0] if name == "tokenizer.json" else content)[evil] = True
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"{name}: the key 'x\\x1b.* holds control characters"):
        load_model(f"hf:{folder}", device="cpu")


def test_an_id_that_is_none_is_refused(folder: Path) -> None:
    change(folder / "generation_config.json", eos_token_id={"a": 1})
    with pytest.raises(UserError, match=r"eos_token_id \{'a': 1\} must be a token's id, or a list of ids"):
        load_model(f"hf:{folder}", device="cpu")


def test_a_package_that_a_processor_needs_is_named_with_the_extra(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tiny_transformers.write("smolvlm", tmp_path / "smolvlm")
    monkeypatch.setattr("transformers.models.smolvlm.processing_smolvlm.num2words", None)
    with pytest.raises(UserError, match=r'smolvlm: .*num2words.*; pip install "emma-eval\[hf\]"$'):
        load_model(f"hf:{folder}", device="cpu")


def test_a_hub_name_is_read_from_the_hubs_cache_without_network(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    revision = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--acme--tiny-llava"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision)
    shutil.copytree(folder, repository / "snapshots" / revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = find_model(ModelSpec("hf:acme/tiny-llava", "cpu"))
    assert found.fingerprint() == handle(folder).fingerprint()
    assert found.load().render_prompt("Well?") == "<s>user: Well? assistant:"
    with pytest.raises(UserError, match=r"'acme/other' is neither a local folder nor to be had from the hub"):
        find_model(ModelSpec("hf:acme/other", "cpu")).load()


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"])
def test_the_fingerprint_is_over_all_files_that_matter(folder: Path, name: str) -> None:
    before = handle(folder).fingerprint()
    (folder / "README.md").write_text("words")
    assert handle(folder).fingerprint() == before
    (folder / name).write_text((folder / name).read_text() + " ")
    assert handle(folder).fingerprint() != before


def test_pickled_weights_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    for use in (ModelHandle.load, ModelHandle.fingerprint):
        with pytest.raises(UserError, match=r"pytorch_model\.bin holds pickled weights, and hf: reads safetensors"):
            use(handle(folder))


def test_weights_that_are_missing_are_not_invented(folder: Path) -> None:
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    name = next(name for name in sorted(tensors) if "multi_modal_projector" in name)
    rest = {other: tensor for other, tensor in tensors.items() if other != name}
    save_file(rest, weights, {"format": "pt"})
    with pytest.raises(UserError, match=r"tensor .*multi_modal_projector.* is missing from the weights"):
        handle(folder).load()
    save_file(rest | {name: tensors[name][:3]}, weights, {"format": "pt"})
    with pytest.raises(UserError, match=r"tensor .*multi_modal_projector.* has another shape"):
        handle(folder).load()
    save_file(tensors | {"another": torch.ones(2)}, weights, {"format": "pt"})
    assert "1 tensor not used (another" in handle(folder).load().summary


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "clip"}, "model_type 'clip' is no image-text-to-text model of transformers"),
        ({"model_type": None}, "has no model_type"),
        ({"model_type": "odd", "auto_map": {"AutoConfig": "x.Y"}}, r"code that comes with a checkpoint .* is not run"),
        ({"is_encoder_decoder": True}, "encoder-decoder models are not supported"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantised weights are not supported"),
        ({"text_config": 3}, "transformers cannot load it"),
    ],
)
def test_other_models_are_refused(folder: Path, values: dict[str, Any], message: str) -> None:
    change(folder / "config.json", **values)
    with pytest.raises(UserError, match=message):
        handle(folder).load()


def test_names_and_options_are_checked(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hf:PATH names the folder"):
        load_model("hf")
    with pytest.raises(UserError, match="no model"):
        load_model(f"hf:{tmp_path / 'none'}")
    with pytest.raises(UserError, match="did you mean 'chat_template'"):
        handle(folder, chat_templat="x")
    (folder / "preprocessor_config.json").unlink(missing_ok=True)
    (folder / "processor_config.json").unlink(missing_ok=True)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"transformers cannot load it|no processor"):
        handle(folder).load()


def test_it_is_listed() -> None:
    assert list_models()["hf"].startswith("hf:PATH, any image-text-to-text model of transformers")
