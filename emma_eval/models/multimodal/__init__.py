"""What runs a multimodal model on batches: requests become tries of tokens and images, tries become answers.

It knows no architecture: EMMA, or any other that puts embeddings of images before LLaMA, is an nn.Module given to it.

May import: `types`, `images`, `models.checkpoints`, `models.clip`, `models.llama`.
"""
