"""Loss of power, a few cuts; ``python -m tests.storage.durability power-loss`` does any number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage.durability.journal import ImpossibleError
from tests.storage.durability.power_loss import PowerLoss
from tests.storage.durability.recording import SESSIONS, Recording, record
from tests.storage.durability.subjects import SUBJECTS, Subject
from tests.storage.tracing import need_strace

CUTS = 150


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    name: str = request.param
    return SUBJECTS[name]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, subject: Subject) -> Recording:
    need_strace()
    folder = tmp_path_factory.mktemp("recorded")
    return record(folder, writes=900, seed=7, sync=True, store=subject.name)


@pytest.mark.slow
def test_no_acknowledgement_leaves_before_the_sync_that_covers_it(
    recording: Recording, tmp_path: Path, subject: Subject
) -> None:
    proof = PowerLoss(recording, tmp_path, subject)

    assert proof.acknowledgements_are_covered() == proof.journal.writes > 500
    assert proof.openings_are_synced() == SESSIONS - 1


@pytest.mark.slow
def test_images_at_random_cuts_hold_every_acknowledged_write(
    recording: Recording, tmp_path: Path, subject: Subject
) -> None:
    done = PowerLoss(recording, tmp_path, subject).cut(CUTS, seed=7)

    assert done.cuts == CUTS
    assert done.checked > CUTS
    assert min(done.loose.values()) > 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "syncdir"])
def test_recording_without_its_syncs_is_found_out(
    recording: Recording, tmp_path: Path, kind: str, subject: Subject
) -> None:
    proof = PowerLoss(recording.without(kind), tmp_path, subject)

    with pytest.raises(ImpossibleError, match="cut at"):
        proof.cut(CUTS, seed=7)
    if kind == "sync":
        with pytest.raises(ImpossibleError, match="before its sync returned"):
            proof.acknowledgements_are_covered()
    with pytest.raises(ImpossibleError, match="not synced"):
        proof.openings_are_synced()


@pytest.mark.slow
def test_writer_that_does_not_sync_is_found_out(tmp_path: Path, subject: Subject) -> None:
    need_strace()
    proof = PowerLoss.record(tmp_path, writes=300, seed=7, sync=False, subject=subject)

    with pytest.raises(ImpossibleError):
        proof.acknowledgements_are_covered()
    with pytest.raises(ImpossibleError, match="cut at"):
        proof.cut(CUTS, seed=7)
