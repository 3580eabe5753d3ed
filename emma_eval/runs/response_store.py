"""The responses of a run in memory: each task's file is read once, and kept in step as responses are appended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emma_eval.results.responses import ResponseLog, log_path, read_log
from emma_eval.types import Key, Request, Response
from emma_eval.utils.gc_utils import gc_paused

Appender = Callable[[str, Response], None]  # takes the task and the response
Responses = Mapping[Key, Response]  # the last to each request


class ResponseStore:
    """The last response to each request of a run's tasks, as their files have them.

    A response counts as soon as its line is written, so this never holds more than a later session would read.
    """

    def __init__(self, folder: Path, tasks: Sequence[str]) -> None:
        """Read the files. Raises UserError for a damaged one."""
        self._folder = folder
        self._responses: dict[str, dict[Key, Response]] = {}
        self._sound_bytes: dict[str, int] = {}
        with gc_paused():
            for task in tasks:
                responses, self._sound_bytes[task] = read_log(log_path(folder, task))
                self._responses[task] = {response.key: response for response in responses}

    def of(self, task: str) -> Responses:
        """The last response to each request of a task that has one."""
        return self._responses[task]

    def unanswered(self, task: str, requests: Sequence[Request], retry_failed: bool) -> list[Request]:
        """The requests without a response; with `retry_failed` also those whose last response is a failure."""
        responses = self._responses[task]

        def is_unanswered(request: Request) -> bool:
            response = responses.get(request.key)
            return response is None or (retry_failed and response.text is None)

        return [request for request in requests if is_unanswered(request)]

    @contextmanager
    def appending(self, tasks: Sequence[str]) -> Iterator[Appender]:
        """Open the files of these tasks, so that responses can be appended."""
        with ExitStack() as stack:
            logs = {
                task: stack.enter_context(ResponseLog(log_path(self._folder, task), self._sound_bytes[task]))
                for task in tasks
            }

            def append(task: str, response: Response) -> None:
                logs[task].append(response)
                self._responses[task][response.key] = response

            yield append
