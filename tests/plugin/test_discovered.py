"""A draft of `mi-checks discover`, put into its behaviour file, is green on the checks' own prompts."""

from pathlib import Path

import pytest
import yaml

from mi_checks.spec.load_file import load_behaviour
from mi_checks.studies.discovery.discovery import discover
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from mi_checks.studies.discovery.draft_yaml import discovery_yaml
from tests.plugin.conftest import BEHAVIOUR

SHIPPED = Path(__file__).parents[2] / "behaviours" / "induction.yaml"
SMALL = BEHAVIOUR.replace("count: 16", "count: 64")


def merged(text, draft):
    """The draft as its first line says: in place of the checks or added to them, and in place of the model's entry."""
    file, found = yaml.safe_load(text), yaml.safe_load(draft)
    old = file["checks"] if "Add its checks to `checks:`" in draft.splitlines()[0] else []
    models = {**file["models"], **found["models"]}
    return yaml.safe_dump({**file, "checks": [*old, *found["checks"]], "models": models}, sort_keys=False)


def discovered(project, text, model, **settings):
    path = project.write("before.yaml", text)
    draft = discovery_yaml(
        discover(load_behaviour(path, project.path), model, DiscoveryOptions(exact_seconds=0, **settings))
    )
    project.copy("after", merged(text, draft))
    return draft, load_behaviour(project.path / "behaviours" / "after.yaml", project.path)


def claimed(loaded, model):
    return [check.id for check in loaded.behaviour.checks_for(model)]


@pytest.mark.parametrize("model", ["nano-attn-2l", "nano-gelu-2l"])
def test_it_is_green_where_the_file_is_of_one_model(project, model):
    checks = "  - logit_diff: {at_least: 1}"
    text = SMALL.format(name="ab", mark="in_context", checks=checks, models=f"  {model}: {{}}")
    _, loaded = discovered(project, text, model)
    claims = claimed(loaded, model)
    assert {"logit_diff", "accuracy", "mediators[head]", "patching[mediators]"} <= {*claims}
    assert any(claim.startswith("path[") for claim in claims)
    assert any(claim.startswith("circuit[circuit,faithfulness") for claim in claims)
    project.run().assert_outcomes(passed=len(claims))


@pytest.mark.parametrize("model", ["nano-attn-2l", "nano-gelu-2l"])
def test_it_is_green_beside_what_other_models_claim_of_their_nodes(project, model):
    before = load_behaviour(SHIPPED)
    _, loaded = discovered(project, SHIPPED.read_text(encoding="utf-8"), model, count=64)
    own, new = claimed(before, model), claimed(loaded, model)
    assert new[: len(own)] == own
    assert len(new) > len(own) + 3
    assert claimed(loaded, "nano-solu-2l") == claimed(before, "nano-solu-2l")
    assert loaded.behaviour.models[model].bounds["logit_diff"].at_least > 2
    result = project.run("-k", model)
    result.assert_outcomes(passed=len(new), deselected=len(project.ids()) - len(new))


def test_a_model_that_is_not_named_claims_the_drafts_checks_alone(project):
    checks = "  - logit_diff: {at_least: 1}\n  - patching: {nodes: L1H2, recovers: {at_least: 0.1}}"
    text = SMALL.format(name="ab", mark="in_context", checks=checks, models="  nano-attn-2l: {}")
    _, loaded = discovered(project, text, "nano-gelu-2l")
    new = claimed(loaded, "nano-gelu-2l")
    assert new[0] == "logit_diff"
    assert "patching[L1H2]" not in new
    assert claimed(loaded, "nano-attn-2l") == ["logit_diff", "patching[L1H2]"]
    project.run().assert_outcomes(passed=len(new) + 2)


def test_it_is_green_where_other_models_have_a_preference_only(project):
    """These are still held to the file's bounds, and this model to its own."""
    checks = "  - logit_diff: {at_least: 1}\n  - accuracy: {at_least: 0.6}"
    models = "  nano-attn-1l: absent\n  nano-gelu-2l: {}\n  nano-attn-2l: {count: 96}"
    text = SMALL.format(name="ab", mark="in_context", checks=checks, models=models)
    _, loaded = discovered(project, text, "nano-attn-2l")
    new = claimed(loaded, "nano-attn-2l")
    assert claimed(loaded, "nano-gelu-2l") == ["logit_diff", "accuracy"]
    entry = loaded.behaviour.models["nano-attn-2l"]
    assert (entry.count, entry.bounds["logit_diff"].at_least > 1) == (96, True)
    project.run().assert_outcomes(passed=len(new) + 3)


def test_it_is_green_on_a_model_that_the_file_does_not_name(project):
    checks = "  - logit_diff: {at_least: 1}"
    text = SMALL.format(name="ab", mark="in_context", checks=checks, models="  nano-attn-1l: absent")
    text = text.replace("count: 64", "count: 128")  # 18 heads, in two directions and with two thresholds each
    _, loaded = discovered(project, text, "nano-attn-3l")
    claims = loaded.behaviour.checks_for("nano-attn-3l")
    assert len(claims) >= 5
    project.run().assert_outcomes(passed=len(claims) + 1)


def test_it_is_green_in_a_case(project):
    """Of a case the draft stands with it in a file of its own."""
    case = "cases:\n  far: {variables: {pre: {length: 9}}}\n  near: {variables: {pre: {length: 1}}}\n"
    checks = "  - logit_diff: {at_least: 1}"
    text = SMALL.format(name="ab", mark="in_context", checks=checks, models="  nano-attn-2l: {}")
    path = project.write("before.yaml", text + case)
    draft = discovery_yaml(
        discover(load_behaviour(path, project.path, "far"), "nano-attn-2l", DiscoveryOptions(exact_seconds=0))
    )
    assert draft.startswith("# ab[far] on nano-attn-2l: a draft")
    assert "# It is for this case alone, so put it in a file of its own together with the case.\n" in draft
    project.copy("after", merged(text.replace("length: 3", "length: 9"), draft))
    after = load_behaviour(project.path / "behaviours" / "after.yaml", project.path)
    project.run().assert_outcomes(passed=len(claimed(after, "nano-attn-2l")))
