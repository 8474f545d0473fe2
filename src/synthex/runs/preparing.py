"""Preparing the volumes of simulations before they are asked for."""

import os
from collections.abc import Iterator

from synthex.anatomy.cache import PreparedAnatomies
from synthex.core import AnatomySource, Reader
from synthex.core.terminal import progress
from synthex.data import (
    AnatomyMix,
    AnatomySubset,
    InOrder,
    SyntheticReader,
    simulated,
)

MAX_PREPARING = 4
"""Processes that prepare volumes; each holds one subject at native resolution in memory."""


def prepare(reader: Reader) -> Reader:
    """Fill the volume cache of the simulations in a reader, and check every subject's structures.

    Before workers ask for it; instant the second time.
    """
    for part in simulated(reader):
        _prepare(part)
    return reader


def _prepare(reader: SyntheticReader) -> None:
    prepared = list(_prepared(reader.anatomies))
    with progress() as bar:
        subjects = sum(len(source.subject_ids()) for source in prepared)
        task = bar.add_task(f"preparing {reader.split} subjects", total=subjects)
        workers = min(MAX_PREPARING, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        before = 0
        for source in prepared:
            source.prepare(progress=lambda done, *_, to=before: bar.update(task, completed=to + done), workers=workers)
            before += len(source.subject_ids())
    for subject in reader.anatomies.subject_ids():
        reader.subject(subject)


def _prepared(source: AnatomySource) -> Iterator[PreparedAnatomies]:
    """The caches in a composition of sources."""
    if isinstance(source, PreparedAnatomies):
        yield source
    elif isinstance(source, AnatomySubset | InOrder):
        yield from _prepared(source.source)
    elif isinstance(source, AnatomyMix):
        for part in source.sources.values():
            yield from _prepared(part)
