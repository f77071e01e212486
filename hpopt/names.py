"""How names that people write are matched with those that exist: strategies, executors, rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hpopt.errors import UnknownNameError


def known_name(
    kind: str,
    name: str,
    known: Iterable[str],
    *,
    aliases: Mapping[str, str] | None = None,
    advice: Mapping[str, str] | None = None,
) -> str:
    """Return the name that is meant, as it is written where it is kept.

    Capitals, spaces and punctuation do not matter: ``"CMA-ES"`` is ``"cmaes"``.

    Parameters
    ----------
    kind : str
        What is named, for the message: ``"optimizer"``.
    name : str
        What a person wrote.
    known : iterable of str
        The names that exist.
    aliases : mapping of str to str, optional
        Other spellings of a name → the name.
    advice : mapping of str to str, optional
        What does not exist under this name → a known name to suggest, or a sentence about it.

    Raises
    ------
    UnknownNameError
        There is no such name; suggests what is near.
    """
    names = list(known)
    if name in names:
        return name
    wanted = _plain(name)
    spellings = {_plain(other): meant for other, meant in (aliases or {}).items()}
    meant = ({_plain(each): each for each in names} | spellings).get(wanted)
    if meant in names:
        return meant
    said = {_plain(other): what for other, what in (advice or {}).items()}.get(wanted)
    if said in names:
        said = f"did you mean {said!r}?"
    elif said is not None and " " not in said:
        said = None  # a name that does not serve here
    raise UnknownNameError(kind, name, names, said)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
