"""How many processes a step is started as, and the command that starts them.

One process is Python itself; several are started by `accelerate launch`, under a launcher of our own that ends with
the runner.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = "pipeline.engine.launcher"
ROLE = "rank"
"""The word before each rank's number in what it prints: `[rank1]:`."""


@dataclass(frozen=True)
class Launch:
    """What a step asks for."""

    devices: int = 1
    """Processes, one on each device of all machines."""
    file: Path | None = None
    """An accelerate config file (DDP, FSDP2, DeepSpeed, several machines); None: DDP on this machine."""
    machines: int = 1
    """Machines that the file names; a person starts the workers of the others."""

    @property
    def alone(self) -> bool:
        """Whether no launcher is needed."""
        return self.devices == 1 and self.file is None

    @property
    def here(self) -> int:
        """How many of the processes run on this machine."""
        return self.devices // self.machines

    def elsewhere(self, worker: str, task: Path) -> str:
        """The command that a person runs on each of the other machines, for the step that stands in the file `task`."""
        return f"accelerate launch --config_file {self.file} --machine_rank NUMBER -m {worker} {task}"

    def command(self, worker: str, logs: Path | None) -> list[str]:
        """The command line that runs the module `worker` in every process; several print into `logs`."""
        if self.alone:
            return [sys.executable, "-m", worker]
        if self.file:
            how = ["--config_file", str(self.file)]
        else:  # all of it said, or accelerate takes what a person's default config has; `--cpu` starts one process
            how = ["--multi_gpu", "--num_machines", "1", "--machine_rank", "0", "--gpu_ids", "all"]
            how += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
        how += ["--num_processes", str(self.devices), "--tee", "3", "--log_dir", str(logs), "--role", ROLE]
        return [sys.executable, "-m", LAUNCHER, *how, "--module", worker]
