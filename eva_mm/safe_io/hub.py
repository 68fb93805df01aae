"""Files of the Hugging Face hub by address, ``hf://OWNER/REPOSITORY[@REVISION]/FILE``, through huggingface_hub."""

import errno
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from eva_mm.safe_io.printed import reason_of

SCHEME = 'hf://'
_NAME = r'[\w][\w.-]*'
_ADDRESS = re.compile(rf'hf://({_NAME}/{_NAME})(?:@([^/@]+))?/(.+)', re.ASCII)
_PAGE = re.compile(rf'https://huggingface\.co/({_NAME}/{_NAME})/?', re.ASCII)
_SHA256 = re.compile('[0-9a-f]{64}')


@dataclass(frozen=True)
class HubFile:
    """A file of a model repository.

    Attributes:
        repository: ``'OWNER/REPOSITORY'``.
        path: Its path in the repository.
        revision: Branch, tag or commit; ``None`` is the main branch.
    """

    repository: str
    path: str
    revision: str | None = None

    @classmethod
    def parse(cls, address: str) -> 'HubFile':
        """Read an address.

        Raises:
            ValueError: It is not ``hf://OWNER/REPOSITORY[@REVISION]/FILE``.
        """
        match = _ADDRESS.fullmatch(address)
        if not match or {'', '.', '..'} & set(match[3].split('/')):
            raise ValueError(f'{address} is not an address of a file on the hub: write hf://OWNER/REPOSITORY/FILE.')
        return cls(match[1], match[3], match[2])

    def __str__(self) -> str:
        return f'{SCHEME}{self.repository}{f"@{self.revision}" if self.revision else ""}/{self.path}'


def is_hub_address(source: object) -> bool:
    """Whether something is the address of a file on the hub."""
    return isinstance(source, str) and source.startswith(SCHEME)


def repository_of(page: str) -> str | None:
    """``'OWNER/REPOSITORY'`` of a repository's page on huggingface.co; ``None`` for any other address."""
    match = _PAGE.fullmatch(page)
    return match and match[1]


def hub() -> Any:
    """The module ``huggingface_hub``.

    Raises:
        ModuleNotFoundError: It is not installed; the message has the command.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise ModuleNotFoundError(
            'hf:// addresses need huggingface_hub: pip install "eva_mm[hub]".', name='huggingface_hub'
        ) from None
    return huggingface_hub


@contextmanager
def one_line_errors(what: str) -> Iterator[None]:
    """Whatever huggingface_hub and its connections raise becomes an ``OSError`` of one line about ``what``."""
    from huggingface_hub import errors

    reasons = {
        errors.GatedRepoError: 'its owner gives access on request: accept the terms on its page, then hf auth login',
        errors.RepositoryNotFoundError: 'there is no such repository, or it is private: hf auth login',
        errors.RevisionNotFoundError: 'there is no such revision',
        errors.LocalEntryNotFoundError: 'the hub cannot be reached, and it is not in the cache',
        errors.EntryNotFoundError: 'there is no such file in the repository',
        errors.OfflineModeIsEnabled: 'HF_HUB_OFFLINE is set, and it is not in the cache',
    }
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        known = next((reason for kind, reason in reasons.items() if isinstance(error, kind)), None)
        raise OSError(f'{what} cannot be had: {known or reason_of(error)}.') from error


def fetch(file: HubFile) -> Path:
    """The copy of a file in the hub's cache, downloaded the first time with a progress bar.

    What is downloaded is compared with the SHA-256 that the hub keeps of large files, and removed if it differs. The
    cache is huggingface_hub's (``HF_HOME``, ``HF_HUB_CACHE``), and so are ``HF_ENDPOINT``, ``HF_TOKEN`` and
    ``HF_HUB_OFFLINE``.

    Raises:
        OSError: It cannot be had, in one line; without a connection a file of the cache is taken.
        ValueError: It is damaged.
    """
    library = hub()
    place = dict(repo_id=file.repository, filename=file.path, revision=file.revision)
    with one_line_errors(str(file)):
        known = library.try_to_load_from_cache(**place)
        path = Path(library.hf_hub_download(**place))
    if known != str(path):
        _verify(path, file)
    return path


def _verify(path: Path, file: HubFile) -> None:
    """Compare a new copy with its name among the blobs, which is the SHA-256 of a large file."""
    blob = path.resolve()
    if not _SHA256.fullmatch(blob.name):
        return
    if (found := sha256_of(blob)) != blob.name:
        blob.unlink()
        path.unlink(missing_ok=True)
        raise ValueError(
            f'{file} is damaged: its SHA-256 is {found}, that of the hub is {blob.name}; download it again.'
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    total = hashlib.sha256()
    with open(path, 'rb') as content:
        while chunk := content.read(2**20):
            total.update(chunk)
    return total.hexdigest()


def find_file(repository: str, name: str) -> HubFile:
    """The one file of a repository that has a name, in whatever folder of it.

    Raises:
        OSError: The repository cannot be read.
        ValueError: It has no such file, or several.
    """
    with one_line_errors(f'{SCHEME}{repository}'):
        paths = hub().HfApi().list_repo_files(repository)
    found = [path for path in paths if PurePosixPath(path).name == name]
    if len(found) != 1:
        what = f'{len(found)} files named {name}: {", ".join(found)}' if found else f'no file {name}'
        raise ValueError(f'{SCHEME}{repository} has {what}.')
    return HubFile(repository, found[0])
