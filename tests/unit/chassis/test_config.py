"""The environment: every mistake is shown at once, by name."""

import pytest

from chassis.config import ConfigurationError, Environment


class TestEnvironment:
    def test_reads_what_is_there_and_falls_back_to_defaults(self) -> None:
        environment = Environment({"A": "x", "N": "7", "F": "yes"})
        assert (environment.text("A"), environment.text("B", "b")) == ("x", "b")
        assert (environment.integer("N", 1), environment.integer("M", 1)) == (7, 1)
        assert (environment.flag("F"), environment.flag("G"), environment.flag("G", default=True)) == (
            True,
            False,
            True,
        )
        environment.done()

    def test_every_problem_is_named(self) -> None:
        environment = Environment({"N": "many", "BIG": "9", "F": "maybe"})
        environment.text("A")
        environment.integer("N", 1)
        environment.integer("BIG", 1, most=8)
        environment.flag("F")
        with pytest.raises(ConfigurationError) as refused:
            environment.done()
        assert all(name in str(refused.value) for name in ("A is not set", "N must be", "BIG must be", "F must be"))
