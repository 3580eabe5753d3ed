"""HallusionBench, as its utils.py has GPT-4 judge each answer and its evaluation.py counts.

An answer is correct, incorrect or unclear; of a question without its figure, unclear is right. A second request asks
whether an answer says the same as that to the original figure, where that decides if a wrong answer comes of language
hallucination (LH), of visual illusion (VI) or of both. The official tool asks it of every answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.judges.hallusionbench_scores import (
    CORRECTNESS_PASS,
    SAMENESS_PASS,
    Judgement,
    has_causes,
    judgements_of,
    questions_of,
    scores,
)
from emma_eval.judges.task_judge import Attempt, JudgedTask, JudgeRequest, Replies, TaskJudge

# From tianyi-lab/HallusionBench at 744007c, BSD-3-Clause: the prompts of utils.py, evaluate_by_chatgpt and
# check_same_by_chatgpt.
CORRECTNESS = """\
Imagine you are an intelligent teacher. Thoroughly read the question, reference answer and the prediction answer to \
ensure a clear understanding of the information provided. Assess the correctness of the predictions. If the prediction \
answer does not conflict with the reference answer, please generate “correct”. If the prediction answer conflict with \
the reference answer, please generate “incorrect”. If the prediction answer is unclear about the answer, please \
generate "unclear". \n\n Question:{question}
Reference answer: {reference}
Prediction answer:{answer}
Output:"""
SAMENESS = """\
Imagine you are an intelligent teacher. Thoroughly read the two responses to two different questions. Assess the \
consistency of the information provided within those two responses. You do not know the specific questions, but you \
can asssess the consistency among the two responses by checking for logical conflicts if both responses are correct. \
If response1 does not conflict with response2, please generate “same”. Otherwise, generate "different". \n
 response1:{answer}
response2: {original}
Output:"""


def requests(task: JudgedTask, replies: Replies) -> list[JudgeRequest]:
    """Whether each answer is correct; then, of some of the wrong ones, whether they say the same as the original's."""
    questions = questions_of(task)
    found = []
    for sample in task.samples:
        if (answer := task.answers.get((sample.id, 0))) is not None:
            question = questions[sample.id]
            prompt = CORRECTNESS.format(question=question.text, reference=question.reference, answer=answer.text)
            found.append(_request((sample.id, CORRECTNESS_PASS), prompt, "correct", "unclear"))
    if has_causes(task.samples) and all(request.key in replies for request in found):
        found += _second_round(task, judgements_of(task, questions, replies))
    return found


def _second_round(task: JudgedTask, judgements: Sequence[Judgement]) -> list[JudgeRequest]:
    found = []
    for one in judgements:
        answers = [task.answers.get((sample.id, 0)) for sample in (one.sample, one.original) if sample is not None]
        if one.depends_on_sameness and len(answers) == 2 and answers[0] is not None and answers[1] is not None:
            prompt = SAMENESS.format(answer=answers[0].text, original=answers[1].text)
            found.append(_request((one.sample.id, SAMENESS_PASS), prompt, "same", "different"))
    return found


def _request(key: tuple[str, int], prompt: str, *words: str) -> JudgeRequest:
    return JudgeRequest(key, (Attempt(prompt),), lambda reply: any(word in reply.lower() for word in words))


JUDGE = TaskJudge(
    source="evaluation.py of tianyi-lab/HallusionBench at 744007c",
    judge="gpt-4",
    prompt=f"{CORRECTNESS}\n\n{SAMENESS}\n\ntemperature and length are the server's",
    requests=requests,
    scores=scores,
)
