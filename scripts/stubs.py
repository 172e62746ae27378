"""Generates the Python modules and typing stubs of protos/ into stubs/.

The whole folder is built beside the old one and put in its place by two renames, and only where something
changed, so that a process which imports from it meanwhile does not see half of it. The google.* modules come
from googleapis-common-protos; third_party/ is on the include path only.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def main() -> int:
    """Generate; 0 when every proto compiled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "stubs", help="folder to replace")
    output: Path = parser.parse_args().output.resolve()
    sources = sorted((ROOT / "protos").rglob("*.proto"))
    if not sources:
        print("stubs: protos/ holds no .proto file, nothing to generate", file=sys.stderr)
        return 1
    with (output.parent / f".{output.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would swap each other's folders away
        changed = False
        fresh = Path(tempfile.mkdtemp(prefix=f".{output.name}-new-", dir=output.parent))
        try:
            status = _compile(sources, fresh)
            if status == 0:
                _make_packages(fresh)
                changed = _contents(fresh) != _contents(output)
                if changed:
                    _swap(fresh, output)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    if status == 0:
        print(f"stubs: {len(sources)} protos -> {output.name}/{'' if changed else ' (nothing changed)'}")
    return status


def _compile(sources: list[Path], target: Path) -> int:
    """Run protoc with the plugins that live beside this interpreter, which need not be on the PATH."""
    os.environ["PATH"] = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [
        "protoc",
        f"--proto_path={ROOT / 'protos'}",
        f"--proto_path={ROOT / 'third_party'}",
        f"--proto_path={WELL_KNOWN}",
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
        "--include_source_info",  # comments, which the REST documentation is made of
        f"--descriptor_set_out={target / 'igny8' / 'descriptors.binpb'}",
        *(str(source) for source in sources),
    ]
    return int(protoc.main(command))


def _make_packages(target: Path) -> None:
    """Turn every generated folder into a typed package."""
    target.chmod(0o755)  # mkdtemp made it private; whoever runs the program may be another user
    for folder in sorted(path for path in target.rglob("*") if path.is_dir()):
        (folder / "__init__.py").touch()
    for package in target.iterdir():
        (package / "py.typed").touch()


def _contents(folder: Path) -> dict[Path, bytes]:
    """Every generated file by its path relative to `folder`; empty when there is no such folder."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in {".py", ".pyi", ".typed", ".binpb"}
    }


def _swap(fresh: Path, output: Path) -> None:
    """Put `fresh` where `output` is; the gap between the two renames is the only moment without it."""
    old = output.with_name(f".{output.name}-old-{os.getpid()}")
    if output.exists():
        output.rename(old)
    fresh.rename(output)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
