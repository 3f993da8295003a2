"""What ``--store``, ``--real-etcd``, ``--apiservers`` and ``--etcd-batch`` come to."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bench.cli import build_parser, main
from bench.commands.interface import ERROR, USAGE, UsageError
from bench.commands.options import load_config
from bench.commands.store_options import chosen_store, chosen_stores, claim_store
from bench.commands.up import looking_command
from bench.results import Config
from bench.store_choice import generation_of, is_part, real_members, real_store, store_word
from storage.remote.url import parse_url

GET = "get --prefix --keys-only /registry/"
SECRET = "s3cret"


def config_of(*argv: str) -> Config:
    arguments = build_parser().parse_args(["run", *argv])
    return load_config(arguments, arguments.codec, chosen_store(arguments))


@pytest.mark.parametrize(
    ("argv", "store", "cell"),
    [
        ((), "etcd3", "protobuf-etcd3"),
        (("--store", "memory"), "memory", "protobuf-memory"),
        (("--real-etcd", "1"), "etcd3-real", "protobuf-etcd3-real"),
        (("--store", "etcd3-real1"), "etcd3-real", "protobuf-etcd3-real"),
        (("--real-etcd", "3"), "etcd3-real3", "protobuf-etcd3-real3"),
        (("--store", "etcd3", "--real-etcd", "1"), "etcd3-real", "protobuf-etcd3-real"),
        (("--store", "etcd2", "--real-etcd", "1"), "etcd2-real", "protobuf-etcd2-real"),
        (("--store", "etcd2", "--real-etcd", "3"), "etcd2-real3", "protobuf-etcd2-real3"),
        (("--store", "etcd2-real3"), "etcd2-real3", "protobuf-etcd2-real3"),
        (("--store", "etcd2", "--steady", "60"), "etcd2", "protobuf-etcd2-steady-60s"),
        (("--store", "etcd2://a:1,b:2"), "etcd2://a:1,b:2", "protobuf-etcd2-a-1+b-2"),
        (("--apiservers", "2"), "etcd3", "protobuf-etcd3-apiservers-2"),
        (
            ("--real-etcd", "1", "--etcd-batch", "on"),
            "etcd3-real",
            "protobuf-etcd3-real-etcd-batch-on",
        ),
        (
            ("--store", "etcd3://a:1,b:2"),
            "etcd3://a:1,b:2",
            "protobuf-etcd3-a-1+b-2",
        ),
        (
            ("--store", "etcd3+unix:///run/etcd.sock"),
            "etcd3+unix:///run/etcd.sock",
            "protobuf-etcd3+unix-_run_etcd.sock",
        ),
    ],
)
def test_store_has_a_name_in_results_and_cells(
    argv: tuple[str, ...], store: str, cell: str
) -> None:
    config = config_of(*argv)

    assert (config.store, config.cell) == (store, cell)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--store", "etcd4"), "no store 'etcd4'"),
        (("--store", "etcd3-real9"), "no store 'etcd3-real9'"),
        (("--store", "etcd3://"), "host:port"),
        (("--store", "etcd3://host"), "host:port"),
        (("--store", "http://host:1"), "unknown kind of store"),
        (("--store", "etcd3://a:1?colour=red"), "no option colour"),
        (("--store", "etcd3://a:1?batch=on"), "--etcd-batch on"),
        (("--store", "etcd2", "--compact-every", "9"), "which etcd2 does not"),
        (("--store", "etcd2-real9"), "no store 'etcd2-real9'"),
        (("--store", "memory", "--real-etcd", "1"), "or with etcd2 or etcd3"),
        (("--store", "etcd3-real", "--real-etcd", "1"), "or with etcd2 or etcd3"),
        (("--store", "etcd3://a:1", "--real-etcd", "1"), "or with etcd2 or etcd3"),
        (("--store", "etcd2-real", "--etcd-batch", "on"), "etcd 2 has no transactions"),
        (("--store", "etcd2://a:1", "--etcd-batch", "on"), "etcd 2 has no transactions"),
        (("--store", "etcd2://a:1?client=grpc"), "no option client"),
        (("--real-etcd", "0"), "no number from 1 to 7"),
        (("--real-etcd", "eight"), "no number from 1 to 7"),
        (("--apiservers", "0"), "no number from 1 to 16"),
        (("--etcd-batch", "on"), "--real-etcd, or a URL"),
        (("--real-etcd", "1", "--etcd-batch", "on", "--apiservers", "2"), "one API server's alone"),
        (("--store", "etcd3://a:1", "--data-dir", "/nowhere/d"), "--data-dir"),
        (("--keep-store",), "given by its URL"),
        (("--real-etcd", "1", "--keep-store"), "given by its URL"),
        (("--store", "etcd3://a:1?cacert=/nowhere/ca.pem"), "/nowhere/ca.pem, which cannot be"),
        (("--store", "etcd3://me@a:1?password-file=/nowhere/p"), "/nowhere/p, which cannot be"),
        (("--real-etcd", "1", "--data-dir", "/dev/null"), "/dev/null is no directory"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["run", *argv, "--out", str(tmp_path / "out")])

    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (USAGE, 1)
    assert words in said


def test_a_password_is_in_a_private_file_and_nowhere_else() -> None:
    config = config_of("--store", f"etcd3://me:{SECRET}@host:2379")

    assert SECRET not in repr(config) + config.cell
    url = parse_url(config.store)
    assert (url.user, url.secret()) == ("me", SECRET)
    assert url.password_file is not None
    assert stat.S_IMODE(url.password_file.stat().st_mode) == 0o600
    assert config.cell == "protobuf-etcd3-host-2379"
    assert claim_store(config.store) == config.store


def test_a_matrix_takes_urls_in_its_list_and_one_store_more() -> None:
    given = ["matrix", "--store", "memory,etcd3://a:1,b:2,etcd3", "--real-etcd", "3"]

    arguments = build_parser().parse_args(given)

    assert chosen_stores(arguments.store, arguments.real_etcd) == [
        "memory",
        "etcd3://a:1,b:2",
        "etcd3",
        "etcd3-real3",
    ]


@pytest.mark.parametrize("members", [1, 3, 7])
@pytest.mark.parametrize("generation", [2, 3])
def test_names_of_real_stores_tell_their_members(members: int, generation: int) -> None:
    store = real_store(members, generation)
    assert (real_members(store), generation_of(store)) == (members, generation)


@pytest.mark.parametrize(
    ("store", "generation"),
    [
        ("etcd2", 2),
        ("etcd2://a:1?prefix=/x", 2),
        ("etcd2+unix:///run/etcd.sock", 2),
        ("etcd3+unix:///run/etcd.sock", 3),
        ("memory", 0),
        ("etcd22", 0),
    ],
)
def test_a_store_s_generation_is_in_its_name(store: str, generation: int) -> None:
    assert generation_of(store) == generation


def test_words_of_cells_hold_no_login_and_no_options() -> None:
    assert store_word(f"etcd3://me:{SECRET}@a:1?password-file=/x") == "etcd3-a-1"
    assert is_part("etcd3://a:1?prefix=/mine")
    assert not is_part("etcd3://prefix=:1")


@pytest.mark.parametrize(
    ("store", "command"),
    [
        ("etcd3://a:1,b:2", f"ETCDCTL_API=3 etcdctl --endpoints a:1,b:2 {GET}"),
        ("etcd3+unix:///run/s", f"ETCDCTL_API=3 etcdctl --endpoints unix:///run/s {GET}"),
        (
            "etcd3://me@a:1?cacert=/ca&password-file=/p",
            f"ETCDCTL_API=3 etcdctl --endpoints a:1 --cacert /ca --user me {GET}",
        ),
        (
            "etcd2://me@a:1,b:2?cacert=/ca&password-file=/p&prefix=/x",
            "ETCDCTL_API=2 etcdctl --endpoints https://a:1,https://b:2 --ca-file /ca"
            " --username me ls --recursive /x/registry",
        ),
        (
            "etcd2+unix:///run/s",
            "curl --unix-socket /run/s 'http://localhost/v2/keys/registry?recursive=true'",
        ),
    ],
)
def test_people_are_told_how_to_look_into_the_store(store: str, command: str) -> None:
    assert looking_command(store) == command


@pytest.mark.slow
def test_missing_etcd_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    code = main(["run", "--real-etcd", "1", "--out", str(tmp_path / "out")])

    assert code == ERROR
    assert "there is no program 'etcd' on the path" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_a_store_where_nothing_answers_is_told_soon_and_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["run", "--store", "etcd3://127.0.0.1:1", "--out", str(tmp_path / "out")])

    assert code == ERROR
    assert "nothing answers at etcd3://127.0.0.1:1" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_refuses_a_url_with_an_unknown_user_without_password() -> None:
    with pytest.raises(UsageError, match="no password"):
        claim_store("etcd3://me@host:1")
