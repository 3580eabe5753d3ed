"""The engine of a model behind an OpenAI-compatible server: requests as chat messages, replies as Generations.

The server puts the messages into its model's chat template, so its prompt is its own and not seen here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emma_eval.errors import SampleError, UserError
from emma_eval.images.encoding import encode_image
from emma_eval.images.markers import message_parts
from emma_eval.inference.engine import SERVER_TEMPLATE, EngineDescription, MachineUse, Outcome
from emma_eval.servers.asking import ask_all
from emma_eval.servers.client import ServerClient, require_http
from emma_eval.servers.endpoint import AskingPolicy, Endpoint
from emma_eval.types import Failure, Generation, InferenceStats, Request, Served, ServerStats
from emma_eval.utils import environment

if TYPE_CHECKING:
    from emma_eval.servers.replies import ChatReply
    from emma_eval.types import ImageSource

CACHED_IMAGES = 64  # encoded; questions on one image mostly follow each other


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """What is sent with every chat request, beside its message."""

    model: str
    fields: Mapping[str, Any] = field(default_factory=dict)  # temperature, seed, ...
    max_tokens_field: str | None = "max_tokens"  # None: answers are as long as the server lets them be
    longest_side: int | None = None  # larger images are shrunk to it


@dataclass(frozen=True, slots=True)
class ServerEngine:
    """Asks a server, many requests at a time."""

    endpoint: Endpoint
    policy: AskingPolicy
    settings: ChatSettings

    def __post_init__(self) -> None:
        require_http()

    def describe(self) -> EngineDescription:
        """What is known of the server: its address. Its weights, precision and template are not."""
        key = f"the key of {self.endpoint.key_variable}" if self.endpoint.key_variable else "no key"
        return EngineDescription(
            template=SERVER_TEMPLATE,
            summary=f"{self.settings.model} at {self.endpoint.base_url}, {key}, up to {self.policy.concurrency} "
            "requests at once; the prompt is the server's, and its weights are not seen: the fingerprint is over the "
            "model's name, the host and the options",
        )

    def machine_use(self) -> MachineUse:
        """The memory of this process; nothing is known of the server's machine."""
        return MachineUse("a server's", environment.peak_host_memory(), None)

    def close(self) -> None:
        """Nothing to release: connections are closed when the answers have come."""

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield each request's outcome as its reply comes. `stats.server` is kept meanwhile.

        Raises UserError for requests that no server can be asked.
        """
        _require_askable(requests)
        server = stats.server = ServerStats()
        client = ServerClient(self.endpoint, self.policy, server)
        asking = _Asking(self.settings, stats)
        for index, reply in ask_all(client, requests, asking.ask):
            stats.batches += 1
            stats.prompt_tokens, stats.new_tokens = server.prompt_tokens, server.new_tokens
            if isinstance(reply, SampleError):
                yield index, Failure(str(reply), requests[index].message)
            else:
                yield index, _generation(reply, requests[index])


def _require_askable(requests: Sequence[Request]) -> None:
    if any(request.is_raw for request in requests):
        raise UserError("a server makes the prompt itself, so it cannot be sent a whole one")
    if any(request.min_new_tokens for request in requests):
        raise UserError(
            "the wording asks for a least number of new tokens, of which servers know nothing; take another --wording"
        )


def _generation(reply: ChatReply, request: Request) -> Generation:
    served = Served(reply.model, reply.system_fingerprint, reply.prompt_tokens, reply.completion_tokens)
    return Generation(
        text=(reply.text or "").strip(),
        finish_reason=reply.finish_reason,
        prompt=request.message,
        seconds=reply.seconds,
        served=served,
    )


class _Asking:
    """Makes chat requests and sends them; an image that several of them show is encoded once."""

    def __init__(self, settings: ChatSettings, stats: InferenceStats) -> None:
        self._settings, self._stats = settings, stats
        self._urls: OrderedDict[ImageSource, asyncio.Task[str]] = OrderedDict()

    async def ask(self, client: ServerClient, request: Request) -> ChatReply:
        """The reply to a request. Raises as `ServerClient.chat` does."""
        return await client.chat(await self._body_of(request))

    async def _body_of(self, request: Request) -> dict[str, Any]:
        """The chat request. Raises SampleError for an unreadable image."""
        parts = message_parts(request.message)
        if parts.count(None) != len(request.images):
            raise SampleError(f"{parts.count(None)} image markers in the message for {len(request.images)} images")
        content: list[dict[str, Any]] = []
        images = iter(request.images)
        for part in parts:
            if part is not None:
                content.append({"type": "text", "text": part})
            else:
                content.append({"type": "image_url", "image_url": {"url": await self._url(next(images))}})
        message = content if request.images else request.message
        body: dict[str, Any] = {"model": self._settings.model, "messages": [{"role": "user", "content": message}]}
        if self._settings.max_tokens_field is not None:
            body[self._settings.max_tokens_field] = request.max_new_tokens
        return body | dict(self._settings.fields)

    def _url(self, image: ImageSource) -> asyncio.Task[str]:
        """The image as a data URL, made in a thread."""
        if image not in self._urls:
            self._urls[image] = asyncio.create_task(self._encode(image))
        self._urls.move_to_end(image)
        while len(self._urls) > CACHED_IMAGES:
            self._urls.popitem(last=False)
        return self._urls[image]

    async def _encode(self, image: ImageSource) -> str:
        encoded = await asyncio.to_thread(encode_image, image, self._settings.longest_side)
        self._stats.images += 1
        if self._stats.server is not None:
            self._stats.server.images_recoded += encoded.recoded
            self._stats.server.images_resized += encoded.resized
        return encoded.data_url
