from __future__ import annotations

from tests.servers.script import Bucket, Rule, Script


def test_rules_count_among_what_they_match_and_the_first_decides() -> None:
    script = Script([Rule("a", first=2, count=2, match="x"), Rule("b", every=3)])
    assert [script.next(text) for text in "xxyxxyy"] == ["b", "a", None, "a", None, None, "b"]


def test_a_bucket_lets_through_its_burst_and_then_its_rate() -> None:
    now = 0.0
    bucket = Bucket(rate=10, burst=20, delay=1, clock=lambda: now)
    assert [bucket.next("") for _ in range(21)] == [None] * 20 + ["429 minute 1"]
    now = 0.5
    assert [bucket.next("") for _ in range(6)] == [None] * 5 + ["429 minute 1"]
    assert (bucket.passed, bucket.refused) == (25, 2)
