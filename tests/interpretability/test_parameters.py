"""Counts from config.json alone, against those of the public reference's modules at full size."""

from __future__ import annotations

import pytest

from emma_eval.errors import UserError
from emma_eval.interpretability.architecture import build_skeleton
from emma_eval.interpretability.parameters import count_parameters
from tests.interpretability.full_size import write_config
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2


def counts(folder):
    return count_parameters(build_skeleton(folder))


def by_name(found):
    return {part.name: part.checkpoint for part in found.parts}


def test_emma_7b(tmp_path):
    found = counts(write_config(tmp_path, "emma-7b"))
    assert found.total() == 7_187_127_424
    assert found.total("language model") == 6_738_415_616
    parts = by_name(found)
    assert parts["vision tower"] == 303_507_456
    assert parts["text tower"] == 123_060_480
    assert parts["text projection"] == 787_456
    assert parts["infusion W"] == 376_704
    assert parts["projector"] == 20_979_712
    alone, with_tower = found.adaptation
    assert (alone.parameters, alone.base_parameters) == (1_164_160, 7_062_902_784)
    assert f"{alone.share:.4%}" == "0.0165%"
    assert f"{with_tower.share:.2%}" == "1.76%"


def test_llava_7b(tmp_path):
    found = counts(write_config(tmp_path, "llava-7b"))
    assert found.total() == 7_062_902_784
    assert not found.adaptation


def test_mplug_owl2(tmp_path):
    found = counts(write_config(tmp_path, "owl2"))
    assert found.total() == found.computed == 8_197_859_328
    parts = by_name(found)
    assert parts["vision model"] == 303_966_208
    assert parts["visual abstractor"] == 81_473_536
    assert parts["modality adaptation"] == 1_074_003_968
    assert found.total("language model") == 6_738_415_616
    assert [f"{one.share:.1%}" for one in found.adaptation] == ["15.9%", "13.1%"]


def test_a_tower_is_computed_up_to_the_selected_layer(tmp_path):
    """A layer of ViT-L has 12 d^2 + 13 d parameters, and the final norm 2 d; -2 leaves one layer and the norm out."""
    found = {part.name: part for part in counts(write_config(tmp_path, "emma-7b")).parts}
    for name, d in (("vision tower", 1024), ("text tower", 768)):
        assert found[name].checkpoint - found[name].computed == 12 * d * d + 13 * d + 2 * d


def test_what_the_authors_trained(tmp_path):
    emma = counts(write_config(tmp_path, "emma-7b"))
    assert emma.pretrained == 1_164_160 + 20_979_712
    assert emma.fine_tuned == 1_164_160 + 20_979_712 + 6_738_415_616
    owl2 = counts(write_config(tmp_path, "owl2"))
    assert owl2.pretrained is None  # "a part of the modality-adaptive module"
    assert owl2.fine_tuned == 8_197_859_328


def test_learnable_tokens_are_what_v3_goes_on_to_train(tmp_path):
    found = counts(write_config(tmp_path, "emma-7b", encoder_version="v3"))
    assert by_name(found)["learnable tokens"] == 576 * 1024
    assert found.total() == 7_187_127_424 + 576 * 1024
    assert found.fine_tuned == 576 * 1024 + 20_979_712 + 6_738_415_616


def test_a_tied_head_is_counted_once(tmp_path):
    found = counts(write_config(tmp_path, "llava-7b", tie_word_embeddings=True))
    assert found.total() == 7_062_902_784 - 32_000 * 4096


def test_only_the_published_name_of_clip_is_known_without_its_folder(tmp_path):
    other = write_config(tmp_path, "llava-7b", mm_vision_tower="openai/clip-vit-large-patch14")
    with pytest.raises(UserError, match=r"put its config.json at .*/clip-vit-large-patch14/config.json"):
        counts(other)
    known = build_skeleton(write_config(tmp_path, "emma-7b"))
    assert any("published config.json of openai/clip-vit-large-patch14-336" in note for note in known.notes)


def test_a_folder_of_clip_beside_the_checkpoint_comes_first(tmp_path):
    clip = tmp_path / "clip-vit-large-patch14-336"
    clip.mkdir()
    (clip / "config.json").write_text(
        '{"model_type": "clip", "vision_config": {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,'
        ' "num_attention_heads": 2, "image_size": 28, "patch_size": 7}, "text_config": {}}'
    )
    skeleton = build_skeleton(write_config(tmp_path, "llava-7b"))
    # patches 3*7*7*24, class token 24, 17 positions, two norms, layers of 4 d^2 + 2 d f + 9 d + f
    layer = 4 * 24 * 24 + 2 * 24 * 40 + 9 * 24 + 40
    assert by_name(count_parameters(skeleton))["vision tower"] == 3 * 49 * 24 + 24 + 17 * 24 + 2 * 48 + 3 * layer
    assert not any("published" in note for note in skeleton.notes)


@pytest.mark.parametrize("checkpoint", [TinyCheckpoint(), TinyCheckpoint(version="v3", learnable_tokens=True)])
def test_the_counts_are_those_of_the_stored_tensors(tmp_path, checkpoint):
    """transformers' own modules wrote the weights; buffers are not counted, nor are CLIP's two projections."""
    found = counts(checkpoint.write(tmp_path))
    parts = by_name(found)
    assert found.total("language model") == sum(value.numel() for value in checkpoint.llama.parameters())
    assert parts["vision tower"] == sum(value.numel() for value in checkpoint.clip.vision_model.parameters())
    assert parts["text tower"] == sum(value.numel() for value in checkpoint.clip.text_model.parameters())
    assert found.total("adaptation") == sum(value.numel() for value in checkpoint.alignment_tensors.values())
    assert parts["projector"] == sum(value.numel() for value in checkpoint.projector_tensors.values())


def test_mplug_owl2s_counts_are_those_of_the_stored_tensors(tmp_path):
    checkpoint = TinyMPlugOwl2()
    stored = {name: value.numel() for name, value in checkpoint.tensors.items() if "inv_freq" not in name}
    found = counts(checkpoint.write(tmp_path))
    assert found.total() == sum(stored.values())
    assert found.total("adaptation") == sum(number for name, number in stored.items() if ".multiway.1." in name)
