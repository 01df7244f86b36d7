"""The additions of a project's conftest.py files. pytest finds, loads and scopes them, and calls their hooks."""

from __future__ import annotations

import io
import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.faults.project_code import report_project_errors
from mi_checks.prompts.project_additions import collect_pools, collect_scores
from mi_checks.spec.additions import HOOK_QUERY, NO_ADDITIONS, Additions
from mi_checks.spec.load_file import display_path
from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.spec.roles import ROLE_SCORES
from mi_checks.suite.selection import AdditionsOf

if TYPE_CHECKING:
    import pluggy

CONFTEST = "conftest.py"
T = TypeVar("T")


def additions(hooks: pluggy.HookRelay, config: pytest.Config, root: Path) -> Additions:
    """Ask the hooks of `mi_checks.plugin.hookspecs` for the pools and scores that a folder's behaviours may name.

    Args:
        hooks: those of a pytest node, which call only the conftest.py files of its folder and of those above it.
        config: pytest's.
        root: what paths in messages are relative to.

    Raises:
        MiChecksError: a hook raised (the message says what and in which line), or what it returned is not a pool or a
            score.
    """
    try:
        pools, scores, roles = hooks.pytest_mi_pools, hooks.pytest_mi_scores, hooks.pytest_mi_role_scores
    except AttributeError:  # pytest was started without this plugin, as PYTEST_DISABLE_PLUGIN_AUTOLOAD does
        return NO_ADDITIONS

    def ask(hook: pluggy.HookCaller, read: Callable[[Any, str], T]) -> T:
        with report_project_errors(hook.name, [impl.plugin_name for impl in hook.get_hookimpls()], root):
            return read(hook(config=config), _files(hook, root))

    return Additions(
        ask(pools, collect_pools),
        ask(scores, collect_scores),
        ask(roles, partial(collect_scores, hook=roles.name, known=ROLE_SCORES)),
    )


def additions_of(paths: Sequence[Path], folders: Sequence[Path], root: Path) -> AdditionsOf:
    """Have pytest load the conftest.py files of folders, in this process and without collecting, and ask them.

    Root directory, ini file, `confcutdir` and plugins are those of `pytest PATH…`.

    Args:
        paths: the files and folders that the user named.
        folders: the folders of the behaviours in them.
        root: what paths in messages are relative to.

    Raises:
        SpecError: a conftest.py raised; the message says what and in which line.
        MiChecksError: what a hook returned is not a pool or a score, or pytest cannot start.
    """
    query = _HookQuery(folders, root)
    said = io.StringIO()  # pytest's own words are not this command's output
    # Nothing is run, so neither are assertions rewritten nor unraisable exceptions looked for, which takes a second.
    arguments = [*map(os.path.abspath, (*paths, *folders)), "--assert=plain", "-p", "no:unraisableexception"]
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = pytest.main(arguments, plugins=[query])
    except (KeyboardInterrupt, MiChecksError):
        raise
    except BaseException as error:  # SystemExit and pytest's skip are not subclasses of Exception
        raise _conftest_error(error, root) from None
    if query.error is not None:
        raise query.error
    if code != pytest.ExitCode.OK:
        raise MiChecksError(
            f"pytest cannot start here, so conftest.py files cannot be read: {_why(said.getvalue(), code)}"
        )
    return query.additions.__getitem__


class _HookQuery:
    """A pytest plugin that calls the hooks once pytest is configured, and then ends the run."""

    def __init__(self, folders: Sequence[Path], root: Path) -> None:
        self.__name__ = HOOK_QUERY  # what pytest registers it as
        self.additions: dict[Path, Additions] = {}
        self.error: MiChecksError | None = None
        self._folders = folders
        self._root = root

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self) -> Iterator[None]:
        try:
            return (yield)
        except Exception as error:
            self.error = _conftest_error(error.__cause__ or error, self._root)
            raise

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> pytest.ExitCode:
        # A conftest.py may prepare in pytest_configure what its pools are made of. No session is begun: reporters
        # would write over the files of the last run when it ends.
        config.hook.pytest_configure.call_historic(kwargs={"config": config})
        try:
            session = pytest.Session.from_config(config)
            for folder in self._folders:
                hooks = pytest.Dir.from_parent(session, path=folder.absolute()).ihook
                self.additions[folder] = additions(hooks, config, self._root)
        except MiChecksError as error:
            self.error = error
        finally:
            config.hook.pytest_unconfigure(config=config)
        return pytest.ExitCode.OK


def _why(said: str, code: int) -> str:
    """Return what pytest said of its own mistake."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [f"exit code {int(code)}"]
    errors = [line for line in lines if "error: " in line.lower()]
    return re.sub("^.*?error: ", "", (errors or lines)[-1], flags=re.IGNORECASE)


def _files(hook: pluggy.HookCaller, root: Path) -> str:
    """Return the files that implement a hook, as messages name them."""
    return ", ".join(sorted(display_path(Path(impl.plugin_name), root) for impl in hook.get_hookimpls()))


def _conftest_error(error: BaseException, root: Path) -> SpecError:
    """Return the one line for what a conftest.py raised, at the innermost place in such a file."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
    own = [frame for frame in frames if Path(frame[0]).name == CONFTEST]
    file, line = (own or frames or [(CONFTEST, 1)])[-1]
    text = " ".join(str(error).split())
    message = f"{type(error).__name__}{': ' if text else ''}{text}"
    return SpecError([SpecProblem(display_path(Path(file), root), line or 1, 1, message)])
