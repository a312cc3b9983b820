import click

from mmface_core.cli import run
from mmface_core.errors import UserError


@click.command()
@click.option("--how", default="fine")
def command(how):
    if how == "user":
        raise UserError("The file x.mp4 is not a video; give one that a player opens.")
    if how == "stop":
        raise KeyboardInterrupt


def test_a_users_error_is_one_sentence_and_status_2(capsys):
    assert run(command, ["--how", "user"]) == 2
    captured = capsys.readouterr().err
    assert captured.strip() == "Error: The file x.mp4 is not a video; give one that a player opens."


def test_debug_shows_the_traceback(capsys):
    assert run(command, ["--how", "user", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_option_is_status_2(capsys):
    assert run(command, ["--nonsense"]) == 2


def test_ctrl_c_is_status_130(capsys):
    assert run(command, ["--how", "stop"]) == 130


def test_done_is_status_0():
    assert run(command, []) == 0
