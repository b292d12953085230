"""Hostile files: saved models, live folders and settings files that somebody made to do harm, or by mistake.

Each is made of a good folder, and says of itself what a reader could fall for. Those whose sums fit ("sealed") get past
the manifest, as files of somebody who knows the format would.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import torch
from safetensors.numpy import save as dump

from forecast.forecasters.artifacts.manifest import (
    CONFIG,
    FORMAT,
    MANIFEST,
    MOST,
    STATE,
    WEIGHTS,
    Manifest,
    Member,
    _sealed,
)
from forecast.forecasters.artifacts.verified import read_set

Make = Callable[[Path], object]


class Payload:
    """Whoever unpickles this leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (os.system, (f"touch {self.mark}",))


def seal(folder: Path, **contents: bytes) -> None:
    """Replace members and write a manifest that fits, whatever they are."""
    manifest, known = read_set(folder)
    changed = {name: contents.get(name.partition(".")[0], content) for name, content in known.items()}
    for name, content in changed.items():
        (folder / name).write_bytes(content)
    members = {name: Member.of(content) for name, content in changed.items()}
    (folder / MANIFEST).write_bytes(Manifest(members, manifest.versions, manifest.fingerprints).content())


def manifest(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the manifest, with a sum that fits."""
    table = json.loads((folder / MANIFEST).read_text())
    table.pop("sha256")
    change(table)
    (folder / MANIFEST).write_bytes(_sealed(table))


def claimed(name: object, size: object = 10) -> Make:
    """A manifest that names another file, or another size."""
    entry = {"size": size, "sha256": "0" * 64}
    return lambda folder: manifest(folder, lambda table: table["members"].update({name: entry}))


def configured(change: Callable[[dict], object]) -> Make:
    def make(folder: Path) -> None:
        config = json.loads((folder / CONFIG).read_text())
        change(config)
        seal(folder, config=json.dumps(config).encode())

    return make


def texted(*parts: tuple[bytes, bytes]) -> Make:
    """The settings with some bytes replaced."""

    def make(folder: Path) -> None:
        content = (folder / CONFIG).read_bytes()
        for old, new in parts:
            assert old in content
            content = content.replace(old, new, 1)
        seal(folder, config=content)

    return make


def headed(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def state_of(change: Callable[[dict], object]) -> Make:
    """A live state with other settings."""

    def make(folder: Path) -> None:
        content = (folder / STATE).read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        settings = json.loads(header["__metadata__"]["live"])
        changed = change(settings)
        text = changed if isinstance(changed, str) else json.dumps(settings)
        header["__metadata__"]["live"] = text
        seal(folder, state=headed(header, content[end:]))

    return make


def pickled(mark: Path) -> dict[str, bytes]:
    """Files that run code in whoever reads them with the usual functions."""
    found = {"pickle": pickle.dumps(Payload(mark)), "pickle protocol 0": pickle.dumps(Payload(mark), 0)}
    streams = {name: io.BytesIO() for name in ("torch", "lightning", "npz", "npy", "joblib")}
    torch.save({"w": Payload(mark)}, streams["torch"])
    hyper = {"_instantiator": "os.system", "args": f"touch {mark}"}
    torch.save({"state_dict": {}, "hyper_parameters": hyper, "x": Payload(mark)}, streams["lightning"])
    np.savez(streams["npz"], a=np.array([Payload(mark)], dtype=object))
    np.save(streams["npy"], np.array([Payload(mark)], dtype=object))
    joblib.dump(Payload(mark), streams["joblib"])
    return found | {name: stream.getvalue() for name, stream in streams.items()}


def archived(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def replaced(name: str, act: Callable[[Path], object]) -> Make:
    def make(folder: Path) -> None:
        (folder / name).unlink()
        act(folder / name)

    return make


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # such addresses are short
        server.bind(path.name)
        os.chdir(here)


def sparse(size: int) -> Make:
    def make(folder: Path) -> None:
        os.truncate(folder / WEIGHTS, size)
        manifest(folder, lambda table: table["members"][WEIGHTS].update(size=size))

    return make


def foreign(mark: Path) -> dict[str, Make]:
    """Other things in the place of a member, with sums that fit and without."""
    contents = pickled(mark) | {
        "HTML": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        "zip slip": archived("../../escaped", b"x"),
        "zip bomb": archived("a", bytes(50 << 20)),
        "gzip bomb": gzip.compress(bytes(50 << 20)),
        "nothing": b"",
        "another project's safetensors": dump({"linear.weight": np.zeros((3, 3), np.float32)}),
    }
    made: dict[str, Make] = {}
    for name, content in contents.items():
        made[f"{name} as sealed weights"] = lambda folder, content=content: seal(folder, weights=content)
        made[f"{name} as manifest"] = lambda folder, content=content: (folder / MANIFEST).write_bytes(content)
    for name in ("pickle", "HTML", "torch"):
        made[f"{name} as sealed settings"] = lambda folder, name=name: seal(folder, config=contents[name])
        made[f"{name} as sealed state"] = lambda folder, name=name: seal(folder, state=contents[name])
    return made


def places() -> dict[str, Make]:
    """Names and kinds of files that lead elsewhere."""
    names = ("../evil", "/etc/passwd", "a/../../b", "C:\\evil", "config.json\0", "weights.safetensors ", ".bashrc")
    made: dict[str, Make] = {f"a member called {name!r}": claimed(name) for name in names}
    for member in (MANIFEST, CONFIG, WEIGHTS):
        made[f"{member} is a link to /etc/passwd"] = replaced(member, lambda path: path.symlink_to("/etc/passwd"))
        made[f"{member} is a link to /dev/zero"] = replaced(member, lambda path: path.symlink_to("/dev/zero"))
        made[f"{member} is a pipe"] = replaced(member, lambda path: os.mkfifo(path))
        made[f"{member} is a folder"] = replaced(member, lambda path: path.mkdir())
        made[f"{member} is a socket"] = replaced(member, listen)
        made[f"{member} is a link to itself"] = replaced(member, lambda path: path.symlink_to(path))
        if os.name == "posix" and os.geteuid() == 0:
            made[f"{member} is /dev/zero"] = replaced(member, lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)))
    return made


def sizes() -> dict[str, Make]:
    """Numbers that would take memory or time."""
    deep, zero = b"[" * 3000 + b"]" * 3000, 1 << 40
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    made: dict[str, Make] = {f"{size!r} bytes claimed": claimed(WEIGHTS, size) for size in (1 << 30, -1, 1 << 70, True)}
    made |= {f"{size!r} bytes claimed": claimed(WEIGHTS, size) for size in ("12", 1.5, None)}
    made["3 GiB of holes"] = sparse(3 << 30)
    made["1 GiB of holes whose sum is wrong"] = sparse(1 << 20)
    made["3,000 brackets as manifest"] = lambda folder: (folder / MANIFEST).write_bytes(deep)
    made["3,000 brackets as settings"] = lambda folder: seal(folder, config=deep)
    made["a million empty lists"] = lambda folder: seal(folder, config=b"[" + b"[]," * 1_000_000 + b"[]]")
    made["7 MiB of short texts"] = lambda folder: seal(folder, config=b"[" + b'"ab",' * 1_400_000 + b'"a"]')
    made["9 MiB of settings"] = lambda folder: seal(folder, config=b"[" + b"0," * 4_700_000 + b"0]")
    headers = {
        "3,000 brackets": headed(deep),
        "2^63 bytes": (1 << 63).to_bytes(8, "little") + b"{}",
        "100 MB": (100_000_000).to_bytes(8, "little") + b"{}",
        "no table": headed([]),
        "0 bytes": headed(b""),
        "a text that is no JSON": headed(b"{'a': 1}"),
        "an unknown kind": headed({"a": entry | {"dtype": "PY"}}, bytes(4)),
        "2^80 numbers": headed({"a": entry | {"shape": [zero, zero]}}, bytes(4)),
        "negative shapes": headed({"a": entry | {"shape": [-1, -1]}}, bytes(4)),
        "shapes of text": headed({"a": entry | {"shape": ["1"]}}, bytes(4)),
        "overlaps": headed({"a": entry, "b": entry}, bytes(4)),
        "a hole": headed({"a": entry | {"data_offsets": [4, 8]}}, bytes(8)),
        "more than there is": headed({"a": entry | {"shape": [zero], "data_offsets": [0, 4 * zero]}}, bytes(4)),
        "a name twice": headed(b'{"a":' + json.dumps(entry).encode() + b',"a":' + json.dumps(entry).encode() + b"}"),
        "50,000 names": headed(
            {f"t{i}": entry | {"data_offsets": [4 * i, 4 * i + 4]} for i in range(50_000)}, bytes(200_000)
        ),
        "metadata of tables": headed({"__metadata__": {"a": {}}}),
    }
    for name, content in headers.items():
        made[f"a header of {name}"] = lambda folder, content=content: seal(folder, weights=content)
    return made


def settings() -> dict[str, Make]:
    """Settings that claim, name or nest what no model has."""

    def architecture(**values: object) -> Make:
        return configured(lambda config: config["architecture"].update(values))

    def nested(config: dict) -> None:
        inner = dict(config)
        for _ in range(15):
            inner = {"kind": "ensemble", "combine": "mean", "window": config["window"], "parts": {"../../x": inner}}
        config.update(inner)

    keyed = (b'"kind"', b'"kind": "naive", "kind"')
    made = {
        "a cell os:system": architecture(cell="os:system"),
        "a cell subprocess:Popen": architecture(cell="subprocess:Popen"),
        "a cell that is a list": architecture(cell=["gru"]),
        "a cell that is a table": architecture(cell={"_target_": "os.system"}),
        "a state of 10^9": architecture(hidden_size=10**9),
        "a state of 10^5": architecture(hidden_size=10**5),
        "10^9 layers": architecture(layers=10**9),
        "a negative state": architecture(hidden_size=-4),
        "a decoder os.system": architecture(decoder={"kind": "os.system"}),
        "a head os.system": configured(lambda config: config.update(head={"kind": "os.system"})),
        "100,000 levels": configured(
            lambda config: config.update(head={"kind": "quantiles", "levels": [i / 1e5 for i in range(1, 100_000)]})
        ),
        "a kind __import__": configured(lambda config: config.update(kind="__import__")),
        "a kind that is a list": configured(lambda config: config.update(kind=["naive"])),
        "a horizon of 10^12": configured(lambda config: config["window"].update(horizon=10**12)),
        "a horizon of 10^6": configured(lambda config: config["window"].update(horizon=10**6)),
        "a context of 10^6": configured(lambda config: config["window"].update(context=10**6)),
        "100,000 series": configured(lambda config: config.update(series=[str(i) for i in range(100_000)])),
        "series that are a number": configured(lambda config: config.update(series=10**12)),
        "models in models": configured(nested),
        "a feed of code": configured(lambda config: config.update(feed={"kind": "__class__"})),
        "training that is none": configured(lambda config: config.update(training={"epochs": "import os"})),
        "cycles that are none": configured(lambda config: config.update(cycles=["__import__('os')"])),
        "no schema": configured(lambda config: config["fitted_on"].update(schema=None)),
        "a day in the year 10^9": configured(lambda config: config["fitted_on"].update(until="1000000000-01-01")),
        "a key twice": texted(keyed),
        "NaN": texted((b'"dropout": 0.0', b'"dropout": NaN')),
        "Infinity": texted((b'"dropout": 0.0', b'"dropout": Infinity')),
        "1e999": texted((b'"dropout": 0.0', b'"dropout": 1e999')),
        "100,000 digits": texted((b'"dropout": 0.0', b'"dropout": ' + b"9" * 100_000)),
        "a key twice in the manifest": lambda folder: (folder / MANIFEST).write_bytes(
            (folder / MANIFEST).read_bytes().replace(b'"format"', b'"format": 4, "format"', 1)
        ),
        "a newer format": lambda folder: manifest(folder, lambda table: table.update(format=FORMAT + 1)),
        "a format that is a text": lambda folder: manifest(folder, lambda table: table.update(format="4")),
        "no members": lambda folder: manifest(folder, lambda table: table.update(members={})),
        "a state of 3,000 brackets": state_of(lambda known: "[" * 3000 + "]" * 3000),
        "a state of 10^12 rows that wait": state_of(lambda known: known.update(cold={"0": 10**12})),
        "a state of 100,000 series": state_of(lambda known: known.update(series=[str(i) for i in range(100_000)])),
        "a state of a calendar of code": state_of(lambda known: known["calendar"].update(kind="os.system")),
        "a state that steps by 10^30": state_of(lambda known: known["calendar"].update(step=10**30)),
        "a state that is a list": state_of(lambda known: "[]"),
    }
    assert set(MOST) >= {CONFIG, WEIGHTS, STATE}
    return made


TOML = {
    "a cell by import path": '[forecasters.x]\nkind = "recurrent"\ncell = "evil:run"',
    "a preset's cell by import path": '[forecasters.gru]\ncell = "evil:run"',
    "a space of import paths": '[sweep]\n[space]\ncell = ["gru", "evil:run"]',
    "3,000 brackets": "a = " + "[" * 3000 + "]" * 3000,
    "900 tables in tables": "a = " + "{a=" * 900 + "1" + "}" * 900,
    "a key of 5,000 parts": ".".join(["a"] * 5000) + " = 1",
    "1 MiB of settings": "# " + "x" * (1 << 20),
    "100,000 digits": "a = " + "9" * 100_000,
    "a kind of code": '[forecasters.x]\nkind = "__import__"',
    "YAML that makes objects": "!!python/object/apply:os.system ['touch x']",
}
"""Settings files, after a good head."""
