"""Takes pictures of the screen and holds them against those in `snapshots/`: as SVG, without a font from the net.

`pytest tests/tui/test_pictures.py -m "" --snapshot-update` takes all of them anew.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from pytest_textual_snapshot import SVGImageExtension
from syrupy.data import SnapshotCollections

FOLDER = Path(__file__).parents[2] / "snapshots"
RENEW = 'pytest tests/tui/test_pictures.py -m "" --snapshot-update'
FONTS = "'Fira Code', 'Cascadia Mono', 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Pictures(SVGImageExtension):
    """A picture is a file of its own, named by the test, in one folder for all of them: the README shows some."""

    @classmethod
    def dirname(cls, **_: Any) -> str:
        return str(FOLDER)

    @classmethod
    def _get_file_basename(cls, *, index: Any, **_: Any) -> str:
        return str(index)

    def serialize(self, data: Any, **options: Any) -> Any:
        return slim(super().serialize(data, **options))

    def discover_snapshots(self, **_: Any) -> SnapshotCollections:
        """None: a run of some of the tests must not take the others' pictures for orphans. A test looks for those."""
        return SnapshotCollections()

    @classmethod
    def write_snapshot(cls, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that they do not lie beside the test
            super().write_snapshot(**options)


def slim(svg: str) -> str:
    """Without fonts to fetch; without a clip path for each line, which the length of its text makes needless; the
    commonest background once for all. A third as large, and the same to look at."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
    svg = re.sub(r'<clipPath id="terminal-line-\d+">.*?</clipPath>\s*', "", svg, flags=re.S)
    svg = re.sub(r' clip-path="url\(#terminal-line-\d+\)"| shape-rendering="crispEdges"', "", svg)
    svg = re.sub(r"\bterminal-(r\d+)", r"\1", svg)
    svg = re.sub(r'(="\d+\.\d)\d{5,}"', r'\1"', svg)
    svg = _one_background(svg)
    svg = re.sub(r"(</text>|/>)(?=<(?:text|rect))", r"\1\n", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _one_background(svg: str) -> str:
    fills = Counter(re.findall(r'<rect fill="(#\w{6})" x=', svg))
    if not fills:
        return svg
    fill = fills.most_common(1)[0][0]
    svg = re.sub(rf'<rect fill="{fill}" x="[^>]*/>', "", svg)
    return re.sub(r'(<g [^>]*clip-path="url\(#terminal-clip-terminal\)">)',
                  rf'\1<rect fill="{fill}" width="100%" height="100%"/>', svg)  # fmt: skip
