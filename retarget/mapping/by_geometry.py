"""Maps the 52 ARKit units onto a rig's shape keys by what the keys do, whatever they are called.

The default model is laid over the rig (`retarget.registration`), and each key becomes a field of offsets on the model's
vertices, in the head's own frame: there keys and units compare whatever the rig's topology, scale, axes or number of
meshes. Their likeness is the cosine between the two fields, weighted by area and by how well the rig covers the model.
How much a key moves tells a little, too: a smile goes further than a dimple on every face. A key and its mirror image
are judged together. One assignment for the whole face, that with the greatest product of likenesses, gives each unit
its first choice; a non-negative least squares then adds keys that nobody else needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, nnls

from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES, MIRRORED_UNIT
from retarget.mapping.names import BOTH, LEFT, RIGHT, split_channel
from retarget.mapping.schema import Channel, KeyTarget
from retarget.registration.fields import KeyFields, key_fields
from retarget.registration.register import Registration
from retarget.registration.surface import Surface
from retarget.registration.template import Template, vertex_areas
from retarget.rig import RigDescription

Array = NDArray[np.floating]

# Parts of the model that show what a unit does; cavities and lashes only follow.
_TELLING = ("skin", "eye_left", "eye_right", "teeth_lower", "tongue")
_SUM_OF_HALVES = 0.93  # cosine from which a key counts as the sum of two others
_HALVES_OVERLAP = 0.3  # cosine up to which a key and its mirror image are two halves
_CHANCE = 0.05  # cosine below which two movements are no more alike than any two that meet by chance
# Logarithms of strength, key to unit, spread by about 0.5 on four rigs with names. Twice that is believed, and an odd
# strength costs no more than a factor of e in likeness; nothing where the shapes say all, from the last cosine on.
_STRENGTH_SPREAD = 1.0
_MOST_FOR_STRENGTH = 1.0
_SAYS_ALL = 0.9
_FACE_Z_MM = (
    -60.0,
    -30.0,
)  # the skin counts fully in front of the second plane of the head frame, behind the first not


@dataclass(frozen=True)
class GeometryConfig:
    """What counts as a likeness. All are cosines but most_keys.

    least: a first choice less like its unit is no choice. mirror: two keys this much each other's mirror image are a
    pair. gain: a further key must raise the likeness of the combination by this. most_keys: of one channel.
    """

    least: float = 0.25
    mirror: float = 0.6
    gain: float = 0.03
    most_keys: int = 3


@dataclass(frozen=True)
class Explanation:
    """How a channel's keys explain its unit.

    keys: (name, gain) with the first choice first; score: cosine between the combination and the unit; explained: its
    square, the part of the unit's movement that the combination makes at its best strength; residual: what is left,
    relative RMS; coverage: the part of the area moved by the unit that the keys move, too. strength: how much the
    first key moves, against the unit on a person. two_sided: the key moves both sides; figures are then of both.
    """

    channel: str
    keys: tuple[tuple[str, float], ...]
    score: float
    explained: float
    residual: float
    coverage: float
    strength: float
    two_sided: bool = False

    def __str__(self) -> str:
        keys = " + ".join(f"{name} {gain:.2g}" for name, gain in self.keys)
        return f"{self.channel}: {keys}, explains {100 * self.explained:.0f} %"


@dataclass(frozen=True)
class Geometric:
    """Channels found by geometry, and why the others were not.

    explanations: of every channel, in ARKit's order; rejected: those whose likeness was too low, with what came first;
    missing: units for which no key was left. registration: the model as it was laid on; None where no face was found,
    and then `note` says so.
    """

    channels: tuple[Channel, ...]
    explanations: tuple[Explanation, ...] = ()
    rejected: tuple[Explanation, ...] = ()
    missing: tuple[str, ...] = ()
    note: str | None = None
    registration: Registration | None = field(default=None, repr=False)
    likeness: Array | None = field(default=None, repr=False)  # (52, keys) signed cosines
    keys: tuple[str, ...] = ()

    @cached_property
    def by_channel(self) -> dict[str, Explanation]:
        """Explanations by channel."""
        return {e.channel: e for e in self.explanations}

    def likeness_of(self, channel: str, key: str) -> float | None:
        """How much a key moves like a unit, -1..1: for judging a name; None where geometry does not know the key."""
        if self.likeness is None or key not in self.keys:
            return None
        return float(self.likeness[ARKIT_INDEX[channel], self.keys.index(key)])


def map_by_geometry(
    rig: RigDescription,
    surfaces: Sequence[Surface] = (),
    registration: Registration | None = None,
    config: GeometryConfig | None = None,
) -> Geometric:
    """Find the keys of each unit by what they move. Key names do not matter, but for that equal ones act together.

    surfaces, registration: of the rig (`retarget.registration.rig.register_rig`). Without a registration nothing is
    mapped, and the note says why.
    """
    config = config or GeometryConfig()
    if registration is None:
        return Geometric((), missing=ARKIT_NAMES, note=NO_FACE)
    fields = key_fields(rig, surfaces, registration)
    if not fields.names:
        return Geometric((), missing=ARKIT_NAMES, note="No key of the rig moves anything.", registration=registration)
    units, keys, strengths = descriptors(registration.template, fields)
    mirror = mirrored_keys(registration.template, fields, config.mirror)
    first = first_choices(units, keys, mirror, config, strengths)
    taken = {choice.key for choice in first.values()} | {choice.other_half for choice in first.values()} - {None}
    explained = [
        _explain(n, choice, units, keys, fields, registration.template, taken, config) for n, choice in first.items()
    ]
    kept = tuple(e for e in explained if e.score >= config.least)
    return Geometric(
        channels=tuple(Channel(e.channel, _targets(rig, e), "geometry", score=round(e.score, 3)) for e in kept),
        explanations=kept,
        rejected=tuple(e for e in explained if e.score < config.least),
        missing=tuple(name for name in ARKIT_NAMES if name not in first),
        registration=registration,
        likeness=units @ keys.T,
        keys=fields.names,
    )


NO_FACE = (
    "No human face was recognised on the rig when it was rendered from all sides, so its keys could not be compared "
    "with the face model's; map it by names or by hand."
)


def descriptors(template: Template, fields: KeyFields) -> tuple[Array, Array, Array]:
    """Units (52, D) and keys (n, D) as unit vectors whose scalar product is the likeness; zero where nothing shows.

    Then how strong each key is against each unit, (52, n) logarithms of the ratio of their movements.
    """
    telling = np.zeros(len(template.mean))
    for part in _TELLING:
        telling[template.parts[part]] = 1.0
    behind, front = _FACE_Z_MM
    in_front = np.clip((template.mean[:, 2] - behind) / (front - behind), 0, 1)
    root = np.sqrt(vertex_areas(template.mean, template.triangles) * telling * in_front * fields.trust)

    def directions(offsets: Array) -> tuple[Array, Array]:
        flat = (offsets * root[:, None]).reshape(len(offsets), -1)
        length = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.where(length > 1e-9, flat / np.maximum(length, 1e-9), 0.0), np.maximum(length[:, 0], 1e-9)

    units, unit_sizes = directions(template.units)
    keys, key_sizes = directions(fields.offsets)
    return units, keys, np.log(key_sizes)[None] - np.log(unit_sizes)[:, None]


def mirrored_keys(template: Template, fields: KeyFields, least: float) -> list[int | None]:
    """For each key the one that is its mirror image (itself, if it is symmetric); None where none is like it."""
    weight = np.sqrt(vertex_areas(template.mean, template.triangles) * fields.trust)[:, None]
    plain = fields.offsets * weight
    mirrored = ((plain * np.array([-1.0, 1.0, 1.0]))[:, template.mirror]).reshape(len(plain), -1)
    plain = plain.reshape(len(plain), -1)
    size = np.maximum(np.linalg.norm(plain, axis=1), 1e-12)
    alike = mirrored @ plain.T / size[:, None] / size[None]
    best = alike.argmax(axis=1)
    return [int(b) if alike[row, b] >= least else None for row, b in enumerate(best)]


@dataclass(frozen=True)
class Choice:
    """A unit's first choice: the row of its key.

    two_sided: the key moves both sides and serves both halves of a pair of units. other_half: the row of its mirror
    image, where a unit without a side has its key in two halves.
    """

    key: int
    two_sided: bool = False
    other_half: int | None = None


def first_choices(
    units: Array, keys: Array, mirror: Sequence[int | None], config: GeometryConfig, strengths: Array
) -> dict[str, Choice]:
    """The key that each unit gets first; units that get none are left out.

    units (52, D), keys (n, D), strengths (52, n): of `descriptors`. mirror: each key's mirror image, as `mirrored_keys`
    gives it. Beside the 52 units, the sum of each left-right pair competes: it takes the keys that move both sides.
    Where neither half has a key of its own that is as good, both halves get the two-sided one.
    """
    paired = units @ keys.T  # (52, n)
    likeness = paired.copy()
    for column, other in enumerate(mirror):
        if other is not None:
            paired[:, column] = (likeness[:, column] + likeness[list(MIRRORED_UNIT), other]) / 2
    pairs = sided_pairs()
    rows = np.array(list(pairs.values()))  # (pairs, 2)
    whole_likeness = np.array([_sum_of(units, pair) for pair in pairs.values()]) @ keys.T
    symmetric = np.array([other == column for column, other in enumerate(mirror)])
    whole_likeness[:, ~symmetric] = 0.0
    paired[rows.reshape(-1, 1), np.flatnonzero(symmetric)] = 0.0
    for column, other in enumerate(mirror):  # a movement without a side may come in halves
        if other is not None and other != column:
            halves = keys[column] + keys[other]
            halves /= max(float(np.linalg.norm(halves)), 1e-9)
            middle = [r for r, m in enumerate(MIRRORED_UNIT) if r == m]
            paired[middle, column] = units[middle] @ halves
    table = np.concatenate([paired, whole_likeness])
    table[:, sums_of_halves(keys, mirror)] = 0.0
    # A pair's movements are about equally large and lie apart: both together are the root of two larger.
    strengths = np.concatenate([strengths, strengths[rows].mean(axis=1) - np.log(2.0) / 2])
    alone = _assigned(table[: len(units)], strengths[: len(units)])
    for number, sides in enumerate(pairs.values()):  # halves that have good keys of their own need no whole one
        weaker = min(float(table[row, alone[row]]) if row in alone else 0.0 for row in sides)
        table[len(units) + number, weaker**2 > table[len(units) + number] ** 2 / 2] = 0.0
    chosen = _assigned(table, strengths)
    found: dict[str, Choice] = {}
    for row, name in enumerate(ARKIT_NAMES):
        base = split_channel(name).base
        whole_row = len(units) + list(pairs).index(base) if base in pairs else -1
        own, whole = chosen.get(row), chosen.get(whole_row)
        own_score = float(table[row, own]) if own is not None else 0.0
        whole_score = float(table[whole_row, whole]) if whole is not None else 0.0
        # Half of a symmetric movement has half of its square: that much a two-sided key gives to each half.
        if whole is not None and own_score**2 < whole_score**2 / 2 and whole_score >= config.least:
            found[name] = Choice(whole, True)
        elif own is not None:
            other = mirror[own] if MIRRORED_UNIT[row] == row and mirror[own] != own else None
            found[name] = Choice(own, other_half=other)
    return found


def _assigned(table: Array, strengths: Array) -> dict[int, int]:
    """Row -> column, each column once, with the greatest product of likenesses; without those below `_CHANCE`.

    A product asks by how many times a key is liker to one unit than to another. A sum would ask by how much, and give
    the keys of a unit that every artist makes differently, and that is like nothing much, to whatever gains a little.
    strengths: logarithms, as large as table. A first assignment tells how strong the rig's keys are as a rule; in the
    second, what is stronger or weaker loses by a bell curve of `_STRENGTH_SPREAD`.
    """
    worth = np.log(np.maximum(table, _CHANCE) / _CHANCE)
    first = _best(worth)
    if first:
        usual = float(np.median([strengths[row, column] for row, column in first.items()]))
        odd = np.minimum(((strengths - usual) / _STRENGTH_SPREAD) ** 2 / 2, _MOST_FOR_STRENGTH)
        odd[table > _SAYS_ALL] = 0.0
        worth = np.where(worth > 0, np.maximum(worth - odd, 1e-6), 0.0)
    return _best(worth)


def _best(worth: Array) -> dict[int, int]:
    """Row -> column with the greatest sum, of those above 0."""
    best = zip(*linear_sum_assignment(-worth), strict=True)
    return {int(row): int(column) for row, column in best if worth[row, column] > 0}


def sums_of_halves(keys: Array, mirror: Sequence[int | None]) -> list[int]:
    """The keys that move both sides as two other keys move one each: they add nothing to those."""
    alike = np.full(len(keys), -1.0)
    for left, right in enumerate(mirror):
        # A jaw that slides left and one that slides right are mirror images, too, but no halves: they overlap.
        if right is not None and right > left and abs(float(keys[left] @ keys[right])) < _HALVES_OVERLAP:
            both = keys[left] + keys[right]
            alike = np.maximum(alike, keys @ both / max(float(np.linalg.norm(both)), 1e-9))
    return [k for k, other in enumerate(mirror) if other == k and alike[k] > _SUM_OF_HALVES]


def sided_pairs() -> dict[str, tuple[int, int]]:
    """Base -> rows of its left and right unit, without the movements to a side."""
    units = [split_channel(name) for name in ARKIT_NAMES]
    bases = dict.fromkeys(unit.base for unit in units if unit.side != BOTH)
    return {base: (ARKIT_INDEX[base + LEFT], ARKIT_INDEX[base + RIGHT]) for base in bases}


def _sum_of(units: Array, rows: tuple[int, int]) -> Array:
    both = units[rows[0]] + units[rows[1]]
    return both / max(float(np.linalg.norm(both)), 1e-9)


def _explain(
    channel: str,
    choice: Choice,
    units: Array,
    keys: Array,
    fields: KeyFields,
    template: Template,
    taken: set[int | None],
    config: GeometryConfig,
) -> Explanation:
    """The first choice and up to two keys beside it that no unit needs first, by non-negative least squares."""
    row = ARKIT_INDEX[channel]
    rows = sided_pairs()[split_channel(channel).base] if choice.two_sided else None
    unit = _sum_of(units, rows) if rows else units[row]
    goal = template.units[list(rows)].sum(axis=0) if rows else template.units[row]
    if choice.other_half is None:
        chosen, shares = combine(unit, keys, choice.key, taken, config)
    else:
        chosen, shares = [choice.key, choice.other_half], np.ones(2)
    fitted = shares @ keys[chosen]
    score = float(unit @ fitted) / max(float(np.linalg.norm(fitted)), 1e-9)
    # Shares of unit vectors become gains of whole keys, as strong together as the first key is alone.
    sizes = np.linalg.norm((fields.offsets[chosen] * np.sqrt(fields.trust)[:, None]).reshape(len(chosen), -1), axis=1)
    gains = shares / np.maximum(sizes, 1e-12)
    alone = float(unit @ keys[choice.key]) * sizes[0]
    gains *= alone / max(float((gains * sizes) @ (keys[chosen] @ unit)), 1e-12)
    gains = np.ones(2) if choice.other_half is not None else np.clip(gains, 0, 1)
    gains *= 0.5 if choice.two_sided else 1.0
    moves = np.linalg.norm(np.tensordot(shares, fields.offsets[chosen], 1), axis=1)
    area = vertex_areas(template.mean, template.triangles) * fields.trust
    reach = np.linalg.norm(goal, axis=1) > 0.1 * np.linalg.norm(goal, axis=1).max()
    covered = float((area * reach)[moves > 0.1 * moves.max()].sum() / max(float((area * reach).sum()), 1e-12))
    person = float(np.linalg.norm(goal * np.sqrt(fields.trust)[:, None]))
    return Explanation(
        channel=channel,
        keys=tuple((fields.names[k], round(float(g), 3)) for k, g in zip(chosen, gains, strict=True)),
        score=score,
        explained=max(score, 0.0) ** 2,
        residual=float(np.sqrt(1 - min(max(score, 0.0), 1.0) ** 2)),
        coverage=covered,
        strength=float(sizes[0] / max(person, 1e-12)),
        two_sided=choice.two_sided,
    )


def combine(
    unit: Array, keys: Array, first: int, taken: set[int | None], config: GeometryConfig
) -> tuple[list[int], Array]:
    """Rows of keys and their non-negative shares (m,) that come nearest to `unit`, all unit vectors; `first` is one.

    Greedy, one key at a time from those not `taken`, as long as the likeness grows by `config.gain`.
    """
    chosen, shares = [first], np.array([max(float(unit @ keys[first]), 1e-6)])
    score = float(unit @ keys[first])
    free = [k for k in range(len(keys)) if k not in taken and float(unit @ keys[k]) > 0.1]
    while score > 0 and len(chosen) < config.most_keys:
        best: tuple[float, int, Array] | None = None
        for key in free:
            solved = _non_negative(keys[[*chosen, key]], unit)
            fitted = solved @ keys[[*chosen, key]]
            reached = float(unit @ fitted) / max(float(np.linalg.norm(fitted)), 1e-9)
            if (solved > 0).all() and reached > (best[0] if best else score + config.gain):
                best = (reached, key, solved)
        if best is None or best[2][0] < best[2][1:].max():  # what outweighs the first choice explains another unit
            break
        score, shares = best[0], best[2]
        chosen.append(best[1])
        free.remove(best[1])
    return chosen, shares


def _non_negative(columns: Array, goal: Array) -> Array:
    """x >= 0 that minimises |x @ columns - goal| (m, D), by way of the small normal equations."""
    root = np.linalg.cholesky(columns @ columns.T + 1e-9 * np.eye(len(columns)))
    return nnls(root.T, np.linalg.solve(root, columns @ goal))[0]


def _targets(rig: RigDescription, entry: Explanation) -> tuple[KeyTarget, ...]:
    """The explanation's keys on every mesh where they move something."""
    return tuple(
        KeyTarget(mesh.object, key.name, gain, min(key.min, 0.0), key.max if key.max > 0 else 1.0)
        for name, gain in entry.keys
        for mesh in rig.keyed_meshes
        if (key := mesh.key(name)) is not None and key.usable and not mesh.is_dead(key)
    )
