"""examples/run.sh: what it says, what it boots, how it ends; a little about tests/run.sh.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import wait_until
from guest import BUILD, HANG_LIMIT_S, POLL_S, REPO, Machine, emulator
from traffic import start_page

SCRIPT = str(REPO / "examples" / "run.sh")

pytestmark = pytest.mark.skipif(
    BUILD != REPO / "build", reason="the script builds and boots build/, not VIRTIOIF_BUILD_DIR"
)


def run(*arguments: str, script: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    return subprocess.run(
        [script, *arguments], check=False, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=HANG_LIMIT_S * 5,
    )  # fmt: skip


class Session:
    """The script at work, in a process group of its own as a shell would start it."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [SCRIPT, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, env={**os.environ, "TMPDIR": str(log.parent)},
            )  # fmt: skip

    def output(self) -> str:
        """What it has printed."""
        return self.log.read_bytes().decode("utf-8", "replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed that."""
        deadline = time.monotonic() + HANG_LIMIT_S
        while not (match := re.search(pattern, self.output(), re.M)):
            assert self.process.poll() is None, f"ended early:\n{self.output()}"
            assert time.monotonic() < deadline, f"no /{pattern}/ in:\n{self.output()}"
            time.sleep(POLL_S)
        return match

    def group(self) -> list[str]:
        """What runs in its session: process ids with the command."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, tail = stat.read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            fields = tail.split()
            if int(fields[3]) == self.process.pid and fields[0] not in "ZX":
                found.append(head)
        return found

    def command_lines(self) -> list[bytes]:
        """How these were started."""
        found = []
        for line in self.group():
            try:
                found.append(Path(f"/proc/{line.split()[0]}/cmdline").read_bytes())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def end(self) -> None:
        """Kill what is left."""
        for line in self.group():
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


@pytest.fixture
def session(machine: Machine, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Starts the script for the machine."""
    sessions: list[Session] = []

    def start(*arguments: str) -> Session:
        options = ["--board", machine.board, "--transport", machine.transport]
        log = tmp_path / f"run{len(sessions)}.log"
        sessions.append(Session(log, *options, *arguments))
        return sessions[-1]

    yield start
    for item in sessions:
        item.end()


def test_help_names_every_option() -> None:
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for option in (
        "--board", "--transport", "--app", "--http-port", "--echo-port", "--netdev", "--static",
        "--build-only", "--help", "QEMU_SYSTEM_RISCV64", "QEMU_SYSTEM_AARCH64",
    ):  # fmt: skip
        assert option in done.stdout, option


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["word"],
        ["--board"],
        ["--board", "pdp11"],
        ["--transport", "pigeon"],
        ["--app", "nothing"],
        ["--app", "../web"],
        ["--http-port", "65536"],
        ["--http-port", "-1"],
        ["--echo-port", "http"],
        ["--static", "10.0.2.300/24"],
        ["--static", "10.0.2.15"],
        ["--static", "10.0.2.15/33"],
        ["--http-port", "9000", "--echo-port", "9000"],
        ["--build-only=yes"],
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_an_error_with_exit_code_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")


@pytest.mark.any_transport
@pytest.mark.parametrize("option", ["--http-port", "--echo-port"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_named_and_the_exit_code_is_2(
    machine: Machine, option: str, address: str
) -> None:
    other = "--echo-port" if option == "--http-port" else "--http-port"
    with socket.create_server((address, 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--board", machine.board, option, port, other, "0")
    assert done.returncode == 2
    assert re.search(rf"\b{port}\b", done.stderr), done.stderr
    assert option in done.stderr


@pytest.mark.any_transport
def test_an_emulator_that_is_not_there_is_named_and_the_exit_code_is_2(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"QEMU_SYSTEM_{machine.board.upper()}"
    monkeypatch.setenv(variable, "/nowhere/qemu")
    done = run("--board", machine.board, "--http-port", "0", "--echo-port", "0")
    assert done.returncode == 2
    assert variable in done.stderr and "/nowhere/qemu" in done.stderr


def script_in(tree: Path) -> str:
    """Put into the folder all that a build takes. Returns the path of the script in it."""
    for name in ("examples", "cmake", "port", "virtio"):
        shutil.copytree(REPO / name, tree / name)
    for name in ("CMakeLists.txt", "CMakePresets.json"):
        shutil.copy(REPO / name, tree)
    (tree / "lwip").symlink_to(REPO / "lwip")
    return str(tree / "examples" / "run.sh")


def test_a_tree_that_it_cannot_write_to_is_named_and_the_exit_code_is_2(tmp_path: Path) -> None:
    script = script_in(tmp_path)
    (tmp_path / "build").touch()  # root may write to all folders, and to none in its place
    done = run("--build-only", script=script)
    assert done.returncode == 2
    assert f"{tmp_path}/build" in done.stderr and "chown" in done.stderr


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    script_in(tmp_path)
    inside = (
        "mount -t tmpfs -o size=3m none /mnt && cp -R . /mnt/tree && "
        "! cat /dev/zero 2>&- >/mnt/fill && exec /mnt/tree/examples/run.sh --build-only"
    )
    command = ["unshare", "--map-root-user", "--mount", "bash", "-c", inside]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=HANG_LIMIT_S
    )
    assert done.returncode != 0
    assert "only 0 MB are free on that disk" in done.stderr, done.stderr


def test_a_second_run_of_all_tests_in_one_tree_is_refused() -> None:
    (REPO / "build" / "setup").mkdir(parents=True, exist_ok=True)
    with open(REPO / "build" / "setup" / "tests-lock", "a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # a run of all tests has it, of which this is a part
        done = run(script=str(REPO / "tests" / "run.sh"))
    assert done.returncode == 2 and done.stdout == ""
    assert "already" in done.stderr


@pytest.mark.any_transport
@pytest.mark.parametrize("app", ["web", "echo"])
def test_build_only_makes_the_image_and_boots_nothing(machine: Machine, app: str) -> None:
    done = run("--board", machine.board, "--app", app, "--build-only")
    assert done.returncode == 0, done.stderr
    assert (BUILD / machine.board / "examples" / f"{app}.elf").is_file()
    assert "ready" not in done.stdout


def commands(text: str, word: str) -> list[str]:
    """The command lines that the script suggests and that contain the word."""
    return [line.strip() for line in text.splitlines() if re.search(rf"\b{word}\b", line)]


def shell(command: str) -> str:
    """What a command prints that a newcomer copied from the screen."""
    done = subprocess.run(
        ["bash", "-c", command], check=False, capture_output=True, text=True, timeout=HANG_LIMIT_S
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def test_the_commands_that_it_prints_work_with_any_free_port(
    session: Callable[..., Session]
) -> None:
    web = session("--http-port", "0", "--echo-port", "0")
    web.wait_for(r"^virtioif: ready 10\.0\.2\.15")
    web.wait_for(r"\bnc\b.*\n")
    (curl,) = commands(web.output(), "curl")
    (nc,) = commands(web.output(), "nc")
    assert shell(curl).encode() == start_page()
    assert shell(nc) == "hello\n"


@pytest.mark.any_transport
def test_the_commands_that_it_prints_for_the_echo_app_work(
    session: Callable[..., Session]
) -> None:
    echo = session("--app", "echo", "--echo-port", "0")
    echo.wait_for(r"^virtioif: ready 10\.0\.2\.15")
    echo.wait_for(r"\bnc -u.*\n")
    answers = [shell(command) for command in commands(echo.output(), "nc")]
    assert answers == ["hello\n"] * 2
    assert not commands(echo.output(), "curl")


def test_the_ci_job_of_the_examples_readme_works(tmp_path: Path) -> None:
    readme = (REPO / "examples" / "README.md").read_text(encoding="utf-8")
    job = re.search(r"^## In a CI job\n.*?^```sh\n(.*?)^```$", readme, re.M | re.S)
    assert job
    (tmp_path / "examples").symlink_to(REPO / "examples")
    done = subprocess.run(
        ["bash", "-ec", job[1]], check=False, capture_output=True, cwd=tmp_path,
        timeout=HANG_LIMIT_S * 5,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == start_page()
    assert (tmp_path / "net.pcap").stat().st_size > 1000


@pytest.mark.any_transport
def test_a_static_address_is_used_and_reached(session: Callable[..., Session]) -> None:
    web = session("--http-port", "0", "--echo-port", "0", "--static", "192.168.76.20/24")
    web.wait_for(r"^virtioif: ready 192\.168\.76\.20")
    web.wait_for(r"\bnc\b.*\n")
    (curl,) = commands(web.output(), "curl")
    assert shell(curl).encode() == start_page()


@pytest.mark.any_transport
def test_the_ports_of_a_choice_are_the_ones_that_answer(session: Callable[..., Session]) -> None:
    any_port = ("127.0.0.1", 0)
    with socket.create_server(any_port) as one, socket.create_server(any_port) as two:
        ports = [str(one.getsockname()[1]), str(two.getsockname()[1])]
    web = session("--http-port", ports[0], "--echo-port", ports[1])
    web.wait_for(r"^virtioif: ready ")
    web.wait_for(r"\bnc\b.*\n")
    assert shell(f"curl -s http://127.0.0.1:{ports[0]}/").encode() == start_page()
    with socket.create_connection(("127.0.0.1", int(ports[1])), HANG_LIMIT_S) as sock:
        sock.sendall(b"hello")
        assert sock.recv(5) == b"hello"


@pytest.mark.any_transport
def test_the_image_is_given_an_entropy_device(session: Callable[..., Session]) -> None:
    web = session("--http-port", "0", "--echo-port", "0")
    web.wait_for(r"^virtioif: seeded by ")


@pytest.mark.any_transport
def test_what_comes_after_two_dashes_goes_to_qemu(session: Callable[..., Session]) -> None:
    web = session("--http-port", "0", "--echo-port", "0", "--", "-name", "a-name-of-ours")
    web.wait_for(r"^virtioif: ready ")
    assert any(b"\0a-name-of-ours" in line for line in web.command_lines())


@pytest.mark.any_transport
@pytest.mark.parametrize(
    "end, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_ends_it_and_leaves_no_process(
    session: Callable[..., Session], end: signal.Signals, code: int
) -> None:
    web = session("--http-port", "0", "--echo-port", "0")
    web.wait_for(r"^virtioif: ready ")
    if end == signal.SIGINT:
        os.killpg(web.process.pid, end)  # what Ctrl-C does: everybody in the foreground gets it
    else:
        web.process.send_signal(end)
    # QEMU may be quicker than the script, and ends in good order then.
    assert web.process.wait(HANG_LIMIT_S) in (code, 0)
    wait_until(lambda: not web.group(), f"still there: {web.group()}")


@pytest.mark.any_transport
def test_not_even_a_kill_leaves_qemu_behind(session: Callable[..., Session]) -> None:
    web = session("--http-port", "0", "--echo-port", "0")
    web.wait_for(r"^virtioif: ready ")
    web.process.kill()
    web.process.wait()
    wait_until(lambda: not web.group(), f"still there: {web.group()}")


@pytest.mark.any_transport
def test_the_exit_code_of_the_image_is_that_of_the_script(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A wrapper in place of QEMU that leaves out the network device.
    wrapper = tmp_path / "qemu"
    wrapper.write_text(
        "#!/bin/bash\n"
        "args=()\n"
        "while (($#)); do\n"
        '  if [[ $2 == virtio-net-device* ]]; then shift; else args+=("$1"); fi\n'
        "  shift\n"
        "done\n"
        f'exec {emulator(machine.board)} "${{args[@]}}"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv(f"QEMU_SYSTEM_{machine.board.upper()}", str(wrapper))
    done = run("--board", machine.board, "--http-port", "0", "--echo-port", "0")
    assert "virtioif: error: " in done.stdout
    assert done.returncode == 1
