"""What vLLM is started with, and which models it is for."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from emma_eval.errors import MissingToolError, UserError
from emma_eval.inference.loading import EngineChoice, load_engine
from emma_eval.inference.replicas.loading import Scale, require_fit
from emma_eval.inference.vllm import settings
from emma_eval.inference.vllm.engine import VllmEngine
from emma_eval.inference.vllm.settings import VllmSettings, parse_settings, prepare_environment, vllm_version
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.registry import entries, import_object
from tests.fake_vllm import install
from tests.tiny_mplug_owl2 import MPLUG_OWL2

VLLM = EngineChoice("vllm")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gpu_memory_utilisation": "0.5"}, "the engine vllm has no such option; did you mean gpu_memory_utilization"),
        ({"gpu_memory_utilization": "1.5"}, "gpu_memory_utilization=1.5: a number from 0.1 to 0.98 is expected"),
        ({"gpu_memory_utilization": "half"}, "gpu_memory_utilization=half: a number from 0.1"),
    ],
)
def test_an_unsound_option_is_refused(options: Mapping[str, str], message: str) -> None:
    with pytest.raises(UserError) as failure:
        require_fit(find_model(ModelSpec("emma-mini")), Scale(), EngineChoice("vllm", options))
    assert message in str(failure.value).replace("; did you mean 'gpu", "; did you mean gpu")


def test_settings_by_device() -> None:
    chosen = parse_settings(5, {"gpu_memory_utilization": "0.5"})
    assert chosen == VllmSettings(5, 0.5)
    assert chosen.arguments("cuda", 100, 900) == {"max_num_seqs": 5, "gpu_memory_utilization": 0.5}
    assert parse_settings("auto", {}).arguments("cuda", 100, 900) == {"gpu_memory_utilization": 0.85}
    on_cpu = parse_settings("auto", {}).arguments("cpu", 100, 900)
    assert (on_cpu["max_num_seqs"], on_cpu["block_size"], on_cpu["kv_cache_memory_bytes"]) == (128, 32, 1_638_400)
    assert VllmSettings().arguments("cpu", 100, 20_000)["kv_cache_memory_bytes"] == 2_003_200


def test_memory_that_the_user_grants_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "8")
    assert VllmSettings().arguments("cpu", 100, 900)["kv_cache_memory_bytes"] is None


def test_the_environment_is_made_ready_and_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "3", "VLLM_LOGGING_LEVEL": "DEBUG"})
    prepare_environment()
    assert os.environ == {
        "OMP_NUM_THREADS": "3",
        "VLLM_LOGGING_LEVEL": "DEBUG",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
    }
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1"
    with pytest.raises(UserError, match="VLLM_ENABLE_V1_MULTIPROCESSING: unset it"):
        prepare_environment()


def test_without_vllm_one_line_says_where_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"^--engine vllm needs vLLM, .*docs/vllm\.md"):
        vllm_version()
    with pytest.raises(MissingToolError):
        load_engine(find_model(ModelSpec("emma-mini")), "auto", VLLM)


@pytest.mark.parametrize("source", ["hf:somewhere", "openai:name"])
def test_models_with_an_engine_of_their_own_are_refused(source: str) -> None:
    with pytest.raises(UserError, match=rf"^--engine vllm: {source} is not for it; vLLM continues EMMA and LLaVA"):
        require_fit(find_model(ModelSpec(source)), Scale(), VLLM)


def test_mplug_owl2_is_refused(tmp_path) -> None:
    folder = MPLUG_OWL2.write(tmp_path)
    with pytest.raises(UserError, match="is not for it"):
        require_fit(find_model(ModelSpec(str(folder))), Scale(), VLLM)


@pytest.mark.parametrize("scale", [Scale(replicas=2), Scale(ray="local")])
def test_replicas_are_refused_and_shards_named(scale: Scale) -> None:
    model = find_model(ModelSpec("emma-mini"))
    with pytest.raises(UserError, match="run it without --replicas and --ray; --shard"):
        require_fit(model, scale, VLLM)
    require_fit(model, Scale(replicas=1), VLLM)


def test_the_built_in_engine_takes_no_options() -> None:
    with pytest.raises(UserError, match="--engine-option a: the engine built-in takes no options"):
        require_fit(find_model(ModelSpec("emma-mini")), Scale(), EngineChoice("built-in", {"a": "b"}))


def test_an_engine_is_loaded_for_emma(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    loaded = load_engine(find_model(ModelSpec("emma-mini", device="cpu")), 9, VLLM)
    assert isinstance(loaded, VllmEngine)
    assert loaded.settings == VllmSettings(9)


def test_of_the_shipped_architectures_all_but_mplug_owl2_are_for_vllm() -> None:
    fit = {
        name: getattr(import_object(place), "gives_embeddings", False)
        for name, place in entries("architectures").items()
    }
    assert fit == {
        "llava": True,
        "llava_hf": True,
        "llava_llama": True,
        "llava_mistral": True,
        "mplug_owl2": False,
        "mplug_owl2_1": False,
    }
