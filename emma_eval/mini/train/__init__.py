"""Training of the mini models: `python -m emma_eval.mini.train --help`.

tokenizer -> clip (contrastive, towers then frozen) -> language (the LLM alone, on text)
          -> align (stage 1: projector and alignment) -> tune (stage 2: projector, alignment and LLM).
"""

from emma_eval.utils.cpu import set_openmp_wait_policy

set_openmp_wait_policy()  # before torch is imported
