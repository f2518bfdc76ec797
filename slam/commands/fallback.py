"""A command group whose first word may be no command: ``slam bench euroc`` means ``slam bench suite euroc``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


def group_falling_back_to(name: str) -> type[TyperGroup]:
    """A group that takes words which begin with none of its commands for those of its command ``name``."""

    class FallbackGroup(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:  # click's, or typer's copy
            if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
                args = [name, *args]
            return super().resolve_command(ctx, args)

    return FallbackGroup
