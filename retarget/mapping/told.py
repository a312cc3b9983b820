"""What a mapping is, in lines for people: how complete, which keys and bones move, what was decided and why."""

from retarget.mapping.by_name import Named
from retarget.mapping.misspelt import misspelt
from retarget.mapping.schema import Channel, KeyTarget, Mapping
from retarget.mapping.spelling import squashed

_STAND_INS = {"viseme": "mouth shapes of speech", "expression": "whole faces"}


def health(named: Named) -> str:
    """One line: `49 of 52 channels, 2 dead`."""
    line = f"{len(named.channels)} of 52 channels"
    return line + (f", {len(named.dead)} dead" if named.dead else "")


def mapping_lines(mapping: Mapping, named: Named) -> list[str]:
    """All there is to say of a mapping: channels by mesh, stand-ins, gaps, what was overruled, head, neck and eyes."""
    how = ""
    if named.conventions:
        how = f" ({', '.join(f'{c.title}: {c.found} of {c.rows}' for c in named.conventions)})"
    lines = [f"Drives {health(named)}{how}:", *_channel_lines(mapping)]
    for by, what in _STAND_INS.items():
        names = tuple(c.channel for c in mapping.channels if set(c.by.split("+")) == {by})
        if names:
            lines.append(f"Stood in for by {what}, for want of keys of their own ({len(names)}): {listed(names)}")
    bones = tuple(c.channel for c in mapping.channels if c.bones)
    if bones:
        lines.append(f"By bones, as no key does it ({len(bones)}): {listed(bones)}")
    lines += [f"{note.channel}: {note.reason}" for note in named.overruled]
    muted = tuple(c.channel for c in mapping.channels if c.mute)
    if muted:
        lines.append(f"Switched off in the mapping: {listed(muted)}")
    if named.missing:
        lines.append(f"Channels without a key ({len(named.missing)}): {listed(named.missing)}")
        lines += [f"  {key} looks like {channel} misspelt; rename it to use it" for channel, key in misspelt(named)]
    if named.dead:
        lines.append(f"Dead keys, which move nothing ({len(named.dead)}): {listed(named.dead)}")
    if named.driven:
        lines.append(f"Left alone, a driver of the rig owns them: {listed(named.driven)}")
    if named.muted:
        lines.append(f"Muted in the rig, so their curves do not show: {listed(named.muted)}")
    return [*lines, turn_line(mapping)]


def turn_line(mapping: Mapping) -> str:
    """What turns with the head, how the neck shares in it, and what follows the gaze."""
    head = mapping.head
    if head is None:
        text = "The head's rotation is not used"
    elif head.bone:
        text = f"Head: bone {head.bone} of {head.object} (found by {head.by})"
    elif head.pivot:
        text = f"Head: a new empty turns {listed(head.pivot.children)}, as the rig has no head bone"
    else:
        text = f"Head: object {head.object}, as the rig has no head bone"
    if head and mapping.neck:
        necks = ", ".join(f"{target.bone} {target.share:.0%}" for target in mapping.neck)
        text += f", {head.share:.0%} of the turn; neck: {necks}"
    if mapping.eyes:
        text += "; eyes: bones " + ", ".join(str(target.bone) for target in mapping.eyes.values())
    return text


def listed(names: tuple[str, ...]) -> str:
    """Names in a row."""
    return ", ".join(names)


def some(names: tuple[str, ...], most: int) -> str:
    """The first names in a row, and how many more there are."""
    return listed(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _channel_lines(mapping: Mapping) -> list[str]:
    """One line for each set of meshes: how many channels drive a key of their own name, and all others by name."""
    by_meshes: dict[tuple[str, ...], list[Channel]] = {}
    for channel in mapping.channels:
        meshes = tuple(dict.fromkeys(target.object for target in channel.targets))
        by_meshes.setdefault(meshes, []).append(channel)
    lines = []
    for meshes, channels in by_meshes.items():
        told = [spelt for channel in channels if squashed(spelt := _spelt(channel)) != squashed(channel.channel)]
        same = len(channels) - len(told)
        parts = ([f"{same} by keys of the same name"] if same else []) + told
        lines.append(f"  on {listed(meshes)}: {listed(tuple(parts))}" if meshes else f"  on nothing: {len(channels)}")
    return lines


def _spelt(channel: Channel) -> str:
    """The channel, with its keys' and bones' own names where they differ, and its score where it has one."""
    pulls = [t for t in channel.targets if not isinstance(t, KeyTarget) or t.gain > 0]
    several = len({t.key for t in pulls if isinstance(t, KeyTarget)}) > 1
    names = []
    for target in pulls:
        if isinstance(target, KeyTarget):
            names.append(f"{target.key} {target.gain:.2g}" if several or target.gain != 1.0 else target.key)
        else:
            names.append(f"bone {target.bone}")
    names = list(dict.fromkeys(names))
    score = f", {channel.score:.0%}" if channel.score is not None and channel.by == "geometry" else ""
    if [squashed(name) for name in names] == [squashed(channel.channel)]:
        return channel.channel
    return f"{channel.channel} ({' + '.join(names)}{score})"
