"""The part of lmms-eval 0.7.3 that this program calls, with its names and behaviour, written anew for tests in CI.

tests/integration/test_lmms_eval.py holds the same calls against the real package.
"""
