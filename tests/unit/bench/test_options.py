import pytest

from bench.options import MEASURES, PEERS, QUICK, ROOT, Plan, parse


def test_without_options_it_is_the_complete_run_into_bench():
    options = parse([])
    assert (options.plan, options.measures, options.peers) == (Plan(), MEASURES, PEERS)
    assert options.complete
    assert options.output == ROOT / "bench"


@pytest.mark.parametrize(
    "argv",
    [
        ["--quick"],
        ["--rounds", "4"],
        ["--only", "copy"],
        ["--peers", "direct,haproxy,stunnel,pgward"],
    ],
)
def test_a_partial_run_never_replaces_the_record(argv):
    options = parse(argv)
    assert not options.complete
    assert options.output == ROOT / "build" / "bench"


def test_sizes_can_be_chosen(tmp_path):
    options = parse(["--quick", "--rounds", "3", "--seconds", "2", "--output", str(tmp_path)])
    assert (options.plan.rounds, options.plan.seconds) == (3, 2)
    assert options.plan.copy_megabytes == QUICK.copy_megabytes
    assert options.output == tmp_path


def test_names_come_in_the_order_given_and_once():
    assert parse(["--only", "delay,copy,delay"]).measures == ("delay", "copy")


@pytest.mark.parametrize("argv", [["--only", "nothing"], ["--peers", ""], ["--rounds", "0"]])
def test_a_wrong_option_is_a_usage_error(argv, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse(argv)
    assert exit_.value.code == 2
    assert "is none of" in capsys.readouterr().err or argv[0] == "--rounds"


def test_an_extra_peer_is_measured_on_request_and_never_for_the_record():
    assert parse(["--peers", "haproxy-full,pgward"]).peers == ("haproxy-full", "pgward")
    assert parse([]).peers == PEERS
