"""What a file really is that was given as a checkpoint, from its first bytes."""

_LFS = b'version https://git-lfs'
_ARCHIVES = {
    b'\x1f\x8b': 'a gzip archive; unpack it and pass the file of the weights',
    b'BZh': 'a bzip2 archive; unpack it and pass the file of the weights',
    b'\xfd7zXZ': 'an xz archive; unpack it and pass the file of the weights',
    b'7z\xbc\xaf': 'a 7z archive; unpack it and pass the file of the weights',
    b'Rar!': 'a rar archive; unpack it and pass the file of the weights',
    b'\x89HDF': 'an HDF5 file of another framework; convert it',
    b'%PDF': 'a PDF document, not a checkpoint; pass the file of the weights',
    b'\x89PNG': 'an image, not a checkpoint; pass the file of the weights',
    b'\xff\xd8\xff': 'an image, not a checkpoint; pass the file of the weights',
}
HEAD = 2048
# how torch.save began a file before it wrote zip archives
_LEGACY = b'\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def foreign_kind(head: bytes) -> str:
    """What a file is instead of a checkpoint, and what to do; empty if its beginning could be one of a checkpoint.

    Args:
        head: The first :data:`HEAD` bytes.
    """
    if not head:
        return 'empty (0 bytes); copy or download it again'
    if head.startswith(_LFS):
        return 'a pointer of Git LFS, not the file itself; run "git lfs pull"'
    if b'annex/objects/' in head[:400] and len(head) < HEAD:
        return 'a pointer of git-annex, not the file itself; run "git annex get"'
    text = head.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if text.startswith((b'<!doctype html', b'<html', b'<head', b'<body')):
        return 'a web page, not a checkpoint: the download needs a login or another address'
    if text.startswith((b'<?xml', b'<error')):
        return 'an XML document, probably the error of a server; download the file again'
    if text.startswith((b'{"', b"{'", b'[{')) and b'\0' not in head:
        return 'a JSON text, not a checkpoint; pass the file of the weights'
    for mark, kind in _ARCHIVES.items():
        if head.startswith(mark):
            return kind
    is_text = not any(byte < 9 or 13 < byte < 32 or byte == 127 for byte in head)
    return 'a text, not a checkpoint; pass the file of the weights' if is_text and len(head) > 3 else ''


def is_plain_pickle(head: bytes) -> bool:
    """Whether a file is a pickle of Python and not one of ``torch.save``, which begins with a number of its own."""
    return head[:1] == b'\x80' and not head.startswith(_LEGACY, 2)


def is_torch_zip(head: bytes) -> bool:
    """Whether torch takes a file for one of its zip archives."""
    return head.startswith(b'PK\x03\x04')


def is_safetensors(head: bytes) -> bool:
    """Whether a file begins as safetensors: the length of a JSON header, and the header."""
    return len(head) > 9 and int.from_bytes(head[:8], 'little') < 10**8 and head[8:9] == b'{'
