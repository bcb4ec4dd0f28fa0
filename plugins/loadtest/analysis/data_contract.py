"""The data contract, checked by Great Expectations after the last load: is this data fit to be judged?

Importing Great Expectations takes seconds: import this module's functions freely, call them when no load runs.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from loadtest.analysis.contract_rules import Rule, rules
from loadtest.analysis.contract_tables import ContractTables, build_tables
from loadtest.analysis.data_docs import publish_docs
from loadtest.analysis.models import ContractCheck, DataContract, RunMetrics
from loadtest.analysis.samples import SampleFile
from loadtest.errors import ConfigurationError
from loadtest.load.models import LoadResult
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

_TABLES = ("run", "metrics", "samples")


def check_contract(folder: RunFolder) -> DataContract:
    """Check, write `data_contract.json` and the Data Docs, and return the result. Never raises.

    Data that is missing or damaged is a failed check; machinery that breaks (Great Expectations, a full disk) gives
    `passed=False` with `error`. An older result is removed first, so that none can be taken for this one.
    """
    with contextlib.suppress(OSError):
        folder.data_contract.unlink(missing_ok=True)
    try:
        contract = _check(folder)
    except Exception as error:  # whatever breaks in the machinery must be seen in the verdict, not end the run
        contract = broken_contract(folder, f"{type(error).__name__}: {error}")
    return keep(folder, contract)


def broken_contract(folder: RunFolder, problem: str) -> DataContract:
    return DataContract(run_id=folder.run_id, passed=False, checks=(), error=" ".join(problem.split())[:500])


def keep(folder: RunFolder, contract: DataContract) -> DataContract:
    """Write the result; one that cannot be written is no pass: the verdict would not see it."""
    try:
        contract.write(folder.data_contract)
    except OSError as error:
        return contract.model_copy(update={"passed": False, "error": f"data_contract.json cannot be written: {error}"})
    return contract


def _check(folder: RunFolder) -> DataContract:
    try:
        run_id = Plan.read(folder.plan).run_id
        load = LoadResult.read(folder.load)
        metrics = RunMetrics.read(folder.metrics)
        tables = build_tables(load, metrics, SampleFile(folder.samples))
    except ConfigurationError as error:
        unreadable = ContractCheck(name="readable", passed=False, sentence=str(error).rstrip("."))
        return DataContract(run_id=folder.run_id, passed=False, checks=(unreadable,))
    applied = [rule for rule in rules() if rule.applies(load)]
    with tempfile.TemporaryDirectory(prefix="loadtest-contract-") as site:
        results = _validate(tables, applied, Path(site))
        checks = tuple(_judge(rule, results[rule.name]) for rule in applied)
        passed = all(check.passed for check in checks)
        docs: str | None = None
        notes: tuple[str, ...] = ()
        try:
            docs = publish_docs(Path(site), folder.data_docs, run_id, passed, checks)
        except OSError as error:
            notes = (f"The Data Docs could not be written: {error}.",)
    return DataContract(run_id=run_id, passed=passed, checks=checks, data_docs=docs, notes=notes)


def _validate(tables: ContractTables, applied: list[Rule], site: Path) -> dict[str, Any]:
    """Run all rules; returns the expectations' results by the rules' names and leaves the Data Docs in `site`."""
    gx = import_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    context.add_data_docs_site(
        "run",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
        },
    )
    source = context.data_sources.add_pandas("loadtest")
    found: dict[str, Any] = {}
    for table in _TABLES:
        suite = context.suites.add(gx.ExpectationSuite(name=table))
        for rule in (rule for rule in applied if rule.table == table):
            expectation = getattr(gx.expectations, rule.expectation)
            suite.add_expectation(
                expectation(**rule.arguments, meta={"rule": rule.name}, notes=f"{rule.sentence[0].upper()}{rule.sentence[1:]}.")
            )
        batch = source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=table, data=batch, suite=suite))
        found |= _by_rule(definition.run(batch_parameters={"dataframe": getattr(tables, table)}))
    context.build_data_docs(site_names=["run"])
    return found


def import_great_expectations() -> Any:
    """The library with its analytics off: no request leaves this machine."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations

    return great_expectations


def _by_rule(validation: Any) -> dict[str, Any]:
    return {result.expectation_config.meta["rule"]: result for result in validation.results}


def _judge(rule: Rule, result: Any) -> ContractCheck:
    if result.success:
        return ContractCheck(name=rule.name, passed=True, sentence=rule.sentence)
    return ContractCheck(name=rule.name, passed=False, sentence=f"{rule.sentence} ({_seen(result)})")


def _seen(result: Any) -> str:
    """What was found instead, short."""
    problem = next((info.get("exception_message") for info in _exceptions(result) if info.get("exception_message")), None)
    if problem:
        return f"it could not be checked: {' '.join(str(problem).split())[:200]}"
    details = result.result
    if "unexpected_count" in details:
        examples = ", ".join(_number(value) for value in details.get("partial_unexpected_list", [])[:3])
        if details["element_count"] == 1:
            return f"found {examples}"
        return f"{details['unexpected_count']} of {details['element_count']} rows break it, such as {examples}"
    return f"found {str(details.get('observed_value'))[:200]}"


def _exceptions(result: Any) -> list[dict[str, Any]]:
    info = result.exception_info or {}
    return [info] if "raised_exception" in info else [entry for entry in info.values() if isinstance(entry, dict)]


def _number(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(_number(part) for part in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:80]
