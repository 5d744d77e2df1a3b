"""A core with three branches and no job."""


def classify(data: bytes) -> str:
    """What `data` starts with."""
    if data.startswith(b"f"):
        return "f"
    if data.startswith(b"zz"):
        return "zz"
    return "other"
