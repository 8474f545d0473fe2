"""Tasks: one folder each, reached through ``_target_`` in ``conf/task``."""
