"""The rules in their order, and a file looked at by those that are wanted. A rule is imported when it is looked at."""

from importlib import import_module

from sampan.lint.control import Control
from sampan.lint.findings import Finding, Rule
from sampan.lint.subject import Subject

# The order in which findings on one line are told: what the text shows first, then bases, then what stages do.
MODULES = (
    "stage_name_casing",
    "reserved_stage_name",
    "from_as_casing",
    "maintainer_deprecated",
    "no_empty_continuation",
    "consistent_instruction_casing",
    "invalid_definition_description",
    "duplicate_stage_name",
    "invalid_default_arg_in_from",
    "undefined_arg_in_from",
    "redundant_target_platform",
    "from_platform_flag_const_disallowed",
    "invalid_base_image_platform",
    "undefined_var",
    "legacy_key_value_format",
    "secrets_used_in_arg_or_env",
    "workdir_relative_path",
    "json_args_recommended",
    "multiple_instructions_disallowed",
    "expose_proto_casing",
    "expose_invalid_format",
    "copy_ignored_file",
)


def rules() -> tuple[Rule, ...]:
    """All rules, in the order of their findings on one line."""
    return tuple(import_module(f"sampan.lint.rules.{name}").RULE for name in MODULES)


def check(subject: Subject, control: Control) -> tuple[Finding, ...]:
    """What the wanted rules find, by line, each place once."""
    found: dict[Finding, None] = {}
    for rule in rules():
        if control.wants(rule):
            found.update(
                dict.fromkeys(Finding(rule.id, message, first, last) for first, last, message in rule.check(subject))
            )
    return tuple(sorted(found, key=lambda finding: finding.first))
