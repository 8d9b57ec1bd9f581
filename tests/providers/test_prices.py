from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.engine.errors import ConfigError
from pipeline.engine.presets import preset_files
from pipeline.providers.prices import ALLOWANCE, Prices, load_prices
from pipeline.providers.provider import Usage

SHIPPED = Path(__file__).parents[2] / "configs"

TABLE = """
[models."gemini-3-pro-preview"]
input = 2.0
cached = 0.2
output = 12.0
batch = 0.5
above = { tokens = 200_000, input = 4.0, cached = 0.4, output = 18.0 }

[models."gemini-3"]
input = 100
output = 100

[models."gpt-5"]
input = 1.25
output = 10.0
later = { since = 2027-01-01, input = 2.5, output = 20.0 }

[models."gpt-5-2025-08-07"]
input = 9
output = 9

[models."gpt-6"]
input = 2.0
cached = 0.2
written = 2.5
output = 10.0
"""


def prices(folder: Path, text: str = TABLE) -> Prices:
    folder.mkdir(exist_ok=True)
    (folder / "prices.toml").write_text(text, encoding="utf-8")
    return load_prices([folder])


def test_thought_is_billed_as_output_and_what_was_cached_is_cheaper(tmp_path: Path) -> None:
    usage = Usage(input=10_000, cached=4_000, output=500, thought=1_500)
    cost = prices(tmp_path).cost("gemini-3-pro-preview", usage)
    # 6000 x 2.00 + 4000 x 0.20 + 2000 x 12.00 per million
    assert cost == pytest.approx(0.012 + 0.0008 + 0.024)
    assert prices(tmp_path).cost("gemini-3-pro-preview", usage, batch=True) == pytest.approx(0.0184)


def test_a_long_prompt_makes_the_whole_call_dearer(tmp_path: Path) -> None:
    table = prices(tmp_path)
    assert table.cost("gemini-3-pro-preview", Usage(200_000, 0, 1000)) == pytest.approx(0.4 + 0.012)
    assert table.cost("gemini-3-pro-preview", Usage(200_001, 0, 1000)) == pytest.approx(0.800004 + 0.018)


def test_a_price_changes_on_its_day(tmp_path: Path) -> None:
    table = prices(tmp_path)
    usage = Usage(1_000_000, 500_000, 1_000_000)  # without a price of its own, what was cached costs as much
    for day, cost in ((date(2026, 12, 31), 11.25), (date(2027, 1, 1), 22.5)):
        assert Prices(table.models, lambda day=day: day).cost("gpt-5", usage) == pytest.approx(cost)


def test_fresh_tokens_that_may_be_written_to_a_cache_count_as_such(tmp_path: Path) -> None:
    assert prices(tmp_path).cost("gpt-6", Usage(1_000_000, 400_000)) == pytest.approx(0.6 * 2.5 + 0.4 * 0.2)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("gemini-3-pro-preview", "gemini-3-pro-preview"),
        ("gemini-3-pro-preview-11-2025", "gemini-3-pro-preview"),
        ("models/gemini-3-pro-preview", "gemini-3-pro-preview"),
        ("publishers/google/models/gemini-3-pro-preview@001", "gemini-3-pro-preview"),
        ("google/gemini-3-pro-preview-001", "gemini-3-pro-preview"),
        ("gemini-3-preview", "gemini-3"),
        ("gpt-5-2025-11-01", "gpt-5"),
        ("gpt-5-2025-08-07", "gpt-5-2025-08-07"),
        ("gpt-5-latest", "gpt-5"),
        ("gpt-5-mini", None),
        ("gpt-5-pro-2025-10-06", None),
        ("gpt-5.1", None),
        ("gpt-5-4", None),
        ("gpt-5:free", None),
        ("my-gpt-5", None),
        ("qwen/qwen3-8b", None),
        ("", None),
    ],
)
def test_which_names_mean_a_model(tmp_path: Path, model: str, named: str | None) -> None:
    table = prices(tmp_path)
    assert table.find(model) == (table.models[named] if named else None)


def test_a_model_without_a_price(tmp_path: Path) -> None:
    assert prices(tmp_path).cost("unheard-of", Usage(10, 0, 10)) is None
    assert prices(tmp_path).bound("unheard-of", 10, 10) is None
    assert load_prices([tmp_path / "nowhere"]).cost("gpt-5", Usage(1)) is None


@pytest.mark.parametrize("text", ["word " * 400, "日本語のテキスト" * 100, "👩‍💻" * 200, "x"])
@pytest.mark.parametrize("model", ["gemini-3-pro-preview", "gpt-6"])
def test_no_call_costs_more_than_its_bound(tmp_path: Path, text: str, model: str) -> None:
    table = prices(tmp_path)
    size = len(text.encode())
    bound = table.bound(model, size, 8192)
    worst = table.cost(model, Usage(input=size, output=192, thought=8000))
    assert bound is not None
    assert worst is not None
    assert worst <= bound


def test_the_bound_is_tight_enough_to_be_of_use(tmp_path: Path) -> None:
    bound = prices(tmp_path).bound("gemini-3-pro-preview", 2000, 8192)
    assert bound == pytest.approx(((2000 + ALLOWANCE) * 2 + 8192 * 12) / 1e6)
    long = prices(tmp_path).bound("gemini-3-pro-preview", 199_500, 1000)  # may have more than 200,000 tokens
    assert long == pytest.approx(((199_500 + ALLOWANCE) * 4 + 1000 * 18) / 1e6)


def test_a_price_of_the_workspace_wins_over_the_one_that_comes_with_the_program(tmp_path: Path) -> None:
    prices(tmp_path / "mine", '[models."gpt-5"]\ninput = 1\noutput = 1\n')
    prices(tmp_path / "theirs")
    table = load_prices([tmp_path / "mine", tmp_path / "none", tmp_path / "theirs"])
    assert table.models["gpt-5"].output == 1
    assert table.models["gpt-6"].output == 10


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[models."a"]\ninput = 1\noutput = = 2\n', "line 3"),
        ('[models."a"]\ninput = 1\n\n[models."b"]\ninput = 1\noutput = 2\n', r"line 1: models\.a\.output: field"),
        ('# a\n[models."a-b"]\ninput = 1\noutput = 1\n[models."a"]\n# x\ninput = -1\noutput = 2\n', "line 7: .*great"),
        ('[models."a"]\ninput = 1\noutput = 2\nprice = 3\n', r"line 4: models\.a\.price: unknown key"),
        ('[models."a"]\ninput = "1 $"\noutput = 2\n', "line 2: .*valid number"),
        ('[models."a"]\ninput = nan\noutput = 2\n', "line 2: .*finite"),
        ('[models."a"]\ninput = 1\noutput = 2\nabove = { tokens = 1, input = 1 }\n', r"line 4: .*above\.output"),
        ("[models.gpt-5.1]\ninput = 1\noutput = 2\n", 'name in quotes'),
        ("[prices]\n", "line 1: prices: unknown key"),
        ("models = 3\n", "line 1: models: "),
    ],
)  # fmt: skip
def test_a_broken_table_is_told_with_the_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        prices(tmp_path, text)
    assert "prices.toml" in caught.value.what
    assert caught.value.mend


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_prices([tmp_path])


def test_the_table_that_comes_with_the_program() -> None:
    assert "prices" not in preset_files([SHIPPED])
    table = load_prices([SHIPPED])
    assert len(table.models) > 20
    for name, price in table.models.items():
        assert price.output > price.input >= (price.cached or 0) >= 0, name
        assert price.seen is not None, name
        assert price.source.startswith("https://"), name
    gemini = table.cost("gemini-3-pro-preview", Usage(1_000_000 // 5, 0, 1_000_000))
    assert gemini == pytest.approx(0.4 + 12.0)
