"""The app: six screens over run directories, one run selected for all of them, and the manners that they share."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.keys import format_key
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from pipeline.engine.artifacts import Workspace
from pipeline.engine.runs import Run, list_runs
from tui import actions, habits, themes
from tui.feed import Feed, Snapshot
from tui.launch import ask
from tui.messages import Commanded, Fed, Listed, Selected
from tui.news import News, Notice, post
from tui.plain import Ascii
from tui.preferences import Preferences, read_preferences
from tui.runs_feed import RunRow, RunsFeed
from tui.screens.explain import Explain
from tui.screens.frame import Frame
from tui.text import shown


def screen(name: str) -> Callable[[], Screen[None]]:
    """Makes a screen; its module is imported only when it is first shown, so that the first paint waits for one."""

    def make() -> Screen[None]:
        made: Screen[None] = getattr(import_module(f"tui.screens.{name}"), f"{name.title()}Screen")()
        return made

    return make


OPENING = 1.0
"""Seconds in which the window opens, its first news included; until then no garbage is collected."""
SCREENS = {name: screen(name) for name in ("run", "runs", "new", "traces", "report", "chat")}


def _collect() -> None:
    if not gc.isenabled():
        gc.freeze()  # what is there by now stays: never to be looked through again
        gc.enable()


class Actions(Provider):
    """Every action that can be done where the focus is, for the palette."""

    def _here(self) -> Iterable[tuple[actions.Action, Callable[[], Any]]]:
        for node, action in doable(self.screen):

            def run(node: Any = node, verb: str = action.verb) -> Any:
                return self.app.run_action(verb, node)

            yield action, run

    async def discover(self) -> Hits:
        for action, run in self._here():
            yield DiscoveryHit(f"{action.label} ({action.key.split(',')[0]})", run, help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action, run in self._here():
            name = f"{action.label}: {action.help}"
            if (score := matcher.match(name)) > 0:
                keys = " ".join(map(format_key, action.key.split(",")))
                twin = "" if action.twin == actions.VIEW else f"  without the screen: {action.twin}"
                yield Hit(score, matcher.highlight(name), run, help=f"{keys}{twin}")


def doable(screen: Screen[Any]) -> list[tuple[Any, actions.Action]]:
    """(node, action) of everything from the focused widget outwards, and the app's own."""
    found: list[tuple[Any, actions.Action]] = []
    inner = screen.focused.ancestors_with_self if screen.focused else [screen, screen.app]
    for node in inner:
        found += [(node, action) for action in actions.of(getattr(node, "OWNER", ""))]
    return found


class Cockpit(App[None]):
    """One terminal window over a workspace."""

    OWNER = "app"
    TITLE = "Training cockpit"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("app")]
    COMMANDS: ClassVar[set[Any]] = {Actions}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    MODES: ClassVar[dict[str, Any]] = dict(SCREENS)
    ENABLE_COMMAND_PALETTE = True
    ALLOW_IN_MAXIMIZED_VIEW = "#top, Keys"

    def __init__(self, root: Path, run: Run | None = None, home: Path | None = None, plain: bool = False) -> None:
        """`plain`: letters of ASCII alone, for a terminal that has no others."""
        super().__init__()
        self.workspace = Workspace(root.resolve())
        self.plain = plain
        if plain:
            self._filters.append(Ascii())
        self.habits = habits.Habits(home or habits.home())
        self.selected = run
        self.snapshot: Snapshot | None = None
        self.overlaid: list[Run] = []
        """Runs whose curves are drawn over those of the selected one."""
        self.branched: Run | None = None
        """The run that New run is to begin with, asked for in Runs."""
        self.runs: tuple[RunRow, ...] = ()
        self._all = RunsFeed(self.workspace, self._listed)
        self._news = News()
        self._preferences = Preferences()
        self._deaf: set[str] = set()
        """Webhooks whose failure has been told."""
        self._first = "run" if run else ""
        self._home = home or habits.home()
        self._feed: Feed | None = None
        for one in themes.THEMES:
            self.register_theme(one)
        theme = self.habits.get("theme", themes.NAMES[0])
        self.theme = theme if theme in themes.NAMES else themes.NAMES[0]

    @property
    def root(self) -> Path:
        return self.workspace.root

    def on_mount(self) -> None:
        keys, wrong = habits.read_keys(self._home / "keys.toml")
        self.set_keymap(keys)
        self._preferences, fault = read_preferences(self._home / "settings.toml")
        for text in [*wrong, *([fault] if fault else [])]:
            self.notify(shown(text).plain, severity="warning", markup=False)
        if self.selected is None:
            runs = list_runs(self.workspace)
            self.selected = runs[-1] if runs else None
        self.switch_mode(self._first or self._known_mode())
        self._follow()
        self._all.start()
        self.set_timer(OPENING, _collect)

    def _known_mode(self) -> str:
        kept = self.habits.get("screen", "run")
        return kept if kept in self.MODES else "run"

    # the selected run

    def _follow(self) -> None:
        """Let the feed tail the selected run, and no other."""
        if self._feed:
            self._feed.close()
            self._feed = None
        self.snapshot = None
        if self.selected:
            feed = Feed(self.selected, lambda snapshot: self._fed(feed, snapshot))
            self._feed = feed
            feed.start()
        for screen in self._screens():
            screen.run_changed()

    def _fed(self, feed: Feed, snapshot: Snapshot) -> None:
        """In the feed's thread."""
        if feed is self._feed and self.is_running:
            self.post_message(Fed(snapshot))

    @on(Fed)
    def _show(self, message: Fed) -> None:
        if self.selected is None or message.snapshot.run.path != self.selected.path:
            return  # of a run that was selected before
        self.snapshot = message.snapshot
        for screen in self._screens():
            with self.batch_update():
                screen.fed(message.snapshot)

    def select(self, run_id: str) -> None:
        """Have every screen show this run."""
        self.post_message(Selected(Run(self.workspace.runs / run_id)))

    @on(Selected)
    def _select(self, message: Selected) -> None:
        self.selected = message.run
        self._follow()

    def _screens(self) -> list[Any]:
        """Those that are mounted and of ours: each holds its work while it is hidden."""
        return [screen for stack in self._screen_stacks.values() for screen in stack if hasattr(screen, "fed")]

    # all runs

    def _listed(self, rows: tuple[RunRow, ...]) -> None:
        """In the thread of the runs' feed."""
        if self.is_running:
            self.post_message(Listed(rows))

    @on(Listed)
    def _list(self, message: Listed) -> None:
        self.runs = message.rows
        for screen in self._screens():
            screen.runs_listed(message.rows)
        for notice in self._news.of(message.rows):
            level: Any = "error" if notice.bad else "information"
            self.notify(shown(notice.text).plain, severity=level, timeout=12, markup=False)
            if self._preferences.bell:
                self.bell()
            if self._preferences.webhook:
                self._post(notice, self._preferences.webhook)

    @work(thread=True, group="webhook", exit_on_error=False)
    def _post(self, notice: Notice, address: str) -> None:
        if (fault := post(notice, address)) and address not in self._deaf:
            self._deaf.add(address)
            text = shown(f"The webhook cannot be told: {fault}").plain
            self.call_from_thread(self.notify, text, severity="warning", timeout=12, markup=False)

    # commands

    @work(thread=True, group="commands", exit_on_error=False)
    def command(self, words: Sequence[str], what: str, stdin: str = "") -> None:
        """Do what a command does, in a thread; Commanded tells the end of it."""
        done = ask(words, self.root, stdin)
        if self.is_running:
            self.post_message(Commanded(done, what))

    @on(Commanded)
    def _tell(self, message: Commanded) -> None:
        done = message.done
        self._all.look()
        if not done.good:
            text = done.error or f"{done.command} ended with exit code {done.code}."
            self.notify(shown(text).plain, title=message.what, severity="error", timeout=12, markup=False)
        for screen in self._screens():
            screen.commanded(message.what, done)

    # actions

    def get_key_display(self, binding: Binding) -> str:
        shown = super().get_key_display(binding)
        if not shown.isascii() and self.plain:
            return binding.key
        return shown.upper() if re.fullmatch(r"f\d+", shown) else shown

    def offers(self, verb: str) -> bool:
        """For the line of keys: the way back is worth a place where a line is written in, or a pane is zoomed."""
        if verb == "back":
            return self.screen.maximized is not None or isinstance(self.screen.focused, Input)
        return verb != "zoom" or self.screen.focused is not None

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)
        self.habits.keep("screen", mode)

    def action_explain(self) -> None:
        self.push_screen(Explain(doable(self.screen), self.screen.focused))

    async def action_back(self) -> None:
        screen = self.screen
        if screen.maximized is not None:
            screen.minimize()
        else:
            getattr(screen, "close_layer", bool)()  # nothing to close: the focus stays where the keys are wanted

    def action_zoom(self) -> None:
        screen = self.screen
        if screen.maximized is not None:
            screen.minimize()
        elif screen.focused is not None:
            around = (node for node in screen.focused.ancestors_with_self if isinstance(node, Widget))
            screen.maximized = next((node for node in around if node.has_class("pane")), screen.focused)
        screen.refresh_bindings()

    def action_resize(self, axis: str, by: int) -> None:
        if isinstance(self.screen, Frame):
            self.screen.resize_pane(axis, by)

    def action_theme(self) -> None:
        place = themes.NAMES.index(self.theme) if self.theme in themes.NAMES else -1
        self.theme = themes.NAMES[(place + 1) % len(themes.NAMES)]
        self.habits.keep("theme", self.theme)
        self.notify(f"Theme: {self.theme}", timeout=2, markup=False)

    def copy(self, text: str, what: str) -> None:
        """To the clipboard by OSC 52, which works over ssh too."""
        self.copy_to_clipboard(text.encode("utf-8", "replace").decode("utf-8"))  # of lone surrogates there is no code
        self.notify(f"{what} copied", timeout=2, markup=False)

    def on_unmount(self) -> None:
        self._all.close()
        if self._feed:
            self._feed.close()
