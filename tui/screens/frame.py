"""What the six screens share: the line at the top, the footer, the sizes, and a word when the terminal is too small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui import actions
from tui.feed import Snapshot
from tui.launch import Done
from tui.runs_feed import RunRow
from tui.text import line
from tui.widgets.keys import Keys
from tui.widgets.signs import sign

if TYPE_CHECKING:
    from tui.app import Cockpit

LEAST = (80, 24)


class Frame(Screen[None]):
    """A screen of the cockpit. A subclass says who it is, fills `body`, and takes what it is told below."""

    OWNER: ClassVar[str] = ""
    HEADING: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide"), (200, "-huge")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (40, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = []
    COLUMN: ClassVar[str] = ""
    """Selector of the pane that `<` and `>` make narrower and wider; its width is remembered."""
    ROW: ClassVar[str] = ""
    """Selector of the pane that `-` and `+` make lower and higher."""
    _top = ""
    ready = False
    """Whether its widgets are there; what it is told before that it hears again then."""

    def __init_subclass__(cls, **options: Any) -> None:
        cls.BINDINGS = [*actions.bindings(cls.OWNER)]
        super().__init_subclass__(**options)

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    def compose(self) -> ComposeResult:
        yield Static(id="top", markup=False)
        yield from self.body()
        yield Static(id="too-small", markup=False)
        yield Keys()

    def body(self) -> ComposeResult:
        """The panes, each with the class `pane`."""
        raise NotImplementedError

    async def recompose(self) -> None:
        await super().recompose()
        self._fit()
        self._tell_all()

    def on_mount(self) -> None:
        self._tell_all()

    def _tell_all(self) -> None:
        """Its widgets are there: tell them all that is known."""
        self.ready, self._top = True, ""
        for axis in ("width", "height"):
            self._set_pane(axis, self.cockpit.habits.get(f"{axis}/{self.OWNER}", 0))
        self.show_top()
        self.run_changed()
        if self.cockpit.snapshot:
            self.fed(self.cockpit.snapshot)
        self.runs_listed(self.cockpit.runs)

    def on_screen_resume(self) -> None:
        self.show_top()

    def on_resize(self) -> None:
        self._fit()
        self.show_top()

    def _fit(self) -> None:
        width, height = self.size
        self.set_class(width < LEAST[0] or height < LEAST[1], "-too-small")
        text = (
            f"The cockpit needs {LEAST[0]} columns and {LEAST[1]} rows; this terminal has {width} and {height}.\n"
            "Make it larger, or leave with q: runs go on."
        )
        self.query_one("#too-small", Static).update(Content(text))

    def show_top(self) -> None:
        """The screens by number, the present one marked; the selected run and its state."""
        parts: list[Content] = []
        for action in actions.of("app"):
            if action.verb.startswith("go("):
                here = action.verb == f"go('{self.OWNER}')"
                parts.append(
                    Content.styled(f" {action.key} {action.label} ", "reverse bold" if here else "$foreground-muted")
                )
        left = Content("").join(parts)
        room = max(1, self.size.width - left.cell_length)
        run, snapshot = self.cockpit.selected, self.cockpit.snapshot
        right = Content("no run yet ")
        if run:
            life = snapshot.life if snapshot else "new"
            right = Content(" ").join([sign(life, self.cockpit.plain), Content(life), Content("")])
            right += _tail(line(run.id, "bold"), room - right.cell_length - 2) + Content(" ")
        space = Content(" " * max(1, room - right.cell_length))
        top = Content("").join([left, space, right])
        if top.markup != self._top:
            self._top = top.markup
            self.query_one("#top", Static).update(top, layout=False)
            self.keys_changed()

    def keys_changed(self) -> None:
        """What `offers` says is no longer what it was."""
        self.query_one(Keys).refresh()

    def offers(self, verb: str) -> bool:  # noqa: ARG002
        """Whether the line of keys has a place for an action: one that can do nothing now is left out of it."""
        return True

    # the sizes of panes

    def resize_pane(self, axis: str, by: int) -> None:
        """Give the screen's column (`width`) or row (`height`) more hundredths of the screen; remember it."""
        selector = self.COLUMN if axis == "width" else self.ROW
        if not selector or not self.query(selector):
            return
        whole, present = getattr(self.size, axis), getattr(self.query_one(selector).outer_size, axis)
        share = min(80, max(15, round(100 * present / max(1, whole)) + by))
        self._set_pane(axis, share)
        self.cockpit.habits.keep(f"{axis}/{self.OWNER}", share)

    def _set_pane(self, axis: str, share: int) -> None:
        selector = self.COLUMN if axis == "width" else self.ROW
        if selector and 15 <= share <= 80:
            for pane in self.query(selector):
                setattr(pane.styles, axis, f"{share}{'vw' if axis == 'width' else 'vh'}")

    def close_layer(self) -> bool:
        """Esc: close the innermost layer of this screen, such as a filter. Whether there was one."""
        return False

    # what a screen is told

    def run_changed(self) -> None:
        """Another run is selected, `self.cockpit.selected`, or none."""

    def fed(self, snapshot: Snapshot) -> None:
        """News of the selected run; a hidden screen keeps them until it is shown."""

    def runs_listed(self, rows: tuple[RunRow, ...]) -> None:
        """All runs, live and past, as they are now."""

    def commanded(self, what: str, done: Done) -> None:
        """A command came to its end."""


def _tail(text: Content, room: int) -> Content:
    """The end of an id that is too long: its last letters tell runs of a day apart."""
    if text.cell_length <= room:
        return text
    return Content("…") + text[len(text) - max(1, room - 1) :]
