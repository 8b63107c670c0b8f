"""What pyproject.toml cannot say: man pages and completions are made while building, from the program's own options.

A wheel has them under share/. Man pages need scdoc; where it is missing those that the sdist holds are taken, and in
a checkout they are left out, with a warning. An sdist is never made without them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup  # first: it brings distutils to Pythons that have none
from setuptools.command.sdist import sdist

from distutils.command.install_data import install_data  # isort: skip

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # where setuptools is called by a frontend, this folder is not on it

from buildinfo.cli.manual import completions, pages  # noqa: E402


def render(folder: Path) -> list[Path]:
    """Write the man pages into a folder; none, with a warning, where that cannot be done."""
    done = []
    for name, source in pages().items():
        page, shipped = folder / name, ROOT / "man" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        if shutil.which("scdoc"):
            page.write_bytes(
                subprocess.run(["scdoc"], input=source.encode(), stdout=subprocess.PIPE, check=True).stdout
            )
        elif shipped.exists():
            shutil.copyfile(shipped, page)
        else:
            print("warning: no man pages: there is no scdoc", file=sys.stderr)
            return []
        done.append(page)
    return done


class InstallData(install_data):
    """Adds the pages and completions to the data files."""

    def run(self) -> None:
        made = ROOT / "build" / "share"
        shutil.rmtree(made, ignore_errors=True)
        self.data_files = list(self.data_files or [])
        for page in render(made / "man"):
            self.data_files.append((f"share/man/man{page.name[-1]}", [str(page)]))
        for name, text in completions().items():
            file = made / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            self.data_files.append((f"share/{Path(name).parent}", [str(file)]))
        super().run()


class Sdist(sdist):
    """Adds the rendered pages, and says neither who packed it, nor when, nor with which umask."""

    def finalize_options(self) -> None:
        self.owner = self.group = "root"
        super().finalize_options()

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        if not render(Path(base_dir, "man")):
            raise SystemExit("an sdist holds man pages, and there is no scdoc to make them")
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        for folder, _, names in os.walk(base_dir, topdown=False):
            for path in (*(Path(folder, name) for name in names), Path(folder)):
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
                if epoch:
                    os.utime(path, (int(epoch), int(epoch)))


setup(cmdclass={"install_data": InstallData, "sdist": Sdist})
