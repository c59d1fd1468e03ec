"""What a change may say: one model a body; unknown keys, text for numbers and anything not finite are refused."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=32)]
Key = Annotated[str, Field(min_length=1, max_length=200)]
Why = Annotated[str, Field(min_length=3, max_length=200)]
Secret = Annotated[str, Field(min_length=1, max_length=200)]
RoleWord = Literal["viewer", "operator", "technician", "admin"]
LEAST_S, MOST_S = 60.0, 7200.0
"""How long a person may take an asset over."""
MOST_SHELVED_S = 86_400.0
"""How long an alarm may be out of the way."""


class Body(BaseModel):
    """Every body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Nothing(Body):
    """No content; a change is a POST with a JSON body all the same."""


class Login(Body):
    """Name and password."""

    user: Name
    password: Secret


class Enter(Body):
    """A link that logs in once."""

    link: Secret


class SetUp(Body):
    """The first user, who becomes admin."""

    code: Annotated[str, Field(min_length=1, max_length=40)]
    user: Name
    password: Secret


class Override(Body):
    """Take an asset over: `power_w` (consumption positive, null: its safe value) for `for_s`."""

    asset: Name
    power_w: Annotated[float, Field(ge=-1e9, le=1e9)] | None
    for_s: Annotated[float, Field(ge=LEAST_S, le=MOST_S)]
    why: Why


class Reason(Body):
    """Why."""

    why: Why


class Cancel(Body):
    """Which request shall end, and why."""

    id: Key
    why: Why


class Acknowledge(Body):
    """Which alarm was seen."""

    key: Key


class Shelve(Body):
    """Which alarm shall be out of the way, for how long, and why."""

    key: Key
    for_s: Annotated[float, Field(ge=LEAST_S, le=MOST_SHELVED_S)]
    why: Why


class PutUser(Body):
    """Make or change a user; password null: as it is."""

    user: Name
    role: RoleWord
    password: Secret | None = None


class OwnPassword(Body):
    """One's own new password."""

    old: Secret
    password: Secret


class DropUser(Body):
    """Who shall be removed."""

    user: Name


class MakeToken(Body):
    """A bearer token for a machine."""

    name: Name
    role: RoleWord


class DropToken(Body):
    """Which token is taken back."""

    id: Name
