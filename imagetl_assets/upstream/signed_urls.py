"""URLs that are signed: which part of the query is the signature, and which names the file.

Many servers redirect to a store with a URL that is signed anew for each request. The file is the
same if all but the signature is. The names are those of

- AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html, the older
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html, and CloudFront
- Google: https://cloud.google.com/storage/docs/authentication/canonical-requests
- Azure: https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas

A name counts only if the parameter that holds the signature itself is there, too. A signature of
any other kind counts as part of the file's name: then the file is fetched again, which is never
wrong.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_AZURE = "sv ss srt sr sp st se sip spr si ses skoid sktid skt ske sks skv saoid suoid scid sig jwt"

# By the name of the parameter with the signature: what belongs to it, all in lower case.
_SIGNED_WITH = {
    "x-amz-signature": "x-amz-algorithm x-amz-credential x-amz-date x-amz-expires "
    "x-amz-signedheaders x-amz-security-token x-amz-signature",
    "x-goog-signature": "x-goog-algorithm x-goog-credential x-goog-date x-goog-expires "
    "x-goog-signedheaders x-goog-signature",
    "signature": "awsaccesskeyid googleaccessid x-amz-security-token expires policy key-pair-id "
    "hash-algorithm signature",
    "sig": _AZURE,
}


def without_signature(url: str) -> str:
    """Return what names the file in an http(s) URL: no user, signature or fragment.

    >>> without_signature("https://me:secret@h/a.img?id=1&Expires=9&Signature=abc")
    'https://h/a.img?id=1'
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    names = {name.lower() for name, _ in query}
    signing = {
        name
        for signature, belonging in _SIGNED_WITH.items()
        if signature in names
        for name in belonging.split()
    }
    rest = urlencode([(name, value) for name, value in query if name.lower() not in signing])
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=netloc, query=rest, fragment=""))
