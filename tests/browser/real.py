"""The report of a real run: two behaviours on two models, by pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BEHAVIOUR = """\
name: {name}
summary: "A B … A → B"
prompts:
  count: 16
  variables:
    pre: {{tokens: random, length: 3, distinct: true}}
    A: {{tokens: random, differs_from: pre}}
    B: {{tokens: random, differs_from: [pre, A]}}
    C: {{tokens: random, differs_from: [pre, A, B]}}
    D: {{tokens: random, differs_from: [pre, A, B, C]}}
    query: {{same_as: A}}
  template: "{{{{ pre }}}}{{{{ A | at('A1') }}}}{{{{ B | at('B1') }}}}{{{{ D }}}}{{{{ C }}}}{{{{ query | at('A2') }}}}"
  corrupt: {{A: D, D: A}}
  answer: "{{{{ B }}}}"
  foils: ["{{{{ C }}}}"]
checks:
{checks}
models:
  nano-attn-1l: absent
  nano-attn-2l: {{nodes: {{{nodes}}}}}
"""
PREVIOUS, INDUCTION = "previous_token: L0H3", "induction: [L1H1, L1H2]"
PASSING = """\
  - logit_diff: {at_least: 1.5}
  - mediators: {component: head, above: 0.2, include: induction}
  - patching: {nodes: induction, recovers: {at_least: 0.5}}
  - attention: {nodes: induction, from: A2, to: B1, at_least: 0.1}
  - path: {from: previous_token, to: induction, via: k, recovers: {at_least: 0.1}}
  - circuit: {nodes: [previous_token, induction, L0H2, L0H4, L0H5], faithfulness: {at_least: 0.2}}"""
FAILING = """\
  - logit_diff: {at_least: 50}
  - patching: {nodes: previous_token, at: B1, recovers: {at_least: 0.9}}"""


def report(folder: Path) -> str:
    """The page that pytest writes of `induction`, which passes, and of `too_much`, which does not."""
    (folder / "behaviours").mkdir(parents=True)
    (folder / "pytest.ini").touch()
    for name, checks, nodes in (("induction", PASSING, f"{PREVIOUS}, {INDUCTION}"), ("too_much", FAILING, PREVIOUS)):
        text = BEHAVIOUR.format(name=name, checks=checks, nodes=nodes)
        (folder / f"behaviours/{name}.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "behaviours", "-q", "-p", "no:cacheprovider"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**inherited, "PYTHONPATH": path}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 1, ran.stdout + ran.stderr  # too_much failed, and nothing else went wrong
    return (folder / "reports/report.html").read_text(encoding="utf-8")
