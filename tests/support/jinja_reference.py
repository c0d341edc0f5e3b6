"""Python's Jinja2, set up as transformers sets it up for chat templates: the reference for `bantam template`."""

import functools
import json
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = datetime(2024, 7, 26, 12, 30, 0)
NOW_TEXT = NOW.strftime("%Y-%m-%dT%H:%M:%S")


class GenerationTag(jinja2.ext.Extension):
    """{% generation %} ... {% endgeneration %}: prints its body, in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    @staticmethod
    def _print(caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def make_environment(kind):
    environment = kind(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = NOW.strftime
    return environment


IMMUTABLE = make_environment(jinja2.sandbox.ImmutableSandboxedEnvironment)
# Templates that append to a list or pop from one fail in transformers, and work in other programs and here.
MUTABLE = make_environment(jinja2.sandbox.SandboxedEnvironment)


@functools.lru_cache(maxsize=None)
def compile_template(environment, template):
    return environment.from_string(template)


def render(template, variables):
    """-> (text, None) or (None, error)."""
    variables = {"tools": None, "documents": None, "add_generation_prompt": True, **variables}
    for environment in (IMMUTABLE, MUTABLE):
        try:
            # Templates may change what they are given.
            text = compile_template(environment, template).render(**json.loads(json.dumps(variables)))
            text.encode("utf-8")
            return text, None
        except jinja2.exceptions.SecurityError as error:
            failure = error
        except (jinja2.exceptions.TemplateError, TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, SyntaxError,
                RecursionError) as error:  # fmt: skip
            return None, error
    return None, failure
