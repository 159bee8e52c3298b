"""What a mirror has: needed where the names of a source's files cannot be known beforehand.

Folders and buckets can be listed; a website cannot, as web servers have no common way to say what
they hold.
"""

from urllib.parse import urlencode

# expat, which reads the text, bounds the expansion of entities itself since version 2.4.1.
from xml.etree import ElementTree

from deepsphere.sources.mirrors import Bucket, Folder, Mirror
from deepsphere.sources.retry import Refused, RetryPolicy, Unavailable
from deepsphere.sources.transfer import new_session, read_page


def list_files(mirror: Mirror, folder: str, suffix: str, policy: RetryPolicy) -> list[str]:
    """Return the files below a folder of a mirror.

    Parameters
    ----------
    mirror : Folder or Website or Bucket
        The mirror.
    folder : str
        Path relative to the mirror, with forward slashes.
    suffix : str
        How the files' names end.
    policy : RetryPolicy
        Attempts, pauses and timeouts.

    Returns
    -------
    list of str
        Locations relative to the mirror, sorted; those in subfolders too.

    Raises
    ------
    Refused
        If the mirror cannot be listed.
    Unavailable
        If it failed too often.
    """
    if isinstance(mirror, Folder):
        paths = (mirror.path / folder).rglob(f"*{suffix}")
        return sorted(path.relative_to(mirror.path).as_posix() for path in paths if path.is_file())
    if isinstance(mirror, Bucket):
        start = len(mirror.key(""))
        keys = _list_keys(mirror, mirror.key(f"{folder}/"), policy)
        return sorted(key[start:] for key in keys if key.endswith(suffix))
    raise Refused("a website cannot be listed")


def _list_keys(bucket: Bucket, prefix: str, policy: RetryPolicy) -> list[str]:
    """Return the keys that start with a prefix, by S3's ListObjectsV2, page by page."""
    keys: list[str] = []
    query = {"list-type": "2", "prefix": prefix}
    with new_session() as session:
        while True:
            url = f"{bucket.endpoint}/?{urlencode(query)}"
            try:
                page = ElementTree.fromstring(read_page(session, url, policy))  # noqa: S314
            except ElementTree.ParseError as error:
                raise Unavailable(f"{url} is not a list of objects: {error}") from None
            keys.extend(key.text or "" for key in page.iterfind("{*}Contents/{*}Key"))
            token = page.findtext("{*}NextContinuationToken")
            if not token:
                return keys
            query["continuation-token"] = token
