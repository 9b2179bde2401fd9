#!/usr/bin/env python3
"""Sets values in an application's settings, a JSON file, and takes them back when the application refuses them.

  { "version": "1.0", "steps": [{ "action": { "name": "Settings", "type": "runHandler",
    "input": { "handler": "update-settings.py", "path": "default",
               "args": ["/etc/my-app/settings.json", "interval=30", "name=\\"north\\"", "--check", "my-app --check"] } } }] }

Run twice it does what it does once: a step that was cut off runs again from its beginning.
"""

import hashlib
import json
import os
import pathlib
import shlex
import shutil
import stat
import subprocess
import sys

LATER = 21  # exit code: not now, the agent tries again later


def progress(percent, message, **details):
    """Reaches the cloud while the step runs. The descriptor may be missing (runAsUser through sudo)."""
    descriptor = os.environ.get("JOB_PROGRESS_FD")
    if descriptor is not None:
        line = json.dumps({"percent": percent, "message": message, "details": details})
        os.write(int(descriptor), line.encode() + b"\n")


def write_atomically(file, content):
    """A reader of the file, and a loss of power, sees the old content or the new, and never a part."""
    before = file.stat()
    temporary = file.with_name(file.name + ".part")
    temporary.unlink(missing_ok=True)
    # "x": a new file, and never what a link of that name leads to. Nobody else reads it before it is what it is to be.
    with open(temporary, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        stream.write(content)
        stream.flush()
        after = os.fstat(stream.fileno())
        if (after.st_uid, after.st_gid) != (before.st_uid, before.st_gid):
            os.fchown(stream.fileno(), before.st_uid, before.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(before.st_mode))
        os.fsync(stream.fileno())
    os.replace(temporary, file)


def keep_original(file):
    """What was there before the first attempt of this step: a copy that the next attempts find again."""
    # The scratch directory is this job's own, kept between attempts and shared by its steps.
    name = hashlib.sha256(os.path.abspath(file).encode()).hexdigest()[:16]
    original = pathlib.Path(os.environ["JOB_SCRATCH_DIR"], f"step-{os.environ['JOB_STEP']}-{name}.json")
    # Steps of the cleanup are counted from 1 too: what a first attempt finds is not its own.
    if os.environ["JOB_ATTEMPT"] == "1" or not original.exists():
        shutil.copyfile(file, original.with_suffix(".copying"))
        os.replace(original.with_suffix(".copying"), original)
    return original.read_text(encoding="utf-8")


def main(arguments):
    # The user that the step runs as, or empty: the agent's own. The document's args come after it.
    _user, file, *rest = arguments
    check = None
    if "--check" in rest:
        at = rest.index("--check")
        check, rest = shlex.split(rest[at + 1]), rest[:at]
    changes = {}
    for word in rest:
        key, separator, value = word.partition("=")
        if separator == "":
            sys.exit(f"expected key=value, got {word!r}")
        changes[key] = json.loads(value)

    file = pathlib.Path(file)
    if file.with_name(file.name + ".lock").exists():
        print("the application is changing its settings")
        return LATER

    original = keep_original(file)
    progress(10, "changing", keys=", ".join(sorted(changes)))
    settings = json.loads(original)
    write_atomically(file, json.dumps({**settings, **changes}, indent=2) + "\n")

    if check is not None:
        progress(50, "checking")
        if subprocess.run(check, check=False).returncode != 0:
            write_atomically(file, original)
            sys.exit(f"{shlex.join(check)} refused the settings: the old ones are back")
    progress(100, "changed", attempt=os.environ["JOB_ATTEMPT"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
