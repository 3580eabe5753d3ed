"""`run --engine vllm`: our code makes a prompt's embeddings, images included, and vLLM continues from them.

vLLM is imported by `language_model` alone, when the first requests come.
"""
