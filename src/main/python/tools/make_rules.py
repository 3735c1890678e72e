"""Renders deploy/prometheus/ from its templates: `python3 src/main/python/tools/make_rules.py`.

Templates name parameters as @name@; their values are in parameters.properties. `--set name=value`
overrides one, `--out FOLDER` writes elsewhere: the tests render minutes as seconds that way.
"""

import argparse
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[4] / "deploy" / "prometheus"
PARAMETER = re.compile(r"@([a-z_]+)@")


def parameters(overrides: list[str]) -> dict[str, str]:
    """The parameters of the properties file, with overrides of the form name=value."""
    values = {}
    for line in (FOLDER / "parameters.properties").read_text().splitlines():
        if line and not line.startswith("#"):
            name, value = line.split(" = ", 1)
            values[name] = value
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or name not in values:
            sys.exit(f"--set {override}: want name=value with a name of {', '.join(values)}")
        values[name] = value
    return values


def render(template: str, values: dict[str, str], used: set[str]) -> str:
    """The template with its parameters filled in; a name without a value is an error."""

    def value(match: re.Match) -> str:
        name = match.group(1)
        if name not in values:
            sys.exit(f"@{name}@ is not in parameters.properties")
        used.add(name)
        return values[name]

    return PARAMETER.sub(value, template)


def main() -> None:
    parser = argparse.ArgumentParser(description="Renders deploy/prometheus/ from its templates.")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER, metavar="FOLDER")
    options = parser.parse_args()
    values = parameters(options.set)
    used = set()
    for template in sorted((FOLDER / "templates").glob("*.yaml")):
        header = f"# Made by src/main/python/tools/make_rules.py from templates/{template.name}: change that.\n"
        text = header + render(template.read_text(), values, used)
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / template.name).write_text(text)
    unused = values.keys() - used
    if unused:
        sys.exit(f"no template uses {', '.join(sorted(unused))}")


if __name__ == "__main__":
    main()
