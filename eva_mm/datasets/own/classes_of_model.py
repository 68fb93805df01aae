"""The number of classes in every part of a host's model config."""

from collections.abc import Iterator, MutableMapping
from typing import Any


def dicts(node: Any) -> Iterator[MutableMapping]:
    """All dicts of a config, however deep, those in lists included."""
    if isinstance(node, MutableMapping):
        yield node
        for value in node.values():
            yield from dicts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from dicts(value)


def set_num_classes(node: Any, num_classes: int, before: int | None = None) -> None:
    """Set ``num_classes`` wherever a config of a model has it: every head and every loss; all classes are things.

    Weights of classes become 1; one more than there were classes is that of "no object", and stays.

    Args:
        node: The config; changed in place.
        num_classes: The new number.
        before: The old number of the dict around ``node``.
    """
    if isinstance(node, list | tuple):
        for value in node:
            set_num_classes(value, num_classes, before)
    if not isinstance(node, MutableMapping):
        return
    if 'num_things_classes' in node:
        before = node['num_things_classes'] + (node.get('num_stuff_classes') or 0)
        node.update(num_things_classes=num_classes, num_stuff_classes=0)
    if isinstance(node.get('num_classes'), int):
        before = node['num_classes']
        node['num_classes'] = num_classes
    if isinstance(node.get('class_weight'), list):
        node['class_weight'] = [1.0] * num_classes + (
            [] if len(node['class_weight']) == before else node['class_weight'][-1:]
        )
    for value in node.values():
        set_num_classes(value, num_classes, before)
