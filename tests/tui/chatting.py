"""The Chat screen opened on a partner, and what is said there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.tui.settle import until
from tui.app import Cockpit
from tui.partners import Partner
from tui.screens.chat import ChatScreen
from tui.widgets.prompt import Prompt
from tui.widgets.talk_pane import TalkPane


@asynccontextmanager
async def chat(tmp_path: Path, size: tuple[int, int] = (120, 40), model: str = "/m/one.gguf", **options: Any) -> Any:
    app = Cockpit(tmp_path, home=tmp_path / "home", **options)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: isinstance(app.screen, ChatScreen) and app.screen.ready)
        if model:
            app.screen.query_one("#first", TalkPane).meet(Partner(model, {"model": model}))
        yield app, pilot


async def say(app: Cockpit, pilot: Any, text: str) -> None:
    app.screen.query_one(Prompt).focus()
    app.screen.query_one(Prompt).text = text
    await pilot.press("enter")


def first(app: Cockpit) -> TalkPane:
    return app.screen.query_one("#first", TalkPane)


def texts(app: Cockpit, place: int = -1) -> dict[str, str]:
    turn = first(app).turns[place]
    return {str(node.id): str(node.render()) for node in turn.query("Static") if node.has_class("-said")}


def answered(app: Cockpit, turns: int = 1) -> Callable[[], object]:
    return lambda: len(first(app).turns) == turns and first(app).turns[-1].figures
