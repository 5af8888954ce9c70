"""Mounts of one's own: small, full and read-only file systems that nobody else sees and that go by themselves."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_CLONE_NEWNS = 0x00020000  # linux/sched.h


@cache
def lacking() -> str | None:
    """Why there can be no mounts of one's own here; None where there can."""
    if sys.platform != "linux":
        return "mount namespaces are Linux's"
    if os.geteuid() != 0:
        return "only root may mount"
    tried = ("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    try:
        done = subprocess.run(tried, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError as error:
        return f"{error.filename} is not installed"
    return None if done.returncode == 0 else f"this machine allows no mounts: {done.stderr.strip()}"


@contextmanager
def own_mounts() -> Iterator[None]:
    """This thread, and every process that it starts, sees the mounts made inside; nobody else does.

    Skips the test, with the reason, where that cannot be.
    """
    if reason := lacking():
        pytest.skip(reason)
    folder = Path.cwd()
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", _CLONE_NEWNS)
        try:
            run("mount", "--make-rprivate", "/")
            yield
        finally:
            _call("setns", before, _CLONE_NEWNS)
            os.chdir(folder)
    finally:
        os.close(before)


def small(folder: Path, size: str) -> None:
    """Have an empty file system of ``size`` (``512k``, ``4m``) at ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", folder)


def cloning(folder: Path) -> None:
    """Have an empty file system that clones files at ``folder``; skips the test where the system has none."""
    image = folder.with_name(f"{folder.name}.image")
    with image.open("wb") as file:
        file.truncate(256 << 20)
    folder.mkdir()
    for command in (("mkfs.btrfs", "--quiet", image), ("mount", "-o", "loop", image, folder)):
        try:
            done = subprocess.run([*map(str, command)], capture_output=True, encoding="utf-8", check=False)
        except FileNotFoundError:
            pytest.skip(f"{command[0]} is not installed")
        if done.returncode:
            pytest.skip(f"no btrfs can be mounted here: {done.stderr.strip()}")


def resize(folder: Path, size: str) -> None:
    """Give what `small` made another size."""
    run("mount", "-o", f"remount,size={size}", folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can write in ``folder``, not even root."""
    run("mount", "--bind", folder, folder)
    run("mount", "-o", "remount,bind,ro", folder)
    try:
        yield
    finally:
        run("umount", folder)


def run(*arguments: str | Path) -> None:
    """Run a command, which must succeed."""
    done = subprocess.run([*map(str, arguments)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
