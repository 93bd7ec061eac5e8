"""The command line: `imagetl run`, `dev`, `pack`, `sample` and `remove`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from imagetl_assets.cli.interrupts import Interrupted, exit_at_once, say_interrupted


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`; return the exit code.

    It is 0 if all went well, 1 if not, 2 if the command cannot be understood, and 128 + the number
    of the signal if one came.
    """
    exit_at_once()
    import click

    from imagetl_assets.cli.commands import imagetl

    try:
        arguments = list(sys.argv[1:] if argv is None else argv)
        code = imagetl.main(arguments, prog_name="imagetl", standalone_mode=False)
        return int(code or 0)
    except Interrupted as interrupted:
        say_interrupted()
        return 128 + int(interrupted.args[0])
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        print(f"imagetl: {error.format_message().rstrip('.')}", file=sys.stderr)
        return error.exit_code
