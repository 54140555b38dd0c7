#!/usr/bin/env python3
"""Checks the dependencies of the workspace and of the Python package by deny.toml: licenses, several versions of one crate, sources.

It reads the part of cargo-deny's format that deny.toml uses and asks cargo only, so it needs no network and no other program.
Exceptions in deny.toml that nothing needs any more are faults too.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tomllib

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# What is built: the workspace, and the Python package outside it.
MANIFESTS = ["Cargo.toml", "emulator/python/Cargo.toml"]
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def packages(graph, manifest):
    """All packages that a build of the manifest for one of the targets uses, by their id."""
    found = {}
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", manifest]
    if graph.get("all-features"):
        command.append("--all-features")
    for target in graph["targets"]:
        run = subprocess.run(
            [*command, "--filter-platform", target], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
        )
        metadata = json.loads(run.stdout)
        used = {node["id"] for node in metadata["resolve"]["nodes"]}
        found.update((package["id"], package) for package in metadata["packages"] if package["id"] in used)
    return found


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met with these licenses. Old crates write "/" for OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        met = conjunction()
        while words and words[0] == "OR":
            words.pop(0)
            met = conjunction() or met
        return met

    def conjunction():
        met = license_or_group()
        while words and words[0] == "AND":
            words.pop(0)
            met = license_or_group() and met
        return met

    def license_or_group():
        word = words.pop(0)
        if word == "(":
            met = alternatives()
            words.pop(0)
            return met
        if words and words[0] == "WITH":
            words.pop(0)
            word += " WITH " + words.pop(0)
        return word in allowed

    return alternatives()


def license_faults(found, rules):
    faults, needed = [], set()
    exceptions = {exception["crate"]: exception["allow"] for exception in rules.get("exceptions", [])}
    for package in found:
        name, expression = package["name"], package["license"]
        if not expression:
            faults.append(f"{name} {package['version']} names no license")
        elif not is_allowed(expression, rules["allow"]):
            needed.add(name)
            if not is_allowed(expression, [*rules["allow"], *exceptions.get(name, [])]):
                faults.append(f"{name} {package['version']} has the license {expression}, which deny.toml does not allow")
    faults += [f"deny.toml has an exception for {name}, which needs none" for name in exceptions.keys() - needed]
    return faults


def duplicate_faults(builds, rules):
    skipped = {skip["crate"] for skip in rules.get("skip", [])}
    faults, known = [], set()
    for manifest, found in builds.items():
        versions = collections.defaultdict(set)
        for package in found.values():
            versions[package["name"]].add(package["version"])
        for name, several in versions.items():
            left = sorted(version for version in several if f"{name}@{version}" not in skipped)
            if len(left) > 1:
                found_in = f"{name} is there in the versions {', '.join(left)} for {manifest}"
                faults.append(f"{found_in}; update, or add one to deny.toml with the reason")
        known |= {f"{name}@{version}" for name, several in versions.items() if len(several) > 1 for version in several}
    faults += [f"deny.toml skips {crate}, which is no duplicate" for crate in skipped - known]
    return faults


def source_faults(found):
    strange = [package for package in found if package["source"] not in (None, CRATES_IO)]
    return [f"{package['name']} comes from {package['source']}, not from crates.io" for package in strange]


def main():
    rules = tomllib.loads((REPOSITORY / "deny.toml").read_text())
    builds = {manifest: packages(rules["graph"], manifest) for manifest in MANIFESTS}
    found = list({package: facts for build in builds.values() for package, facts in build.items()}.values())
    faults = license_faults(found, rules["licenses"]) + duplicate_faults(builds, rules["bans"]) + source_faults(found)
    for fault in sorted(faults):
        print(fault)
    duplicates = len(rules["bans"].get("skip", []))
    print(f"{len(found)} packages, {duplicates} versions beside another one with a reason, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
