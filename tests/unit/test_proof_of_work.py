"""Challenges and what comes back, without a server."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from server.domain.errors import ProofRequired
from server.domain.proofs import Flaw, Guard, Proof, proof_to_spend
from server.proof_of_work import LONGEST, ProofOfWork
from server.settings import ProofSettings
from tests.solver import solved

CHEAP = ProofSettings(cost=100, guesses=4)
KEYS = [b"k" * 32]


def now() -> datetime:
    return datetime.now(UTC)


def work(keys: list[bytes] = KEYS, *, at: datetime | None = None, settings: ProofSettings = CHEAP) -> ProofOfWork:
    return ProofOfWork(settings, keys, now if at is None else lambda: at)


def test_a_solved_challenge_is_a_proof_for_its_business() -> None:
    header = solved(work().challenge("salon"))

    proof = work().check("salon", header)

    assert isinstance(proof, Proof)
    assert len(proof.digest) == 32
    assert proof.expires_at > now()
    assert work().check("salon", header) == proof


def test_two_challenges_are_two_proofs() -> None:
    one, two = (work().check("salon", solved(work().challenge("salon"))) for _ in range(2))

    assert isinstance(one, Proof)
    assert isinstance(two, Proof)
    assert one.digest != two.digest


def test_a_challenge_counts_also_after_the_secret_was_rotated() -> None:
    header = solved(work().challenge("salon"))

    assert isinstance(work([b"n" * 32, *KEYS]).check("salon", header), Proof)
    assert work([b"n" * 32]).check("salon", header) is Flaw.WRONG


def test_a_challenge_of_another_business_proves_nothing() -> None:
    assert work().check("salon", solved(work().challenge("other"))) is Flaw.WRONG


def test_an_expired_challenge_proves_nothing() -> None:
    early = work(at=now() - timedelta(hours=1))

    assert work().check("salon", solved(early.challenge("salon"))) is Flaw.EXPIRED


@pytest.mark.parametrize(
    "changes", [{"cost": 1}, {"keyPrefix": ""}, {"data": {"business": "salon", "x": 1}}, {"expiresAt": 9_999_999_999}]
)
def test_a_challenge_that_was_made_easier_proves_nothing(changes: dict[str, object]) -> None:
    assert work().check("salon", solved(work().challenge("salon"), **changes)) is Flaw.WRONG


def test_a_guess_proves_nothing() -> None:
    told = json.loads(base64.b64decode(solved(work().challenge("salon"))))
    for counter, key in ((0, "00" * 32), (told["solution"]["counter"] + 1, told["solution"]["derivedKey"][:-2] + "00")):
        wrong = {**told, "solution": {"counter": counter, "derivedKey": key}}
        assert work().check("salon", base64.b64encode(json.dumps(wrong).encode()).decode()) is Flaw.WRONG


@pytest.mark.parametrize(
    "text",
    ["e30=", "bnVsbA==", "W10=", "x", "é", "\udc80", "=" * 10, base64.b64encode(b'{"challenge":1}').decode(),
     base64.b64encode(b'{"challenge":{"parameters":[]},"solution":{}}').decode(), "A" * (LONGEST + 1),
     base64.b64encode(b"[" * 3_000).decode()],
)  # fmt: skip
def test_what_is_no_solution_is_wrong_and_no_error(text: str) -> None:
    assert work().check("salon", text) is Flaw.WRONG


def test_nothing_is_missing() -> None:
    assert work().check("salon", "") is Flaw.MISSING


def test_the_work_is_never_none_and_never_more_than_the_settings_allow() -> None:
    settings = ProofSettings(cost=100, guesses=10, hardest=2)
    for factor, least, most in ((1, 5, 15), (2, 10, 30), (50, 10, 30)):
        counts = []
        for _ in range(30):
            told = json.loads(base64.b64decode(solved(work(settings=settings).challenge("salon", factor=factor))))
            counts.append(told["solution"]["counter"])
        assert least <= min(counts)
        assert max(counts) <= most


def test_the_guard_decides_who_is_asked() -> None:
    proof = Proof(b"d" * 32, now())
    shown = (None, Flaw.MISSING, proof)

    assert [proof_to_spend(Guard.OPEN, each) for each in shown] == [None, None, None]
    assert [proof_to_spend(Guard.PROOF, each) for each in (None, proof)] == [None, proof]
    with pytest.raises(ProofRequired) as refused:
        proof_to_spend(Guard.PROOF, Flaw.EXPIRED)
    assert refused.value.reason == "expired"
