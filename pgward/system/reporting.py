"""Commands that show nothing: what they did, as one document, where that is asked for.

``ensure`` makes a command print a single document when it has done its work: what it reported,
and what it would have said to a person.
"""

import functools
from typing import Any

import click

from pgward.system import output, terminal
from pgward.system.documents import written


def takes_output(command: click.Command) -> bool:
    """Tell whether a command has the option."""
    return any("--output" in param.opts for param in command.params)


def ensure(command: click.Command) -> click.Command:
    """Give a command that shows nothing the option, and a document to print in the end."""
    if takes_output(command) or command.callback is None:
        return command
    command.params.append(click.Option(output.FLAGS, expose_value=False, **output.ATTRIBUTES))
    command.callback = _reporting(command.callback)
    return command


def _reporting(callback: Any) -> Any:
    @functools.wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        if output.chosen() == "table":
            return callback(*args, **kwargs)
        context = click.get_current_context()
        context.meta[output.RESULT] = output.Result(context.command_path.partition(" ")[2])
        try:
            returned = callback(*args, **kwargs)
        except SystemExit:  # it has said all; the status alone tells more
            finish()
            raise
        except BaseException:  # also Ctrl-C: what was done until then is told, and then why no more
            _finish_failed()
            raise
        finish()
        return returned

    return run


def finish() -> None:
    """Print the document of the command under way, if it reports one and has not printed it."""
    reported = output.result()
    if reported is not None:
        reported.shown = True
        click.echo(written(reported.document(), output.chosen()))


def _finish_failed() -> None:
    """Print the document of a command that failed part-way, if it has done anything.

    Of one that has done nothing, what it would have said comes before the error.
    """
    reported = output.result()
    if reported is None or reported.facts or reported.lines:
        finish()
        return
    for text in reported.messages:
        terminal.prompt(text)
