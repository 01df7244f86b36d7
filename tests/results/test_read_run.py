"""A run is read back as it was, or it is told what is wrong with the file."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.output.claim_text import claim_text
from mi_checks.results.older_runs import marks_of_text
from mi_checks.results.read_run import read_run
from mi_checks.results.run import SCHEMA_VERSION
from mi_checks.results.write_run import run_text, write_run
from tests.made_results import before_the_sixth_schema


def told(path):
    with pytest.raises(MiChecksError) as error:
        read_run(path)
    return str(error.value).replace(str(path), "FILE")


def test_there_and_back(run, path):
    again = read_run(path)
    assert again.results[2] == run.results[2]
    assert hash(again.results[0])
    assert again.evidence[0].heatmaps == ()
    assert again.results[0].estimate == run.results[0].estimate
    write_run(again, path)
    assert path.read_text() == run_text(run)


def test_an_older_one_takes_the_hashes_from_its_evidence(run, first_schema):
    again = read_run(first_schema)
    assert again.schema_version == SCHEMA_VERSION
    assert [result.prompts_sha256 for result in again.results] == ["induction", "induction", ""]
    hashless = tuple(replace(result, prompts_sha256="") for result in run.results)
    assert tuple(replace(result, prompts_sha256="") for result in again.results) == hashless


def test_an_older_one_has_no_circuits(run, second_schema):
    again = read_run(second_schema)
    assert again.evidence[0].circuit is None
    assert again == run


def test_an_older_one_has_no_cards_of_neurons_and_no_sources(drawn, third_schema):
    again = read_run(third_schema)
    circuit = drawn.evidence[0].circuit
    cards = tuple(replace(card, sources=()) for card in circuit.cards)
    assert again.evidence[0].circuit == replace(circuit, cards=cards, neurons=())
    assert again.schema_version == SCHEMA_VERSION


@pytest.mark.parametrize(("revision", "step"), [("checkpoint 500", "500"), ("main", None), ("checkpoint x", None)])
def test_an_older_one_has_the_training_step_in_the_revision(run, path, revision, step):
    models = {"m": {"revision": revision}, "other": {}}
    path.write_text(json.dumps(before_the_sixth_schema(replace(run, models=models))))
    assert read_run(path).models == {"m": {"revision": revision, **({"step": step} if step else {})}, "other": {}}


@pytest.mark.parametrize(
    ("sentence", "known"),
    [
        ("The sweep of all heads was left out: no room", False),
        ("The list of mediators was left out: no room", False),
        ("The circuit was left out: no room", True),
    ],
)
def test_an_older_one_says_in_a_sentence_that_mediators_are_unknown(run, path, sentence, known):
    data = json.loads(run_text(replace(run, results=())))
    for evidence in data["evidence"]:
        evidence["omitted"] = [sentence]
        del evidence["mediators_known"]
    path.write_text(json.dumps({**data, "schema_version": 5}))
    assert [each.mediators_known for each in read_run(path).evidence] == [known] * len(run.evidence)


def test_an_older_one_says_nothing_of_what_was_left_out(fourth_schema):
    found = read_run(fourth_schema)
    assert found.omitted == ()
    assert all(evidence.omitted == () for evidence in found.evidence)


def test_what_was_left_out_is_read_back(run, path):
    (evidence, *others) = run.evidence
    said = replace(run, omitted=("The journal was left out: no room",), evidence=(
        replace(evidence, omitted=("The circuit was left out: AttributeError: ln_final",)), *others,
    ))  # fmt: skip
    write_run(said, path)
    again = read_run(path)
    assert again.omitted == said.omitted
    assert again.evidence[0].omitted == said.evidence[0].omitted
    assert again.evidence[0].mediators_known


@pytest.mark.parametrize(
    ("claim", "kind", "found"),
    [
        (
            "exactly L0H3 recover more than 0.1 of clean − corrupt (Holm-corrected over 12 heads; deciding: L0H1)",
            "mediators",
            ("exactly L0H3 recover more than 0.1 of clean − corrupt", "L0H1", "Holm-corrected over 12 heads"),
        ),
        (
            "taking any node out of the circuit {L0H1} costs at least 0.01 of m(M) − m(∅) (Bonferroni over what else "
            "is out, Holm over 2 nodes; deciding: L1H3); redundant, each mattering once the other is out: L0H4 with "
            "L1H3",
            "circuit",
            (
                "taking any node out of the circuit {L0H1} costs at least 0.01 of m(M) − m(∅)",
                "L1H3",
                "Bonferroni over what else is out, Holm over 2 nodes; redundant, each mattering once the other is out: "
                "L0H4 with L1H3",
            ),
        ),
        (
            "cutting any edge costs 1 (Holm-corrected over 2 edges; deciding: L0H1 → L1H2.k)",
            "circuit",
            ("cutting any edge costs 1", "L0H1 → L1H2.k", "Holm-corrected over 2 edges"),
        ),
        ("each of L0H1 attends (deciding: L0H1)", "attention", ("each of L0H1 attends", "L0H1", "")),
        ("alike (most apart without L0H1: -0.1)", "circuit", ("alike", "", "most apart without L0H1: -0.1")),
        (
            "one of L0H1 writes 1 of the norm of L1H2.k at A (most: L0H1)",
            "composes",
            ("one of L0H1 writes 1 of the norm of L1H2.k at A", "L1H2.k", "most: L0H1"),
        ),
        ("it alone scores above (all 14)", "circuit", ("it alone scores above (all 14)", "", "")),
    ],
)
def test_case_26_an_older_one_wrote_the_deciding_node_into_the_claim(fourth_schema, claim, kind, found):
    data = json.loads(fourth_schema.read_text())
    data["results"][0] |= {"claim": claim, "kind": kind}
    fourth_schema.write_text(json.dumps(data))
    again = read_run(fourth_schema)
    first = again.results[0]
    assert (first.claim.text, first.deciding, first.detail) == found
    assert (first.parts, first.reason, first.nodes_lost, again.lints) == (None, "", (), ())


def test_an_older_one_showed_the_first_pairs(run, fourth_schema):
    (shown,) = read_run(fourth_schema).evidence
    assert [(example.prompt, example.rank) for example in shown.examples] == [(0, ""), (1, "")]
    assert (shown.score, shown.effect_sizes) == ("first_token", ())


def test_one_of_the_sixth_schema_has_intervals_over_prompts():
    """It was left by a mi-checks that knew neither clusters nor refusals."""
    found = read_run(Path(__file__).with_name("schema_6.json"))
    assert found.schema_version == SCHEMA_VERSION
    (of,) = [each.estimate for each in found.results]
    assert (of.clusters, of.clustered_by, of.refusal, of.n) == (None, "", None, 64)
    assert [each.declared for each in found.results] == [""]
    (shown,) = found.evidence
    assert (shown.effect.factors, shown.effect.design.clusters) == ((), None)


def test_an_older_one_that_is_none(first_schema):
    data = json.loads(first_schema.read_text())
    del data["evidence"][0]["effect"]
    first_schema.write_text(json.dumps(data))
    assert (
        told(first_schema)
        == "FILE is not a run of schema 1, although it says so; run pytest again, or copy the file again"
    )


def test_not_there_or_a_folder(tmp_path):
    assert (
        told(tmp_path / "none.json") == "the run 'FILE' does not exist; pytest writes one beside its report (--mi-run)"
    )
    assert told(tmp_path) == "FILE is a folder; name the run in it, such as FILE/report.json"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_cut_short(path, part):
    text = path.read_text()
    path.write_text(text[: int(part * len(text))])
    assert told(path) == "FILE is incomplete: it ends within the run; run pytest again, or copy the file again"


def test_conflict_markers(path):
    text = path.read_text()
    path.write_text(f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    assert told(path) == "FILE has conflict markers of a merge; keep one side's whole file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "FILE:1:1: not JSON: Expecting value"),
        (b"name: induction\n", "FILE:1:1: not JSON: Expecting value"),
        (b"\xff\xfe", "FILE is not text and so not a run; name a file written by pytest --mi-run"),
        (b"[]", "FILE is JSON but not a run; name a file written by pytest --mi-run"),
        (b'{"schema": 1}', "FILE is JSON but not a run; name a file written by pytest --mi-run"),
        (b"[" * 100_000, "FILE is nested more deeply than any run; run pytest again, or copy the file again"),
    ],
)
def test_something_else(tmp_path, text, message):
    path = tmp_path / "other.json"
    path.write_bytes(text)
    assert told(path) == message


def test_a_report_says_where_its_run_is(tmp_path):
    (tmp_path / "report.html").write_text("<!doctype html>")
    assert told(tmp_path / "report.html").endswith(f"; the run beside a report is {tmp_path}/report.json")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "schema_version",
            SCHEMA_VERSION + 1,
            f"FILE is a run of schema {SCHEMA_VERSION + 1}, and this mi-checks reads schemas up to {SCHEMA_VERSION}: "
            "install a newer mi-checks, or run pytest again with this one",
        ),
        ("schema_version", 0, "FILE: schema_version 0 does not exist; run pytest again, or copy the file again"),
        (
            "schema_version",
            True,
            "FILE: schema_version True does not exist; run pytest again, or copy the file again",
        ),
        (
            "seconds",
            "long",
            "FILE is not a run as pytest writes it: seconds: Input should be a valid number; run pytest again, "
            "or copy the file again",
        ),
        ("seconds", float("nan"), "FILE contains NaN, which no run contains; run pytest again, or copy the file again"),
    ],
)
def test_edited_by_hand(path, key, value, message):
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    assert told(path) == message


def test_the_place_of_a_wrong_value(path):
    data = json.loads(path.read_text())
    data["results"][1]["outcome"] = "passed"
    del data["results"][0]["behaviour"]
    path.write_text(json.dumps(data))
    assert told(path).startswith("FILE is not a run as pytest writes it: results[0].behaviour: ")
    assert "(and 1 more)" in told(path)


def test_a_number_beyond_all_numbers(path):
    path.write_text(path.read_text().replace('"seconds":1.5', '"seconds":1.5e999'))
    assert told(path) == "FILE contains 1.5e999, which no run contains; run pytest again, or copy the file again"


def test_one_of_the_fifth_schema_had_sentences_for_claims_and_shares_for_fractions(run, tmp_path):
    data = before_the_sixth_schema(run)
    data["results"][0]["claim"] = ""
    data["results"][1]["claim"] = "L1H1 carries it"
    data["results"][1]["estimate"]["unit"] = "share of clean − corrupt"
    data["evidence"][0]["effect"]["ability"] = "cannot tell"
    data["evidence"][0]["yaml"] = "name: a\nmarks: [slow]\n"
    path = tmp_path / "run.json"
    path.write_text(json.dumps(data))
    first, second, *_ = read_run(path).results
    assert (first.claim, claim_text(second.claim)) == (None, "L1H1 carries it")
    assert second.estimate.unit == "fraction of clean − corrupt"
    evidence = read_run(path).evidence[0]
    assert (evidence.effect.ability, evidence.marks) == ("inconclusive", ("slow",))


@pytest.mark.parametrize(
    ("yaml", "found"),
    [
        ("name: a\nmarks: [slow, in_context]\n", ("slow", "in_context")),
        ("marks:\n  - slow\n  - b # why\nchecks: []\n", ("slow", "b")),
        ("marks:\n- slow\nchecks: []\n", ("slow",)),
        ("marks: [1, {a: b}, c]\n", ("c",)),
        ("marks: *x\n", ()),
        ("marks: !!python/object/apply:os.system [true]\n", ()),
        ("marks: slow\n", ()),
        (f"marks: [{'a, ' * 5000}b]\n", ()),
        ("checks:\n  marks: [no]\n", ()),
    ],
)
def test_an_older_one_has_the_marks_in_the_text_of_the_behaviour(yaml, found):
    assert marks_of_text(yaml) == found
