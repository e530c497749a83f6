"""Option types and output that several commands share."""

import click
import pytest
from click.testing import CliRunner

from pangea_cultural.cli.options import CommaList, KeyFile
from pangea_cultural.cli.output import print_json
from pangea_cultural.errors import UserError


def parsed(option_type, text):
    """The value that a command gets from the text of an option."""
    values = []

    @click.command()
    @click.option("--value", type=option_type)
    def command(value):
        values.append(value)

    result = CliRunner().invoke(command, ["--value", text], standalone_mode=False)
    if result.exception:
        raise result.exception
    return values[0]


def test_comma_list_strips_spaces_and_drops_empty_items():
    assert parsed(CommaList(), " en, de ,,nl") == ("en", "de", "nl")


def test_empty_comma_list_is_a_usage_error_unless_allowed():
    assert parsed(CommaList(allow_empty=True), "") == ()
    with pytest.raises(click.UsageError, match="The list is empty"):
        parsed(CommaList(), " , ")


def test_key_file_is_read_without_its_line_end(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    assert parsed(KeyFile(), str(tmp_path / "key")) == "secret"


def test_byte_order_mark_is_not_part_of_the_key(tmp_path):
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfsecret\r\n")
    assert parsed(KeyFile(), str(tmp_path / "key")) == "secret"


@pytest.mark.parametrize("content", ["secret\nother\n", "my secret", "s\u00e9cret"])
def test_key_file_with_more_than_a_key_is_rejected(tmp_path, content):
    (tmp_path / "key").write_text(content)
    with pytest.raises(UserError, match="has more than a key"):
        parsed(KeyFile(), str(tmp_path / "key"))


def test_binary_key_file_is_rejected(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8 text"):
        parsed(KeyFile(), str(path))


def test_empty_key_file_is_rejected(tmp_path):
    (tmp_path / "key").write_text("\n")
    with pytest.raises(UserError, match="Write the key into it"):
        parsed(KeyFile(), str(tmp_path / "key"))


@pytest.mark.parametrize(
    "command", [["serve", "checkpoint"], ["eval", "--endpoint", "http://127.0.0.1:9/v1"], ["demo"]]
)
def test_commands_reject_an_empty_key_file(command, tmp_path):
    from pangea_cultural.cli.main import pcult

    (tmp_path / "key").touch()
    with pytest.raises(UserError, match="is empty"):
        CliRunner().invoke(pcult, [*command, "--api-key-file", str(tmp_path / "key")], catch_exceptions=False)


def test_json_prints_other_types_as_text(tmp_path, capsys):
    print_json({"path": tmp_path})
    assert capsys.readouterr().out == f'{{\n  "path": "{tmp_path}"\n}}\n'
