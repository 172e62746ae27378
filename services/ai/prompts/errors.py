"""What can be wrong with a prompt.

PromptError
├── UnknownTemplate   no function of this name
├── BadTemplate       an override that cannot be used, with every reason
├── MissingVariable   the owner did not prepare something the template needs
└── BadVariable       a setting that is no plain word or number
"""

from collections.abc import Sequence


class PromptError(ValueError):
    """A prompt cannot be made."""


class UnknownTemplate(PromptError):
    """No template of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no prompt template {name!r}; there are {', '.join(known)}.")
        self.name = name


class BadTemplate(PromptError):
    """A template text that cannot be used; `problems` has one sentence for each reason."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(f"The template for {name!r} cannot be used: {' '.join(problems)}")
        self.name = name
        self.problems = tuple(problems)


class MissingVariable(PromptError):
    """A variable that the template uses was not given."""

    def __init__(self, template: str, variable: str) -> None:
        super().__init__(f"The template {template!r} needs the variable {variable!r}, and it was not given.")
        self.variable = variable


class BadVariable(PromptError):
    """A setting that is neither a number nor a plain word, and so could carry instructions."""

    def __init__(self, template: str, variable: str) -> None:
        super().__init__(
            f"The setting {variable!r} of the template {template!r} must be a number or a word of letters, digits, "
            "'-' and '_' (at most 40 characters)."
        )
        self.variable = variable
