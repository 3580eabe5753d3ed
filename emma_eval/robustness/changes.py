"""What a variant asks of a task: its samples in other words or with other options, or its images changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from emma_eval.prompts.building import build_requests
from emma_eval.robustness.corruptions import corrupted
from emma_eval.robustness.forms import Form
from emma_eval.robustness.left_out import Changed, LeftOut
from emma_eval.robustness.option_order import reordered
from emma_eval.robustness.questions import reworded
from emma_eval.robustness.swapping import PresentObjects
from emma_eval.robustness.variants import Variant
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import Request, Sample


@dataclass(frozen=True, slots=True)
class TaskChange:
    """Changes a task's samples and requests as a variant has them. The same samples give the same requests."""

    variant: Variant
    forms: Mapping[str, Form]
    present: Mapping[str, PresentObjects]  # task -> image -> what the benchmark says is in it

    def changed(self, task: TaskConfig, samples: Sequence[Sample]) -> Changed:
        """The samples that the variant asks, and why it does not ask the others."""
        prompts = (task.prompt, *(wording.prompt for wording in task.wordings.values()))
        if self.variant.ask is not None and any(prompt.question for prompt in prompts):
            return Changed.nothing(samples, LeftOut.ONE_QUESTION)
        if self.variant.ask is not None:
            return reworded(samples, self.variant, self.forms, self.present.get(task.name, {}))
        if self.variant.options is not None:
            return reordered(task, samples, self.variant)
        changed = Changed()
        for sample in samples:
            if sample.images:
                changed.samples.append(sample)
            else:
                changed.leave_out(LeftOut.NO_IMAGE)
        return changed

    def requests(self, task: TaskConfig, samples: Sequence[Sample], template: str) -> Iterable[Request]:
        """The requests of changed samples. Raises UserError for an unknown corruption."""
        name, severity = self.variant.corruption, self.variant.severity
        for request in build_requests(task, samples):
            if name is None or severity is None:
                yield request
            else:
                yield replace(request, images=tuple(corrupted(one, name, severity) for one in request.images))
