"""Real files of many types, to ask magika about: what Python packages have installed, and what
Python and Pillow write."""

import bz2
import csv
import gzip
import io
import json
import lzma
import pickle
import random
import sqlite3
import sysconfig
import tarfile
import wave
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

#: Files of one suffix, at the most.
PER_SUFFIX = 40


def installed(count: int) -> list[Path]:
    """Files of the standard library and of the packages, of as many types as there are."""
    by_suffix: dict[str, list[Path]] = {}
    for folder in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")):
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and 32 <= path.stat().st_size < 1 << 22:
                by_suffix.setdefault(path.suffix, []).append(path)
    rng = random.Random(1)
    found = []
    for _, paths in sorted(by_suffix.items()):
        found += rng.sample(paths, min(PER_SUFFIX, len(paths)))
    return rng.sample(found, min(count, len(found)))


def written(folder: Path) -> list[Path]:
    """One file for each of many formats."""
    text = (Path(sysconfig.get_path("stdlib")) / "this.py").read_bytes() * 20
    contents = {
        "text.gz": gzip.compress(text, mtime=0),
        "text.bz2": bz2.compress(text),
        "text.xz": lzma.compress(text),
        "numbers.json": json.dumps([{"n": n, "square": n * n} for n in range(200)]).encode(),
        "numbers.pickle": pickle.dumps({n: str(n) for n in range(500)}),
        "table.csv": _table(),
        "page.html": b"<!DOCTYPE html><html><head><title>A</title></head><p>B</p></html>",
        "tree.xml": b'<?xml version="1.0"?><root>' + b"<leaf>1</leaf>" * 50 + b"</root>",
        "settings.ini": b"[server]\nhost = localhost\nport = 80\n\n[client]\nname = me\n" * 4,
        "numbers.npy": _saved(np.save),
        "numbers.npz": _saved(lambda file, array: np.savez(file, a=array)),
        "script.sh": b'#!/bin/bash\nset -e\nfor f in *.txt; do\n  echo "$f"\ndone\n' * 3,
        "program.c": b'#include <stdio.h>\nint main(void)\n{\n\tputs("a");\n\treturn 0;\n}\n' * 3,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    pixels = np.add.outer(np.arange(200), np.arange(300)).astype(np.uint8)
    for suffix in ("png", "jpg", "gif", "bmp", "tiff", "webp", "pdf", "ico", "ppm"):
        Image.fromarray(pixels).save(folder / f"picture.{suffix}")
    _archives(folder, text)
    return sorted(folder.iterdir())


def _table() -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([n, n * n, f"name {n}"] for n in range(100))
    return file.getvalue().encode()


def _saved(save) -> bytes:
    file = io.BytesIO()
    save(file, np.arange(1000.0))
    return file.getvalue()


def _archives(folder: Path, text: bytes) -> None:
    with zipfile.ZipFile(folder / "texts.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("text", text)
    with tarfile.open(folder / "texts.tar", "w") as archive:
        member = tarfile.TarInfo("text")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    with wave.open(str(folder / "tone.wav"), "wb") as tone:
        tone.setnchannels(1), tone.setsampwidth(2), tone.setframerate(8000)
        tone.writeframes((np.sin(np.arange(8000) / 3) * 9999).astype("<i2").tobytes())
    with sqlite3.connect(folder / "table.sqlite") as base:
        base.execute("CREATE TABLE numbers (n INTEGER, name TEXT)")
        base.executemany("INSERT INTO numbers VALUES (?, ?)", [(n, str(n)) for n in range(200)])
