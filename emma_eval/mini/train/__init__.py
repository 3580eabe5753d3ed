"""Training of the mini models: `python -m emma_eval.mini.train --help`.

tokenizer -> clip (contrastive, towers then frozen) -> language (the LLM alone, on text)
          -> align (stage 1: projector and alignment) -> tune (stage 2: projector, alignment and LLM).
"""

from emma_eval.utils.cpu import keep_threads_calm

keep_threads_calm()  # before torch is imported
