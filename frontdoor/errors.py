"""The one exception the front door turns into one sentence."""


class Refused(Exception):  # noqa: N818  it is raised to say no, not because something broke
    """Something the operator has to know, said in one sentence; ends the run with ``status``."""

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status
