"""Builds the C kernels where there is a compiler; everything else about the package is in pyproject.toml."""

import hashlib
import os
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

KERNELS = Path("simam/kernels")
SOURCES = ("cpu.c", "cpu_maps.h")  # as in simam/kernels/cpu.py, which cannot be imported while the package is built
SOURCE = hashlib.sha256(b"".join((KERNELS / name).read_bytes() for name in SOURCES)).hexdigest()

setup(
    # The top-level folder of suites is package data, so that an installation finds them by name in any folder.
    packages=[*find_packages(include=["bench*", "simam*"]), "bench.suites"],
    package_dir={"bench.suites": "suites"},
    ext_modules=[
        Extension(
            "simam.kernels._cpu",
            [str(KERNELS / "cpu.c")],
            depends=[str(KERNELS / name) for name in SOURCES],
            define_macros=[("SOURCE", f'"{SOURCE}"')],
            extra_compile_args=["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi", "-fopenmp"],
            extra_link_args=["-fopenmp", *(["-lm"] if sys.platform == "linux" else [])],
            # Where it fails the formula runs; whoever compares two builds wants to know instead.
            optional=os.environ.get("SIMAM_KERNELS") != "required",
        )
    ]
)
