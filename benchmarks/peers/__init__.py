"""Other programs that answer the same requests with the same weights: transformers in batches, and vLLM.

Each is treated kindly: prompts are tokenized, images decoded and resized and, where it continues from embeddings, those
computed before its clock starts; requests come in the order that suits it; its start-up does not count.
"""
