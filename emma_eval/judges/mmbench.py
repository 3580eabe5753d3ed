"""MMBench with a judge for answers in which rules find no letter, as VLMEvalKit's multiple_choice.py asks one.

Passes are matched by rules first. A question with a pass that is matched wrongly is wrong, and the judge is not asked.
Of the others it is asked about the passes without a letter, one after the other until one is wrong.
"""

# ruff: noqa: RUF001  (the official prompt has Chinese punctuation)

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from emma_eval.judges.task_judge import Attempt, JudgedTask, JudgeRequest, Replies, TaskJudge
from emma_eval.scorers.mmbench import mmbench
from emma_eval.scorers.option_matching import REFUSED, after_xlsx, infer
from emma_eval.tasks.circular import Choices, circular_passes
from emma_eval.types import Answer, Key, Sample, Scores

# From open-compass/VLMEvalKit at e8e78f0, Apache-2.0: build_prompt and build_prompt_cn of
# vlmeval/dataset/utils/multiple_choice.py, and build_option_str of vlmeval/smp/vlm.py.
PROMPT = """\
You are an AI assistant who will help me to match an answer with several options of a single-choice question. You are \
provided with a question, several options, and an answer, and you need to find which option is most similar to the \
answer. If the meaning of all options are significantly different from the answer, output Z. Your should output a \
single uppercase character in A, B, C, D (if they are valid options), and Z. \n\
Example 1: \n\
Question: What is the main object in image?
Options: A. teddy bear B. rabbit C. cat D. dog
Answer: a cute teddy bear
Your output: A
Example 2: \n\
Question: What is the main object in image?
Options: A. teddy bear B. rabbit C. cat D. dog
Answer: Spider
Your output: Z
Example 3: \n\
Question: {}?
Options: {}
Answer: {}
Your output: """
CHINESE_PROMPT = """\
你是一个帮助我匹配答案与单选题中多个选项的 AI 助手。你会被提供：一个问题，多个选项，一个答案。\
你的任务是找到与答案意义最相近的选项。如果所有选项的意义都与答案显著不同，则输出 Z。\
你应该输出一个单个的大写字母，例如 A, B, C, D（如果它们是有效选项），或 Z。例 1:\
问题: 图中最主要的物体是什么?
选项: A. 泰迪熊 B. 兔子 C. 猫 D. 狗
答案: 一只可爱的泰迪熊
输出: A
例 2: \n\
问题: 图中最主要的物体是什么?
选项: A. 泰迪熊 B. 兔子 C. 猫 D. 狗
答案: 蜘蛛
输出: Z
例 3: \n\
问题: {}?
选项: {}
答案: {}
输出: """
OPTIONS = "There are several options: \n"
TEMPERATURE, MAX_TOKENS = 0.0, 2048
ATTEMPTS = 3  # of a reply without a letter; then the official tool draws one at random, here there is none
_CHINESE = re.compile("[\u4e00-\u9fff]")


def judge_prompt(question: str, choices: Choices, answer: str) -> str:
    """What the judge is asked; in Chinese, if the question is."""
    prompt = CHINESE_PROMPT if _CHINESE.search(question) else PROMPT
    options = OPTIONS + "".join(f"{letter}. {text}\n" for letter, text in choices.items())
    return prompt.format(question, options, answer)


def requests(task: JudgedTask, replies: Replies) -> list[JudgeRequest]:
    """About each question, as far as the replies so far leave it open: the next pass without a letter."""
    return [request for sample in task.samples for request in _of_question(task, sample, replies)]


def _of_question(task: JudgedTask, sample: Sample, replies: Replies) -> Iterator[JudgeRequest]:
    passes = list(_passes(task, sample))
    if any(one.text is None or one.letter not in (None, one.right) for one in passes):
        return  # wrong, whatever the judge says
    for one in passes:
        if one.letter is None and one.text is not None:
            yield _request(one.key, judge_prompt(sample.question, one.choices, one.text), one.choices)
            if one.key not in replies or infer(replies[one.key][0], one.choices) != one.right:
                return


@dataclass(frozen=True, slots=True)
class _Pass:
    key: Key
    choices: Choices
    right: str
    text: str | None  # None: failed

    @property
    def letter(self) -> str | None:
        """By rules; None where the judge decides."""
        return None if self.text is None else infer(self.text, self.choices)


def _passes(task: JudgedTask, sample: Sample) -> Iterator[_Pass]:
    for number, (choices, right) in enumerate(circular_passes(sample)):
        answer = task.answers.get((sample.id, number))
        yield _Pass((sample.id, number), choices, right, None if answer is None else after_xlsx(answer.text))


def _request(key: Key, prompt: str, choices: Choices) -> JudgeRequest:
    attempts = (Attempt(prompt, temperature=TEMPERATURE, max_tokens=MAX_TOKENS),) * ATTEMPTS
    return JudgeRequest(key, attempts, lambda reply: infer(reply, choices) is not None)


def scores(task: JudgedTask, replies: Replies) -> Scores:
    """Circular accuracy (a fraction): overall, by split and by ability. There is none of single passes: see above."""
    choices = {one.key: one.choices for sample in task.samples for one in _passes(task, sample)}
    matched = {key: Answer(infer(reply[0], choices[key]) or REFUSED) for key, reply in replies.items()}
    found = mmbench(task.samples, {**task.answers, **matched})
    return replace(found, metrics=tuple(metric for metric in found.metrics if not metric.name.startswith("vanilla")))


JUDGE = TaskJudge(
    source="vlmeval/dataset/utils/multiple_choice.py of open-compass/VLMEvalKit at e8e78f0",
    judge="gpt-4o-mini-2024-07-18",
    prompt=f"{PROMPT}\n\n{CHINESE_PROMPT}\n\n{OPTIONS}\n\ntemperature {TEMPERATURE}, at most {MAX_TOKENS} tokens",
    requests=requests,
    scores=scores,
)
