"""What to do about logits that are not finite, by the type they were computed in."""

import torch

ADVICE = {
    torch.float16: "the model overflows float16, or its weights are broken; try --dtype bfloat16 (or float32)",
    torch.bfloat16: "try --dtype float32; if that fails too, the weights are broken",
    torch.float32: "the weights are broken, for what overflows float16 alone (and --dtype bfloat16 mends) is finite in "
    "float32; take another copy or an earlier save of the checkpoint",
}
