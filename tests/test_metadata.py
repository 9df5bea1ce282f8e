"""What stands beside the code says the same as the code."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import yaml

import edgefake

ROOT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert citation["version"] == edgefake.__version__
    assert citation["license"] == setup["metadata"]["license_expression"]


def test_hosted_checks_are_those_of_any_machine() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text())
    assert [step["run"] for step in workflow["jobs"]["checks"]["steps"] if "run" in step] == [".ci/run"]
    commands = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    install, checks = commands[1].strip().rsplit(" && ", 1)
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert install in script and script[-1] == checks


def test_templates_ask_what_they_name() -> None:
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        template = yaml.safe_load(path.read_text())
        assert template["name"] and template["description"]
        assert all(part["type"] == "markdown" or part["attributes"]["label"] for part in template["body"])


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_every_extra_is_told() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    table = (ROOT / "docs" / "index.md").read_text().partition("## What an extra brings")[2]
    assert [name for name in setup["options.extras_require"] if f"`{name}`" not in table] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 20 and [link for link in links if not (ROOT / link).exists()] == []
