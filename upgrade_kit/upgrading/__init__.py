"""Carries a plan out: step by step, with a journal, so that it stops, goes on, and leads back."""
