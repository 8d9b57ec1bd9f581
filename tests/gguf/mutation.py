"""A GGUF file broken in a way that a number decides: most breaks go into its header, where lengths and counts stand."""

from __future__ import annotations

from random import Random

WORDS = (0, 1, 2, 7, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
"""Numbers at which readers of lengths and counts trip."""


def mutated(good: bytes, header: int, seed: int) -> bytes:
    """`header`: bytes before the tensors' data. One to four breaks of any of six kinds."""
    random = Random(seed)
    data = bytearray(good)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        end = header if random.random() < 0.9 else len(data)
        place = random.randrange(4, max(5, min(end, len(data))))
        match random.randrange(6):
            case 0:
                data[place] ^= 1 << random.randrange(8)
            case 1:
                data[place] = random.randrange(256)
            case 2:
                size = random.choice((4, 8))
                data[place : place + size] = (random.choice(WORDS) % 2 ** (8 * size)).to_bytes(size, "little")
            case 3:
                del data[place : place + random.randrange(1, 64)]
            case 4:
                data[place:place] = random.randbytes(random.randrange(1, 64))
            case 5:
                del data[random.randrange(24, len(data)) :]
        if len(data) < 32:
            break
    return bytes(data)


def header_bytes(good: bytes) -> int:
    """The place where the tensors' data begin, at the latest: behind the last tensor's name."""
    return good.rindex(b".weight") + 64
