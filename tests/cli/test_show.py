"""`show` shows what is sent, which need not be all that the sample has."""

import json

from PIL import Image

from emma_eval.cli.main import main


def shown(capsys, *arguments):
    assert main(["show", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_the_images_of_the_request_are_shown(tmp_path, capsys):
    folder = tmp_path / "muirbench"
    (folder / "images").mkdir(parents=True)
    row = {"idx": "0", "task": "t", "image_relation": "r", "answer": "A", "image_list": ["a.png", "b.png"]}
    rows = [
        row | {"question": "Is <image> like <image>?", "options": ["yes", "no"]},
        row | {"idx": "1", "question": "Which one?", "options": ["<image>", "<image>"]},
    ]
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for name in "ab":
        Image.new("RGB", (4, 4)).save(folder / "images" / f"{name}.png")
    pasted = shown(capsys, "muirbench_pasted", "--data", tmp_path)
    images = folder / "images"
    assert f"image: {images / 'a.png'} + {images / 'b.png'}\n" in pasted
    assert "image: none\n" in shown(capsys, "muirbench_pasted", "--data", tmp_path, "--sample", "1")
    in_place = shown(capsys, "muirbench", "--data", tmp_path)
    assert f"image: {images / 'a.png'}\nimage: {images / 'b.png'}\n" in in_place


def test_a_wording_of_the_task_is_shown(tmp_path, capsys):
    folder = tmp_path / "qbench"
    (folder / "images").mkdir(parents=True)
    row = {"question": "Is it sharp?", "img_path": "a.png", "candidates": ["Yes", "No"], "correct_ans": "No"}
    (folder / "llvisionqa_dev.json").write_text(json.dumps([row]))
    assert "wording: emma (others: mplug_owl2, llava): the wording of emma's scripts" in shown(
        capsys, "qbench", "--data", tmp_path
    )
    told = shown(capsys, "qbench", "--data", tmp_path, "--wording", "llava")
    assert "wording: llava (others: emma, mplug_owl2)" in told
    assert "Choose between one of the options as follows:" in told
    assert main(["show", "qbench", "--data", str(tmp_path), "--wording", "lava"]) == 2
    assert "unknown wording 'lava'; did you mean 'llava'?" in capsys.readouterr().err
