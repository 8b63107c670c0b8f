"""How public documents are described: plain data classes whose fields say what the schema says of them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any, TypeVar, dataclass_transform

SHA256 = "^[0-9a-f]{64}$"
SHA512 = "^[0-9a-f]{128}$"

_Class = TypeVar("_Class")


def about(
    description: str, *, default: Any = MISSING, default_factory: Any = MISSING, pattern: str | None = None
) -> Any:
    """A field with what the schema says of it."""
    metadata = {"description": description} if pattern is None else {"description": description, "pattern": pattern}
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass_transform(kw_only_default=True, field_specifiers=(about, field))
def part(cls: type[_Class]) -> type[_Class]:
    """Make a class a part of a record: strict types, unknown keys ignored."""
    cls.__pydantic_config__ = {"strict": True, "extra": "ignore"}  # type: ignore[attr-defined]  # pydantic reads it
    return dataclass(kw_only=True)(cls)
