"""Loaders of YAML that make plain values alone, and refuse what grows: depth, and anchors within anchors."""

from typing import Any

import yaml

from synthex.core.limits import MAX_ALIASES, MAX_DEPTH

_PLAIN = ("null", "bool", "int", "float", "str", "seq", "map", "merge", "value")


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader without dates, bytes, sets and pairs, of bounded depth and growth."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = self._aliases = self._anchored = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """PyYAML's own, counted."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if self._anchored or self._aliases > MAX_ALIASES:
                problem = "an alias within an anchored value" if self._anchored else f"more than {MAX_ALIASES} aliases"
                raise yaml.composer.ComposerError(None, None, problem, mark)
        anchored = getattr(event, "anchor", None) is not None
        self._depth += 1
        self._anchored += anchored
        if self._depth > MAX_DEPTH:
            problem = f"nested more than {MAX_DEPTH} levels deep"
            raise yaml.composer.ComposerError(None, None, problem, mark)
        node = super().compose_node(parent, index)  # type: ignore[no-untyped-call]
        self._depth -= 1
        self._anchored -= anchored
        return node


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.yaml_constructors = {
    tag: maker
    for tag, maker in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in _PLAIN
}


class NamedOnceLoader(PlainLoader):
    """Refuses equal keys, of which the last would win, and keys that are no text (``on`` would be true)."""


def _named_once(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]  # type: ignore[no-untyped-call]
    seen: set[str] = set()
    for key in keys:
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"{key!r} is no name; put it in quotes", node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


NamedOnceLoader.yaml_constructors = {
    **PlainLoader.yaml_constructors,
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG: _named_once,
}
