"""The configuration: one file, the environment on top, errors that name the cure."""

from dataclasses import FrozenInstanceError

import pytest

from pacs_bridge.config import Config
from pacs_bridge.domain.errors import RefusedInput


@pytest.fixture
def home(tmp_path):
    (tmp_path / "config.toml").write_text("")
    return tmp_path


def test_an_empty_file_gives_the_defaults_and_a_database_in_the_home(home):
    config = Config.load(home)
    assert config.node.ae_title == "PACSBRIDGE"
    assert config.database_url == f"sqlite:///{home.resolve() / 'pacs_bridge.sqlite'}"


def test_the_environment_overrides_the_file(home, monkeypatch):
    (home / "config.toml").write_text("[node]\nport = 104\n")
    monkeypatch.setenv("PACS_BRIDGE_NODE__PORT", "11113")
    assert Config.load(home).node.port == 11113


def test_an_unknown_key_is_refused_with_the_nearest_known_one(home):
    (home / "config.toml").write_text('[node]\nae_titel = "X"\n')
    with pytest.raises(
        RefusedInput, match=r"node\.ae_titel is unknown; did you mean node\.ae_title"
    ):
        Config.load(home)


def test_an_unknown_section_is_refused_with_the_nearest_known_one(home):
    (home / "config.toml").write_text("[nodes]\n")
    with pytest.raises(RefusedInput, match="did you mean node"):
        Config.load(home)


def test_an_unknown_environment_setting_is_refused(home, monkeypatch):
    monkeypatch.setenv("PACS_BRIDGE_WEB__PROT", "80")
    with pytest.raises(RefusedInput, match=r"did you mean web\.port"):
        Config.load(home)


@pytest.mark.parametrize("text", ["[node]\nport = 70000\n", "[node]\nport = 'x'\n", "node = 3\n"])
def test_a_value_of_the_wrong_form_is_refused_by_name(home, text):
    (home / "config.toml").write_text(text)
    with pytest.raises(RefusedInput, match="node"):
        Config.load(home)


def test_a_file_that_is_no_toml_is_refused(home):
    (home / "config.toml").write_text("[node\n")
    with pytest.raises(RefusedInput, match="not valid TOML"):
        Config.load(home)


def test_a_missing_home_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(RefusedInput, match="pacs-bridge init"):
        Config.load(tmp_path / "nowhere")


def test_a_missing_key_file_names_the_command_that_makes_it(home):
    with pytest.raises(RefusedInput, match="pacs-bridge init"):
        Config.load(home).secret("uid_hmac")


def test_the_configuration_cannot_be_changed(home):
    config = Config.load(home)
    with pytest.raises(FrozenInstanceError):
        config.node.port = 1


@pytest.mark.parametrize(
    ("section", "key", "value", "complaint"),
    [
        ("node", "port", "70000", "at most 65535"),
        ("node", "port", "-1", "at least 0"),
        ("node", "port", "104.5", "whole number"),
        ("node", "port", "true", "a number"),
        ("node", "tls_port", "70000", "at most 65535"),
        ("node", "ae_title", "7", "text"),
        ("mail", "starttls", '"perhaps"', "true or false"),
        ("marks", "settle", "nan", "at least 0"),
        ("marks", "settle", "[]", "a number"),
        ("loading", "verify_hours", "0.0", "at least"),
        ("security", "audit_transport", '"pigeon"', "one of tls, tcp, udp"),
    ],
)
def test_an_unusable_value_is_refused_with_what_is_allowed(home, section, key, value, complaint):
    (home / "config.toml").write_text(f"[{section}]\n{key} = {value}\n")
    with pytest.raises(RefusedInput, match=rf"{section}\.{key} is not usable: .*{complaint}"):
        Config.load(home)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("NODE__TLS_PORT", "2762", 2762),
        ("MAIL__STARTTLS", "True", True),
        ("MAIL__STARTTLS", "0", False),
        ("MARKS__SETTLE", "0.5", 0.5),
        ("LOADING__ATTEMPTS", "7", 7),
        ("WEB__PUBLIC_URL", "1234", "1234"),
    ],
)
def test_a_variable_of_the_environment_is_read_as_the_setting_wants_it(
    home, monkeypatch, name, text, value
):
    monkeypatch.setenv(f"PACS_BRIDGE_{name}", text)
    section, _, key = name.lower().partition("__")
    read = getattr(getattr(Config.load(home), section), key)
    assert (read, type(read)) == (value, type(value))
