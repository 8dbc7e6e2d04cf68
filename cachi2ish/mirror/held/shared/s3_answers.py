"""What a store that speaks like S3 answers where it refuses: what is wrong in words, and what to do."""

from __future__ import annotations

import re

_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_STATUS = re.compile(r"non-2xx status code: ([0-9]{3})")

_LOGIN = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
_RIGHTS = (
    "whoever has this key needs the rights s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there"
)

#: What to do where nothing sensible answers.
REACH = "check AWS_ENDPOINT_URL, and that the store runs there"

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
    "QuotaExceeded": ("the bucket is full", "raise its quota, or remove files (mirror prune)"),
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
    "507": _CODES["QuotaExceeded"],
}

#: What passes without a change of settings, beside answers that begin with 5.
_PASSING = frozenset({"QuotaExceeded", "SlowDown", "ServiceUnavailable", "TooManyRequests"})

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


def explained(text: str) -> tuple[str, str]:
    """Return what is wrong, and what to do. text: of the library's error."""
    code, status = _CODE.search(text), _STATUS.search(text)
    for sign, problem, hint in _NO_ANSWER:
        if sign in text and code is None:
            return problem, hint
    if code is not None:
        return _CODES.get(code[1], (f"it answers {code[1]}", "look into its log"))
    if status is not None:
        return _STATUSES.get(status[1], (f"it answers HTTP {status[1]}", "look into its log"))
    return "it does not answer", REACH


def may_pass(text: str) -> bool:
    """Return whether it may answer by itself in a while. text: of the library's error."""
    code, status = _CODE.search(text), _STATUS.search(text)
    if code is None and status is None:
        return not any(sign in text for sign in _LASTING)
    return (code is not None and code[1] in _PASSING) or (status is not None and status[1][0] == "5")


def code_of(text: str) -> str | None:
    """Return the store's own code for what is wrong, None where it has not said one."""
    found = _CODE.search(text)
    return None if found is None else found[1]
