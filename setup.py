"""Build of the C kernels and list of packages. All other metadata of the project is in pyproject.toml."""

import hashlib
import os
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

KERNELS = Path("simam/kernels")
SOURCES = ("cpu.c", "cpu_maps.h")  # the same list as in simam/kernels/cpu.py, which cannot be imported during the build
SOURCE = hashlib.sha256(b"".join((KERNELS / name).read_bytes() for name in SOURCES)).hexdigest()

setup(
    # The top-level folder of suites is installed as package data, so that suites are found by name from any folder.
    packages=[*find_packages(include=["bench*", "simam*"]), "bench.suites", "bench.suites.recipes"],
    package_dir={"bench.suites": "suites", "bench.suites.recipes": "suites/recipes"},
    ext_modules=[
        Extension(
            "simam.kernels._cpu",
            [str(KERNELS / "cpu.c")],
            depends=[str(KERNELS / name) for name in SOURCES],
            define_macros=[("SOURCE", f'"{SOURCE}"')],
            extra_compile_args=["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi", "-fopenmp"],
            extra_link_args=["-fopenmp", *(["-lm"] if sys.platform == "linux" else [])],
            # If the build fails, SimAM falls back to the eager formula. A comparison of two builds sets this variable,
            # so that a failure is not hidden.
            optional=os.environ.get("SIMAM_KERNELS") != "required",
        )
    ],
)
