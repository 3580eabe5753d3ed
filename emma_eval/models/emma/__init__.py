"""EMMA v1 and v3, and plain LLaVA-1.5 as the same code with the alignment switched off."""
