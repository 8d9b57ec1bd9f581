"""The command `chat`: talk to a GGUF file or to a server, on the terminal, in a script or from a screen."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.app import HERE, Json, Root, app, open_workspace, preset_folders

if TYPE_CHECKING:
    from pipeline.chat.partner import Partner
    from pipeline.engine.artifacts import Workspace


@app.command()
def chat(
    file: Annotated[str, typer.Argument(metavar="MODEL", help="A GGUF file, or an artifact that holds one.")] = "",
    prompt: Annotated[str | None, typer.Option(help="Print one answer and end; `-` reads it from stdin.")] = None,
    compare: Annotated[str, typer.Option(help="Another GGUF, or model of the server, that answers too.")] = "",
    server: Annotated[str, typer.Option(help="An OpenAI-compatible server's address, or a preset's provider.")] = "",
    model: Annotated[str, typer.Option(help="The model's name on the server.")] = "",
    preset: Annotated[str, typer.Option(help="The preset whose provider --server names.")] = "",
    key_env: Annotated[str, typer.Option(help="The variable that holds the server's key, never the key.")] = "",
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    thinking: Annotated[bool | None, typer.Option("--think/--no-think", help="Whether the model thinks first.")] = None,
    raw: Annotated[bool | None, typer.Option("--raw", help="Send the text as it is, without a chat template.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampling.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of any setting; /settings lists them.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write the transcript here, after each answer.")] = None,
    earlier: Annotated[Path | None, typer.Option("--continue", help="Go on from this transcript.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Speak JSON lines, for a screen.")] = False,
    root: Root = HERE,
    as_json: Json = False,
) -> None:
    """Talk to a model."""
    from pipeline.chat.settings import ChatSettings, change
    from pipeline.engine.errors import ConfigError

    wanted = {"system": system, "thinking": thinking, "raw": raw, "temperature": temperature, "max_tokens": max_tokens,
              "seed": seed}  # fmt: skip
    given = {name: value for name, value in wanted.items() if value is not None}
    settings = change(ChatSettings(), {**given, **dict(split_set(text) for text in sets or [])})
    workspace = open_workspace(root)
    asked = {"model": model or file, "server": server, "preset": preset, "key_env": key_env}
    faults = {
        "--model needs --server; name a file without it.": model and not server,
        "Name a file or a model of the server, not both.": model and file,
        "--key-env and --preset need --server.": (key_env or preset) and not server,
        "Name a GGUF file, or --server and --model.": not (file or server or jsonl),
        "--json needs --prompt.": as_json and prompt is None,
        "--jsonl takes messages from its input alone, one model at a time.": jsonl and (prompt is not None or compare),
        "--jsonl takes up an earlier chat by the command `continue`.": jsonl and earlier is not None,
    }
    if found := [fault for fault, applies in faults.items() if applies]:
        raise ConfigError("\n".join(found), "", "See: python -m pipeline chat --help")
    if jsonl:
        from pipeline.chat.protocol import Desk

        heard = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
        desk = Desk(lambda row: partner_of(workspace, row), settings, heard, sys.stdout)
        desk.serve({"do": "load", **asked} if file or server else None, save)
        return
    partners = [partner_of(workspace, asked)]
    if compare:
        partners.append(partner_of(workspace, {**asked, "model": compare}, or_file=True))
    text = sys.stdin.read() if prompt == "-" else prompt
    try:
        code = talk(partners, settings, text, save, workspace.root / "data" / "chats", as_json, earlier)
    finally:
        for partner in partners:
            partner.close()
    raise typer.Exit(code)


def split_set(text: str) -> tuple[str, str]:
    from pipeline.engine.errors import ConfigError

    name, found, value = text.partition("=")
    if not found:
        raise ConfigError(f"`--set {text}` sets nothing.", "", "Write --set NAME=VALUE.")
    return name.strip(), value


def talk(
    partners: list[Partner],
    settings: Any,
    prompt: str | None,
    save: Path | None,
    folder: Path,
    as_json: bool,
    earlier: Path | None = None,
) -> int:
    """A chat on the terminal, or one answer: to stdout, with all else on stderr. Returns the exit code.

    `earlier`: a transcript to go on from.
    """
    from rich.console import Console

    from pipeline.chat.conversation import Conversation
    from pipeline.chat.line_mode import LineMode
    from pipeline.chat.once import answer_as_json
    from pipeline.chat.screen import Screen
    from pipeline.chat.transcript import Transcript, read_back

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a code page without some glyph must not end the chat
    conversations = [Conversation(partner, settings) for partner in partners]
    if earlier is not None:
        system, exchanges = read_back(earlier)
        for conversation in conversations:
            conversation.take_up(exchanges, system)
    transcript = Transcript()
    if save is not None:
        transcript.open(save)
    screen = Screen(Console(highlight=False), Console(highlight=False, stderr=prompt is not None))
    if prompt is None:
        return LineMode(conversations, screen, transcript, folder).run()
    code = 0
    if as_json:
        print(answer_as_json(conversations, prompt))
    else:
        code = screen.show(conversations, prompt)
    transcript.save(*conversations)
    return code


def partner_of(workspace: Workspace, asked: dict[str, Any], or_file: bool = False) -> Partner:
    """Who is meant by `model`, `server`, `preset` and `key_env`; with `or_file` a model that is a file is that file.

    Raises ConfigError and ProviderError.
    """
    from pipeline.chat.file import File
    from pipeline.chat.server import Server
    from pipeline.commands.browse import gguf_file
    from pipeline.engine.errors import ConfigError

    model, server = str(asked.get("model") or ""), str(asked.get("server") or "")
    if not server or (or_file and model.endswith(".gguf")):
        return File(gguf_file(workspace, model))
    settings = provider_settings(workspace, server, model, asked)
    if settings.kind == "local":
        return File(gguf_file(workspace, settings.model))
    if settings.kind != "openai":
        raise ConfigError(
            f"The chat does not speak to providers of kind {settings.kind}.",
            "It streams from OpenAI-compatible servers and GGUF files.",
            "Name another provider, or the address of a server.",
        )
    return Server(settings, os.environ)


def provider_settings(workspace: Workspace, server: str, model: str, asked: dict[str, Any]) -> Any:
    """Of the provider of a preset, where one is named, or of a server at an address."""
    from pydantic import ValidationError

    from pipeline.engine import presets
    from pipeline.engine.errors import ConfigError
    from pipeline.providers.provider import ProviderSettings

    if asked.get("preset"):
        table = presets.compose(str(asked["preset"]), preset_folders(workspace)).get("providers", {})
        if server not in table:
            known = ", ".join(table) or "none"
            raise ConfigError(f"There is no provider `{server}` in {asked['preset']}.", f"It has {known}.", "")
        given = dict(table[server])
    elif "://" in server:
        given = {"kind": "openai", "base_url": server}
    else:
        raise ConfigError(
            f"`{server}` is no address.", "", "Write it whole, such as http://localhost:1234/v1, or name its --preset."
        )
    given |= {name: value for name, value in (("model", model), ("key_env", asked.get("key_env"))) if value}
    try:
        return ProviderSettings.model_validate(given)
    except ValidationError as error:
        raise ConfigError("The server's settings are wrong.", error.errors()[0]["msg"], "Name a --model.") from None
