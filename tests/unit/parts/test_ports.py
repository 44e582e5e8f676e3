"""Two sessions side by side hand out different ports."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import home
from tests.parts.ports import BLOCK, BLOCKS, FIRST, GIVEN_BY_KERNEL, next_free, take

ROOT = Path(__file__).parents[3]


def test_a_port_is_free_and_not_given_twice_soon() -> None:
    given = [next_free() for _ in range(20)]
    assert len(set(given)) == 20
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", given[0]))


def test_what_somebody_listens_on_is_not_given() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", next_free()))
        taken.listen()
        assert taken.getsockname()[1] not in [next_free() for _ in range(BLOCK + 1)]


def test_each_process_has_a_block_of_its_own_until_it_ends() -> None:
    name = f"luotsi-test-of-ports-{os.getpid()}"
    blocks = [take(name) for _ in range(BLOCKS)]
    held = [block for block in blocks if block]
    firsts = [next(block.ports) for block in held]
    assert firsts == list(range(FIRST, FIRST + BLOCK * BLOCKS, BLOCK))
    assert take(name) is None
    os.close(held[3].name)
    again = take(name)
    assert again
    assert next(again.ports) == firsts[3]
    for block in (*held[:3], *held[4:], again):
        os.close(block.name)


def test_the_kernel_gives_none_of_them_away() -> None:
    lowest = int(GIVEN_BY_KERNEL.read_text().split()[0])
    if lowest < FIRST + BLOCK * BLOCKS:
        pytest.skip("this kernel does, so the ports are the kernel's own")
    assert FIRST <= next_free() < lowest


def test_a_process_with_another_home_is_given_others(tmp_path: Path) -> None:
    mine = next_free()
    code = "from tests.parts.ports import next_free; print(next_free())"
    environment = {**os.environ, "HOME": str(tmp_path), home.CACHE: str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True)
    if mine < FIRST + BLOCK * BLOCKS:
        assert (int(said) - FIRST) // BLOCK != (mine - FIRST) // BLOCK
