#!/usr/bin/env python3
"""Questions to a legacy circuit: neurhai against the tools of today, whole processes against whole processes.

    python benches/legacy.py DATA --peers-script bbp_peers.py [--neurhai target/release/neurhai] [--bw bw]

DATA is a folder that the generator `bbp_gen.py` wrote with `--extras`; `truth.json` in it has the answers. The peers
are the functions of `bbp_peers.py`, each in a process of its own; ours is `neurhai run benches/questions/X.rhai DATA`.
All files are in the page cache. A number is the smallest wall time of the repeats, from fork to exit, interpreter start
and reading of configurations included. Files that only peers read (Parquet, SONATA) are made before, uncounted. `bw` is the time in which this machine, with two threads, reads as many bytes as
the question needs at the least (from the program `bw.c`, if it is given).

Prints a table in Markdown, and writes everything that was measured to `--out`. A wrong answer stops with status 1.
"""
import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
QUESTIONS = ("target_count aff_exc filter_hist pathways indegree efferent100 path_synapses depth_profile mvd2_200k "
             "target_50mb").split()
# The file in which a question finds the bytes that it needs, by the peers' names.
FILES = dict(target_count="target", aff_exc="nrn", filter_hist="nrn", pathways="summ", indegree="summ",
             efferent100="eff", path_synapses="nrn", depth_profile="pos", mvd2_200k="big_mvd2",
             target_50mb="big_target")


def truth_of(name, truth):
    """The expected answer of a question, as a list."""
    extras = truth.get("extras", {})
    answer = truth.get(name)
    return {
        "target_count": lambda: truth["n_excitatory"],
        "aff_exc": lambda: [answer["count"], answer["mean_g"]],
        "filter_hist": lambda: answer["hist"],
        "pathways": lambda: truth["pathways_top20"],
        "indegree": lambda: [answer["stats"], answer["hist25"]],
        "efferent100": lambda: [answer["count"], answer["n_post"], answer["mean_u"]],
        "path_synapses": lambda: truth["path_TTPC1_TTPC2"][1:4],
        "depth_profile": lambda: answer,
        "mvd2_200k": lambda: [extras["mvd2_cells"], extras["mvd2_L5_TTPC1"], extras["mvd2_mean_y_exc"],
                              extras["mvd2_per_layer"]],
        "target_50mb": lambda: [extras[key] for key in ("target_count", "target_AllSubsets", "target_Mosaic",
                                                        "target_Excitatory")],
    }[name]()


def arguments(name, truth):
    return [str(gid) for gid in truth["efferent100"]["gids"]] if name == "efferent100" else []


def rows(answer):
    """Tables in an answer as their rows."""
    if isinstance(answer, dict) and "rows" in answer:
        return answer["rows"]
    return [rows(part) for part in answer] if isinstance(answer, list) else answer


def ours(command, repeat):
    """The smallest wall time, the processor time of that run, the largest memory, and the answer."""
    best, answer = None, None
    for _ in range(repeat):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.stdout.read(), process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        wall = time.perf_counter() - start
        if status:
            return dict(error=err.decode().strip())
        answer = json.loads(out)
        if best is None or wall < best["wall"]:
            best = dict(wall=wall, cpu=used.ru_utime + used.ru_stime, peak_rss_mb=used.ru_maxrss / 1024)
    return dict(best, answer=answer)


def bandwidth(program, path):
    """GB/s of reading a cached file with two threads: the better of copying and of touching mapped bytes."""
    out = subprocess.run([program, path, "2", "7"], capture_output=True, check=True).stdout
    measured = json.loads(out)
    return max(measured["pread"], measured["mmap_all_bytes"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--peers-script", required=True)
    parser.add_argument("--neurhai", default=os.path.join(HERE, "../target/release/neurhai"))
    parser.add_argument("--bw", help="the compiled bw.c")
    parser.add_argument("--only", default=",".join(QUESTIONS))
    parser.add_argument("--peers", default="", help="names, separated by commas; all that can run, if empty")
    parser.add_argument("--skip", default="bluepy,bluepy per pathway", help="peers that are left out")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for one peer's repeats")
    parser.add_argument("--out", default="legacy.json")
    a = parser.parse_args()
    data = os.path.abspath(a.data)
    spec = importlib.util.spec_from_file_location("peers", a.peers_script)
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    truth = {key: value["answer"] for key, value in json.load(open(f"{data}/truth.json"))["questions"].items()}
    files = peers.paths(data)
    needed = peers.needed_bytes(data)
    env = dict(os.environ, POLARS_MAX_THREADS="2", NUMBA_NUM_THREADS="2", OMP_NUM_THREADS="2",
               OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore",
               NUMBA_CACHE_DIR=os.path.join(os.path.expanduser("~"), ".cache", "numba-peers"))
    wanted, left_out = ([x for x in text.split(",") if x] for text in (a.peers, a.skip))
    selected = [x for x in a.only.split(",") if x]
    asked = [peer for name in selected for peer in peers.Q[name] if (not wanted or peer in wanted) and peer not in left_out]
    for what, file in (("cells", "cells_pq"), ("synapses", "syn_pq"), ("positions", "pos_pq"), ("sonata", "sonata")):
        if asked and not os.path.exists(files[file]):  # what some peers read instead; its making is not counted
            subprocess.run([sys.executable, os.path.abspath(a.peers_script), "--convert", what, data], env=env, check=True)
    results, wrong = {}, []
    for name in selected:
        file = files[FILES[name]]
        peers.warm([file, files["mvd3"], files["target"]])
        script = f"{HERE}/questions/{name}.rhai"
        row = ours([a.neurhai, "run", "--json", script, data, *arguments(name, truth)], a.repeat)
        row["ok"] = "error" not in row and peers.same(rows(row.pop("answer")), truth_of(name, truth))
        row["question"] = open(script).read().strip()
        if not row["ok"]:
            wrong.append(name)
        row["needed_bytes"] = needed[name]
        if a.bw:
            row["bw"] = needed[name] / 1e9 / bandwidth(a.bw, file)
        row["peers"] = {}
        for peer in peers.Q[name]:
            if (wanted and peer not in wanted) or peer in left_out:
                continue
            command = [sys.executable, os.path.abspath(a.peers_script), "--child", name, peer, data]
            if peer == "expert":  # compiles itself at the first run
                subprocess.run(command, env=env, capture_output=True)
            row["peers"][peer] = peers.measure(command, env, max(1, a.repeat // 2), 0.0, 0.0, a.budget)
        results[name] = row
        json.dump(results, open(a.out, "w"), indent=1)
        print(describe(name, row), flush=True)
    print("\n" + markdown(results))
    if wrong:
        sys.exit(f"wrong: {', '.join(wrong)}")


def describe(name, row):
    if "error" in row:
        return f"{name}: {row['error']}"
    text = f"{name}: {row['wall'] * 1e3:.0f} ms, answer {'right' if row['ok'] else 'WRONG'}"
    for peer, measured in row["peers"].items():
        text += f"; {peer} " + (measured["error"][-60:] if "error" in measured else f"{measured['wall'] * 1e3:.0f} ms")
    return text


def markdown(results):
    """How many times longer than neurhai each peer takes, and how many times longer than the bytes we take."""
    names = sorted({peer for row in results.values() for peer in row["peers"]})
    lines = ["| " + " | ".join(["question", "neurhai", "× bytes", *names]) + " |", "|---" * (3 + len(names)) + "|"]
    for question, row in results.items():
        if "error" in row:
            lines.append(f"| {question} | failed |" + " |" * (1 + len(names)))
            continue
        ratio = f"{row['wall'] / row['bw']:.1f}" if row.get("bw") else "–"
        cells = []
        for peer in names:
            measured = row["peers"].get(peer, {})
            cells.append(f"{measured['wall'] / row['wall']:.1f} ×" if "wall" in measured else "–")
        mark = "" if row["ok"] else " (wrong)"
        lines.append("| " + " | ".join([question, f"{row['wall'] * 1e3:.0f} ms{mark}", ratio, *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
