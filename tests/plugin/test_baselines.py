"""Baselines in a run: written by `--mi-update`, compared with afterwards."""

import hashlib
import json
import os
import re

import pytest
import torch

from mi_checks import files
from mi_checks.baselines.baseline_file import SCHEMA

FILE = "behaviours/ab.yaml"
HERE = "behaviours/baselines/ab/nano-attn-2l.json"
ABSENT = "behaviours/baselines/ab/nano-attn-1l.json"
ITEM = f"{FILE}::nano-attn-2l::baseline"
UPDATE = "if this is intended, run pytest --mi-update to record it again"


def whole(project, name="ab"):
    """With prompts enough that the model that lacks it surely does."""
    project.copy(name, project.whole(name).replace("count: 16", "count: 64"))


@pytest.fixture
def recorded(project):
    """A project whose one behaviour is recorded on two models."""
    whole(project)
    project.run("--mi-update").assert_outcomes(passed=6)
    return project


def text(project, path=HERE):
    return (project.path / path).read_text(encoding="utf-8")


def data(project, path=HERE):
    return json.loads(text(project, path))


def checksum(found):
    rest = {name: value for name, value in found.items() if name != "checksum"}
    line = json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def all_files(project):
    folder = project.path / "behaviours/baselines"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_a_baseline_there_is_no_item(project):
    whole(project)
    assert not [node_id for node_id in project.ids() if "baseline" in node_id]
    result = project.run()
    result.assert_outcomes(passed=6)
    assert "baselines" not in result.stdout.str()
    assert not (project.path / "behaviours/baselines").exists()


def test_update_writes_and_a_second_one_changes_no_byte(project):
    whole(project)
    result = project.run("--mi-update")
    result.stdout.fnmatch_lines(["baselines: 2 written, 0 up to date"])
    before = all_files(project)
    assert sorted(before) == ["ab/nano-attn-1l.json", "ab/nano-attn-2l.json"]
    for again in ((), ("--mi-no-cache",)):
        result = project.run("--mi-update", *again)
        result.stdout.fnmatch_lines(["baselines: 0 written, 2 up to date"])
        assert all_files(project) == before


def test_what_is_written(recorded):
    found = data(recorded)
    assert list(found) == sorted(found)
    assert list(found["checks"]) == [
        "accuracy",
        "attention[induction,A2->B1]",
        "logit_diff",
        "mediators[head]",
        "patching[induction]",
    ]
    check = found["checks"]["logit_diff"]
    estimate = check["estimate"]
    assert estimate["low"] < estimate["value"] < estimate["high"]
    assert estimate["n"] == len(check["per_prompt"]) == 64
    assert sum(check["per_prompt"]) / 64 == pytest.approx(estimate["value"], abs=1e-3)
    assert set(found["header"]) == {
        *("behaviour", "model", "revision", "weights", "tokenizer", "prompts"),
        *("engine", "mode", "dtype", "device", "versions"),
    }
    assert found["mediators"]["L1H2"]["estimate"]["value"] > 0.2
    patching = found["checks"]["patching[induction]"]
    value, (part, *_), (whole, *_) = (
        patching["estimate"]["value"],
        *map(patching["parts"].get, ("numerator", "denominator")),
    )
    assert part / whole == pytest.approx(value, abs=1e-3)
    assert sum(found["effect_sizes"]) / 64 == pytest.approx(whole, abs=1e-3)
    assert len(text(recorded)) < 16000


def test_the_item_is_the_models_last_and_passes(recorded):
    ids = recorded.ids()
    assert ids[5] == ITEM
    assert ids[-1] == f"{FILE}::nano-attn-1l::baseline"
    recorded.run().assert_outcomes(passed=8)
    recorded.run("--mi-engine", "reference").assert_outcomes(passed=8)


def test_alone_it_measures_what_it_compares(recorded):
    result = recorded.run(ITEM)
    result.assert_outcomes(passed=1)


def test_a_head_zeroed_is_named(recorded, folder):
    model = f"nano-attn-2l={folder(zero_heads=[(1, 2)])}"
    result = recorded.run("--mi-model", model, "-k", "baseline")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.re_match_lines(
        [
            r"drifted: \d of 5 effects; mediators −L1H2.*",
            r"  because   lost      L1H2 0\.\d+ \[.*\] → (0\.000 .*|—)",
            r"            .* → .*, p \d\S*",
            r"            intended\? run pytest --mi-update to record it again",
        ]
    )


def test_case_27_in_full_it_says_what_heads_recover_in_logits_and_which_part_of_a_fraction_moved(recorded, folder):
    model = f"nano-attn-2l={folder(zero_heads=[(1, 2)])}"
    result = recorded.run("--mi-model", model, "-k", "baseline", "-vv")
    result.stdout.re_match_lines(
        [
            r"  recorded  behaviours/baselines/ab/nano-attn-2l\.json",
            r"  weights   [0-9a-f]{12} → [0-9a-f]{12}",
            r"  because   .* → .*, p \d\S*",
            r"  lost      L1H2 0\.\d+ \[.*\] → 0\.000 .* \(\d\.\d{3} → 0\.000 logits\)",
            r"  of        clean − corrupt \d+\.\d{3} → \d+\.\d{3} logits",
            r"  intended\? run pytest --mi-update to record it again",
        ]
    )
    parts = (
        r"numerator \d\.\d{3} → 0\.000 logits \(fell\); denominator, clean − corrupt, \d\.\d+ → \d\.\d+ logits \(fell\)"
    )
    assert re.search(rf"patching\[induction\] 0\.\d.*\n +{parts}\n", result.stdout.str())


def rounded(bits):
    """Weights as `bits` bits hold them, with one scale for each row."""

    def edit(weights):
        for name, rows in weights.items():
            if rows.ndim == 2 and "pos" not in name:
                scale = rows.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
                weights[name] = (rows / scale).round() * scale

    return edit


def noised(weights):
    """Noise on W_U as large as its own spread."""
    unembedding = weights["head.weight"]
    unembedding += torch.randn(unembedding.shape, generator=torch.Generator().manual_seed(0)) * unembedding.std()


@pytest.fixture
def recorded_on_gelu(project):
    text = project.behaviour(checks="  - logit_diff: {at_least: 1.5}", models="  nano-gelu-2l: {}")
    project.copy("ab", text.replace("count: 16", "count: 64"))
    project.run("--mi-update").assert_outcomes(passed=1)
    return project


@pytest.mark.parametrize("edit", [noised, rounded(4)])
def test_case_28_prompts_that_move_while_their_mean_stays_are_a_drift(edit, recorded_on_gelu, folder):
    """A paired t-test of the mean alone finds neither: t is 0.14 and −1.56."""
    result = recorded_on_gelu.run("--mi-model", f"nano-gelu-2l={folder('nano-gelu-2l', edit=edit)}")
    result.assert_outcomes(failed=1, passed=1)
    found = re.search(
        r"logit_diff .* logits, the mean did not change significantly, but prompts differ by (\S+) logits "
        r"\(root mean square; margin (\S+); correlation 0\.8\d\d\)",
        result.stdout.str(),
    )
    apart, margin = map(float, found.groups())
    assert apart > 1.5 > 4 * margin / 1.5


@pytest.mark.parametrize("options", [(), ("--mi-engine", "reference")])
def test_case_28_rounding_of_one_byte_and_another_engine_are_no_drift(options, recorded_on_gelu, folder):
    model = "nano-gelu-2l" if options else f"nano-gelu-2l={folder('nano-gelu-2l', edit=rounded(8))}"
    recorded_on_gelu.run("--mi-model", model, *options).assert_outcomes(passed=2)


def of_schema_1(found):
    """As an older version wrote it."""
    checks = {name: {key: check[key] for key in check if key != "parts"} for name, check in found["checks"].items()}
    older = {**found, "checks": checks, "schema": 1}
    del older["effect_sizes"]
    return json.dumps({**older, "checksum": checksum(older)})


def test_a_file_of_schema_1_is_read_and_compared_and_written_anew(recorded, folder):
    for path in (HERE, ABSENT):
        recorded.write(path, of_schema_1(data(recorded, path)))
    recorded.run().assert_outcomes(passed=8)
    result = recorded.run("--mi-model", f"nano-attn-2l={folder(zero_heads=[(1, 2)])}", "-k", "baseline", "-vv")
    result.stdout.re_match_lines(
        [r"drifted: \d of 5 effects; mediators −L1H2.*", r"  lost      L1H2 .* → 0\.000 \S+ \S+"]
    )
    assert "numerator" not in result.stdout.str()
    recorded.run("--mi-update").stdout.fnmatch_lines(["baselines: 2 written, 0 up to date"])
    assert data(recorded)["schema"] == SCHEMA


def test_an_improvement_asks_to_be_recorded(recorded, folder):
    """Recorded of a model with one head less, measured on the whole one."""
    of_toy(recorded)
    recorded.run("--mi-model", f"{TOY}={folder(zero_heads=[(1, 2)])}", "--mi-update")
    result = recorded.run("-k", "baseline", "--mi-model", f"{TOY}=nano-attn-2l")
    result.assert_outcomes(failed=1, deselected=5)
    result.stdout.fnmatch_lines(
        ["*better    than recorded; run pytest --mi-update to record it again, or a later loss goes unnoticed"]
    )


def test_other_prompts_are_invalid_and_no_diff(recorded):
    file = recorded.path / FILE
    file.write_text(file.read_text().replace("count: 64", "count: 72"))
    result = recorded.run("-k", "nano-attn-2l")
    result.assert_outcomes(failed=1, passed=5, deselected=2)
    result.stdout.fnmatch_lines([f"invalid: {HERE}: the prompts differ from the recorded ones (*, now *); {UPDATE}"])
    assert "drifted" not in result.stdout.str()


def test_another_claim_is_invalid_and_another_bound_is_not(recorded):
    file = recorded.path / FILE
    file.write_text(file.read_text().replace("at_least: 1.5", "at_least: 1.4"))
    recorded.run("-k", "nano-attn-2l").assert_outcomes(passed=6, deselected=2)
    file.write_text(file.read_text().replace("{induction: L1H2}", "{induction: L1H1}"))
    result = recorded.run("-k", "baseline and nano-attn-2l")
    result.assert_outcomes(failed=1, deselected=7)
    result.stdout.fnmatch_lines(
        [
            f"invalid: {HERE} was recorded for a different set of checks: *; {UPDATE}",
            "  patching[[]induction]: recorded for another claim: denoising L1H2 recovers … of clean − corrupt",
        ]
    )


@pytest.mark.parametrize("options", [("--mi-count", "8"), ("--mi-seed", "3"), ("--mi-dtype", "bfloat16")])
def test_other_prompts_by_an_option_skip_it_and_write_nothing(options, recorded):
    before = all_files(recorded)
    result = recorded.run(*options, "-rs", "-k", "baseline")
    result.assert_outcomes(skipped=2, deselected=6)
    result.stdout.fnmatch_lines([f"*not compared: {' '.join(options)} measures on different prompts or in another*"])
    result = recorded.run(*options, "--mi-update")
    result.stdout.fnmatch_lines(
        [f"baselines: none written, because {' '.join(options)} differs from what the files say; *"]
    )
    assert all_files(recorded) == before


def test_only_what_ran_in_full_is_written(project):
    whole(project)
    result = project.run("--mi-update", "-k", "logit_diff or absent")
    result.stdout.fnmatch_lines(
        ["baselines: 1 written, 0 up to date", f"baselines: {HERE} not written: 1 of 5 checks ran; run all of them"]
    )
    assert sorted(all_files(project)) == ["ab/nano-attn-1l.json"]


def test_new_only_leaves_what_is_there(recorded):
    recorded.write(HERE, text(recorded).replace(f'"schema": {SCHEMA}', f'"schema": {SCHEMA + 1}'))
    recorded.behaviour("cd")
    before = text(recorded)
    result = recorded.run("--mi-update-new-only")
    result.assert_outcomes(passed=8, failed=1)
    result.stdout.fnmatch_lines(["baselines: 1 written, 0 up to date"])
    assert text(recorded) == before
    assert data(recorded, "behaviours/baselines/cd/nano-attn-2l.json")["header"]["behaviour"] == "cd"


def test_orphans_are_told_and_pruned(recorded):
    recorded.behaviour("cd")
    (recorded.path / FILE).unlink()
    told = f"baselines: {ABSENT}, {HERE} belong to no behaviour or model; delete them with --mi-prune"
    recorded.run().stdout.fnmatch_lines([told])
    for quiet in (("-k", "logit_diff"), ("-m", "in_context"), ("behaviours/cd.yaml::nano-attn-2l",)):
        assert "to no behaviour or model" not in recorded.run(*quiet).stdout.str()
    recorded.run("-k", "cd", "--mi-prune").stdout.fnmatch_lines(
        ["baselines: --mi-prune does nothing if tests are selected by -k, *"]
    )
    assert len(all_files(recorded)) == 2
    recorded.run("--mi-prune").stdout.fnmatch_lines([f"baselines: deleted {ABSENT}, {HERE}"])
    assert not (recorded.path / "behaviours/baselines/ab").exists()


def test_a_file_that_was_not_collected_has_no_orphans(recorded):
    recorded.behaviour("cd")
    assert "to no behaviour or model" not in recorded.run("behaviours/cd.yaml").stdout.str()


def test_a_model_no_longer_named_is_an_orphan(recorded):
    whole(recorded)
    file = recorded.path / FILE
    file.write_text(file.read_text().replace("  nano-attn-1l: absent\n", ""))
    recorded.run().stdout.fnmatch_lines([f"baselines: {ABSENT} belongs to no behaviour or model; delete it with *"])


def test_cases_are_behaviours_of_their_own(project):
    text = project.behaviour()
    project.copy("ab", f"{text}cases:\n  near: {{summary: near}}\n  far: {{variables: {{pre: {{length: 4}}}}}}\n")
    project.run("--mi-update").assert_outcomes(passed=2)
    assert sorted(all_files(project)) == ["ab/far/nano-attn-2l.json", "ab/near/nano-attn-2l.json"]
    project.run().assert_outcomes(passed=4)


def test_a_model_that_the_file_does_not_name_is_not_recorded(recorded):
    before = all_files(recorded)
    recorded.run("--mi-model", "nano-gelu-2l", "--mi-update")
    assert all_files(recorded) == before


def test_workers(project):
    pytest.importorskip("xdist")
    whole(project)
    whole(project, "cd")
    project.run("--mi-update")
    alone = all_files(project)
    for path in (project.path / "behaviours/baselines").rglob("*.json"):
        path.unlink()
    result = project.run("-n", "2", "--mi-update")
    assert result.stdout.str().count("baselines: 4 written, 0 up to date") == 1
    assert all_files(project) == alone
    project.run().assert_outcomes(passed=16)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace('"n":64', '"n":65', 1), ": edited by hand or damaged: its checksum *; {remedy}"),
        (lambda text: text[:500], ":*: truncated or not JSON: *; {remedy}"),
        (
            lambda text: text.replace("{\n", "{\n<<<<<<< HEAD\n", 1),
            ":2: a merge conflict; keep either side, *--mi-update",
        ),
    ],
)
def test_a_file_that_cannot_be_used_fails_and_stays(spoil, message, recorded):
    spoiled = spoil(text(recorded))
    recorded.write(HERE, spoiled)
    result = recorded.run("-k", "nano-attn-2l")
    result.assert_outcomes(failed=1, passed=5, deselected=2)
    remedy = "restore the file, or record it again with pytest --mi-update"
    result.stdout.fnmatch_lines([f"invalid: {HERE}{message.format(remedy=remedy)}"])
    assert text(recorded) == spoiled
    recorded.run("--mi-update").assert_outcomes(passed=6)
    recorded.run().assert_outcomes(passed=8)


def test_a_newer_schemas_is_never_written_over(recorded):
    newer = recorded.write(HERE, text(recorded).replace(f'"schema": {SCHEMA}', f'"schema": {SCHEMA + 4}'))
    before = newer.read_bytes()
    why = (
        f"{HERE}: written by a newer mi-checks (schema {SCHEMA + 4}, and this one reads {SCHEMA}); "
        "update mi-checks, or delete the file and record it again with pytest --mi-update"
    )
    recorded.run("-k", "nano-attn-2l and baseline").stdout.fnmatch_lines([f"invalid: {why}"])
    result = recorded.run("--mi-update")
    assert result.ret == 1
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["baselines: 0 written, 1 up to date", f"baselines: {why}; it is unchanged"])
    assert newer.read_bytes() == before
    newer.unlink()
    recorded.run("--mi-update").stdout.fnmatch_lines(["baselines: 1 written, 1 up to date"])


@pytest.mark.parametrize("option", ["--mi-update", "--mi-update-new-only"])
def test_what_stands_in_for_a_model_is_not_recorded_as_the_model(option, recorded, folder):
    (recorded.path / HERE).unlink()
    before = all_files(recorded)
    model = f"nano-attn-2l={folder(zero_heads=[(1, 2)])}"
    result = recorded.run("--mi-model", model, option)
    assert result.ret == 4
    result.stderr.re_match_lines(
        [
            rf"ERROR: --mi-model {model}: {option} would record it as nano-attn-2l, but its weights "
            rf"\([0-9a-f]{{12}}\) are not those of nano-attn-2l \(37135d31bb38\); leave out {option}"
        ]
    )
    assert all_files(recorded) == before


TOY = "attn-only-2l"


def of_toy(project):
    """The behaviour is one of a model whose own weights are not here."""
    path = project.path / FILE
    path.write_text(path.read_text().replace("nano-attn-2l", TOY))


@pytest.mark.parametrize("spoil", [lambda text: text, lambda text: text[:500]])
def test_of_a_model_that_is_not_here_what_was_recorded_first_is_kept(spoil, recorded, folder):
    of_toy(recorded)
    here = HERE.replace("nano-attn-2l", TOY)
    model = f"{TOY}={folder()}"
    result = recorded.run("--mi-model", model, "--mi-update")
    result.stdout.fnmatch_lines(
        ["baselines: 1 written, *", f"baselines: recorded {model} (weights 37135d31*) as {TOY}"]
    )
    (recorded.path / here).write_text(spoil(text(recorded, here)))
    before = all_files(recorded)
    result = recorded.run("--mi-model", f"{TOY}={folder(zero_heads=[(1, 2)])}", "--mi-update")
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            rf"baselines: {here}: (is of weights 37135d31bb38|cannot be read), and {TOY}=/\S+ has "
            rf"[0-9a-f]{{12}}; it is unchanged\. If it is to be {TOY} from now on, delete the file and run "
            r"pytest --mi-update again"
        ]
    )
    assert all_files(recorded) == before


def test_a_stand_in_of_the_same_weights_is_the_model(recorded, folder):
    before = all_files(recorded)
    result = recorded.run("--mi-model", f"nano-attn-2l={folder()}", "--mi-update")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["baselines: * written, * up to date"])
    assert list(all_files(recorded)) == list(before)


def test_another_tokenizer_is_invalid_and_no_diff(recorded):
    header = data(recorded)["header"]
    other = text(recorded).replace(header["tokenizer"], "b" * 64)
    found = json.loads(other)
    recorded.write(HERE, other.replace(found["checksum"], checksum(found)))
    result = recorded.run("-k", "baseline and nano-attn-2l")
    result.assert_outcomes(failed=1, deselected=7)
    tokenizers = f"(bbbbbbbbbbbb, now {header['tokenizer'][:12]})"
    result.stdout.fnmatch_lines([f"invalid: {HERE}: recorded with another tokenizer {tokenizers}; {UPDATE}"])
    assert "drifted" not in result.stdout.str()


def test_another_library_is_told(recorded, monkeypatch):
    from mi_checks.plugin.session_results import SessionResults

    versions = {**SessionResults.versions.func(None), "torch": "0.1"}
    monkeypatch.setattr(SessionResults, "versions", versions)
    result = recorded.run()
    result.assert_outcomes(passed=8)
    result.stdout.re_match_lines([r"baselines: recorded with torch \S+ \(now 0\.1\)"])


def test_a_full_disk_leaves_the_old_file(recorded, monkeypatch):
    before = all_files(recorded)
    file = recorded.path / FILE
    file.write_text(file.read_text().replace("count: 64", "count: 72"))

    replace = os.replace

    def full(part, path):
        if "baselines" in str(path):
            raise OSError(28, os.strerror(28))
        replace(part, path)

    monkeypatch.setattr(files.os, "replace", full)
    result = recorded.run("--mi-update", "--mi-no-cache", "-p", "no:cacheprovider", "-k", "nano-attn-2l")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [f"baselines: {HERE}: cannot be written: No space left on device; it is unchanged. Make the folder *"]
    )
    assert all_files(recorded) == before


def test_last_failed_runs_it_again(recorded, folder):
    model = ("--mi-model", f"nano-attn-2l={folder(zero_heads=[(1, 2)])}")
    recorded.run(*model, "-k", "baseline")
    result = recorded.run(*model, "--lf", "-k", "baseline")
    assert result.ret == 1
    assert re.search("drifted: ", result.stdout.str())
