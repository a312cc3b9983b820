# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping between the engine's JSON and the panel's list. What the list does not know is kept as it came."""

import json

_TARGET_ENTRIES = ("object", "key", "gain", "min", "max")


def fill(settings, mapping: dict, rig: str, by_hand: bool) -> None:
    """Show a mapping ("mmface-mapping/1") in the list."""
    settings.mapping_json = json.dumps({k: v for k, v in mapping.items() if k != "channels"})
    settings.mapping.clear()
    for channel in mapping.get("channels", []):
        raw = json.dumps({k: v for k, v in channel.items() if k not in ("channel", "targets", "mute")})
        for target in channel.get("targets", []):
            item = settings.mapping.add()
            # Set past the update functions: this is no edit of the person's.
            item["channel"], item["object"] = channel["channel"], target["object"]
            item["key"] = target.get("key") or target.get("bone", "")
            item["gain"], item["min"], item["max"] = (
                target.get("gain", 1.0),
                target.get("min", 0.0),
                target.get("max", 1.0),
            )
            item["mute"] = bool(channel.get("mute"))
            item["raw_channel"] = raw
            item["raw_target"] = json.dumps(target)
    settings.mapping_index = min(settings.mapping_index, max(0, len(settings.mapping) - 1))
    settings.mapped_rig, settings.mapping_by_hand = rig, by_hand


def read(settings) -> dict:
    """The mapping that the list shows, with everything that the list does not show."""
    mapping = json.loads(settings.mapping_json or '{"schema": "mmface-mapping/1"}')
    channels = {}
    for item in settings.mapping:
        if not item.channel or not item.object or not item.key:
            continue  # a line that is being made
        channel = channels.setdefault(item.channel, {"channel": item.channel, "targets": [], "mute": item.mute})
        known = json.loads(item.raw_channel) if item.raw_channel else {"by": "hand"}
        for name, value in known.items():
            channel.setdefault(name, value)
        target = json.loads(item.raw_target) if item.raw_target else {}
        # A bone that follows a channel has turns and moves of its own; of those the list shows only the gain.
        for name in ("gain",) if "bone" in target else _TARGET_ENTRIES:
            value = getattr(item, name)
            old = target.get(name)
            # A property holds 32 bits: what was not touched keeps the digits of the file.
            if not (isinstance(value, float) and isinstance(old, int | float) and abs(value - old) < 1e-6):
                target[name] = value
        channel["targets"].append(target)
    mapping["channels"] = list(channels.values())
    return mapping


def settle_pivots(settings, motion: dict) -> None:
    """An empty that was made to turn the head about is there from now on: the next bake uses it."""
    mapping = json.loads(settings.mapping_json or "{}")
    for channel in motion["rotations"]:
        head = mapping.get("head")
        if channel.get("pivot") and head and head.get("pivot"):
            head["object"], head["pivot"] = channel["object"], None
            settings.mapping_json = json.dumps(mapping)


def changed(context) -> None:
    """The person edited a line: the mapping is theirs from now on, and a live rig follows at once."""
    from .session import session

    settings = context.scene.mmface
    settings.mapping_by_hand = True
    if session.follows:
        session.tell(mapping=read(settings))
