"""What a retarget did, for the person who asked: which keys move, which channels found none, where the file is."""

from dataclasses import dataclass
from pathlib import Path

from retarget.mapping.by_name import Named
from retarget.mapping.schema import Mapping
from retarget.mapping.told import mapping_lines
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
        performance = self.performance
        lines = mapping_lines(self.mapping, self.named)
        lines += [f"Note: {warning}" for warning in self.warnings]
        if performance.filled:
            lines.append(f"Not seen in {performance.filled} frames; filled in.")
        rate = f"{performance.rate.value:.6g} fps" if performance.rate else "still picture, the rig's own frame rate"
        first, count = performance.start, performance.frame_count
        lines.append(f'Action "{self.action}": frames {first} to {first + count - 1} ({count}), {rate}')
        lines += [f"Wrote {path}" for path in (self.take, self.motion, self.output, self.preview) if path]
        return lines
