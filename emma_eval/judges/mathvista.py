"""MathVista, as its extract_answer.py has GPT-4 extract answers and calculate_score.py counts them.

Rules extract the plain answers, as with the official script's default settings, and the judge the others. What it
extracts is normalised and compared as `scorers.mathvista` does.
"""

from __future__ import annotations

from dataclasses import replace

from emma_eval.judges.task_judge import Attempt, JudgedTask, JudgeRequest, Replies, TaskJudge
from emma_eval.scorers.mathvista import extract, mathvista
from emma_eval.types import Answer, Scores

# From lupantech/MathVista at 53d5258, CC-BY-SA-4.0: `demo_prompt` of evaluation/prompts/ext_ans.py, stripped.
EXAMPLES = """\
Please read the following example. Then extract the answer from the model response and type it at the end of the \
prompt.

Hint: Please answer the question requiring an integer answer and provide the final value, e.g., 1, 2, 3, at the end.
Question: Which number is missing?

Model response: The number missing in the sequence is 14.

Extracted answer: 14

Hint: Please answer the question requiring a floating-point number with one decimal place and provide the final \
value, e.g., 1.2, 1.3, 1.4, at the end.
Question: What is the fraction of females facing the camera?

Model response: The fraction of females facing the camera is 0.6, which means that six out of ten females in the \
group are facing the camera.

Extracted answer: 0.6

Hint: Please answer the question requiring a floating-point number with two decimal places and provide the final \
value, e.g., 1.23, 1.34, 1.45, at the end.
Question: How much money does Luca need to buy a sour apple candy and a butterscotch candy? (Unit: $)

Model response: Luca needs $1.45 to buy a sour apple candy and a butterscotch candy.

Extracted answer: 1.45

Hint: Please answer the question requiring a Python list as an answer and provide the final list, e.g., [1, 2, 3], \
[1.2, 1.3, 1.4], at the end.
Question: Between which two years does the line  graph saw its maximum peak?

Model response: The line graph saw its maximum peak between 2007 and 2008.

Extracted answer: [2007, 2008]

Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.
Question: What fraction of the shape is blue?
Choices:
(A) 3/11
(B) 8/11
(C) 6/11
(D) 3/5

Model response: The correct answer is (B) 8/11.

Extracted answer: B"""
LAYOUT = "{examples}\n\n{query}\n\n{response}\n\nExtracted answer: "
TEMPERATURE, MAX_TOKENS = 0.0, 1024
ATTEMPTS = 5  # of an empty reply; the official script goes on a million times


def requests(task: JudgedTask, _: Replies) -> list[JudgeRequest]:
    """The extraction of each answer that the rules cannot extract."""
    found = []
    for sample in task.samples:
        answer = task.answers.get((sample.id, 0))
        if answer is not None and extract(answer.text, sample, quick=False) is None:
            prompt = LAYOUT.format(examples=EXAMPLES, query=sample.question, response=answer.text)
            attempts = (Attempt(prompt, temperature=TEMPERATURE, max_tokens=MAX_TOKENS),) * ATTEMPTS
            found.append(JudgeRequest((sample.id, 0), attempts, bool))
    return found


def scores(task: JudgedTask, replies: Replies) -> Scores:
    """Accuracy (a fraction): overall, and by question type, answer type, language, source, task, skill and others."""
    extracted = {}
    for sample in task.samples:
        if (answer := task.answers.get((sample.id, 0))) is not None:
            by_rules = extract(answer.text, sample, quick=False)
            extracted[sample.id, 0] = Answer(replies[sample.id, 0][0].strip() if by_rules is None else by_rules)
    found = mathvista(task.samples, extracted, extraction="done")
    return replace(found, metrics=tuple(metric for metric in found.metrics if metric.name != "unextracted"))


JUDGE = TaskJudge(
    source="evaluation/extract_answer.py of lupantech/MathVista at 53d5258",
    judge="gpt-4-0613 in its earlier versions",
    prompt=f"{EXAMPLES}\n\n{LAYOUT}\n\ntemperature {TEMPERATURE}, at most {MAX_TOKENS} tokens",
    requests=requests,
    scores=scores,
)
