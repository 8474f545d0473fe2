"""What can be X-rayed on the page: subjects of a task, opened when they are first chosen."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from synthex.core import Anatomy, AnatomySource, Scene, Task, derive_rng


@dataclass(frozen=True, eq=False)
class Subjects:
    """The subjects of one entry of the page's list.

    Attributes:
        source: The anatomies.
        task: Makes scenes of them, and targets of views.
    """

    source: AnatomySource
    task: Task

    def anatomy(self, index: int) -> Anatomy:
        """A subject by its number; numbers beyond the last begin again."""
        ids = self.source.subject_ids()
        return self.source.load(ids[index % len(ids)])


class Scenes:
    """Scenes by name, subject and draw; the last few are kept.

    Args:
        makers: What makes the subjects of each entry when it is first chosen.
    """

    def __init__(self, makers: dict[str, Callable[[], Subjects]]) -> None:
        self.makers = makers
        self.subjects = lru_cache(maxsize=None)(lambda name: makers[name]())
        self._scene = lru_cache(maxsize=4)(self._make)

    @property
    def names(self) -> tuple[str, ...]:
        """What can be chosen."""
        return tuple(self.makers)

    def task(self, name: str) -> Task:
        """The task of an entry."""
        return self.subjects(name).task

    def scene(self, name: str, subject: int, draw: int) -> Scene:
        """A pure function of its arguments."""
        return self._scene(name, subject, draw)

    def _make(self, name: str, subject: int, draw: int) -> Scene:
        subjects = self.subjects(name)
        return subjects.task.scene(subjects.anatomy(subject), derive_rng(draw, "explore", "scene", subject))
