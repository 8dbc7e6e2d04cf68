"""What a store of S3 says when it refuses: what is wrong, what to do, and whether it may pass."""

from __future__ import annotations

import re

from cachi2ish.mirror.held.interface import SharedStoreAwayError, SharedStoreError, SharedStoreFullError

_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: ([0-9]{3})")

_LOGIN = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
_RIGHTS = (
    "whoever has this key needs the rights s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there"
)
#: The hint where a store is not reached.
REACH = "check AWS_ENDPOINT_URL, and that the store runs there"

_FULL = ("the bucket is full", "raise its quota, or remove files (mirror prune)")

#: What a store answers, by its own code: what is wrong, and what to do.
_CODES = {
    "NoSuchBucket": ("there is no such bucket", "make it, or check --files, AWS_REGION and AWS_ENDPOINT_URL"),
    "AccessDenied": ("the access is denied", _RIGHTS),
    "SignatureDoesNotMatch": ("the secret of the access key is wrong", _LOGIN),
    "InvalidAccessKeyId": ("there is no such access key", _LOGIN),
    "InvalidToken": ("the session token is not valid", _LOGIN),
    "ExpiredToken": ("the session token has expired", _LOGIN),
    "AuthorizationHeaderMalformed": ("the region is another one", "set AWS_REGION to that of the bucket"),
    "PermanentRedirect": ("the bucket is in another region", "set AWS_REGION to that of the bucket"),
    "RequestTimeTooSkewed": ("the clocks differ too much", "set the clock of this machine"),
    "QuotaExceeded": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "SlowDown": ("it asks for fewer requests", "it is tried again later"),
    "ServiceUnavailable": ("it is not available now", "it is tried again later"),
}
_STATUSES = {
    "301": _CODES["PermanentRedirect"],
    "400": ("the request is refused (HTTP 400)", "check AWS_REGION and AWS_ENDPOINT_URL"),
    "401": ("the access is denied (HTTP 401)", _LOGIN),
    "403": ("the access is denied (HTTP 403)", f"{_LOGIN}; {_RIGHTS}"),
    "404": ("there is no such bucket", _CODES["NoSuchBucket"][1]),
    "429": _CODES["SlowDown"],
    "503": _CODES["ServiceUnavailable"],
    "507": _FULL,
}

#: What passes without a change of settings, beside answers that begin with 5.
_PASSING = frozenset(
    {"QuotaExceeded", "SlowDown", "ServiceUnavailable", "TooManyRequests", "XMinioAdminBucketQuotaExceeded"}
)

#: Of what passes, that which says that nothing should be asked, and not that nothing can be put.
_BUSY = frozenset({"429", "502", "503", "504"})

#: What the library says where there was no answer.
_NO_ANSWER = (
    ("169.254.169.254", "there are no credentials", f"set them: {_LOGIN.removeprefix('check ')}"),
    ("sts.", "the web identity is not accepted", "check AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"),
    ("redirect without LOCATION", *_CODES["PermanentRedirect"]),
    ("InvalidCertificate", "its certificate is not trusted", "name a file with its authority in AWS_CA_BUNDLE"),
    ("InvalidContentType", "it does not speak TLS there", "write AWS_ENDPOINT_URL with http://"),
    ("ConnectionRefused", "the connection is refused", REACH),
    ("dns error", "the host name does not resolve", REACH),
    ("TimedOut", "it does not answer in time", REACH),
)


#: Those of them that only other settings mend.
_LASTING = tuple(sign for sign, *_ in _NO_ANSWER if sign not in {"ConnectionRefused", "dns error", "TimedOut"})


def failure(name: str, error: Exception, *, putting: bool = False) -> SharedStoreError:
    """Return what an error of obstore means for the store of this name. Nothing of its text: it may hold a secret.

    putting: whether a file was to be put.
    """
    problem, hint = _explained(str(error))
    return _kind_of(str(error), putting=putting)(f"the store of files {name} cannot be used: {problem}", hint=hint)


def code_of(error: Exception) -> str | None:
    """Return the store's own code for an error, None where there is none."""
    found = _CODE.search(str(error))
    return None if found is None else found[1]


def _explained(text: str) -> tuple[str, str]:
    code, status = _CODE.search(text), _STATUS.search(text)
    for sign, problem, hint in _NO_ANSWER:
        if sign in text and code is None:
            return problem, hint
    if code is not None:
        return _CODES.get(code[1], (f"it answers {code[1]}", "look into its log"))
    if status is not None:
        return _STATUSES.get(status[1], (f"it answers HTTP {status[1]}", "look into its log"))
    return "it does not answer", REACH


def _may_pass(text: str) -> bool:
    code, status = _CODE.search(text), _STATUS.search(text)
    if code is None and status is None:
        return not any(sign in text for sign in _LASTING)
    return (code is not None and code[1] in _PASSING) or (status is not None and status[1][0] == "5")


def _kind_of(text: str, *, putting: bool) -> type[SharedStoreError]:
    if not _may_pass(text):
        return SharedStoreError
    status = _STATUS.search(text)
    return SharedStoreFullError if putting and status and status[1] not in _BUSY else SharedStoreAwayError
