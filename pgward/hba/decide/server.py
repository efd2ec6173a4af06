"""All of a server that counts for who gets in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pgward.hba.decide.connection import World
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.versions import Abilities


@dataclass(frozen=True, slots=True)
class Server:
    """Its version, the rules and the mappings in their order, and the world around it."""

    able: Abilities
    rules: Sequence[Rule]
    mappings: Sequence[Mapping] = ()
    world: World = field(default_factory=World)
