"""What the benchmark says of itself is true: parsers, medians, ratios, pages. `python3 -m unittest bench.tests`."""

import asyncio
import json
import os
import pathlib
import tempfile
import unittest

from bench import check, load, process, report, scenarios, streams, websocket
from bench.peer import Peer, fill
from bench.plot import bars, number
from bench.results import Results
from bench.scenarios import idle, single
from bench.targets import TARGETS, verdicts
from bench.words import PEERS, VALUES

WRK = """Running 1s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  5000 requests in 1.00s, 1.00MB read
{}Requests/sec:   4999.00
"""

H2LOAD = """finished in 1.00s, 5000.00 req/s, 1.0MB/s
requests: 5128 total, 5128 started, 5000 done, {} succeeded, {} failed, 0 errored, 0 timeout
status codes: {} 2xx, 0 3xx, {} 4xx, 0 5xx
"""

ABOUT = {
    "began": "2026-01-01 00:00 UTC", "command": "make bench ROUNDS=3", "rounds": 3, "seconds": 1, "users": 1000,
    "machine": {"processor": "P", "cores": 2, "memory_gib": 4, "system": "S", "kernel": "K"}, "versions": {"wxgate": "0"},
}


def some(rows, failures=()):
    """Results of rows `(scenario, peer, value, figures by round)`."""
    results = Results([ABOUT])
    for scenario, peer, value, figures in rows:
        for round, figure in enumerate(figures, 1):
            results.add(scenario, peer, round, {value: figure})
    for name, why in failures:
        results.fail(name, why)
    return results


class Parsers(unittest.TestCase):
    def test_wrk_counts_only_what_was_answered_as_expected(self):
        other = "  Non-2xx or 3xx responses: {}\n"
        self.assertEqual(load.of_wrk(WRK.format("")), 5000)
        self.assertEqual(load.of_wrk(WRK.format(other.format(5000)), 401), 5000)
        for faults, status in ((other.format(1), 200), (other.format(4999), 401), ("", 401),
                               ("  Socket errors: connect 0, read 1, write 0, timeout 0\n", 200)):
            with self.assertRaisesRegex(RuntimeError, "not all"):
                load.of_wrk(WRK.format(faults), status)
        with self.assertRaisesRegex(RuntimeError, "no requests"):
            load.of_wrk("unable to connect")

    def test_h2load_counts_only_what_succeeded(self):
        self.assertEqual(load.of_h2load(H2LOAD.format(5000, 0, 5000, 0)), 5000)
        for numbers in ((4999, 1, 4999, 0), (5000, 0, 4999, 1), (0, 0, 0, 0)):
            with self.assertRaisesRegex(RuntimeError, "not all"):
                load.of_h2load(H2LOAD.format(*numbers))

    def test_oha_tells_delays_in_milliseconds_and_its_rate(self):
        def told(statuses, errors):
            return json.dumps({
                "statusCodeDistribution": statuses, "errorDistribution": errors, "summary": {"requestsPerSec": 99.5},
                "latencyPercentiles": {"p50": 0.001, "p99": 0.02, "p99.9": 0.3},
            })

        good = load.of_oha(told({"200": 9}, {"aborted due to deadline": 3}))
        self.assertEqual(good, {"p50": 1.0, "p99": 20.0, "p999": 300.0, "reached": 99.5})
        for statuses, errors in (({"200": 9, "502": 1}, {}), ({"401": 9}, {}), ({"200": 9}, {"connection refused": 1})):
            with self.assertRaisesRegex(RuntimeError, "not all"):
                load.of_oha(told(statuses, errors))

    def test_proc_is_read_whatever_a_process_is_called(self):
        stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 {} {} 0 0 20 0 1 0 1 1 1"
        self.assertEqual(process.cpu_of_stat(stat.format(process.TICKS, 2 * process.TICKS)), 3.0)
        rollup = "5500-7fff ---p 00000000 00:00 0 [rollup]\nRss:     2048 kB\nPss:     1024 kB\nPss_Dirty:  1 kB\n"
        self.assertEqual(process.memory_of_rollup(rollup), (2 << 20, 1 << 20))

    def test_programs_of_ours_are_read(self):
        self.assertEqual(single.of_sessions("users present     9\nbytes per user    452\n"), {"bytes": 452})
        store = "login longest 1500 us, mean 1 ns, 2 calls\nphone longest 30 us\nlookup longest 20 us, mean 1 ns, 2 calls\nsweep longest 900 us\n"
        self.assertEqual(single.of_store(store), {"login_ms": 1.5, "phone_ms": 0.03, "lookup_ms": 0.02, "sweep_ms": 0.9})
        for parse in (single.of_sessions, single.of_store):
            with self.assertRaises(RuntimeError):
                parse("nothing of it")


class Wire(unittest.TestCase):
    def test_the_service_echoes_what_the_client_sends(self):
        sent = websocket.frame(b"one") + websocket.frame(b"two")
        self.assertEqual(streams.echo_frames(sent + b"\x81"), (websocket.echoed(b"one") + websocket.echoed(b"two"), b"\x81"))

    def test_a_tunnel_through_nothing_but_the_service(self):
        async def play():
            server = await asyncio.get_running_loop().create_server(streams.Service, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]

            def client():
                tunnel = websocket.Tunnel(port, "wxg_")
                tunnel.exchange(b"hello")
                tunnel.close()

            await asyncio.wait_for(asyncio.to_thread(client), 10)
            server.close()

        asyncio.run(play())

    def test_a_request_of_http2_is_as_long_as_it_says(self):
        for token in ("wxg_" + "a" * 64, "x" * 200):
            frame = idle.request(token)
            self.assertEqual(int.from_bytes(frame[:3], "big"), len(frame) - 9)
            self.assertIn(f"Bearer {token}".encode(), frame)


class Figures(unittest.TestCase):
    def test_a_ratio_is_of_the_same_rounds(self):
        results = some([("small-64", "wxgate", "cpu_us", [10, 30, 22]), ("small-64", "nginx", "cpu_us", [10, 20, 20])])
        self.assertEqual(results.ratio("small-64", "wxgate", "nginx"), (1.1, 1.0, 1.5))
        self.assertEqual(results.spread("small-64", "wxgate", "cpu_us"), (22, 10, 30))
        self.assertIsNone(results.ratio("small-64", "wxgate", "haproxy"))

    def test_a_target_is_reached_by_its_median_and_never_unmeasured(self):
        def verdict(ours):
            results = some([("small-64", "wxgate", "cpu_us", ours), ("small-64", "nginx", "cpu_us", [10, 10, 10])])
            return [reached for _, _, reached in verdicts(results)]

        self.assertEqual(verdict([10, 10, 99])[0], True)
        self.assertEqual(verdict([9, 11, 11])[0], False)
        self.assertEqual(set(verdict([9, 9, 9])[1:]), {None})

    def test_results_of_parts_are_joined_and_the_last_counts(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, rows, failures in (
                ("a", [("start", "wxgate", "ms", [9]), ("size", "wxgate", "mib", [3])], []),
                ("b", [("start", "wxgate", "ms", [5])], [("size", "gone")]),
            ):
                results = some(rows, failures)
                results.path = os.path.join(folder, name)
                results.save()
                paths.append(results.path)
            joined = Results.read(paths)
        self.assertEqual(joined.spread("start", "wxgate", "ms"), (5, 5, 5))
        self.assertIsNone(joined.spread("size", "wxgate", "mib"))
        self.assertEqual(joined.data["failures"], {"size": "gone"})
        self.assertEqual(len(joined.data["about"]), 2)

    def test_a_scenario_that_fails_has_no_rows(self):
        results = some([("start", "wxgate", "ms", [5])], [("start", "broken")])
        self.assertEqual(results.scenarios(), set())

    def test_numbers_show_three_figures(self):
        self.assertEqual([number(value) for value in (12345.6, 99.94, 1.234, 0.0456)], ["12,346", "99.9", "1.23", "0.046"])


class Page(unittest.TestCase):
    def pages(self, results):
        with tempfile.TemporaryDirectory() as folder:
            report.write(results, folder)
            plots = os.listdir(os.path.join(folder, report.PLOTS))
            texts = [pathlib.Path(folder, name).read_text() for _, name in report.LANGUAGES]
        for text in texts:
            for plot in plots:
                self.assertIn(f"({report.PLOTS}/{plot})", text)
        return texts

    def test_it_says_pass_fail_failed_and_not_measured(self):
        cpu = [("small-64", peer, "cpu_us", figures) for peer, figures in (
            ("wxgate", [12, 12, 13]), ("nginx", [10, 10, 10]), ("pingora", [40, 40, 40]))]
        english, chinese = self.pages(some(cpu, [("latency", "the load\nwas `too` much")]))
        rows = [line for line in english.splitlines() if line.startswith("| small requests")]
        self.assertIn("| 1.00 | 1.20 (1.20–1.30) | **fail** |", rows[0])
        self.assertIn("| 0.850 | – | not measured |", rows[1])
        self.assertIn("| 0.600 | 0.300 (0.300–0.325) | pass |", rows[3])
        self.assertIn("| wxgate | 12.0 µs (12.0–13.0) |", english)
        self.assertIn("* `latency`: `the load was 'too' much`", english)
        self.assertIn("`start`", english[english.index("Not measured in this run"):])
        self.assertIn("**未达标**", chinese)

    def test_all_that_can_be_measured_has_words_in_both_languages(self):
        rows = [(one.name, peer.name, value, [1.0]) for one in scenarios.ALL for peer in one.peers for value in one.values]
        results = some(rows)
        results.fact("latency", {"rate": 5000})
        results.fact("tls-keep", {"cipher": {"wxgate": "TLSv1.3 A", "nginx": "TLSv1.3 B"}})
        for text in self.pages(results):
            self.assertNotIn("None", text)
            for one in scenarios.ALL:
                self.assertIn(f"`{one.name}`. ", text)
        self.assertEqual(len({one.name for one in scenarios.ALL}), len(scenarios.ALL))
        for one in scenarios.ALL:
            names = [peer.name for peer in one.peers]
            self.assertEqual(len(set(names)), len(names), one.name)
            self.assertTrue(set(names) <= set(PEERS) and set(one.values) <= set(VALUES), one.name)

    def test_a_peer_that_could_not_keep_up_shows_how_far_it_came(self):
        rows = [("latency", peer, "p99", [2.0]) for peer in ("wxgate", "nginx", "haproxy")]
        english, _ = self.pages(some([*rows, ("latency", "caddy", "reached", [900.0])]))
        self.assertIn("| Caddy forward_auth | – | 900 |", english)

    def test_targets_name_scenarios_that_there_are(self):
        rows = [(one.name, peer.name, value, [1.0]) for one in scenarios.ALL for peer in one.peers for value in one.values]
        missing = [target.titles[0] for target, figure, _ in verdicts(some(rows)) if figure is None]
        self.assertEqual(missing, ["strict framing on, CPU"])
        self.assertGreater(len(TARGETS), 20)

    def test_a_plot_escapes_what_it_is_given(self):
        svg = bars("a < b", [("x & y", (1.0, 0.5, 2.0), "ours")], "µs", mark=1)
        self.assertIn("a &lt; b", svg)
        self.assertIn("x &amp; y", svg)
        self.assertIn("prefers-color-scheme: dark", svg)

    def test_a_bar_that_is_many_times_the_others_ends_in_an_arrow(self):
        rows = [(name, (value, value, value), "bar") for name, value in (("a", 1.0), ("b", 1.0), ("c", 50.0))]
        svg = bars("t", rows)
        self.assertIn(">→ 50.0 <", svg)
        self.assertEqual(svg.count("→"), 1)


class Jobs(unittest.TestCase):
    def test_a_peer_that_does_another_job_is_an_error(self):
        with self.assertRaisesRegex(RuntimeError, "haproxy does another job: no token: 200, not 401"):
            check.expect(Peer("haproxy"), "no token", 200, 401)

    def test_an_unknown_word_of_a_template_is_an_error(self):
        with self.assertRaises(KeyError):
            fill("haproxy-tcp.cfg", {"WORKERS": 1})
        self.assertIn("nbthread 1", fill("haproxy-tcp.cfg", {"WORKERS": 1, "PORT": 2, "SERVICE": 3}))

    def test_scenarios_are_chosen_by_name_or_family(self):
        self.assertEqual([one.name for one in scenarios.chosen(["tls-full", "small"])],
                         ["small-64", "small-users", "small-1", "small-512", "tls-full"])
        self.assertEqual(scenarios.chosen([]), scenarios.ALL)
        with self.assertRaises(SystemExit):
            scenarios.chosen(["smal"])


if __name__ == "__main__":
    unittest.main()
