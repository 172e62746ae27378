"""Lists and runs the benchmarks: `python -m bench [NAME ...]`; without a name, all of them.

A benchmark is a file of this folder that is run by itself and prints its ratio to a baseline measured in the same run.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 1800


def names() -> list[str]:
    """Return the benchmarks, in order."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    """Run what was named; 2 when there is no such benchmark, else the first exit code that is not 0."""
    if "--list" in wanted:
        sys.stdout.write("".join(f"{name}\n" for name in names()))
        return 0
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names()) or 'none'}\n")
        return 2
    for name in wanted or names():
        sys.stdout.write(f"── {name}\n")
        sys.stdout.flush()
        status = subprocess.run(
            [sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent, timeout=TIMEOUT_S, check=False
        ).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
