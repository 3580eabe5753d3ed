"""The generation_kwargs of lmms-eval's tasks: what is taken, and what is refused in one line."""

import pytest

from emma_eval.errors import UserError
from emma_eval.lmms.decoding import Decoding, read_decoding


def test_what_most_tasks_of_lmms_eval_have_is_greedy_decoding():
    options = {"max_new_tokens": 16, "temperature": 0.0, "top_p": 1.0, "num_beams": 1, "do_sample": False}
    assert read_decoding({**options, "until": ["\n\n"]}, "task t") == Decoding(16, ("\n\n",))


def test_without_options_the_length_is_that_of_lmms_evals_llava():
    assert read_decoding(None, "task t") == Decoding(1024, ())


def test_an_answer_ends_before_the_first_stop_text():
    assert read_decoding({"until": "\n\n"}, "t").cut("yes\n\nno\n\n") == "yes"
    assert Decoding(9, ("b", "a")).cut("xaybz") == "x"
    assert Decoding(9, ("q",)).cut("xyz") == "xyz"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"temperature": 0.2}, "sampling (temperature 0.2)"),
        ({"do_sample": True}, "sampling (do_sample: true)"),
        ({"num_beams": 5}, "num_beams: 5"),
        ({"repetition_penalty": 1.1}, "repetition_penalty: 1.1"),
        ({"visual_cot": True}, "visual_cot: True"),
        ({"max_new_tokens": "16"}, "max_new_tokens must be a whole number"),
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number"),
        ({"until": [7]}, "until must be texts"),
    ],
)
def test_what_models_here_do_not_do_is_refused(options, reason):
    with pytest.raises(UserError, match=r"^task t: ") as error:
        read_decoding(options, "task t")
    assert reason in str(error.value)


def test_do_sample_at_temperature_0_is_greedy_as_in_lmms_evals_llava():
    assert read_decoding({"do_sample": True, "temperature": 0}, "t") == Decoding()
