"""What a reward is made of: the settings that a training against a judge has beside those of its trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from pipeline.engine.presets import nearest
from pipeline.engine.settings import Settings
from pipeline.providers.provider import ProviderSettings
from pipeline.tasks.rubric import Weights

SCORERS = ("offline", "judge", "distilled")


class RewardSettings(Settings):
    """Who marks a completion, what the marks are worth, and who looks on."""

    scorers: dict[str, float] = Field(default_factory=lambda: {"offline": 1.0})
    """Who marks, and with what weight: `offline`, the embedded judge by the prompt's truth; `judge`, the provider
    below; `distilled`, what an earlier distill step made. 0 is as good as not named."""
    judge: ProviderSettings = ProviderSettings()
    """Who answers as the scorer `judge`; of kind offline it is the embedded one."""
    rubric: Path | None = None
    """A rubric file for a remote judge; empty: the one in configs/rubric.toml."""
    weights: Weights = Weights()
    """What each dimension counts in the reward."""
    renormalise: bool = True
    """Divide the reward by the weight of the dimensions that apply."""
    only_applicable: bool = True
    """Leave out prompts of which the prompt's truth says that no dimension with a weight applies to them."""
    heldout_scorer: str = ""
    """A scorer that is no part of the reward and looks on: where the reward rises and its marks fall, the reward is
    being gamed and the training ends. Empty: none."""
    check_every: int = Field(10, ge=1)
    """Steps between those whose completions the held-out scorer marks too."""
    canaries: int = Field(8, ge=0)
    """Recent prompts on which it is asked at every save what texts that deserve nothing would earn; 0: none."""

    @field_validator("scorers")
    @classmethod
    def _known(cls, value: dict[str, float]) -> dict[str, float]:
        if unknown := [name for name in value if name not in SCORERS]:
            raise ValueError("; ".join(f"there is no scorer `{name}`{nearest(name, SCORERS)}" for name in unknown))
        if any(weight < 0 for weight in value.values()) or not any(value.values()):
            raise ValueError("the weights must not be negative, and one of them must be above 0")
        return value

    @field_validator("heldout_scorer")
    @classmethod
    def _known_too(cls, value: str) -> str:
        if value and value not in SCORERS:
            raise ValueError(f"there is no scorer `{value}`{nearest(value, SCORERS)}")
        return value

    @model_validator(mode="after")
    def _apart(self) -> RewardSettings:
        if self.heldout_scorer and self.resolve(self.heldout_scorer) in self.mixture:
            raise ValueError(f"the held-out scorer {self.heldout_scorer} is part of the reward; name another one")
        return self

    def resolve(self, scorer: str) -> str:
        """Who answers to that name: a judge of kind offline is the embedded one."""
        return "offline" if scorer == "judge" and self.judge.kind == "offline" else scorer

    @property
    def mixture(self) -> Mapping[str, float]:
        """Resolved scorer -> weight, of those that have one."""
        found: dict[str, float] = {}
        for name, weight in self.scorers.items():
            if weight:
                found[self.resolve(name)] = found.get(self.resolve(name), 0.0) + weight
        return found

    @property
    def asked(self) -> set[str]:
        """All that are asked, resolved: the reward's and the one that looks on."""
        return {*self.mixture, *([self.resolve(self.heldout_scorer)] if self.heldout_scorer else [])}
