"""What a conversion did to every weight."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from eva_mm.safe_io.printed import printable

Shape = tuple[int, ...]


def fold_names(names: Iterable[str]) -> str:
    """Names with their block numbers folded: ``blocks.*.norm1.weight (40), pos_embed``."""
    counts = Counter(printable(re.sub(r'\.\d+\.', '.*.', name), 120) for name in names)
    return ', '.join(name if count == 1 else f'{name} ({count})' for name, count in counts.items())


@dataclass
class Report:
    """Fate of each weight of a file, and of each weight of the model that should take them.

    Attributes:
        task: Task converted to.
        layout: Layout that the file has.
        taken: Which of several sets of weights; empty if it holds one.
        loaded: Names, in the model, of what the result holds.
        renamed: Name in the file to name in the model, where they differ.
        resized: Name in the model to (shape in the file, shape in the result).
        grids: Name in the model of a resized position table to how its grid changed, and why the file's is taken to be
            what it is.
        dropped: Name in the file to the reason why it is left out on purpose.
        fresh: Name in the model to the reason why it keeps its initial value. Needs a target.
        missing: Names in the model that the file should have held. Needs a target.
        unexpected: Names in the file that nothing is known about, or that the model has no place for.
    """

    task: str
    layout: str
    taken: str = ''
    loaded: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    resized: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)
    grids: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f'{self.layout} checkpoint for {self.task}: {len(self.loaded)} weights taken, '
            f'{len(self.renamed)} of them renamed, {len(self.resized)} resized; {len(self.dropped)} dropped on '
            f'purpose, {len(self.fresh)} keep their initial value, {len(self.missing)} missing, '
            f'{len(self.unexpected)} unexpected.'
        ]
        if self.taken:
            lines.append(f'  taken       {self.taken}')
        for name, (old, new) in self.resized.items():
            grid = f', grid {self.grids[name]}' if name in self.grids else ''
            lines.append(f'  resized     {printable(name, 120)}: {old} -> {new}{grid}')
        for title, reasons in (('dropped', self.dropped), ('initial', self.fresh)):
            for reason in dict.fromkeys(reasons.values()):
                names = [name for name, given in reasons.items() if given == reason]
                lines.append(f'  {title:<11} {fold_names(names)}: {reason}')
        for title, names in (('missing', self.missing), ('unexpected', self.unexpected)):
            if names:
                lines.append(f'  {title:<11} {fold_names(names)}')
        return '\n'.join(lines)
