"""What New run asks for in dialogues: a preset, a step more, an input, a name to save under."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from textual.app import App
from textual.content import Content

from pipeline.engine import presets
from tui.form import Field
from tui.screens.choose import Choose, ChooseSeveral
from tui.screens.dialogue import Ask, Question
from tui.text import line

NEAREST, OTHER = "(as if none were named)", "another: a path, or a hub id …"


def ask_preset(app: App[Any], told: Mapping[str, str], present: str, given: Callable[[str], None]) -> None:
    """`told`: name -> first words."""
    wide = max(map(len, told), default=0)
    labels = {f"{name:<{wide}}  {words}": name for name, words in told.items()}
    here = next((label for label, name in labels.items() if name == present), "")

    def chosen(label: str | None) -> None:
        if label:
            given(labels[label])

    app.push_screen(Choose("A preset to start from", list(labels), here), chosen)


def ask_step(
    app: App[Any], makes: Mapping[str, str], taken: Collection[str], given: Callable[[str, str], None]
) -> None:
    """A stage of `makes` (name -> what it makes), and a name that is not taken."""
    labels = {f"{stage:<13} makes {kind}": stage for stage, kind in makes.items()}

    def chosen(label: str | None) -> None:
        if not label:
            return
        stage = labels[label]
        free = next(name for name in (stage, *(f"{stage}_{n}" for n in range(2, 999))) if name not in taken)

        def named(name: str | None) -> None:
            if name in taken:
                app.notify(f"There is a step {name} already.", severity="warning", markup=False)
            elif name:
                given(stage, name)

        text = Content.assemble("The name of the step ", (stage, "bold"), ", behind the one under the cursor")
        app.push_screen(Ask(text, free), named)

    app.push_screen(Choose("A step of which stage", list(labels)), chosen)


def ask_input(
    app: App[Any], field: Field, present: str, given: Callable[[str], None], write: Callable[[], None]
) -> None:
    """`write`: it shall be written by hand."""

    def chosen(name: str | None) -> None:
        if name == OTHER:
            write()
        elif name:
            given("" if name == NEAREST else name)

    names, title = [NEAREST, *field.offers, OTHER], f"{field.key}: {field.kind}"
    if not field.many:
        app.push_screen(Choose(title, names, present or NEAREST), chosen)
        return
    found = presets.read_value(present) if present else []
    ticked = [str(name) for name in found] if isinstance(found, list) else [present]
    app.push_screen(ChooseSeveral(title, names, ticked, (NEAREST, OTHER)), chosen)


def ask_name(app: App[Any], known: Collection[str], given: Callable[[str, bool], None]) -> None:
    """A name for a preset; one that is known only after a question, and then with True."""

    def named(name: str | None) -> None:
        if name and name not in known:
            given(name, False)
        elif name:
            text = Content.assemble("There is a preset ", line(name, "bold"), " already. Replace it?")
            app.push_screen(Question(text), lambda yes: given(name, True) if yes else None)

    app.push_screen(Ask(Content("Save these settings as the preset named")), named)
