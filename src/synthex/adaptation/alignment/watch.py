"""Telling a user when a discriminator has stopped saying anything."""

import logging

log = logging.getLogger(__name__)

WINDOW = 200
"""Steps that an opinion is formed on: our choice, a minute or so of training."""
BLIND, CERTAIN = 0.52, 0.995
"""Mean accuracies up to which a discriminator tells nothing apart, and from which everything: our choice."""


def verdict(accuracy: float) -> str | None:
    """What is wrong with a discriminator whose mean accuracy over a while is this; None if nothing."""
    if accuracy <= BLIND:
        return "cannot tell the domains apart: they are aligned, or it has collapsed"
    if accuracy >= CERTAIN:
        return "always tells the domains apart: give alignment more weight, or the discriminator a lower rate"
    return None


class DiscriminatorWatch:
    """Warns, once for each of them, of discriminators whose accuracy has stayed at 50 % or at 100 %."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def see(self, level: str, accuracy: float, steps: int) -> str | None:
        """Judge the mean accuracy on both domains over some steps; returns the warning that was given, if any."""
        found = verdict(accuracy)
        if found is None or (level, found) in self._told:
            return None
        self._told.add((level, found))
        line = f"the discriminator of {level} {found} (accuracy {accuracy:.1%} over {steps} steps)"
        log.warning("%s", line)
        return line
