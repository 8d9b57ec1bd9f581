"""A model for the tests of the screen: speaks the chat's JSON lines, and says what the message asks it to."""

import json
import os
import sys
from pathlib import Path

SETTINGS = {"system": "", "temperature": 0.6, "seed": 0, "max_tokens": 64}


def tell(event, command, **fields):
    about = {"id": command["id"]} if "id" in command else {}
    print(json.dumps({"event": event, **about, **fields}), flush=True)


ASKED, SAVED = [], []


def save(answer):
    """As the chat does, after each answer."""
    SAVED[1:] = [*SAVED[1:], {"role": "user", "content": ASKED[-1]}, {"role": "assistant", "content": answer}]
    path = Path(SAVED[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"messages": SAVED[1:]}) + "\n", encoding="utf-8")


def answer(command):
    text = command["text"]
    ASKED.append(text)
    if text == "what did I say?":
        tell("answer", command, text=ASKED[-2] if len(ASKED) > 1 else "nothing")
        tell("done", command, finish="stop")
        save("")
        return
    if text == "die":
        print("the last words", file=sys.stderr, flush=True)
        os._exit(7)
    if text == "fail":
        tell("error", command, type="DataError", what="It cannot.", why="[/x] why", mend="")
        return
    if text == "slow":
        tell("answer", command, text="one ")
        return  # its end comes with `stop`
    tell("thought", command, text="hm [/b]")
    for word in text.split(" "):
        tell("answer", command, text=word + " ")
    tell("notice", command, text="a notice")
    tell(
        "done",
        command,
        finish="stop",
        tokens=3,
        tokens_per_second=41.25,
        first_seconds=0.5,
        reused=2,
        prompt_tokens=9,
        context=100,
        used=50,
        left=50,
        turns=1,
        forgotten=0,
    )
    save(text)


def main():
    waiting = None
    for line in sys.stdin:
        command = json.loads(line)
        do = command["do"]
        if do == "load":
            if "bad" in command["model"]:
                tell("error", command, type="DataError", what="No such file.", why="", mend="")
                continue
            SETTINGS.update(command["settings"])
            tell("loaded", command, name=Path(command["model"]).name, title="", context=100, settings=SETTINGS)
        elif do == "send":
            waiting = command if command["text"] == "slow" else None
            answer(command)
        elif do == "stop" and waiting:
            tell("done", waiting, finish="stopped")
            waiting = None
        elif do == "settings":
            if "nonsense" in command["set"]:
                tell("error", command, type="ConfigError", what="There is no setting.", why="", mend="")
            else:
                SETTINGS.update(command["set"])
                tell("settings", command, settings=SETTINGS)
        elif do == "save":
            SAVED[:] = [command["path"], *SAVED[1:]]
        elif do == "continue":
            try:
                rows = [json.loads(row) for row in Path(command["path"]).read_text("utf-8").splitlines()]
            except ValueError:
                tell("error", command, type="DataError", what="No conversation.", why="", mend="")
                continue
            said = rows[-1]["messages"]
            turns = [
                {
                    "asked": one["content"],
                    "thought": other.get("reasoning_content", ""),
                    "answer": other["content"],
                    "ended": True,
                }
                for one, other in zip(said[::2], said[1::2], strict=True)
            ]
            SAVED[:] = [*SAVED[:1], *said]
            ASKED[:] = [turn["asked"] for turn in turns]
            tell("continued", command, turns=turns, settings=SETTINGS)
        elif do in ("reset", "unload"):
            tell({"unload": "unloaded"}.get(do, do), command)


main()
