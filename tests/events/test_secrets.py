from __future__ import annotations

import pytest

from events.errors import SpecError
from events.models.shared import SecretKeySelector
from events.secrets import MOST_HELD, Key, Vault

SELECTOR = SecretKeySelector(name="forge", key="secret")


def values(secret: bytes, previous: bytes | None = None) -> dict[Key, bytes]:
    found: dict[Key, bytes] = {("secret", "ns", "forge", "secret"): secret}
    return found if previous is None else {**found, ("secret", "ns", "forge", "secret-previous"): previous}


def accepted(vault: Vault) -> tuple[bytes, ...]:
    return vault.accepted("ns", SELECTOR)


def test_an_old_value_is_gone_at_once_unless_it_is_held() -> None:
    vault = Vault(values(b"one"))
    vault.replace(values(b"two"))
    assert accepted(vault) == (b"two",)


def test_a_held_key_keeps_its_old_values_the_latest_first_until_they_are_let_go() -> None:
    vault = Vault(values(b"one\n"))
    vault.hold("ns", SELECTOR)
    assert not vault.holds("ns", SELECTOR)
    vault.replace(values(b"two"))
    vault.replace(values(b"three"))
    assert accepted(vault) == (b"three", b"two", b"one")
    vault.let_go("ns", SELECTOR)
    assert accepted(vault) == (b"three",)
    vault.replace(values(b"four"))
    assert accepted(vault) == (b"four", b"three")


def test_a_value_that_comes_back_is_there_once() -> None:
    vault = Vault(values(b"one"))
    vault.hold("ns", SELECTOR)
    for secret in (b"two", b"one"):
        vault.replace(values(secret))
    assert accepted(vault) == (b"one", b"two")


def test_old_values_have_a_bound() -> None:
    vault = Vault(values(b"0"))
    vault.hold("ns", SELECTOR)
    for number in range(20):
        vault.replace(values(str(number).encode()))
    assert len(accepted(vault)) == 1 + MOST_HELD
    assert accepted(vault)[:2] == (b"19", b"18")


def test_a_secret_that_goes_and_comes_again_was_held_meanwhile() -> None:
    vault = Vault(values(b"one"))
    vault.hold("ns", SELECTOR)
    vault.replace({})
    vault.replace(values(b"two"))
    assert accepted(vault) == (b"two", b"one")


def test_what_is_known_from_before_a_restart_is_held_too_and_the_previous_key_counts_besides() -> None:
    vault = Vault(values(b"now", previous=b"written"))
    vault.hold("ns", SELECTOR, [b"now", b"before"])
    vault.hold("ns", SELECTOR)
    assert accepted(vault) == (b"now", b"written", b"before")


def test_changes_are_counted_and_nothing_is_shown() -> None:
    vault = Vault(values(b"hunter2"))
    vault.replace(values(b"hunter3"))
    assert vault.generation == 1
    assert "hunter" not in repr(vault)


@pytest.mark.parametrize(
    ("selector", "sentence"),
    [
        (SecretKeySelector(name="forge"), "a reference to a Secret leaves out its key"),
        (SecretKeySelector(key="secret"), "a reference to a Secret leaves out its name"),
    ],
)
def test_what_is_asked_for_without_its_name_or_key_is_not_looked_for(
    selector: SecretKeySelector, sentence: str
) -> None:
    with pytest.raises(SpecError) as raised:
        Vault(values(b"one")).get("ns", selector)
    assert str(raised.value) == f"{sentence} (give both name and key)"
