"""Keys that are nearly named like a unit that has none (`mouthFromRight`), and whether they may be used for it.

A near name alone proves nothing. Together with a shape that mirrors the other side's key it does.
"""

from dataclasses import replace
from difflib import get_close_matches

from retarget.mapping.by_name import Named, Overruled
from retarget.mapping.names import words
from retarget.mapping.schema import Channel, Facing, KeyTarget, in_arkits_order
from retarget.mapping.spelling import OTHER_SIDE
from retarget.mapping.symmetry import mirror_of, mirrors
from retarget.rig import RigDescription

_NEAR = 0.87  # of difflib's ratio: one letter off in seven


def misspelt(named: Named) -> list[tuple[str, str]]:
    """(channel, "Object: key") of unread keys that are nearly named like a channel without a key."""
    names = {key.partition(": ")[2]: key for key in named.unread}
    pairs = []
    for channel in named.missing:
        near = [n for n in get_close_matches(channel, names, n=3, cutoff=_NEAR) if same_side(n, channel)]
        pairs += [(channel, names[near[0]])] if near else []
    return pairs


def same_side(name: str, channel: str) -> bool:
    """Whether a key's name does not say the other side than the channel's."""
    sides = {"left", "right"}
    return sides & set(words(name)) == sides & set(words(channel))


def accept_misspelt(rig: RigDescription, named: Named, facing: Facing) -> Named:
    """Drive misspelt keys whose shape mirrors that of the key on the other side; say so in `overruled`."""
    meshes = {mesh.object: mesh for mesh in rig.keyed_meshes}
    for channel, place in misspelt(named):
        side = next((s for s in ("Left", "Right") if channel.endswith(s)), None)
        if side is None:
            continue
        other = channel.removesuffix(side) + OTHER_SIDE[side]
        object_name, _, key_name = place.partition(": ")
        mesh = meshes[object_name]
        key = mesh.key(key_name)
        partner = next(
            (
                t
                for c in named.channels
                if c.channel == other and c.by == "name"
                for t in c.keys
                if t.object == object_name
            ),
            None,
        )
        partner_key = mesh.key(partner.key) if partner else None
        if key is None or not key.usable or partner is None or partner_key is None:
            continue
        if not mirrors(mesh, mirror_of(mesh, facing), partner_key, key):
            continue
        target = KeyTarget(object_name, key_name, partner.gain, partner.min, partner.max)
        why = f"the key {key_name} is taken for it, misspelt: it mirrors {partner.key}"
        named = replace(
            named,
            channels=in_arkits_order((*named.channels, Channel(channel, (target,), by="name"))),
            missing=tuple(name for name in named.missing if name != channel),
            unread=tuple(name for name in named.unread if name != place),
            overruled=(*named.overruled, Overruled(channel, why)),
        )
    return named
