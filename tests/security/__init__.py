"""What SECURITY.md promises, sentence by sentence; `test_document` checks that each names its tests."""
