"""Instances, models, tasks."""
