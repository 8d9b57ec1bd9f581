"""What a person reads in a chat. All of it passes `safe_text`, for a model, its file and a server may say anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.chat.conversation import Conversation
from pipeline.chat.partner import Figures, Piece
from pipeline.engine.errors import PipelineError
from pipeline.engine.text import safe_text

WIDE = 100
"""Columns of a terminal from which on two answers stand side by side."""
STYLES = {"thought": "dim", "answer": "", "notice": "yellow"}
ENDS = {
    "length": "cut off: the limit of tokens or the context is reached",
    "stopped": "stopped",
    "blocked": "refused by the service",
    "broken": "it ended for a reason that is not known",
}


class Screen:
    def __init__(self, answers: Console, others: Console) -> None:
        """`others` shows all that is no answer: thoughts, notices, figures."""
        self._answers, self._others = answers, others

    def ask(self) -> str | None:
        """The next line; None at the end of input. Ctrl-C clears the line."""
        while True:
            try:
                return input("> " if sys.stdin.isatty() else "")
            except EOFError:
                if sys.stdin.isatty():
                    self.note("")
                return None
            except KeyboardInterrupt:
                self.note("")

    def note(self, text: str, style: str = "dim italic") -> None:
        self._print(self._others, text + "\n", style)

    def rows(self, rows: Iterable[Sequence[str]]) -> None:
        grid = Table.grid(padding=(0, 2))
        for row in rows:
            grid.add_row(*(Text(safe_text(cell), "bold" if place == 0 else "") for place, cell in enumerate(row)))
        self._others.print(grid)

    def show(self, conversations: Sequence[Conversation], text: str) -> int:
        """Print the answers as they come. Returns 0, 3 where Ctrl-C ended one, or the exit code of an error."""
        if len(conversations) == 1:
            return self._show_one(conversations[0], text)
        if self._answers.is_terminal and self._answers.width >= WIDE:
            return self._show_columns(conversations, text)
        codes = []
        for conversation in conversations:
            self.note(f"── {conversation.name}", "bold")
            codes.append(self._show_one(conversation, text))
        return max(codes)

    def _show_one(self, conversation: Conversation, text: str) -> int:
        shown = ""
        pieces = conversation.send(text)
        code = 0
        try:
            for kind, piece in pieces:
                console = self._answers if kind == "answer" else self._others
                if shown and shown != kind:
                    self._print(self._answers if shown == "answer" else self._others, "\n", "")
                    piece = piece.lstrip("\n")
                self._print(console, piece, STYLES[kind])
                shown = kind
        except KeyboardInterrupt:
            pieces.close()
            code = 3
        except PipelineError as error:
            self._print(self._others, ("\n" if shown else "") + f"{error}\n", "red")
            return error.exit_code
        self._print(self._answers if shown == "answer" else self._others, "\n", "")
        self.note(say_figures(conversation.figures))
        return code

    def _show_columns(self, conversations: Sequence[Conversation], text: str) -> int:
        """One after the other, so that the figures are each model's own, but next to each other."""
        said: list[list[Piece]] = [[] for _ in conversations]
        codes = [0] * len(conversations)
        width, height = self._answers.width // len(conversations) - 1, self._answers.height - 2

        def cells(lines: int = 0) -> RenderableType:
            texts = [
                _column(conversation, said[place], codes[place]) for place, conversation in enumerate(conversations)
            ]
            if lines:
                wrapped = [one.wrap(self._answers, width) for one in texts]
                texts = [Text("\n").join([rows[0], *rows[1:][-(lines - 1) :]]) for rows in wrapped]
            grid = Table.grid(padding=(0, 1))
            for _ in texts:
                grid.add_column(width=width, overflow="fold")
            grid.add_row(*texts)
            return grid

        with Live(console=self._answers, refresh_per_second=10, transient=True, get_renderable=lambda: cells(height)):
            for place, conversation in enumerate(conversations):
                pieces = conversation.send(text)
                try:
                    said[place].extend(pieces)
                except KeyboardInterrupt:
                    pieces.close()
                    codes[place] = 3
                except PipelineError as error:
                    said[place].append(Piece("notice", f"\n{error}"))
                    codes[place] = error.exit_code
        self._answers.print(cells())
        return max(codes)

    def _print(self, console: Console, text: str, style: str) -> None:
        console.print(Text(safe_text(text), style), end="", soft_wrap=True)


def _column(conversation: Conversation, said: Sequence[Piece], code: int) -> Text:
    text = Text(safe_text(conversation.name) + "\n", "bold")
    before = ""
    for kind, piece in said:
        change = bool(before) and before != kind
        text.append("\n" if change else "", "")
        text.append(safe_text(piece.lstrip("\n") if change else piece), f"not bold {STYLES[kind]}")
        before = kind
    if conversation.figures is not None and code in (0, 3):
        text.append("\n" + say_figures(conversation.figures), "not bold dim italic")
    return text


def say_figures(figures: Figures | None) -> str:
    """In one line: how an answer ended, its tokens, its pace and the context."""
    if figures is None:
        return "(stopped)"
    words = [f"({ENDS[figures.finish]})"] if figures.finish in ENDS else []
    words += [f"{figures.tokens} tokens"] if figures.tokens is not None else []
    pace = figures.tokens_per_second
    words += [f"{pace:.1f} tokens/s"] if pace is not None else []
    words += [f"first after {figures.first_seconds:.2f} s"]
    words += [f"{figures.reused} of {figures.prompt_tokens} of the prompt reused"] if figures.reused else []
    if figures.left is not None:
        words += [f"context {figures.used} of {figures.context}, {figures.left} left"]
    elif figures.used is not None:
        words += [f"context {figures.used}"]
    return " · ".join(words)
