# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that stands for something the person can put right: a file, a name, a setting."""


class SceneError(Exception):
    """A sentence for the person: what is wrong, where, and what to do about it.

    kind: one lower-case word by which a program tells errors apart, such as "unreadable" or "no-keys".
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
