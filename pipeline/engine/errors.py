"""What failed, why, and how to mend it.

PipelineError
├── ConfigError         the command or the config is wrong (exit 2)
├── MissingDependency   a package that this step needs is not installed (exit 2)
├── DataError           a file does not hold what it should
├── ProviderError       a teacher, judge or hub did not answer as it should
├── StageFailed         a step ended without its artifact
│   ├── FreshProcess    it can be run again, but not in this process
│   └── ProcessDied     the process that ran the step is gone
└── Busy                another live process holds what is needed
StopRequested           not an error: the run was asked to stop and has saved everything (exit 3)
"""

from __future__ import annotations


class PipelineError(Exception):
    """One sentence each: `what` happened, `why`, and how to `mend` it."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.mend = what, why, mend

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, self.why, self.mend) if line)

    def __reduce__(self) -> tuple[type[PipelineError], tuple[str, str, str]]:
        return type(self), (self.what, self.why, self.mend)


class ConfigError(PipelineError):
    exit_code = 2


class MissingDependency(PipelineError):
    exit_code = 2

    @classmethod
    def of_extra(cls, package: str, extra: str) -> MissingDependency:
        """The error for a package that comes with one of our extras."""
        return cls(
            f"{package} is not installed.",
            f"This step needs the extra `{extra}`.",
            f'Install it with: pip install -e ".[{extra}]"',
        )


class DataError(PipelineError):
    pass


class ProviderError(PipelineError):
    pass


class StageFailed(PipelineError):
    pass


class FreshProcess(StageFailed):
    """This process is unfit to go on, but the same step, run again in a new one, will go another way.

    What it will do otherwise stands on disk already. `what` names it, and is never the same twice: so it ends.
    """


class ProcessDied(StageFailed):
    """The process that ran the step ended without a word of its own; `why` holds its last lines."""


class Busy(PipelineError):
    pass


class StopRequested(Exception):
    """Raised at a safe point after a stop was asked for; everything done so far is on disk."""
