"""The main of a sweep's processes whose trainings pretend."""

from generators.pretend_training import pretend

from synthex.cli.main import main

__all__ = ["main"]

pretend()
