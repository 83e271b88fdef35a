#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The drydock authors

"""Measures what drydock promises about speed and memory, beside programs that do less.

Everything is measured in one run, drydock and its peer in turn, and quoted as a ratio of the two: the absolute times are
those of this machine, of this minute. As root it measures twice: as root, and as an ordinary user.

    bench.py [--runs N] [--user NAME] [--strict]

A whole process is timed, from its start until it has been waited for. With --strict an unkept promise is exit code 1.
"""

import argparse
import contextlib
import json
import os
import pathlib
import pwd
import random
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("drydock", "drydock-init", "drydock-archive", "codebuild-hash-files")
MILLISECOND = 1e3


class Bench:
    def __init__(self, work: pathlib.Path, runs: int):
        self.work = work
        self.runs = runs
        self.drydock = str(work / "bin" / "drydock")
        self.broken = 0
        self.peak = 0
        self.environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(work / "home"),
            "XDG_STATE_HOME": str(work / "state"),
            "LANG": "C.UTF-8",
        }
        for name in ("XDG_RUNTIME_DIR",):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    # Running and timing

    def once(self, command, directory=None, reader=False, output=None):
        """Seconds that a command takes; its output goes to nowhere, to a file, or through a pipe to us."""
        read_end = None
        if reader:
            read_end, write_end = os.pipe()
        else:
            write_end = os.open(output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        # posix_spawn has no way to change the directory in this Python; the parent's is inherited.
        if directory:
            os.chdir(directory)
        start = time.monotonic()
        process = os.posix_spawnp(
            command[0], command, self.environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, write_end, 1), (os.POSIX_SPAWN_DUP2, write_end, 2)])
        os.close(write_end)
        size = 0
        if reader:
            while chunk := os.read(read_end, 1 << 18):
                size += len(chunk)
            os.close(read_end)
        _, status, usage = os.wait4(process, 0)
        seconds = time.monotonic() - start
        if os.waitstatus_to_exitcode(status) != 0:
            self.explain(command, directory)
        if command[0] == self.drydock:
            self.peak = max(self.peak, usage.ru_maxrss * 1024)
        return seconds, size

    def explain(self, command, directory):
        result = subprocess.run(
            command, cwd=directory, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        raise SystemExit(
            f"bench: `{' '.join(command)}` failed ({result.returncode}):\n"
            + result.stdout.decode(errors="replace")[-2000:])

    def in_turn(self, measures, runs=None, before=None, warm=2):
        """Several measures taken in turn, so that a change of the machine's speed meets them alike; `before` each turn."""
        runs = runs or self.runs
        # What was written before this series is not its cost: an overlay's files wait for the disk's journal.
        os.sync()
        taken = [[] for _ in measures]
        for turn in range(runs + warm):
            if before:
                before()
            for index, measure in enumerate(measures):
                seconds = measure()
                # The first turns warm the caches up.
                if turn >= warm:
                    taken[index].append(seconds)
        return taken

    def report(self, title, seconds, peer, peer_seconds, limit, at_most=True, detail=None):
        ratio = statistics.median(a / b for a, b in zip(seconds, peer_seconds))
        self.say(title, ratio, f"{'at most' if at_most else 'at least'} {limit:g} ×", at_most, limit, "×", detail or (
            f"{spread(seconds)} ms, {peer} {spread(peer_seconds)} ms"))

    def say(self, title, value, promise, at_most, limit, unit, detail):
        kept = value <= limit if at_most else value >= limit
        self.broken += not kept
        print(f"  {title:<44} {value:7.2f} {unit:<3} {promise:<15} {'kept' if kept else 'NOT KEPT':<9} {detail}",
              flush=True)

    # The figures

    def source(self, name, commands, files=()):
        directory = self.work / name
        directory.mkdir()
        lines = ["version: 0.2", "phases:", "  build:", "    commands:", *(f"      - {text}" for text in commands)]
        (directory / "buildspec.yml").write_text("\n".join(lines) + "\n")
        for file in files:
            path = directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file)
        return str(directory)

    def run(self, directory, **options):
        return self.once([self.drydock, "run", "--progress", "plain"], directory, **options)[0]

    def start(self):
        one = self.source("one", ["/bin/true"])
        if shutil.which("bwrap"):
            bwrap = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true".split()
            ours, theirs = self.in_turn([lambda: self.run(one), lambda: self.once(bwrap)[0]])
            self.report("start of one command, to bwrap", ours, "bwrap", theirs, 3, True)
        else:
            print("  bwrap is not installed: not compared")
        # In a series of its own: what podman does after it has ended would be charged to whoever comes next.
        podman = self.podman()
        if podman:
            ours, theirs = self.in_turn([lambda: self.run(one), lambda: self.once(podman)[0]])
            ratio = statistics.median(b / a for a, b in zip(ours, theirs))
            self.say("start, times faster than podman run", ratio, "at least 5 ×", False, 5, "×",
                     f"{spread(ours)} ms, podman {spread(theirs)} ms")

    def lint(self):
        nothing = str(self.work / "bin" / "nothing")
        if not os.path.exists(nothing):
            print("  no Swift compiler: lint is not compared with a program that does nothing")
            return
        one = self.source("lint", ["make", "make check | tee log", "if [ -f x ]; then cat x; fi"])
        ours, theirs = self.in_turn(
            [lambda: self.once([self.drydock, "lint"], one)[0], lambda: self.once([nothing])[0]], runs=self.runs * 3)
        self.report("lint, to a program that does nothing", ours, "nothing", theirs, 2)

    def podman(self):
        """The command that runs `true` in an image made here, or None."""
        if not shutil.which("podman") or not shutil.which("gcc"):
            print("  podman is not installed: not compared")
            return None
        root = self.work / "image" / "bin"
        root.mkdir(parents=True)
        (self.work / "true.c").write_text("int main(void) { return 0; }\n")
        subprocess.run(["gcc", "-static", "-o", root / "true", self.work / "true.c"], check=True)
        podman = ["podman", "--root", str(self.work / "podman"), "--runroot", str(self.work / "podman-run")]
        imported = subprocess.run(
            f"tar -C {self.work}/image -c . | {' '.join(podman)} import -q - drydock-bench", shell=True,
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # Where root may not raise limits, or control groups are mixed, podman needs to be told.
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        runtimes = [["--runtime", name] for name in ("crun", "runc") if shutil.which(name)]
        why = imported.stderr
        for runtime in runtimes if imported.returncode == 0 else []:
            for extra in ([], limits, limits + ["--cgroups=disabled"]):
                command = [*podman, *runtime, "run", "--rm", "--network=none", *extra, "drydock-bench", "true"]
                tried = subprocess.run(
                    command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                if tried.returncode == 0:
                    return command
                why = tried.stderr
        print("  podman does not run here: not compared:", *why.decode().strip().splitlines()[-1:])
        return None

    def further_commands(self, count=200):
        one = self.source("first", ["/bin/true"])
        many = self.source("many", ["/bin/true"] * (count + 1))

        def shells():
            start = time.monotonic()
            for _ in range(count):
                self.once(["/bin/sh", "-c", "/bin/true"])
            return (time.monotonic() - start) / count

        few, full, bare = self.in_turn(
            [lambda: self.run(one), lambda: self.run(many), shells], runs=max(5, self.runs // 3))
        ours = [(b - a) / count for a, b in zip(few, full)]
        extra = statistics.median(a - b for a, b in zip(ours, bare)) * MILLISECOND
        self.say("a further command, more than `sh -c`", extra, "at most 1.5 ms", True, 1.5, "ms",
                 f"{spread(ours)} ms, sh -c {spread(bare)} ms")

    def output(self, count=1_000_000):
        directory = self.source("output", ["cat lines"])
        data = pathlib.Path(directory) / "lines"
        # In pieces: what this process ever held would count as its children's peak too.
        with data.open("wb") as file:
            for _ in range(count // 1000):
                file.write((b"x" * 99 + b"\n") * 1000)
        copy = str(self.work / "copy")
        expected = data.stat().st_size

        def ours():
            seconds, size = self.once([self.drydock, "run", "--progress", "plain"], directory, reader=True)
            if size < expected:
                raise SystemExit(f"bench: {expected - size} bytes of output were lost")
            return seconds

        def peer():
            into_file, _ = self.once(["cat", str(data)], output=copy)
            into_pipe, _ = self.once(["cat", str(data)], reader=True)
            return into_file + into_pipe

        def clear():
            # A hundred megabytes a run that wait for the disk slow the next writer down, whoever it is.
            shutil.rmtree(self.work / "state" / "drydock", ignore_errors=True)
            pathlib.Path(copy).unlink(missing_ok=True)
            os.sync()

        seconds, cat = self.in_turn([ours, peer], runs=max(5, self.runs // 3), before=clear)
        clear()
        self.report("100 MB of lines to log and pipe, to cat", seconds, "cat", cat, 2)
        peaks = [self.peak / 1e6]
        self.peak = 0
        self.run(self.source("line", ["head -c 300000000 /dev/zero | tr '\\0' x"]))
        peaks.append(self.peak / 1e6)
        self.say("peak memory", max(peaks), "below 40 MB", True, 40, "MB",
                 f"{peaks[0]:.1f} MB of lines, {peaks[1]:.1f} MB of one line of 300 MB")

    def masking(self, count=1000, megabytes=50):
        """A log of all kinds of text, with secrets in it, masked and not."""
        shuffled = random.Random(1)
        letters = string.ascii_letters + string.digits + "+/=-_"
        secrets = ["".join(shuffled.choices(letters, k=shuffled.choice((12, 20, 40)))) for _ in range(count)]
        words = ["".join(shuffled.choices(letters, k=shuffled.randint(2, 30))) for _ in range(20_000)]
        log = []
        for number in range(10_000):
            line = f"2026-01-01T00:00:{number % 60:02} [{shuffled.choice(words)}] " + " ".join(shuffled.choices(words, k=6))
            log.append(line + (f" {shuffled.choice(secrets)}" if number % 100 == 0 else ""))
        block = ("\n".join(log) + "\n").encode()
        names = [f"SECRET_{number}" for number in range(count)]
        values = "".join(f"{name}={value}\n" for name, value in zip(names, secrets))
        plain, masked = (self.source(name, ["cat lines"]) for name in ("plain", "masked"))
        for directory in plain, masked:
            with (pathlib.Path(directory) / "lines").open("wb") as file:
                for _ in range(megabytes * 1_000_000 // len(block)):
                    file.write(block)
            (pathlib.Path(directory) / "values").touch(mode=0o600)
            (pathlib.Path(directory) / "values").write_text(values)
        with (pathlib.Path(masked) / "buildspec.yml").open("a") as file:
            file.write("env:\n  parameter-store:\n" + "".join(f"    {name}: {name}\n" for name in names))

        def build(directory, option, value):
            words = [self.drydock, "run", "--progress", "plain", option, value]
            return self.once(words, directory, reader=True)[0]

        def clear():
            shutil.rmtree(self.work / "state" / "drydock", ignore_errors=True)
            os.sync()

        seconds, bare = self.in_turn(
            [lambda: build(masked, "--secrets", "file:values"), lambda: build(plain, "--env-file", "values")],
            runs=max(5, self.runs // 3), before=clear)
        clear()
        self.report(f"{megabytes} MB of log, {count} secrets masked, to none", seconds, "none", bare, 2)

    def large_source(self, count=60_000):
        few = self.source("few", ["/bin/true"], (f"file-{index}" for index in range(10)))
        many = self.source("large", ["/bin/true"], (f"{index % 600}/file-{index}" for index in range(count)))
        small, large = self.in_turn([lambda: self.run(few), lambda: self.run(many)])
        # As fast as: within what two runs of the same thing differ on a busy machine.
        self.report(f"{count} files of source, to 10", large, "10 files", small, 1.1)

    def caches(self, count=60_000, megabytes=300):
        """A cache of many files, beside archives of the same tree, and beside a cache of ten."""
        if not shutil.which("zstd"):
            print("  zstd is not installed: caches are not compared")
            return
        shuffled = random.Random(2)
        words = ["".join(shuffled.choices(string.ascii_letters, k=shuffled.randint(2, 12))) for _ in range(5000)]
        tree = self.work / "tree" / "data"
        for index in range(count):
            path = tree / f"{index % 600}" / f"file-{index}"
            if index < 600:
                path.parent.mkdir(parents=True)
            path.write_text(" ".join(shuffled.choices(words, k=megabytes * 1_000_000 // count // 8)))
        archive = str(self.work / "tree.tar.zst")
        pack = ["sh", "-c", f"tar -C {tree.parent} -cf - data | zstd -q -1 -T0 -f -o {archive}"]

        def project(name, key, command):
            directory = self.source(name, [command])
            fallback = key.split("-")[0]
            cache = ["cache:", f"  key: {key}", f"  fallback-keys: [{fallback}]", "  paths: [data/**/*]"]
            with (pathlib.Path(directory) / "buildspec.yml").open("a") as file:
                file.write("\n".join(cache) + "\n")
            return directory

        def build(directory, *words):
            command = [self.drydock, "run", "--progress", "plain", "--cache-namespace", "bench", *words]
            return self.once(command, directory)[0]

        self.peak = 0
        fill = project("fill", "many-0", "cp -r tree/data data")
        (pathlib.Path(fill) / "tree").mkdir()
        tree.rename(pathlib.Path(fill) / "tree" / "data")
        build(fill)
        (pathlib.Path(fill) / "tree" / "data").rename(tree)
        build(project("fill-few", "few", "mkdir data; for n in 1 2 3 4 5 6 7 8 9 10; do echo $n >data/$n; done"))
        many_again = project("restore", "many-0", "test -d data/599")
        few_again = project("restore-few", "few", "test -e data/10")
        self.once(pack)
        into = self.work / "extracted"

        def extract():
            seconds = self.once(["sh", "-c", f"mkdir {into} && tar -C {into} -xf {archive}"])[0]
            # Under another name, and away only at the end: making files is slow for minutes where many were removed.
            into.rename(self.work / f"extracted-{time.monotonic_ns()}")
            return seconds

        runs = 3
        ours, theirs = self.in_turn([lambda: build(many_again), extract], runs=runs)
        ratio = statistics.median(b / a for a, b in zip(ours, theirs))
        self.say(f"a build on {count} cached files, to tar -x", ratio, "at least 100 ×", False, 100, "×",
                 f"{spread(ours)} ms, tar {spread(theirs)} ms")
        large, small = self.in_turn([lambda: build(many_again), lambda: build(few_again)])
        self.report(f"a build on {count} cached files, to 10", large, "10 files", small, 2)
        change = project(
            "change", "many-$(date +%s%N)", "for n in 1 2 3 4 5 6 7 8 9 10; do echo $n >data/$n/file-$n; done")
        ours, theirs = self.in_turn([lambda: build(change), lambda: self.once(pack)[0]], runs=5)
        ratio = statistics.median(b / a for a, b in zip(ours, theirs))
        self.say("a build that saves 10 changed ones, to tar.zst", ratio, "at least 20 ×", False, 20, "×",
                 f"{spread(ours)} ms, tar + zstd {spread(theirs)} ms")
        read = project("read", "many-0", "find data -type f -exec cat {} + >/dev/null")
        plain = ["sh", "-c", f"cd {tree.parent} && find data -type f -exec cat {{}} + >/dev/null"]
        ours, theirs = self.in_turn([lambda: build(read), lambda: self.once(plain)[0]], runs=5)
        self.report("a build that reads them all, to a directory", ours, "directory", theirs, 1.3)
        build(project("layered", "many-layered", "echo more >data/1/more"))
        exported, peer = str(self.work / "export.tar.zst"), str(self.work / "peer.tar.zst")
        by_hand = ["sh", "-c", f"tar -C {tree.parent} -cf - data | zstd -q -T0 -o {peer}"]

        def export(key):
            return self.once([self.drydock, "cache", "export", key, "-o", exported])[0]

        def clear():
            for file in (exported, peer):
                pathlib.Path(file).unlink(missing_ok=True)

        for key, words in (("many-0", "the cache"), ("many-layered", "two layers")):
            ours, theirs = self.in_turn([lambda: export(key), lambda: self.once(by_hand)[0]], runs=5, before=clear)
            clear()
            # As fast as: within what two runs of the same thing differ on a busy machine.
            self.report(f"export of {words}, to tar | zstd -T0", ours, "tar | zstd", theirs, 1.1)
        self.say("peak memory with caches", self.peak / 1e6, "below 60 MB", True, 60, "MB", "of drydock itself")

    def artifacts(self):
        """A whole build that does nothing but leave its source as an artifact, to `zip` on the same files."""
        if not shutil.which("zip"):
            print("  zip is not installed: artifacts are not compared")
            return
        output = self.work / "artifacts"
        theirs = self.work / "theirs.zip"

        def clear():
            shutil.rmtree(output, ignore_errors=True)
            theirs.unlink(missing_ok=True)
            os.sync()

        self.peak = 0
        for name, title, fill in (
            ("system", "artifact of 500 MB, times faster than zip", self.copy_of_system),
            ("cuttings", "artifact of 60000 files, faster than zip", self.cuttings),
        ):
            directory = self.source(name, ["/bin/true"])
            with (pathlib.Path(directory) / "buildspec.yml").open("a") as file:
                file.write("artifacts:\n  files: ['**/*']\n")
            self.apart(lambda: fill(pathlib.Path(directory)))
            size = sum(os.lstat(os.path.join(folder, file)).st_size
                       for folder, _, files in os.walk(directory) for file in files)
            ours, peer = self.in_turn(
                [lambda: self.once([self.drydock, "run", "--progress", "plain", "-a", str(output)], directory)[0],
                 lambda: self.once(["zip", "-r", "-q", str(theirs), "."], directory)[0]],
                runs=max(3, self.runs // 10), before=clear, warm=1)
            sizes = next(output.iterdir()).stat().st_size / theirs.stat().st_size
            ratio = statistics.median(b / a for a, b in zip(ours, peer))
            self.say(title, ratio, "at least 3 ×", False, 3, "×",
                     f"{spread(ours)} ms, zip {spread(peer)} ms; {size / 1e6:.0f} MB, the file {sizes:.2f} of zip's")
            clear()
        self.say("peak memory with artifacts", self.peak / 1e6, "below 60 MB", True, 60, "MB", "of drydock itself")

    def apart(self, work):
        """In a process of its own: what this one ever held would count as its children's peak too."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            except Exception as error:
                print(f"bench: {error}", file=sys.stderr)
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1] != 0:
            raise SystemExit("bench: the files for a series could not be made")

    def system_files(self, suffixes=("",)):
        """What any machine has of files as projects have them, in an order that is the same each time."""
        found = []
        for root in ("/usr/share", "/usr/lib/python3", "/usr/include", "/usr/lib"):
            for folder, _, names in os.walk(root):
                paths = (os.path.join(folder, name) for name in names if name.endswith(suffixes))
                found += [path for path in paths if os.path.isfile(path) and not os.path.islink(path)
                          and os.access(path, os.R_OK) and os.path.getsize(path) < 32 << 20]
        found.sort()
        random.Random(1).shuffle(found)
        return found

    def copy_of_system(self, directory, wanted=500_000_000):
        size = 0
        for path in self.system_files():
            if size >= wanted:
                break
            target = directory / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            size += target.stat().st_size

    def cuttings(self, directory, count=60_000):
        """Pieces of text: half of them below 2 kB, a tenth above 10 kB."""
        text = self.work / "text"
        with text.open("wb") as file:
            for path in self.system_files((".py", ".h", ".txt", ".pm", ".js", ".c", ".json", ".sh", ".pl", ".html")):
                if file.tell() > 60_000_000:
                    break
                with open(path, "rb") as source:
                    shutil.copyfileobj(source, file)
        shuffled = random.Random(1)
        room = text.stat().st_size
        with text.open("rb") as source:
            for number in range(count):
                length = min(int(shuffled.lognormvariate(7.55, 1.35)) + 20, 200_000, room)
                source.seek(shuffled.randrange(room - length + 1))
                target = directory / f"{number // 40}" / f"{number % 3}" / f"{number}.js"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read(length))
        text.unlink()

    def watch(self):
        directory = self.source("watched", ["/bin/true"], ["word"])
        process = subprocess.Popen(
            [self.drydock, "run", "--watch", "--progress", "json"], cwd=directory, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seconds = []
        try:
            self.await_event(process, "build-ended")
            for _ in range(self.runs):
                # Long enough for the next build's launcher to be there, as it is when a person types.
                time.sleep(0.1)
                start = time.monotonic()
                (pathlib.Path(directory) / "word").write_text("changed")
                self.await_event(process, "build-started")
                seconds.append(time.monotonic() - start)
                self.await_event(process, "build-ended")
        finally:
            process.terminate()
            process.wait()
        self.say("--watch, from a change to the next build", statistics.median(seconds) * MILLISECOND,
                 "at most 100 ms", True, 100, "ms", f"{spread(seconds)} ms")

    def await_event(self, process, name):
        for line in process.stdout:
            if json.loads(line).get("event") == name:
                return
        raise SystemExit(f"bench: `drydock run --watch` ended before `{name}`")


def spread(seconds):
    values = [value * MILLISECOND for value in seconds]
    return f"{min(values):.1f}/{statistics.median(values):.1f}/{max(values):.1f}"


def measure(options):
    name = pwd.getpwuid(os.getuid()).pw_name
    print(f"as {name}, {options.runs} runs; times are minimum/median/maximum")
    work = pathlib.Path(os.environ["DRYDOCK_BENCH_WORK"])
    bench = Bench(work, options.runs)
    for directory in ("home", "state"):
        (work / directory).mkdir()
    bench.start()
    bench.lint()
    bench.further_commands()
    bench.output()
    bench.masking()
    bench.large_source()
    bench.caches()
    bench.artifacts()
    bench.watch()
    return bench.broken


def forget_podman(folder, user):
    """What podman leaves mounted, or owned by ids that only its own user namespace may remove."""
    with open("/proc/self/mounts") as mounts:
        left = [line.split()[1] for line in mounts if line.split()[1].startswith(folder)]
    for mount in reversed(left):
        subprocess.run(["umount", mount], check=False)
    if shutil.which("podman") and user.pw_uid != 0:
        subprocess.run(
            ["podman", "unshare", "rm", "-rf", f"{folder}/podman"], cwd=folder, stderr=subprocess.DEVNULL,
            env={"HOME": f"{folder}/home", "PATH": os.environ["PATH"]}, check=False, **identity(user))


def identity(user):
    if user.pw_uid == os.getuid():
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def make_nothing(folder):
    """A program that does nothing, linked as drydock is."""
    source = folder / "nothing.swift"
    source.write_text("@main enum Nothing { static func main() {} }\n")
    swiftc = shutil.which("swiftc")
    flags = "-O -parse-as-library -static-executable -use-ld=lld -Xlinker -s".split()
    if swiftc:
        subprocess.run([swiftc, *flags, source, "-o", folder / "bin" / "nothing"], cwd=folder, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=30, help="runs of each thing that is short")
    parser.add_argument("--user", default="drydock-range", help="the ordinary user, when root measures")
    parser.add_argument("--strict", action="store_true", help="fail when a promise is not kept")
    options = parser.parse_args()
    if "DRYDOCK_BENCH_WORK" in os.environ:
        sys.exit(min(measure(options), 100))

    release = ROOT / ".build" / "release"
    for program in PROGRAMS:
        if not (release / program).exists():
            sys.exit(f"bench: {release / program} is not there: run `make release` first")
    users = [pwd.getpwuid(os.getuid())]
    if os.getuid() == 0:
        try:
            users.append(pwd.getpwnam(options.user))
        except KeyError:
            print(f"bench: no user {options.user}; `make test` makes one, or name another by --user", file=sys.stderr)
    broken = 0
    # All folders go at the end: removing the many files of one series would be charged to the next.
    with contextlib.ExitStack() as folders:
        for user in users:
            # Not below /tmp, which may be memory: an overlay's cost is that of a disk.
            folder = folders.enter_context(tempfile.TemporaryDirectory(
                prefix="drydock-bench-", dir="/var/tmp", ignore_cleanup_errors=True))
            folders.callback(forget_podman, folder, user)
            work = pathlib.Path(folder)
            # ext4 looks past every inode freed in the last minutes, one by one, when it makes a file in the same group
            # (recently_deleted in fs/ext4/ialloc.c): the 60,000 files of an earlier run would be charged to this one.
            # Below a top directory each directory gets a group of its own.
            subprocess.run(["chattr", "+T", folder], stderr=subprocess.DEVNULL, check=False)
            (work / "bin").mkdir()
            for program in PROGRAMS:
                shutil.copy2((release / program).resolve(), work / "bin" / program)
            make_nothing(work)
            os.chmod(work, 0o755)
            os.chown(work, user.pw_uid, user.pw_gid)
            own = user.pw_uid == os.getuid()
            # The checkout and this Python may lie where the other user may not look.
            script = __file__ if own else shutil.copy(__file__, work / "bench.py")
            result = subprocess.run(
                [sys.executable if own else "/usr/bin/python3", script, "--runs", str(options.runs)],
                env={**os.environ, "DRYDOCK_BENCH_WORK": folder}, cwd=folder, **identity(user))
            broken += result.returncode
    if broken:
        print(f"{broken} promises were not kept in this run")
    sys.exit(1 if broken and options.strict else 0)


if __name__ == "__main__":
    main()
