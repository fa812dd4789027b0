"""The catalogue of faults: what can be told in a minute; run_catalogue tells all."""

import re

import pytest
from catalogue import CLEAN, FAULTS
from run_catalogue import HINTS, REACH, STAGES, alarms, is_right, said_of

from onefit import config
from onefit.guide import CODES

CHECK = ("check",)
QUICK = [
    "xor without a hidden layer",
    "a house price neuron that starts below zero",
    "the root of what may be negative",
    "gradient descent beyond its largest step",
    "all but the head frozen from the start",
    "diabetes learned by heart",
    "so rate halved every epoch",
]


@pytest.fixture(scope="module")
def faulty():
    return {f: said_of(lambda f=f: f.program(True), CHECK) for f in FAULTS}


@pytest.fixture(scope="module")
def sound():
    said = {p.name: said_of(p.program, CHECK) for p in CLEAN}
    twins = {f"twin of {f.name}": f for f in FAULTS}
    return said | {
        name: said_of(lambda f=f: f.program(False), CHECK) for name, f in twins.items()
    }


def test_the_catalogue_is_large_and_covers_every_code():
    assert len(FAULTS) >= 80
    assert len(CLEAN) >= 30
    names = [program.name for program in (*FAULTS, *CLEAN)]
    assert len(set(names)) == len(names)
    planted = set().union(*(fault.codes for fault in FAULTS))
    assert planted == set(CODES)
    assert {fault.by for fault in FAULTS} == {"check", "run"}


def test_check_names_the_cause(faulty):
    seen = {fault: said for fault, said in faulty.items() if fault.by == "check"}
    assert not [said.crash for said in faulty.values() if said.crash]
    missed = [f.name for f, said in seen.items() if not is_right(f, said, *CHECK)]
    assert len(missed) <= (1 - REACH) * len(seen), missed


def test_an_opinion_is_a_hint(faulty):
    strong = [
        fault.name
        for fault, said in faulty.items()
        for finding in said.at(*CHECK)
        if finding.code in fault.codes and fault.severity == "hint"
        if finding.severity != "hint"
    ]
    assert not strong


def in_english(findings):
    """What is said in Korean of these, and has English words in a row."""
    config.set_language("ko")
    try:
        told = [text for finding in findings for _, text in finding.parts]
    finally:
        config.set_language("en")
    return [text for text in told if re.search(r"\b[a-z]+ [a-z]+ [a-z]+ [a-z]", text)]


def test_all_of_it_is_said_in_korean_too(faulty):
    findings = [f for said in faulty.values() for f in said.at(*CHECK)]
    assert len(findings) > 100
    # What fit itself would refuse is an error of the library, in English.
    assert len(in_english(findings)) <= 0.02 * len(findings), in_english(findings)


def test_check_is_silent_about_sound_programs(sound):
    assert not [said.crash for said in sound.values() if said.crash]
    errors = {name: alarms(said, "error", *CHECK) for name, said in sound.items()}
    assert not {name: codes for name, codes in errors.items() if codes}
    hints = {name: alarms(said, "hint", *CHECK) for name, said in sound.items()}
    hints = {name: codes for name, codes in hints.items() if codes}
    assert sum(map(len, hints.values())) <= HINTS * len(sound), hints


@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f.refused], ids=lambda f: f.name
)
def test_what_fit_refuses_it_refuses_with_the_cause(fault):
    program = fault.program(True)
    with pytest.raises((ValueError, TypeError), match=fault.refused):
        program.model.fit(program.x, program.y, verbose=0, **program.fit)


@pytest.mark.parametrize("name", QUICK)
def test_a_run_names_the_cause_and_its_twin_learns(name):
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    stages = ("watch", "diagnose")
    said = said_of(lambda: fault.program(True), stages)
    assert not said.crash
    assert is_right(fault, said, *stages), said.findings
    assert not in_english(said.at(*stages))
    twin = said_of(lambda: fault.program(False), stages)
    assert twin.score >= fault.learns
    assert not alarms(twin, "error", *stages)
    assert set(stages) <= set(STAGES)
