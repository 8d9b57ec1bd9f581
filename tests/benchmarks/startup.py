"""Start-up of the command line beside bare Python and a bare Typer app. Run: python -m tests.benchmarks.startup"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

TYPER = "import typer; app = typer.Typer(); app.command()(lambda: None); app(['--help'])"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "bare Typer app --help": ["-c", TYPER],
    "python -m pipeline --help": ["-m", "pipeline", "--help"],
    "python -m pipeline list presets": ["-m", "pipeline", "list", "presets"],
    "python -m pipeline list stages": ["-m", "pipeline", "list", "stages"],
}
ROUNDS = 15


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, words in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - began)
    bare = statistics.median(times["python -c pass"])
    print(f"| command, {ROUNDS} rounds in turn | median seconds | over bare Python |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.3f} | {statistics.median(found) / bare:.1f} |")


if __name__ == "__main__":
    main()
