#!/usr/bin/env python3
"""Questions to a SONATA circuit and its simulation: neurhai against libsonata, SNAP, DuckDB and polars, in one run.

    python benches/sonata.py DATA --peers-script sonata_perf.py [--neurhai target/release/neurhai]

DATA is a folder that `sonata_perf.py gen` wrote (100,000 nodes and 20 million edges by default; `--gzip 4` for the
compressed variant). Every tool opens the circuit anew for each question and reads what it needs from the files, which
are in the page cache; a number is the best of the repeats. Ours are the functions of `benches/questions/sonata.rhai`.

Prints a table in Markdown with ratios, and the geometric mean of the ratio to the fastest peer over the full scans. An
answer that differs from the peers' stops with status 1.
"""
import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
QUESTIONS = ("q01 q02 q03 q04 q05 q06 q07 q08 q09 q10 q11 q18 q19 q20 q21 q23 "
             "q12 q13 q14 q15 q16 q17 q22").split()
FULL_SCANS = "q05 q06 q07 q08 q09 q10 q11 q19".split()


def parameters(peers, data):
    p = peers.params(data)
    ids = {key: [int(x) for x in p[key]] for key in ("targets", "sources", "some")}
    return dict(ids, N=int(p["N"]), sub_from=int(p["sub"][0]), sub_to=int(p["sub"][-1]) + 1, ylo=float(p["ylo"]),
                yhi=float(p["yhi"]))


def ours(command, data, parameters, repeat, questions):
    script = f"{HERE}/questions/sonata.rhai"
    run = [command, "run", "--json", script, data, json.dumps(parameters), str(repeat), ",".join(questions)]
    return json.loads(subprocess.run(run, stdout=subprocess.PIPE, check=True).stdout)


def same(mine, theirs, question):
    """Our property names hold what SONATA calls dynamics parameters and ids, too."""
    keys = [key for key in theirs if (question, key) != ("q01", "props")]
    return all(math.isclose(mine[key], theirs[key], rel_tol=2e-4, abs_tol=1e-6) for key in keys)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--peers-script", required=True)
    parser.add_argument("--neurhai", default=os.path.join(HERE, "../target/release/neurhai"))
    parser.add_argument("--engines", default="libsonata,snap,duckdb,polars")
    parser.add_argument("--only", default=",".join(QUESTIONS))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--out", default="sonata.json")
    a = parser.parse_args()
    spec = importlib.util.spec_from_file_location("peers", a.peers_script)
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    questions, data = a.only.split(","), os.path.abspath(a.data)
    theirs_file = a.out + ".peers"
    subprocess.run([sys.executable, a.peers_script, "run", data, "--json", theirs_file, "--engines", a.engines,
                    "--queries", a.only, "--repeat", str(max(2, a.repeat // 2))], stdout=subprocess.DEVNULL, check=True)
    theirs = json.load(open(theirs_file))["engines"]
    os.remove(theirs_file)
    mine = ours(a.neurhai, data, parameters(peers, data), a.repeat, questions)
    json.dump(dict(neurhai=mine, peers=theirs), open(a.out, "w"), indent=1)

    engines = a.engines.split(",")
    print("| question | neurhai | " + " | ".join(engines) + " |\n|---" + "|---" * (1 + len(engines)) + "|")
    wrong, logs = [], []
    for question in questions:
        time, answer = mine[question]["best_s"], mine[question]["result"]
        cells, best = [], math.inf
        for engine in engines:
            measured = theirs[engine]["q"].get(question, {})
            if "best_s" not in measured:
                cells.append("–")
                continue
            if not same(answer, measured["result"], question):
                wrong.append((question, engine, answer, measured["result"]))
            best = min(best, measured["best_s"])
            cells.append(f"{measured['best_s'] / time:.1f} ×")
        if question in FULL_SCANS and best < math.inf:
            logs.append(math.log(best / time))
        print(f"| {question}: {peers.QUERIES[question]} | {time * 1e3:.1f} ms | " + " | ".join(cells) + " |")
    if logs:
        print(f"\nfull scans, geometric mean of the ratio to the fastest peer: {math.exp(sum(logs) / len(logs)):.1f}")
    if wrong:
        sys.exit(f"wrong: {wrong}")


if __name__ == "__main__":
    main()
