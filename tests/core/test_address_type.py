"""An address gives its secret to whoever asks for it by name, and to nobody else."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachi2ish.core.urls import SECRET_ENDINGS, SECRET_NAMES, Address, redact

#: None of its characters is in what surrounds it, so that to find it is to find the secret.
SECRETS = st.text("XYZ0123456789", min_size=1).map(lambda text: f"Q{text}Q")
USERINFO = st.one_of(SECRETS, st.builds("{}:{}".format, SECRETS, SECRETS), st.builds(":{}".format, SECRETS))
PARAMETERS = st.sampled_from((*SECRET_ENDINGS, *SECRET_NAMES))
PLAIN = "https://packages.example:8443/simple/demo"


@dataclass(frozen=True)
class Holder:
    address: Address


def printed(address: Address) -> str:
    """All that Python makes of an address without its name for the secret."""
    return "\n".join(
        (
            str(address),
            repr(address),
            format(address),
            f"{address} {address!s} {address!r} {address:>80}",
            "%s %r" % (address, address),  # noqa: UP031  (as logging does)
            json.dumps({"url": address}, default=str),
            json.dumps({"url": address}, default=repr),
            msgspec.json.encode({"url": address}, enc_hook=str).decode(),
            str(Holder(address)),
            str(asdict(Holder(address))),
            str(copy.deepcopy(address)),
            address.redacted,
            address.host,
            address.bare,
            address.scheme,
            address.hostname,
            address.path,
            str(address.origin),
        )
    )


@given(userinfo=USERINFO, name=PARAMETERS, secret=SECRETS)
def test_no_part_of_a_secret_is_printed(userinfo: str, name: str, secret: str) -> None:
    address = Address(f"{PLAIN.replace('://', f'://{userinfo}@')}?a=b&{name}={secret}#c")
    shown = printed(address)
    assert "Q" not in shown
    assert str(address) == f"{PLAIN}?a=b&{name}=****#c"
    assert secret in address.with_credentials
    assert userinfo in address.with_credentials


@given(password=st.text(min_size=1))
def test_any_password_that_is_escaped_is_taken_out(password: str) -> None:
    secret = quote(password, safe="", errors="replace")
    assert str(Address(f"https://me:{secret}@packages.example/")) == "https://packages.example/"


@given(st.text())
def test_any_text_is_shown_as_redacted(text: str) -> None:
    address = Address(text)
    assert str(address) == f"{address}" == address.redacted == redact(text)
    assert repr(address) == f"Address({redact(text)!r})"
    assert address.with_credentials == text


def test_an_encoder_refuses_it() -> None:
    address = Address("https://me:QsecretQ@packages.example/")
    with pytest.raises(TypeError):
        json.dumps({"url": address})
    with pytest.raises(TypeError):
        msgspec.json.encode(Holder(address))
    with pytest.raises(TypeError):
        vars(address)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Address("https://me:QsecretQ@packages.example/"), protocol)


def test_it_cannot_be_changed() -> None:
    address = Address("https://packages.example/")
    with pytest.raises(AttributeError):
        address._redacted = "another"
    with pytest.raises(AttributeError):
        del address._text
    with pytest.raises(AttributeError):
        address.another = 1


def test_two_are_equal_where_the_whole_text_is() -> None:
    first, second = (Address(f"https://{user}@packages.example/") for user in ("me", "you"))
    assert first == copy.copy(first) == Address("https://me@packages.example/")
    assert len({first, Address("https://me@packages.example/"), second}) == 2
    assert first != second
    assert first != "https://me@packages.example/"


def test_it_offers_its_parts() -> None:
    address = Address("HTTPS://me:secret@Packages.example:443/simple/#fragment")
    assert (address.scheme, address.hostname, address.path) == ("https", "packages.example", "/simple/")
    assert (address.valid, address.is_web) == (True, True)
    assert address.host == "packages.example"
    assert address.origin == ("https", "packages.example", 443)
    assert Address(" https://me@packages.example/simple/ ").bare == "https://packages.example/simple"
    whole = address.without_fragment()
    assert whole.with_credentials == "HTTPS://me:secret@Packages.example:443/simple/"
    assert whole.without_fragment() is whole
    bare, userinfo = whole.split_userinfo()
    assert (bare.with_credentials, userinfo) == ("https://Packages.example:443/simple/", "me:secret")
    assert bare.split_userinfo() == (bare, "")


@pytest.mark.parametrize("text", ["https://packages.example:port/", "https://[bad/x", "", "here/there"])
def test_text_that_is_no_address_has_no_host(text: str) -> None:
    address = Address(text)
    assert (address.hostname, address.is_web) == ("", False)
    assert address.split_userinfo() == (address, "")
