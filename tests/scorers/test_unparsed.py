"""Every scorer of choices notes how many answers were parsed as none of them: wrong formats are not wrong answers."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.types import Answer
from tests.scorer_samples import questions
from tests.scorers.helpers import answered
from tests.shared import needs_shared, shared

CASE = shared("cases/16-chat-style-letters")
LETTER = "2 of 3 answers gave no letter and count as wrong"
YES_NO = "2 of 3 answers gave neither yes nor no and count as wrong"


@pytest.mark.parametrize(
    ("scorer", "options", "texts", "note"),
    [
        ("letters", {}, ("A", "what?", ""), LETTER),
        ("letters", {"matching": "exact"}, ("A", "A.", "what?"), LETTER),
        ("letters", {"matching": "any_case"}, ("a", "a.", "what?"), LETTER),
        ("letters", {"matching": "contains"}, ("A.", "what?", ""), LETTER),
        ("seed", {}, ("B", "B.", "what?"), LETTER),
        ("scienceqa", {}, ("B", "(B)", "what?"), LETTER),
        ("scienceqa", {"pattern": "gpt3"}, ("The answer is B.", "B", "what?"), LETTER),
        ("mmbench", {}, ("(B)", "so or so", "what?"), LETTER),
        ("mmbench", {"matching": "exact_letters"}, ("B", "B.", "what?"), LETTER),
        ("mmbench", {"matching": "emma"}, ("B", "B.", "what?"), LETTER),
        ("mmmu", {"responses": "parsed"}, ("B", "B.", "what?"), LETTER),
        ("hallusionbench", {}, ("Yes.", "yes and no", "what?"), YES_NO),
        ("amber", {}, ("Yes", "yes", "No."), "2 of 3 answers gave neither `Yes` nor `No` and count as wrong"),
        ("amber_emma", {}, ("yes", "yes.", "what?"), YES_NO),
        ("mme", {}, ("yes", "The answer is yes", "what?"), YES_NO),
        ("pope", {}, ("yes", "", "nope"), "2 of 3 answers gave neither yes nor no; the official tool reads yes"),
    ],
)
def test_unparsed_answers_are_noted(scorer, options, texts, note):
    samples = questions(scorer)
    given = {(str(i), 0): Answer(text) for i, text in enumerate(texts)}
    assert note in get_scorer(scorer, **options)(samples, given).notes


@pytest.mark.parametrize(
    ("scorer", "text"),
    [("letters", "A"), ("seed", "A"), ("scienceqa", "A"), ("mmbench", "A"), ("amber", "No")],
)
def test_there_is_no_note_on_parsed_answers(scorer, text):
    notes = get_scorer(scorer)(questions(scorer), answered(text, text)).notes
    assert not any("gave" in note for note in notes)


@needs_shared("cases/16-chat-style-letters")
@pytest.mark.parametrize(
    ("task", "unparsed"), [("s_seed", 20), ("s_scienceqa", 18), ("s_qbench", 6), ("s_mmbench_en", 6)]
)
def test_21_ways_to_say_b(task, unparsed, capsys):
    from emma_eval.cli.main import main

    command = ["score", "--task-dir", str(CASE.parent / "_tasks"), "--task", task, "--data", str(CASE / "data")]
    # The file answers one pass of MMBench's questions, which is not all of them.
    main([*command, "--predictions", str(CASE / "answers.jsonl"), "--allow-partial"])
    assert f"note: {unparsed} of 21 answers gave no letter and count as wrong" in capsys.readouterr().out
