"""What a peer is given: each request's ids and pixels, or its embeddings, made by our model before the clock starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.transformers_loop import prompt_embeddings
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request


@dataclass(frozen=True, slots=True)
class PeerInput:
    """A request as ids and pixels, or as embeddings in place of both."""

    index: int  # of the request
    ids: list[int]  # IMAGE_ID at each image
    pixels: list[NDArray[np.uint8]]  # of each image, (3, S, S): padded, resized and cropped
    max_new_tokens: int
    embeds: Tensor | None = None  # (L, D)


@torch.inference_mode()
def peer_inputs(runner: ModelRunner[EmmaModel], requests: Sequence[Request], embedded: bool) -> list[PeerInput]:
    """The requests' inputs, the longest first and those on the same images side by side.

    Raises ValueError for a request that is truncated: a peer reads it whole.
    """
    prompts = [runner.tokenize(request) for request in requests]
    if any(prompt.truncated for prompt in prompts):
        raise ValueError("a request is longer than the model reads")
    images = dict.fromkeys(image for request in requests for image in request.images)
    pixels = {image: runner.to_pixels(image) for image in images}
    rank = {image: place for place, image in enumerate(images)}
    order = sorted(
        range(len(requests)),
        key=lambda index: (-prompts[index].num_tokens, [rank[image] for image in requests[index].images]),
    )
    return [
        PeerInput(
            index=index,
            ids=list(prompts[index].input_ids),
            pixels=[pixels[image] for image in requests[index].images],
            max_new_tokens=requests[index].max_new_tokens,
            embeds=prompt_embeddings(runner, requests[index])[0].clone() if embedded else None,
        )
        for index in order
    ]


def expanded(ids: Sequence[int], image_id: int, num_image_tokens: int) -> list[int]:
    """The ids with `image_id` as often as an image has embeddings in place of each IMAGE_ID."""
    return [one for token in ids for one in ([image_id] * num_image_tokens if token == IMAGE_ID else [token])]
