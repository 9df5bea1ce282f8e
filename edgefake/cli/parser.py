"""Command lines read strictly: options by their whole names, and a mistyped one told with the nearest that there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from edgefake.secrets import without_secrets
from edgefake.text import printable


class Parser(argparse.ArgumentParser):
    """Its sub-parsers are of this class too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ever, but what is unknown or empty is an error of this very command; unknown options are told before all others."""
        given = sys.argv[1:] if args is None else list(args)
        if "" in given:  # as a path it would be the current folder
            self.error("an argument is empty: is a variable of the shell not set?")
        self._refuse_unknown(given)
        known, unknown = super().parse_known_args(given, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(map(without_secrets, unknown))}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        super().error(printable(without_secrets(message), limit=None))

    def _refuse_unknown(self, args: Sequence[str]) -> None:
        for text in args:
            if text == "--" or (self._subparsers is not None and not text.startswith("-")):
                return  # what follows are paths, or for the sub-parser to read
            name = text.split("=")[0]
            if text.startswith("--") and name not in self._option_string_actions and " " not in text:
                told = f"there is no option {printable(without_secrets(name))}{self._nearest(name)}"
                self.exit(2, f"{self.prog}: error: {told} (`{self.prog} --help` lists all)\n")

    def _nearest(self, name: str) -> str:
        actions = self._option_string_actions.items()
        options = [name for name, action in actions if name.startswith("--") and action.help is not argparse.SUPPRESS]
        near = [option for option in options if option.startswith(name)] or get_close_matches(name, options, n=1)
        return f": did you mean {' or '.join(near)}?" if near else ""
