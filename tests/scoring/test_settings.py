from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.scoring.settings import RewardSettings

REMOTE = {"kind": "openai", "model": "judge", "base_url": "http://127.0.0.1:9"}


def settings(**given: Any) -> RewardSettings:
    return RewardSettings.model_validate(given)


def test_the_embedded_judge_alone_marks_unless_told() -> None:
    assert (settings().mixture, settings().asked) == ({"offline": 1.0}, {"offline"})


def test_a_scorer_of_weight_0_is_none() -> None:
    found = settings(scorers={"offline": 0.0, "distilled": 2.0, "judge": 1.0}, judge=REMOTE)
    assert found.mixture == {"distilled": 2.0, "judge": 1.0} and found.asked == {"distilled", "judge"}


def test_a_judge_of_kind_offline_is_the_embedded_one() -> None:
    assert settings(scorers={"judge": 1.0}).mixture == {"offline": 1.0}
    assert settings(scorers={"judge": 1.0, "offline": 0.5}).mixture == {"offline": 1.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scorers": {"distiled": 1.0}}, "no scorer `distiled`; did you mean `distilled`"),
        ({"scorers": {"offline": 0.0}}, "one of them must be above 0"),
        ({"scorers": {"offline": 1.0, "judge": -1.0}}, "must not be negative"),
        ({"heldout_scorer": "jugde"}, "no scorer `jugde`; did you mean `judge`"),
        ({"heldout_scorer": "offline"}, "the held-out scorer offline is part of the reward"),
        ({"heldout_scorer": "judge"}, "the held-out scorer judge is part of the reward"),  # the embedded one by name
        ({"scorers": {"judge": 1.0}, "heldout_scorer": "offline"}, "the held-out scorer offline is part of the reward"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(**given)


def test_a_heldout_scorer_is_asked_and_earns_nothing() -> None:
    found = settings(heldout_scorer="judge", judge=REMOTE)
    assert found.mixture == {"offline": 1.0} and found.asked == {"offline", "judge"}
