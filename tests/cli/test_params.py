"""`params`: what it prints, what it writes, and what it refuses in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval.cli.main import main

VICUNA_7B = {
    "model_type": "llava_llama",
    "num_hidden_layers": 32,  # all other sizes are LlamaConfig's defaults, those of LLaMA-7B
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_tower": "openai/clip-vit-large-patch14-336",
}


@pytest.fixture
def params(capsys):
    def call(*arguments, code=0):
        assert main(["params", *map(str, arguments)]) == code
        shown = capsys.readouterr()
        assert all(len(line) <= 80 for line in shown.out.splitlines() if not line.startswith("written"))
        if code:
            assert shown.err.count("\n") == 1
        return " ".join((shown.out + shown.err).split())

    return call


def folder(root, name, **settings):
    path = root / name
    path.mkdir()
    (path / "config.json").write_text(json.dumps(settings))
    return path


def test_the_figures_of_the_papers(params, tmp_path):
    emma = folder(tmp_path, "emma-7b", **VICUNA_7B, encoder_version="v1")
    shown = params(emma, folder(tmp_path, "owl2", model_type="mplug_owl2"))
    assert "CLIP is not on this machine: its towers are counted by the published config.json" in shown
    assert "in all 7,187,127,424" in shown
    assert "alignment, 1,164,160 = 0.0165% of LLaVA without it (7,062,902,784)" in shown
    assert "alignment and frozen text tower, 124,224,640 = 1.76% of LLaVA" in shown
    assert "1,074,003,968 = 15.9% of its language model (6,738,415,616)" in shown
    assert "1,074,003,968 = 13.1% of the whole model (8,197,859,328)" in shown
    assert "parameters emma-7b owl2" in shown  # side by side
    assert "BRAVE, as published, not counted here: adaptation 116M" in shown
    assert "arXiv 2404.07204" in shown


def test_built_in_models_and_the_json_file(params, tmp_path):
    params("emma-mini", "llava-mini", "--text-tokens", "30", "--dtype", "float32", "--json", tmp_path / "o.json")
    emma, llava = json.loads((tmp_path / "o.json").read_text())["models"]
    assert [emma["name"], llava["name"]] == ["emma-mini", "llava-mini"]
    assert emma["work"]["text_tokens"] == 30
    llama = json.loads((Path(emma["folder"]) / "config.json").read_text())
    values = llama["num_key_value_heads"] * llama["head_dim"]
    assert emma["work"]["kv_bytes_per_token"] == 4 * 2 * llama["num_hidden_layers"] * values
    assert emma["parameters"] - llava["parameters"] == emma["counts"]["adaptation"][1]["parameters"]
    groups = [{part["group"] for part in model["counts"]["parts"]} for model in (emma, llava)]
    assert groups[0] - groups[1] == {"text", "adaptation"}


def test_a_folder_that_may_be_emmas_is_told(params, tmp_path):
    shown = params(folder(tmp_path, "m", **VICUNA_7B))
    assert (
        "counted as plain LLaVA: a folder without weights is EMMA's if config.json has one of encoder_version" in shown
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("hf:/models/x", "hf:/models/x: only models whose modules are of this program can be counted"),
        ("openai:gpt", "openai:gpt: only models whose modules are of this program can be counted"),
        ("nobody/nothing", "nobody/nothing is not on this machine, and nothing is downloaded to count it"),
        ("emma-mimi", "did you mean 'emma-mini'?"),
    ],
)
def test_what_cannot_be_counted(params, model, message):
    assert message in params(model, code=2)


def test_other_towers_and_models(params, tmp_path):
    settings = VICUNA_7B | {"mm_vision_tower": "google/siglip"}
    assert "put its config.json at" in params(folder(tmp_path, "a", **settings), code=2)
    settings["mm_vision_tower"] = "open_clip:ViT-B-32/openai"
    assert "towers of open_clip are not counted here" in params(folder(tmp_path, "b", **settings), code=2)
    assert "model_type 'qwen2_vl' is not supported" in params(folder(tmp_path, "c", model_type="qwen2_vl"), code=2)
    assert "--dtype: unknown dtype 'int8'" in params("emma-mini", "--dtype", "int8", code=2)
    assert "a file in a folder that exists" in params("emma-mini", "--json", tmp_path / "no" / "o.json", code=2)


def test_latency_where_there_is_an_alignment(params, tmp_path):
    shown = params(
        "emma-mini", "llava-mini", "--latency", "--repeats", "3", "--device", "cpu", "--json", tmp_path / "o.json"
    )
    assert "latency in float32 on cpu" in shown
    assert "median of 3 repeats that alternate, 95% bootstrap interval" in shown
    emma, llava = json.loads((tmp_path / "o.json").read_text())["models"]
    assert emma["latency"]["repeats"] == 3
    assert emma["latency"]["alignment_path"]["median"] > emma["latency"]["align"]["median"] > 0
    assert llava["latency"] is None
    assert "no latency: it has no alignment module" in shown
    assert "--device goes with --latency" in params("emma-mini", "--device", "cpu", code=2)
    assert "there is no device 'gpu'" in params("emma-mini", "--latency", "--device", "gpu", code=2)


def test_help_does_not_import_torch():
    code = (
        "import sys\nfrom emma_eval.cli.main import main\nmain(['params', '--help'])\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
