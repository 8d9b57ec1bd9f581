"""Every action of the screen, in one list: bindings, footer, palette, help and the key map are made from it.

Each names its headless twin, the command that does the same without a screen, or says why there is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding

VIEW = "view only"
"""The twin of what changes nothing but the view."""


@dataclass(frozen=True)
class Action:
    owner: str
    """Who can do it: `app`, a screen or a widget, by its `OWNER`."""
    verb: str
    """Its owner has a method `action_<verb>`."""
    key: str
    """Keys, parted by commas; a key map may name others."""
    label: str
    """One or two words for the footer."""
    help: str
    """A sentence for help and palette."""
    twin: str
    footer: bool = True
    eager: bool = False
    """Its key is taken before the focused widget sees it: Enter, in a text that is being written."""

    @property
    def id(self) -> str:
        return f"{self.owner}.{self.verb}"


APP = (
    Action("app", "go('run')", "1", "Run", "The cockpit: the run that is selected.", "show RUN --follow", False),
    Action("app", "go('runs')", "2", "Runs", "All runs, live and past.", "list runs", False),
    Action("app", "go('new')", "3", "New", "Fill in a form and start a run.", "plan PRESET; run PRESET --set", False),
    Action("app", "go('traces')", "4", "Traces", "Browse, mark and search traces.", "traces ARTIFACT", False),
    Action("app", "go('report')", "5", "Report", "The report of the run that is selected.", "report RUN", False),
    Action("app", "go('chat')", "6", "Chat", "Talk to a model.", "chat MODEL.gguf", False),
    Action("app", "explain", "f1", "Help", "What the focused pane shows and which keys it knows.", "--help"),
    Action("app", "command_palette", "ctrl+p", "Palette", "Find any action by name.", "--help", footer=False),
    Action("app", "back", "escape", "Back", "Step out one layer: a filter, a zoomed pane, a dialogue.", VIEW),
    Action("app", "zoom", "z", "Zoom", "Give the focused pane the whole screen, and back.", VIEW),
    Action("app", "resize('width', 5)", "greater_than_sign", "Wider", "Make the side pane wider.", VIEW, False),
    Action("app", "resize('width', -5)", "less_than_sign", "Narrower", "Make the side pane narrower.", VIEW, False),
    Action("app", "resize('height', 5)", "plus", "Higher", "Make the lower pane higher.", VIEW, False),
    Action("app", "resize('height', -5)", "minus", "Lower", "Make the lower pane lower.", VIEW, False),
    Action("app", "theme", "ctrl+t", "Theme", "The next theme.", VIEW, False),
    Action("app", "quit", "q,ctrl+q", "Quit", "Close the screen; runs go on.", VIEW),
)

RUN = (
    Action("run", "start", "s", "Start quickstart", "Start quickstart where nothing has run yet.", "run quickstart"),
    Action("run", "stop", "x", "Stop", "Ask the run to stop at its next safe point.", "stop RUN"),
    Action("run", "resume", "r", "Resume", "Go on with a run that stopped, failed or died.", "resume RUN"),
    Action("run", "lower", "w", "Below", "What the lower pane shows, in turn.", "show RUN --json"),
    Action("run", "next_curve", "right_square_bracket,n", "Next", "The next figure on the chart.", VIEW),
    Action("run", "log", "o", "Log", "What libraries printed.", "data/runs/RUN/log.txt"),
    Action("run", "filter", "slash", "Search", "Search the events; Esc shows all again.", "show RUN --json"),
    Action("run", "previous_curve", "left_square_bracket,p", "Previous", "The figure before.", VIEW, False),
    Action("run", "overlay", "v", "Overlay", "Draw another run's curves over these, or take it away.", VIEW, False),
    Action("run", "detach", "d", "Detach", "Leave the screen; the run goes on.", "run PRESET --detach", False),
    Action("run", "whose", "P", "Prompts", "The prompts of another step; in the end the newest.", "show RUN --json"),
    Action("run", "kind", "K", "Kind", "Narrow the events to a kind.", "show RUN --json", False),
    Action("run", "copy", "c", "Copy", "Copy the event, the completion or the run's id.", VIEW),
)

RUNS = (
    Action("runs", "sort", "s", "Sort", "By the next column; a click on a heading sorts too.", "list runs --json"),
    Action("runs", "turn", "S", "Turn", "The other way round.", "list runs --json", False),
    Action("runs", "filter", "slash", "Filter", "Runs that hold all of the words; Esc shows all.", "list runs --json"),
    Action("runs", "pick", "space", "Pick", "Pick runs to overlay on the chart or to compare.", "diff RUN OTHER"),
    Action("runs", "compare", "d", "Diff", "What differs: settings and results.", "diff RUN OTHER"),
    Action("runs", "resume", "r", "Resume", "Go on with the run.", "resume RUN"),
    Action("runs", "stop", "x", "Stop", "Ask the run to stop.", "stop RUN"),
    Action("runs", "branch", "b", "Branch", "New run, begun with the settings of this one.", "branch RUN --set"),
    Action("runs", "tag", "t", "Tag", "Give the run a tag.", "tag RUN TEXT"),
    Action("runs", "note", "N", "Note", "Write a note on the run.", "tag RUN TEXT --note", False),
    Action("runs", "delete", "D,delete", "Delete", "Delete the run, after a question.", "delete RUN", False),
)

NEW = (
    Action("new", "preset", "p", "Preset", "Another preset to start from.", "list presets"),
    Action("new", "filter", "slash", "Find", "Settings that hold all of the words.", "stage NAME --help"),
    Action("new", "cycle", "space", "Choice", "The next of a setting's few values.", VIEW),
    Action("new", "restore", "u", "Restore", "The preset's value again.", VIEW, False),
    Action("new", "add", "a", "Add", "A step more, behind this one.", "run PRESET --set steps.NAME.stage=STAGE"),
    Action("new", "switch", "x", "On, off", "Leave the step out, or not.", "run PRESET --set STEP.enabled=false"),
    Action("new", "share", "H", "Share", "Share the GPU, or wait for it.", "run PRESET --share-gpu", False),
    Action("new", "start", "S", "Start", "Start the run, detached.", "run PRESET --set KEY=VALUE --detach"),
    Action("new", "save", "w", "Save", "Save as a preset: only what differs.", "save PRESET --set KEY=VALUE --as NAME"),
)

TRACES = (
    Action("traces", "artifact", "a", "Artifact", "Rows of another artifact.", "list artifacts"),
    Action(
        "traces", "filter", "slash", "Filter", "Narrow live; Esc shows all.", "traces ARTIFACT --where --search --mark"
    ),
    Action("traces", "fold", "f", "Thought", "Fold the thought, or open it.", VIEW),
    Action("traces", "siblings", "s", "Prompt", "All traces of this prompt side by side.", "traces ARTIFACT --where"),
    Action("traces", "pick", "space", "Pick", "Pick rows to export; else all that are listed.", VIEW, False),
    Action("traces", "accept", "A", "Accept", "Learn it whatever its score.", "mark ARTIFACT ID accept"),
    Action("traces", "reject", "R", "Reject", "Never learn it.", "mark ARTIFACT ID reject"),
    Action("traces", "edit", "e", "Edit", "Write the answer to learn.", "mark ARTIFACT ID edit TEXT"),
    Action("traces", "score", "o", "Override", "Set a score by hand.", "mark ARTIFACT ID score DIMENSION=0.5", False),
    Action("traces", "note", "n", "Note", "A remark; it changes no training.", "mark ARTIFACT ID note TEXT", False),
    Action("traces", "undo", "u", "Undo", "Take the last mark back.", "mark ARTIFACT ID clear"),
    Action(
        "traces",
        "export",
        "x",
        "Export",
        "Write what is picked, or all, as JSONL.",
        "traces ARTIFACT --json",
        False,
    ),
    Action("traces", "board", "b", "Board", "The data board of the artifact.", "traces ARTIFACT --board"),
    Action("traces", "copy", "c", "Copy", "Copy the trace.", VIEW, False),
)

REPORT = (
    Action("report", "open", "o", "Open", "The HTML report in a browser.", "report RUN"),
    Action("report", "fold", "f", "Thought", "Open the thoughts, or fold them.", VIEW),
    Action("report", "compare", "d", "Compare", "Side by side with another run.", "report RUN OTHER"),
    Action("report", "copy", "c", "Copy", "Copy the report as Markdown.", "report RUN"),
)

CHAT = (
    Action("chat", "write", "i,enter,slash", "Write", "Write a message; Esc leaves it.", "chat MODEL.gguf", False),
    Action("chat", "partner", "m,f2", "Model", "Another GGUF or server to talk to.", "chat MODEL.gguf"),
    Action(
        "chat",
        "beside",
        "d,f3",
        "Beside",
        "A second model on the same prompts; again: without it.",
        "chat MODEL.gguf --compare OTHER.gguf",
    ),
    Action("chat", "fold", "f,f4", "Thought", "Fold the thoughts, or open them.", VIEW),
    Action("chat", "stop", "x,f5", "Stop", "Stop the answer that is on its way.", "chat MODEL.gguf"),
    Action(
        "chat",
        "settings",
        "s",
        "Settings",
        "Temperature, system prompt, seed and all the others.",
        "chat MODEL.gguf --set NAME=VALUE",
    ),
    Action(
        "chat",
        "raw",
        "b,f6",
        "Raw",
        "Send messages as they stand, tags and all; again: by the chat template.",
        "chat MODEL.gguf --set raw=true",
    ),
    Action("chat", "judge", "v,f8", "Judge", "Nine scores of the answer, by the offline judge.", "judge - --json"),
    Action(
        "chat",
        "keep",
        "t,f9",
        "Keep",
        "Keep the answer as a trace, in data/chats/kept.jsonl.",
        "chat MODEL.gguf --save FILE; stage ingest --source FILE",
    ),
    Action("chat", "reset", "n", "New", "Begin anew; what was said stays on disk.", "chat MODEL.gguf", False),
    Action("chat", "history", "h", "History", "Read an earlier chat.", "data/chats/TIME.jsonl", False),
    Action("chat", "go_on", "g,f7", "Go on", "Go on from an earlier chat.", "chat MODEL.gguf --continue FILE", False),
    Action(
        "chat",
        "unload",
        "u",
        "Unload",
        "Give the model's memory back until the next message.",
        "chat MODEL.gguf --set idle=SECONDS",
        False,
    ),
    Action("chat", "step(-1)", "k", "Earlier", "The turn before.", VIEW, False),
    Action("chat", "step(1)", "j", "Later", "The turn after.", VIEW, False),
    Action("chat", "copy", "c", "Copy", "Copy the answer.", VIEW, False),
)

PROMPT = (
    Action("prompt", "send", "enter", "Send", "Send the message.", "chat MODEL.gguf --prompt TEXT", True, True),
    Action("prompt", "newline", "ctrl+j,shift+enter", "Line", "Begin a new line.", VIEW, False, True),
    Action("prompt", "recall", "alt+up,ctrl+r", "Recall", "The message sent before.", VIEW, False, True),
)

LIST = (
    Action("list", "down", "down,j", "Down", "The next row.", VIEW, False),
    Action("list", "up", "up,k", "Up", "The row before.", VIEW, False),
    Action("list", "page_down", "pagedown,ctrl+f", "Page down", "A page on.", VIEW, False),
    Action("list", "page_up", "pageup,ctrl+b", "Page up", "A page back.", VIEW, False),
    Action("list", "first", "home,g", "First", "The first row.", VIEW, False),
    Action("list", "last", "end,G", "Last", "The last row.", VIEW, False),
    Action("list", "choose", "enter", "Open", "Open the row.", VIEW, False),
)

CHART = (
    Action("chart", "left", "left,h", "Left", "Move the cursor to earlier figures.", VIEW, False),
    Action("chart", "right", "right,l", "Right", "Move the cursor to later figures.", VIEW, False),
    Action("chart", "choose", "enter", "Completions", "The completions of the step under the cursor.", VIEW, False),
    Action("chart", "log", "L", "Scale", "A logarithmic axis, and back.", VIEW),
    Action("chart", "smooth", "s", "Smooth", "Smooth the lines: more, most, not at all.", VIEW),
    Action("chart", "clock", "t", "Time", "Time on the x axis instead of steps, and back.", VIEW),
    Action("chart", "tail", "e", "Tail", "The newest half, quarter, tenth, all.", VIEW),
)

SEVERAL = (
    Action("several", "tick", "space", "Tick", "Take the name with others, or leave it.", "run PRESET --set KEY=VALUE"),
)

SIBLINGS = (Action("siblings", "fold", "f", "Thoughts", "Fold the thoughts, or open them.", VIEW),)

TEXT = (Action("text", "give", "ctrl+s", "Keep", "Keep what is written.", VIEW),)

DIALOGUE = (
    Action("dialogue", "close", "escape", "Close", "Close the dialogue.", VIEW),
    Action("question", "yes", "y", "Yes", "Do it.", VIEW),
    Action("question", "no", "n", "No", "Leave it.", VIEW),
)

ACTIONS: tuple[Action, ...] = (
    *APP, *RUN, *RUNS, *NEW, *TRACES, *REPORT, *CHAT, *PROMPT, *LIST, *CHART, *SEVERAL, *SIBLINGS, *TEXT, *DIALOGUE,
)  # fmt: skip


def of(owner: str) -> list[Action]:
    return [action for action in ACTIONS if action.owner == owner]


def bindings(owner: str) -> list[Binding]:
    """What an owner's class has as BINDINGS."""
    return [
        Binding(
            action.key,
            action.verb,
            action.label,
            show=action.footer,
            tooltip=action.help,
            priority=action.eager,
            id=action.id,
        )
        for action in of(owner)
    ]


def find(ids: Iterable[str]) -> list[Action]:
    known = {action.id: action for action in ACTIONS}
    return [known[name] for name in ids if name in known]
