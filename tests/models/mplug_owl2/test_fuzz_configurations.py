"""Any content of an mPLUG-Owl2's configuration files is either understood or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.models.mplug_owl2.config import AbstractorConfig, DecoderConfig, VisionConfig
from emma_eval.models.mplug_owl2.loading import load_mplug_owl2
from tests.fakes import make_image
from tests.fuzzing import JSON_VALUES, as_json, fuzz_settings, run_fuzz
from tests.tiny_mplug_owl2 import MPLUG_OWL2

VISUAL = {
    "visual_model": (*VisionConfig.model_fields, "use_cls_token", "use_post_layernorm"),
    "visual_abstractor": (*AbstractorConfig.model_fields, "use_cls_token", "add_v2t_pos_emb"),
}
OTHER = ("model_type", "architectures", "torch_dtype", "eos_token_id", "image_aspect_ratio", "visual_config",
         "quantization_config", *VISUAL)  # fmt: skip
FILES = {
    "config.json": (*DecoderConfig.model_fields, *OTHER),
    "generation_config.json": ("eos_token_id",),
    "preprocessor_config.json": ("size", "crop_size", "resample", "image_mean", "image_std", "rescale_factor"),
}
SCALINGS = st.fixed_dictionaries({"type": st.sampled_from(["linear", "dynamic", "yarn", 1]), "factor": JSON_VALUES})


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A file, and what is put into it; a part of visual_config among it."""
    name = draw(st.sampled_from(list(FILES)))
    values = draw(st.dictionaries(st.sampled_from(FILES[name]), JSON_VALUES | SCALINGS, max_size=2))
    for part, keys in VISUAL.items():
        if part in values and draw(st.booleans()):
            values[part] = draw(st.dictionaries(st.sampled_from(keys), JSON_VALUES, min_size=1, max_size=2))
    return name, values


def test_configurations_are_understood_or_refused_in_one_line(tmp_path: Path) -> None:
    folder = MPLUG_OWL2.write(tmp_path)
    before = {name: path.read_text() for name in FILES if (path := folder / name).exists()}

    @fuzz_settings
    @given(changes())
    def fuzz(change: tuple[str, dict[str, Any]]) -> None:
        name, values = change
        for other in FILES:
            (folder / other).unlink(missing_ok=True)
            if other in before:
                (folder / other).write_text(before[other])
        content = json.loads(before.get(name, "{}"))
        for part in VISUAL.keys() & values.keys():
            given_part = values.pop(part)
            content["visual_config"][part] = (
                content["visual_config"][part] | given_part if isinstance(given_part, dict) else given_part
            )
        (folder / name).write_text(as_json(content | values))
        try:
            runner = load_mplug_owl2(folder, "cpu", None, "none")
            if runner.processor.size < 100:
                runner.processor(make_image())
        except UserError as error:
            assert "\n" not in str(error)
            assert str(folder) in str(error)

    run_fuzz(fuzz)
