"""MMBench's circular file is asked pass by pass as it stands: its passes are no plain turns to the left."""

import base64

from emma_eval.data.loading import load_samples
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from tests.tiny_datasets import png

COLUMNS = ["index", "question", "hint", *"ABCD", "answer", "category", "image", "source", "l2-category", "split"]


def test_the_release_turns_right_and_may_keep_the_last_option_in_place(tmp_path):
    """As question 1009 of the release of 2023-07-12: four options, three passes."""
    passes = [
        (("beside", "left", "right"), "B"),
        (("right", "beside", "left"), "C"),
        (("left", "right", "beside"), "A"),
    ]
    table = [COLUMNS]
    for number, (options, answer) in enumerate(passes):
        image = "1009" if number else base64.b64encode(png(1)).decode()
        row = [str(1009 + 1_000_000 * number), "Which is right?", "", *options, "none of these", answer]
        table.append([*row, "spatial", image, "web", "reasoning", "dev"])
    path = tmp_path / "circular.tsv"
    path.write_text("\n".join("\t".join(row) for row in table) + "\n", encoding="utf-8")

    task = load_task("mmbench_en")
    samples = load_samples(task, files={"questions": path}, allow_partial=True)
    asked = [request.message.split("Which is right?\n")[1] for request in build_requests(task, samples)]

    assert len(samples) == 1
    assert len(asked) == len(passes)
    for text, (options, _) in zip(asked, passes, strict=True):
        lines = [f"{letter}. {option}" for letter, option in zip("ABCD", (*options, "none of these"), strict=True)]
        assert text.startswith("\n".join(lines) + "\nAnswer with")
    assert [answer for _, answer in samples[0].meta["passes"]] == [answer for _, answer in passes]
