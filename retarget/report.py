"""What a retarget did, for the person who asked: which keys move, which channels found none, where the file is."""

from dataclasses import dataclass
from pathlib import Path

from retarget.mapping.by_name import Named
from retarget.mapping.misspelt import misspelt
from retarget.mapping.schema import Mapping
from retarget.performance import Performance


@dataclass(frozen=True)
class Report:
    """The outcome of one retarget."""

    rig: str
    output: Path
    preview: Path | None
    take: Path | None
    motion: Path | None
    action: str
    performance: Performance
    mapping: Mapping
    named: Named
    warnings: tuple[str, ...] = ()

    @property
    def driven(self) -> tuple[str, ...]:
        """ARKit units that drive at least one key."""
        return tuple(channel.channel for channel in self.mapping.channels)

    def lines(self) -> list[str]:
        """The report in lines of text."""
        named, performance = self.named, self.performance
        lines = [*_key_lines(self.mapping, named)]
        if named.missing:
            lines.append(f"Channels without a key ({len(named.missing)}): {_listed(named.missing)}")
            lines += [f"  {key} looks like {channel} misspelt; rename it to use it" for channel, key in misspelt(named)]
        if named.dead:
            lines.append(f"Dead keys, which move nothing ({len(named.dead)}): {_listed(named.dead)}")
        if named.driven:
            lines.append(f"Left alone, a driver of the rig owns them: {_listed(named.driven)}")
        if named.muted:
            lines.append(f"Muted in the rig, so their curves do not show: {_listed(named.muted)}")
        lines.append(self._head_line())
        lines += [f"Note: {warning}" for warning in self.warnings]
        if performance.filled:
            lines.append(f"Not seen in {performance.filled} frames; filled in.")
        rate = f"{performance.rate.value:.6g} fps" if performance.rate else "still picture, the rig's own frame rate"
        first, count = performance.start, performance.frame_count
        lines.append(f'Action "{self.action}": frames {first} to {first + count - 1} ({count}), {rate}')
        lines += [f"Wrote {path}" for path in (self.take, self.motion, self.output, self.preview) if path]
        return lines

    def _head_line(self) -> str:
        head, eyes = self.mapping.head, self.mapping.eyes
        if head is None:
            text = "The head's rotation is not used"
        elif head.bone:
            text = f"Head: bone {head.bone} of {head.object} (found by {head.by})"
        elif head.pivot:
            text = f"Head: a new empty turns {_listed(head.pivot.children)}, as the rig has no head bone"
        else:
            text = f"Head: object {head.object}, as the rig has no head bone"
        if eyes:
            text += "; eyes: bones " + ", ".join(str(target.bone) for target in eyes.values())
        return text


def _key_lines(mapping: Mapping, named: Named) -> list[str]:
    """One line for each set of meshes and the channels that drive their keys."""
    by_meshes: dict[tuple[str, ...], list[str]] = {}
    for channel in mapping.channels:
        meshes = tuple(dict.fromkeys(target.object for target in channel.targets))
        by_meshes.setdefault(meshes, []).append(channel.channel)
    lines = [f"Drives {len(mapping.channels)} of 52 channels:"]
    for meshes, channels in by_meshes.items():
        keys = [_spelt(mapping, channel) for channel in channels]
        lines.append(f"  on {_listed(meshes)}: {_listed(tuple(keys))}")
    return lines


def _spelt(mapping: Mapping, name: str) -> str:
    """The channel, with its keys' own names where they differ."""
    channel = next(c for c in mapping.channels if c.channel == name)
    keys = list(dict.fromkeys(target.key for target in channel.keys))
    return name if keys == [name] else f"{name} ({'+'.join(keys)})"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
