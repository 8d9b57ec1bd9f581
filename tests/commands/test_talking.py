from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.chat.file import File
from pipeline.chat.server import Server
from pipeline.cli import main
from pipeline.commands.app import open_workspace
from pipeline.commands.talking import partner_of
from pipeline.engine.errors import ConfigError
from pipeline.engine.rows import read_rows
from tests.chat.conftest import endless, model  # noqa: F401
from tests.gguf.endless import CONTEXT, TOKENS
from tests.servers.openai import MODEL, OpenAIServer

SMALL = ("--max-tokens", "12", "--temperature", "1", "--no-think")


def run(*words: str, stdin: str = "", code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "chat", *words],
        input=stdin, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_one_answer_for_scripts(model: Path, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "said.jsonl"
    out, err = run(str(model), "--prompt", "Why?", *SMALL, "--seed", "3", "--save", str(path))
    assert out.strip() and "\x1b" not in out
    assert "tokens/s" in err and "context" in err
    (row,) = read_rows(path)
    shown = json.loads(run(str(model), "--prompt", "-", *SMALL, "--seed", "3", "--json", stdin="Why?")[0])
    assert shown["answer"] == row["messages"][1]["content"]
    assert (shown["model"], shown["finish"], shown["tokens"], shown["context"]) == ("tiny.gguf", "length", 12, 512)


def test_two_files_answer_side_by_side(model: Path) -> None:  # noqa: F811
    words = (str(model), "--compare", str(model), "--prompt", "Why?", *SMALL)
    both = json.loads(run(*words, "--json")[0])
    assert both[0]["answer"] == both[1]["answer"] != ""
    out, err = run(*words)
    assert err.count("── tiny.gguf") == 2 and len(out.strip()) > len(both[0]["answer"])


def test_the_end_of_input_ends_a_chat_line_by_line(model: Path, tmp_path: Path) -> None:  # noqa: F811
    out, _ = run(str(model), *SMALL, "--set", "top_k=5", "--root", str(tmp_path), stdin="Why?\n/settings\n/bad\n")
    assert "tiny.gguf · ␛[31mtiny · context of 512 tokens" in out
    assert "No command /bad" in out
    assert "tokens/s" in out


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_stops_the_answer_and_not_the_chat(endless: Path, tmp_path: Path) -> None:  # noqa: F811
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pipeline", "chat", str(endless), "--root", str(tmp_path),
         "--max-tokens", str(TOKENS), "--set", f"context={CONTEXT}", "--temperature", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    seen = b""
    process.stdin.write(b"Why?\n")
    process.stdin.flush()
    while seen.count(b"\n") < 1 or len(seen.rpartition(b"\n")[2]) < 10:  # the greeting, and some of the answer
        seen += os.read(process.stdout.fileno(), 1000)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    out, _ = process.communicate(b"/settings max_tokens 9\nAnd?\n/quit\n", timeout=300)
    assert process.returncode == 0
    assert b"(stopped)" in out
    assert out.count(b"tokens/s") == 2


def test_a_server_answers_as_a_file_does() -> None:
    with OpenAIServer(answer=lambda _: ("It depends.", "Weigh it.")) as server:
        words = ("--server", server.base_url, "--model", MODEL, "--prompt", "Why?")
        shown = json.loads(run(*words, "--json")[0])
        assert (shown["thought"], shown["answer"], shown["finish"]) == ("Weigh it.", "It depends.", "stop")
        out, err = run(*words)
        assert out == "It depends.\n" and "Weigh it." in err
    _, err = run("--server", "http://127.0.0.1:9/v1", "--model", "m", "--prompt", "Why?", code=1)
    assert "cannot be reached" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "Name a GGUF file, or --server and --model"),
        (["a.gguf", "--model", "b"], "--model needs --server"),
        (["a.gguf", "--preset", "b"], "--key-env and --preset need --server"),
        (["a.gguf", "--json"], "--json needs --prompt"),
        (["a.gguf", "--jsonl", "--prompt", "b"], "takes messages from its input alone"),
        (["a.gguf", "--temperature", "9"], "`temperature`"),
        (["a.gguf", "--set", "topk=3"], "There is no setting `topk`"),
        (["a.gguf", "--set", "top_k"], "sets nothing"),
        (["--server", "localhost:1234", "--model", "b"], "is no address"),
        (["--server", "http://localhost:1234"], "Name a --model"),
        (["none.gguf"], "no GGUF file `none.gguf`"),
        (["--server", "nobody", "--preset", "entropy-joy"], "no provider `nobody` in entropy-joy"),
        (["--server", "teacher", "--preset", "entropy-joy"], "kind gemini"),
    ],
)
def test_what_cannot_be_meant(
    words: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pipeline", "chat", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert why in " ".join(capsys.readouterr().err.split())


def test_a_provider_of_a_preset_is_meant_by_its_name(tmp_path: Path, model: Path) -> None:  # noqa: F811
    (tmp_path / "configs").mkdir()
    preset = f"""
[providers.here]
kind = "local"
model = '{model}'
[providers.there]
kind = "openai"
model = "big"
base_url = "http://127.0.0.1:9/v1"
[steps.prompts]
"""
    (tmp_path / "configs" / "mine.toml").write_text(preset, encoding="utf-8")
    workspace = open_workspace(tmp_path)
    there = partner_of(workspace, {"server": "there", "preset": "mine"})
    assert isinstance(there, Server) and there.name == "big at http://127.0.0.1:9/v1"
    assert partner_of(workspace, {"server": "there", "preset": "mine", "model": "small"}).name.startswith("small at")
    assert isinstance(partner_of(workspace, {"server": "here", "preset": "mine"}), File)
    compared = {"server": "there", "preset": "mine", "model": str(model)}
    assert isinstance(partner_of(workspace, compared, or_file=True), File)
    with pytest.raises(ConfigError, match="no provider"):
        partner_of(workspace, {"server": "where", "preset": "mine"})
