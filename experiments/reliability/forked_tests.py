"""Tests of one mutant after the other: a session of pytest that has collected nothing yet is forked for each.

What does not depend on the file under change is imported once, before the forks; the changed text takes the place of
the file's own when the package is imported in the fork, on no disk. A first fork runs the tests on the package as it is
and notes which lines of which file each of them runs, and how long it takes; after that a mutant meets only the tests
that run its line, those first that noticed others of the same file, then the quickest.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PATIENCE = 300.0
"""Seconds of the clock after which a mutant that waits for something counts as noticed."""
CALLS = 200_000
"""Calls of functions through which a test is followed, to note which lines it runs."""
ROOM = 6 << 30
"""Bytes that a fork may take more than the process it comes from."""


Line = tuple[str, int]
"""File and number."""


class Seen(NamedTuple):
    """What was noted of one test: seconds of the processor, and the lines it runs of the files under change."""

    seconds: float
    lines: frozenset[Line]


class Noted(NamedTuple):
    """What was noted of all tests, and which modules they had loaded at the end, themselves left out."""

    tests: dict[str, Seen]
    modules: list[str]


class Forked(BaseException):
    """Leads a fork from where it was made back to the session, which then collects and runs."""


class Session:
    """Plugin of pytest: hands a session that has not collected yet to `work`, which forks it as often as it likes."""

    def __init__(self, work: Callable[[Session], None]) -> None:
        self.work, self.forked = work, False
        self.stopped: SystemExit | None = None
        self.order: list[str] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        self.session = session
        try:
            self.work(self)
        except Forked:
            return None
        except SystemExit as stop:
            self.stopped = stop
        session.items = []
        return True

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.order is not None:
            place = {name: i for i, name in enumerate(self.order)}
            items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.failed:
            self.note.write(f"{report.nodeid}\n")
            self.note.flush()

    def fork(
        self, tests: Sequence[str], seconds: float, before: Callable[[], None], patience: float = PATIENCE
    ) -> tuple[int | None, str]:
        """Run tests in a fork, silently: its exit code (None: it did not end) and what it noted, such as who failed.

        Args:
            tests: files, or names of tests in the order they are to run.
            seconds: of the processor that it may take.
            before: what the fork does first.
            patience: seconds of the clock that it may take.
        """
        with tempfile.TemporaryFile("w+") as note:
            sys.stdout.flush()
            process = os.fork()
            if not process:
                self._begin(tests, seconds, os.dup(note.fileno()))
                before()
                raise Forked
            code = waited(process, patience)
            note.seek(0)
            return code, note.read().strip()

    def _begin(self, tests: Sequence[str], seconds: float, note: int) -> None:
        """In the fork: limits, silence, and what is to be collected."""
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1,) * 2)
        if sys.platform == "linux":
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + ROOM,) * 2)
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        self.forked, self.note = True, os.fdopen(note, "w")
        self.order = list(tests) if any("::" in name for name in tests) else None
        files = dict.fromkeys(name.split("::")[0] for name in tests)
        self.session.config.args = [str(self.session.config.rootpath / name) for name in files]


def run(root: Path, work: Callable[[Session], None]) -> None:
    """Open a session of pytest in a folder and hand it to `work`; forks end here."""
    session = Session(work)
    # Plain assertions: to rewrite them pytest would read files by itself, those whose examples are tests among them.
    options = ["-x", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain", "--doctest-modules"]
    place = ["--rootdir", str(root), "-c", str(root / "pyproject.toml"), str(root / "tests")]
    code = pytest.main([*options, *place], plugins=[session])
    if session.forked:
        os._exit(int(code))
    if session.stopped:
        raise session.stopped


def apart(work: Callable[[], Any]) -> Any:
    """What `work` gives, as JSON holds it; it runs in a fork, whose imports do not reach the next."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            found = json.dumps(work())
        except (Exception, SystemExit):
            traceback.print_exc()
            os._exit(1)
        with os.fdopen(writing, "w") as out:
            out.write(found)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as into:
        found = into.read()
    if os.waitpid(process, 0)[1]:
        raise SystemExit("a fork failed, see above")
    return json.loads(found)


def waited(process: int, patience: float) -> int | None:
    """The exit code of a process, None for one that had to be killed or spent all its seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return None if -code in (signal.SIGXCPU, signal.SIGKILL) else code
        time.sleep(0.01)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def noted(session: Session, tests: Sequence[str], files: Sequence[Path]) -> Noted:
    """Run tests on the package as it is, and note which lines of the files each runs.

    Raises:
        SystemExit: one fails, so they would tell nothing.
    """
    tracer = Tracer(files, session)
    register = session.session.config.pluginmanager.register
    code, found = session.fork(tests, 3600.0, lambda: register(tracer), patience=3600.0)
    if code != 0:
        raise SystemExit(f"{found or tests}: fails without any mutant, so it would tell nothing")
    told = json.loads(found)
    tests = {name: Seen(seconds, frozenset(map(tuple, ran))) for name, (seconds, ran) in told["tests"].items()}
    return Noted(tests, told["modules"])


class Tracer:
    """Plugin of pytest: notes of each test how long it takes and which lines of some files it runs.

    What a fixture runs that several tests share is run by each of them: alone, each would have to. A test of many
    examples is followed through its first calls only; a line that none of them runs counts as one it does not run.
    """

    def __init__(self, files: Sequence[Path], out: Session) -> None:
        self.files, self.out = frozenset(map(str, files)), out
        self.ran: set[Line] = set()
        self.shared: dict[tuple[str, str], tuple[float, set[Line]]] = {}
        self.tests: dict[str, tuple[float, list[Line]]] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]):
        outer, self.ran = self.ran, set()
        start = time.process_time()
        yield
        if fixturedef.scope != "function":
            self.shared[fixturedef.baseid, fixturedef.argname] = (time.process_time() - start, self.ran)
        self.ran |= outer

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        self.ran, self.calls = set(), 0
        start = time.process_time()
        sys.settrace(self._enter)
        yield
        sys.settrace(None)
        seconds = time.process_time() - start
        for (place, name), (cost, ran) in self.shared.items():
            if name in getattr(item, "fixturenames", ()) and item.nodeid.startswith(place):
                seconds, self.ran = max(seconds, cost), self.ran | ran
        self.tests[item.nodeid] = (seconds, sorted(self.ran))

    def _enter(self, frame: Any, event: str, argument: Any) -> Any:
        self.calls += 1
        if self.calls > CALLS:
            sys.settrace(None)
        return self._inside if frame.f_code.co_filename in self.files else None

    def _inside(self, frame: Any, event: str, argument: Any) -> Any:
        self.ran.add((frame.f_code.co_filename, frame.f_lineno))
        return self._inside

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus:
            return
        own = str(session.config.rootpath / "tests")
        modules = [name for name, it in sys.modules.items() if not str(getattr(it, "__file__", "")).startswith(own)]
        self.out.note.write(json.dumps({"tests": self.tests, "modules": modules}))
        self.out.note.flush()


def warm(modules: Sequence[str], without: str | None = None) -> None:
    """Import what the tests load, save one module and all that depend on it."""
    if without is not None:
        sys.modules[without] = None  # type: ignore[assignment]  # whoever imports it fails, and so is not kept
    with warnings.catch_warnings(action="ignore"):  # of libraries that are looked at from outside
        for name in modules:
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # it depends on the module, or was made while the tests ran
    if without is not None:
        del sys.modules[without]


def put_in_place(path: Path, text: str) -> None:
    """From here on, importing a file gives this text, and neither reads nor writes compiled code of it."""
    loader = importlib.machinery.SourceFileLoader
    read, look = loader.get_data, loader.path_stats

    def get_data(self: Any, asked: str) -> bytes:
        return text.encode() if asked == str(path) else read(self, asked)

    def path_stats(self: Any, asked: str) -> Any:
        if asked == str(path):
            raise OSError("there is no compiled code of a mutant")
        return look(self, asked)

    loader.get_data, loader.path_stats = get_data, path_stats  # type: ignore[method-assign]


def chosen(tests: dict[str, Seen], path: Path, lines: range | None, sharp: Counter[str], budget: float) -> list[str]:
    """Names of the tests that run one of the lines: those that noticed most mutants, then the quickest.

    Args:
        lines: None: any line of the file.
        sharp: how many mutants each test has noticed.
        budget: seconds that they may take together while nothing fails; what does not fit is not run.
    """
    wanted = [
        name
        for name, seen in tests.items()
        if any(file == str(path) and (lines is None or line in lines) for file, line in seen.lines)
    ]
    kept, spent = [], 0.0
    for name in sorted(wanted, key=lambda name: (-sharp[name], tests[name].seconds)):
        if spent + tests[name].seconds <= budget or not kept:
            kept.append(name)
            spent += tests[name].seconds
    return kept


def noticed(session: Session, path: Path, text: str, tests: dict[str, Seen]) -> str | None:
    """Who notices that a file has another text: the test that fails, or what happens instead; None: nobody."""
    if not tests:
        return None
    plain = sum(seen.seconds for seen in tests.values())
    code, failed = session.fork(list(tests), 30 + 5 * plain, lambda: put_in_place(path, text))
    if code in (0, int(pytest.ExitCode.NO_TESTS_COLLECTED)):
        return None
    return failed.partition("\n")[0] or ("does not end" if code is None else f"ends with {code}")
