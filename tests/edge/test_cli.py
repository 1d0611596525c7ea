import json

import click
import pytest
from click.testing import CliRunner

from edge.cli import Refusal, emit, json_option, main_group, progress, run
from edge.settings import load_settings


@main_group("demo")
def demo():
    """A group with one command for each way out."""


@demo.command()
@click.argument("name")
@json_option
def greet(name, as_json):
    """Greet somebody."""
    emit({"name": name}, as_json, f"hello {name}")


@demo.command()
def refuse():
    """Refuse."""
    raise Refusal("the card is revoked", "ask the office")


@demo.command()
def misconfigure():
    """Load bad settings."""
    load_settings({"YUNJU_LOG_LEVEL": "loud", "YUNJU_XQ": "1"})


@demo.command()
def stop():
    """Stop as by Control-C."""
    raise click.Abort


@demo.command()
def unreadable():
    """Meet a click error that is no misuse."""
    raise click.FileError("x.toml", "gone")


@demo.command()
@click.pass_context
def leave(ctx):
    """Leave with a code."""
    ctx.exit(7)


@demo.command()
def count():
    """Do long work."""
    with progress(range(3), "counting") as items:
        click.echo(sum(items))
    with progress(2, "measuring") as bar:
        bar.update(2)


def call(*args):
    """Run the group."""
    return CliRunner().invoke(demo, args)


def test_text_for_people_and_json_for_machines():
    """The same value, on stdout."""
    assert call("greet", "王").stdout == "hello 王\n"
    assert json.loads(call("greet", "王", "--json").stdout) == {"name": "王"}


def test_a_refusal_says_why_and_what_to_do():
    """Two lines on stderr, nothing on stdout, exit 1."""
    result = call("refuse")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: the card is revoked\nhint: ask the office\n"


@pytest.mark.parametrize("args", [("no-such",), ("greet",), ("greet", "x", "--loud"), ("greet", "x", "y")])
def test_misuse_names_the_command_whose_help_to_read(args):
    """error: and hint: lines, exit 2."""
    result = call(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: `python -m demo")
    assert "--help` tells the usage" in hint


def test_bad_settings_are_all_listed():
    """One error line a fault, exit 1."""
    result = call("misconfigure")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error"] * 3 + ["hint"]
    assert "YUNJU_XQ" in lines[1]
    assert "YUNJU_LOG_LEVEL" in lines[2]


@pytest.mark.parametrize(("command", "code"), [("stop", 1), ("unreadable", 1), ("leave", 7)])
def test_other_ways_out(command, code):
    """Control-C, an unreadable file, a command's own code; never a traceback."""
    result = call(command)
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_everywhere(flag):
    """On the group and on its commands, exit 0."""
    for args in ((flag,), ("greet", flag)):
        result = call(*args)
        assert result.exit_code == 0
        assert "Usage: " in result.stdout


def test_no_command_shows_the_help_as_misuse():
    """On stderr, exit 2."""
    result = call()
    assert result.exit_code == 2
    assert "greet" in result.stderr


def test_no_bar_is_drawn_where_there_is_no_terminal():
    """A log file stays free of bars."""
    result = call("count")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "3\n", "")


def test_run_takes_the_processs_arguments(monkeypatch, capsys):
    """And speaks of the command as it is called."""
    monkeypatch.setattr("sys.argv", ["/x/demo/__main__.py", "greet"])
    with pytest.raises(SystemExit) as caught:
        run(demo)
    assert caught.value.code == 2
    assert "`python -m demo greet --help`" in capsys.readouterr().err


def test_a_faulty_command_still_shows_its_traceback():
    """An unexpected exception is ours to mend and is not dressed up."""

    @main_group("faulty")
    def faulty():
        """Fail."""

    @faulty.command()
    def fail():
        raise RuntimeError("inner")

    assert isinstance(CliRunner().invoke(faulty, ["fail"]).exception, RuntimeError)


def test_without_standalone_mode_exceptions_come_through():
    """As click itself does, for callers in the same process."""
    with pytest.raises(Refusal):
        demo.main(["refuse"], standalone_mode=False)
