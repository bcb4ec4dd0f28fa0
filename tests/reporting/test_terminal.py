"""What a person sees at the end of `loadtest run`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loadtest.reporting.terminal import MOST_ENDPOINTS, print_run, print_view
from tests.support.reading import repeated
from tests.support.run_folders import build_run_folder


def printed(folder, *, width=140, color=False):
    out = io.StringIO()
    colors = "truecolor" if color else None
    print_run(folder, console=Console(file=out, width=width, force_terminal=color, color_system=colors))
    return out.getvalue()


def test_table_verdict_reasons_steps_and_paths(tmp_path):
    folder = build_run_folder(tmp_path, outcome="fail")
    text = printed(folder)
    row = next(line for line in text.splitlines() if "GET /api/v1/students/{id}" in line)
    assert row.split()[2:] == ["5,400", "30.0", "11.8", "31.6", "47.6", "0.74", "%", "p95", "≤", "72", "✗", "Fail"]
    assert "✗ FAIL" in text
    assert "loadtest explain" in text
    assert f"Run folder  {folder.path}" in text


def test_what_became_slower_is_one_line_and_no_sentence_comes_twice(tmp_path):
    text = printed(build_run_folder(tmp_path, outcome="fail"))
    assert "  ✗ GET /api/v1/students/{id} p95 24.1 → 31.6 ms, +31 % (+14 to +50 %)" in text
    assert "adj. p" not in text  # the statistics are in the report
    assert repeated(text.splitlines()) == []


def test_undecided_findings_are_a_count(tmp_path):
    text = printed(build_run_folder(tmp_path, outcome="inconclusive"))
    assert "  ? 6 undecided: too little evidence either way." in text


def test_a_report_is_named_once_it_is_there(tmp_path):
    folder = build_run_folder(tmp_path)
    assert str(folder.report) not in printed(folder)
    folder.report.write_text("written")
    assert f"Report      {folder.report}\n" in printed(folder)


def test_paths_are_not_broken_by_a_narrow_terminal(tmp_path):
    folder = build_run_folder(tmp_path)
    assert f"{folder.path}\n" in printed(folder, width=60)


def test_a_narrow_terminal_keeps_the_ends_of_names(tmp_path):
    folder = build_run_folder(tmp_path, endpoints=["GET /api/v1/students/{id}/enrollments", "GET /api/v1/students/{id}/grades"])
    lines = printed(folder, width=80).splitlines()
    assert max(len(line) for line in lines[:6]) <= 80
    assert sum("GET …/{id}/grades " in line for line in lines) == 1


def test_a_log_that_nobody_watches_keeps_whole_names(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "GET /api/v1/students/{id}/enrollments/{id}/grades"
    print_run(build_run_folder(tmp_path, endpoints=[name, "GET /b"], outcome="pass"))
    assert f"{name} " in capsys.readouterr().out


@pytest.mark.parametrize("outcome", ["pass", "inconclusive", "invalid", None])
def test_every_outcome_is_said(tmp_path, outcome):
    words = {"pass": "PASS", "inconclusive": "INCONCLUSIVE", "invalid": "INVALID", None: "NOT RUN"}
    assert words[outcome] in printed(build_run_folder(tmp_path, outcome=outcome))


def test_hostile_names_send_no_terminal_codes_and_are_no_markup(tmp_path):
    text = printed(build_run_folder(tmp_path, endpoints=["[bold red]x[/bold red]", "[/]", "GET /a"], hostile=True))
    assert "\x1b" not in text
    assert "[bold red]x[/bold red]" in text
    assert "\u202e" not in text


def test_with_colors_only_our_own_codes(tmp_path):
    plain, colored = (printed(build_run_folder(tmp_path, hostile=True), color=color) for color in (False, True))
    assert "\x1b]8;" not in colored
    assert "\x1b[31mred" not in colored
    assert len(colored) > len(plain)


def test_very_many_endpoints_are_cut(view_of):
    out = io.StringIO()
    print_view(view_of(endpoints=500), Console(file=out, width=140))
    assert out.getvalue().count("GET /api") <= MOST_ENDPOINTS + 5
    assert "460 more endpoints in the report." in out.getvalue()


def test_a_run_without_files_still_prints(tmp_path):
    folder = build_run_folder(tmp_path, without=("plan", "load", "metrics", "analysis", "regression_report", "verdict"))
    assert "NO VERDICT" in printed(folder)
