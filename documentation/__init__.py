"""Makes what is made in ``docs/``, and tries every command line that stands there: ``python -m documentation``."""
