"""The line of keys at the bottom: those of the focused pane first, as many as there is room for, none of them cut.

Help and the way out have their place at the right end. A key that can do nothing as things are is left out of it.
"""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

LAST = ("app.back", "app.quit", "app.explain", "dialogue.close")
"""Ids of what stands at the right end."""
Key = tuple[str, str, str]
"""The key to press, as it is shown, and what it does."""


class Keys(Widget):
    """A screen, the app or a widget may say by `offers(verb)` what is worth a place as things are."""

    DEFAULT_CSS = "Keys { dock: bottom; height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; }"
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []
        """First letter, the letter behind the last, key."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, _: Screen[object]) -> None:
        self.refresh()

    def _offered(self) -> tuple[list[Key], list[Key]]:
        """Those from the focused widget outwards, and those at the right end."""
        focused = self.screen.focused
        found: dict[tuple[int, str], Key] = {}
        last: set[tuple[int, tuple[int, str]]] = set()
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            offers = getattr(node, "offers", None)
            if not (binding.show and enabled) or (offers and not offers(binding.action)):
                continue
            display = self.app.get_key_display(binding)
            if focused and node is not focused and focused.check_consume_key(binding.key, _letter(display)):
                continue  # it would be written, not done
            which = (id(node), binding.action)
            if which not in found or len(display) < len(found[which][1]):
                found[which] = (binding.key, display, binding.description)
            if binding.id in LAST:
                last.add((LAST.index(binding.id), which))
        ends = {which for _, which in last}
        return ([key for which, key in found.items() if which not in ends],
                [found[which] for _, which in sorted(last)])  # fmt: skip

    def render(self) -> Content:
        first, last = self._offered()
        room = self.size.width
        for gap in (2, 1):
            end = _wide(last, gap)
            fitting = fit(first, room - end - 2 * bool(last), gap)
            if len(fitting) == len(first):
                break
        self._places = []
        text = Content("")
        for keys, start in ((fitting, 0), (last, max(0, room - end))):
            text += Content(" " * max(0, start - text.cell_length))
            for number, (key, display, label) in enumerate(keys):
                text += Content(" " * gap if number else "")
                begin = text.cell_length
                text += Content.assemble((display, "bold $accent"), f" {label}")
                self._places.append((begin, text.cell_length, key))
        return text

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        for begin, end, key in self._places if at else ():
            if at and begin <= at.x < end:
                self.app.simulate_key(key)


def fit(keys: list[Key], room: int, gap: int) -> list[Key]:
    """The first of them, as many as `room` letters hold."""
    return next((keys[:some] for some in range(len(keys), 0, -1) if _wide(keys[:some], gap) <= room), [])


def _wide(keys: list[Key], gap: int) -> int:
    return sum(Content(f"{display} {label}").cell_length for _, display, label in keys) + gap * max(0, len(keys) - 1)


def _letter(display: str) -> str | None:
    return display if len(display) == 1 else None
